/* parts.h - what the handlers of the admin API share. */
#pragma once
#include "admin/admin.h"

enum { CURSOR_TEXT_MAX = 8192 };

/* The tenant named in the path, held by the request until it ends; NULL: answered 404. */
const struct tenant *tenant_of_path(struct request *req, const struct admin *a);
/* 200, or the error's answer. */
/* name: of the file a browser makes of it, a literal. */
void reply_csv(struct request *req, const char *name, struct buf *text);
void reply_json_or_err(struct request *req, enum err err, struct buf *json);
/* auth.c: the session whose cookie the request carries; false where it has none, or shows the bearer token. */
bool session_of_request(const struct request *req, const struct admin *a, struct session *ret);
