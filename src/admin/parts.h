/* parts.h - what the handlers of the admin API share. */
#pragma once
#include "admin/admin.h"
#include "admin/csv.h"

enum { CURSOR_TEXT_MAX = 8192 };

/* The tenant named in the path, held by the request until it ends; NULL: answered 404. */
const struct tenant *tenant_of_path(struct request *req, const struct admin *a);
#define NO_ENDPOINT_CODE "no_such_endpoint"
#define NO_ENDPOINT_TEXT "no endpoint has this id"
/* 200, or the error's answer. */
void reply_json_or_err(struct request *req, enum err err, struct buf *json);
/* name: of the file a browser makes of it, a literal. */
void reply_csv(struct request *req, const char *name, struct buf *text);

/* A list that grows with the app's use: its rows are read and sent page by page, in bounded memory. */
struct csv_list {
	const char *name, *columns; /* of the file; comma-separated: literals */
	/* Adds the next page's rows. `memory` as in http/pages.h. */
	enum err (*rows)(void *state, struct arena *memory, struct csv *c, bool *ret_more);
	void *state; /* in the request's arena */
};
void reply_csv_list(struct request *req, const struct csv_list *l);

/* auth.c: the session whose cookie the request carries; false where it has none, or shows the bearer token. */
bool session_of_request(const struct request *req, const struct admin *a, struct session *ret);
