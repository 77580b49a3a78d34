/* json_body.h - a handler that takes JSON and nothing else. */
#pragma once
#include "http/request.h"

/* Content-Type is application/json, with or without parameters. Otherwise answers 415 and returns false. */
bool json_body_required(struct request *req);
