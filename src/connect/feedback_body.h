/* feedback_body.h - {"message": "...", "account": true}. Pure. */
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"

enum { FEEDBACK_MAX = 4000 /* characters */ };

/* NULL, or what is wrong with it, for the sender. message points into the body, blanks around it left out. */
const char *feedback_read(const json_t *body, struct str *ret_message, bool *ret_consent);
