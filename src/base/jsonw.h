/* jsonw.h - writes JSON into a struct buf, comma handling included.
 *
 * Answers, events and log lines are written through this one writer: no tree is built for what is only sent.
 * Text that is not UTF-8 has its bad bytes replaced by U+FFFD. Errors stick in the buffer. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct jsonw {
	struct buf *out;
	bool comma; /* the next value needs one */
};

struct jsonw jsonw(struct buf *out);
void jw_obj(struct jsonw *w);     /* { */
void jw_end_obj(struct jsonw *w); /* } */
void jw_arr(struct jsonw *w);
void jw_end_arr(struct jsonw *w);
void jw_key(struct jsonw *w, const char *key); /* a plain ASCII name */
void jw_str(struct jsonw *w, struct str s);
void jw_z(struct jsonw *w, const char *z); /* NULL writes null */
void jw_int(struct jsonw *w, int64_t n);
void jw_bool(struct jsonw *w, bool b);
void jw_null(struct jsonw *w);
void jw_time(struct jsonw *w, int64_t wall_ms); /* RFC 3339 UTC text; 0 writes null */
void jw_raw(struct jsonw *w, struct str json);  /* already JSON */

/* Key and value at once. */
void jw_kstr(struct jsonw *w, const char *key, struct str s);
void jw_kz(struct jsonw *w, const char *key, const char *z);
void jw_kint(struct jsonw *w, const char *key, int64_t n);
void jw_kbool(struct jsonw *w, const char *key, bool b);
void jw_ktime(struct jsonw *w, const char *key, int64_t wall_ms);
