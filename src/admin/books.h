/* books.h - what the handlers of the vendor's books share: the range asked for, definitions, rates. */
#pragma once
#include "admin/csv.h"
#include "admin/params.h"
#include "base/jsonw.h"

struct definition {
	const char *name, *text;
};
/* The member `definitions`: what the numbers mean. */
#define DEFINITIONS(w, list) write_definitions((w), (list), sizeof(list) / sizeof *(list))
void write_definitions(struct jsonw *w, const struct definition *at, size_t count);
/* part / whole with four places; null, or an empty cell, of nothing. */
void write_rate(struct jsonw *w, const char *name, int64_t part, int64_t whole);
void csv_rate(struct csv *c, int64_t part, int64_t whole);

struct range {
	int64_t from, to; /* days since 1970-01-01; -1: not given */
	struct list_params list;
};
/* False: answered 400. */
bool range_read(struct request *req, struct range *ret);
