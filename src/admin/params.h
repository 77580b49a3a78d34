/* params.h - what an admin request asks for: filters, paging, form of the answer, the tenant in the path. */
#pragma once
#include "admin/list.h"
#include "base/buf.h"
#include "base/jsonw.h"
#include "http/request.h"

enum { LIST_LIMIT_DEFAULT = 50, LIST_LIMIT_MAX = 500 };

struct list_params {
	struct str query, state, status, kind, sort, cursor, type, tenant; /* empty: not given */
	bool descending;                                                   /* dir=desc */
	size_t limit;
	int64_t after;
	bool csv; /* Accept: text/csv, or format=csv; then all rows are wanted */
};
/* False: answered 400. */
bool list_params_read(struct request *req, struct list_params *ret);
/* 1 to LIST_LIMIT_MAX. */
bool limit_parse(struct str text, size_t *ret);

#define TYPE_WRONG "type: no type of event; GET endpoints names them in \"event_types\""

/* Cursors are opaque to clients: where the list goes on. */
#define CURSOR_WRONG "cursor: not one of ours; take it from \"next\" of the page before"
void cursor_write(struct buf *out, struct str last);
/* False: not a cursor of ours. An empty text gives an empty key: from the start. */
bool cursor_read(struct arena *a, struct str text, struct str *ret_last);
/* A cursor that is a number: an id of the list, or how many to skip. None is 0. False: answered 400. */
bool number_cursor_read(struct request *req, struct str cursor, int64_t *ret);
void number_cursor_write(struct jsonw *w, int64_t last); /* the answer's member "next" */
/* The same for a list that is sorted: the last one's value goes with its key. */
void place_write(struct buf *out, const struct tenant_place *last);
bool place_read(struct arena *a, struct str text, struct tenant_place *ret);
