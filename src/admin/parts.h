/* parts.h - what the handlers of the admin API share. */
#pragma once
#include "admin/admin.h"

enum { CURSOR_TEXT_MAX = 8192 };

/* A reference to the tenant named in the path; NULL: answered 404. */
const struct tenant *tenant_of_path(struct request *req, const struct admin *a);
/* 200, or the error's answer. */
void reply_csv(struct request *req, struct buf *text);
void reply_json_or_err(struct request *req, enum err err, struct buf *json);
