/* buf.h - bounded text builder with a sticky error: append freely, check once at the end.
 *
 * After a failed append (out of memory, or over the cap) further appends do nothing and err says why. Growing
 * wipes the place left behind, so that a secret is nowhere but in data. Not thread-safe. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct buf {
	char *data; /* NUL-terminated once anything was added; NULL before */
	size_t len, cap, max;
	enum err err; /* OK, ERR_NOMEM or ERR_TOO_LARGE */
};

#define BUF_INIT(max_bytes) ((struct buf){.max = (max_bytes)})
void buf_init(struct buf *b, size_t max_bytes);
void buf_release(struct buf *b); /* frees; the buffer may be used again */
void buf_wipe(struct buf *b);    /* like buf_release, but zeroes the bytes first: for secrets */
void buf_reset(struct buf *b);   /* keeps the memory, clears text and error */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_str(struct buf *b, struct str s);
void buf_z(struct buf *b, const char *z);
void buf_char(struct buf *b, char c);
void buf_int(struct buf *b, int64_t n);
/* Percent-encoded: all but A-Z a-z 0-9 - . _ ~ (RFC 3986, section 2.3). */
void buf_percent(struct buf *b, struct str s);
/* As text or attribute value of HTML: & < > and both quotes escaped. */
void buf_html(struct buf *b, struct str s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct str buf_text(const struct buf *b); /* what was added so far; ptr is never NULL */
/* Gives the malloc'd, NUL-terminated text away and leaves the buffer empty; NULL after an error (which stays
 * to be seen in err). */
char *buf_take(struct buf *b);
#define __cleanup_buf __attribute__((cleanup(buf_release)))
