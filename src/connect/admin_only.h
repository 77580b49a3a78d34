/* admin_only.h - requests that only an administrator of the tenant's site may make: configuration pages and API.
 *
 * The host's word alone counts, kept five minutes; no answer is a no. */
#pragma once
#include "connect/connect.h"

/* Runs `then` when the request's account is an administrator, at once or after the host was asked; else keeps the
 * refusal for the operator and runs `deny`. A handler's last act. */
void admin_only(struct request *req, struct connect *c, handler_fn *then, handler_fn *deny);
