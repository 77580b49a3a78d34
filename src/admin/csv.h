/* csv.h - rows of RFC 4180 text, safe to open in a spreadsheet.
 *
 * A cell that a spreadsheet would run as a formula (it starts with = + - @, tab or CR) gets an apostrophe in front:
 * base URLs and feedback come from outside. Errors stick in the buffer. */
#pragma once
#include <stdint.h>

#include "base/buf.h"

struct csv {
	struct buf *out;
	bool comma; /* the next cell needs one */
};
struct csv csv(struct buf *out);
void csv_str(struct csv *c, struct str s);
void csv_z(struct csv *c, const char *z); /* NULL: an empty cell */
void csv_int(struct csv *c, int64_t n);
void csv_bool(struct csv *c, bool b);
void csv_time(struct csv *c, int64_t wall_ms); /* 0: an empty cell */
void csv_end_row(struct csv *c);
/* A row of plain names, comma-separated. */
void csv_header(struct csv *c, const char *names);
