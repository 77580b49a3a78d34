/* buf.c - bounded text builder. See buf.h.
 *
 * Invariants: data is NULL and cap 0, or data[len] is NUL and len < cap <= max + 1. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 512 }; /* a licence answer or an error fits without growing */

void buf_init(struct buf *b, size_t max_bytes)
{
	*b = BUF_INIT(max_bytes);
}

void buf_release(struct buf *b)
{
	free(b->data);
	*b = BUF_INIT(b->max);
}

void buf_wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_release(b);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = OK;
	if (b->data)
		b->data[0] = '\0';
}

/* Room for more bytes and the NUL, or a sticky error. */
static bool reserve(struct buf *b, size_t more)
{
	if (b->err != OK)
		return false;
	if (more > b->max - b->len) {
		b->err = ERR_TOO_LARGE;
		return false;
	}
	size_t need = b->len + more + 1;
	if (need <= b->cap)
		return true;
	size_t cap = b->cap ? b->cap : FIRST_BYTES;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	if (cap - 1 > b->max)
		cap = b->max + 1;
	char *data = malloc(cap);
	if (!data) {
		b->err = ERR_NOMEM;
		return false;
	}
	if (b->data) {
		memcpy(data, b->data, b->len);
		explicit_bzero(b->data, b->len);
		free(b->data);
	}
	data[b->len] = '\0';
	b->data = data;
	b->cap = cap;
	return true;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	if (!reserve(b, len) || len == 0)
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_str(struct buf *b, struct str s)
{
	buf_add(b, s.ptr, s.len);
}

void buf_z(struct buf *b, const char *z)
{
	buf_str(b, str_of(z));
}

void buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_int(struct buf *b, int64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);
	uint64_t u = n < 0 ? -(uint64_t)n : (uint64_t)n;
	do {
		digits[--at] = (char)('0' + u % 10);
		u /= 10;
	} while (u);
	if (n < 0)
		digits[--at] = '-';
	buf_add(b, digits + at, sizeof(digits) - at);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0) {
		b->err = b->err ? b->err : ERR_INTERNAL;
		return;
	}
	if (!reserve(b, (size_t)len))
		return;
	va_start(args, fmt);
	(void)vsnprintf(b->data + b->len, (size_t)len + 1, fmt, args);
	va_end(args);
	b->len += (size_t)len;
}

struct str buf_text(const struct buf *b)
{
	return b->data ? (struct str){b->data, b->len} : STR("");
}

char *buf_take(struct buf *b)
{
	(void)reserve(b, 0); /* so that empty text is a string too */
	enum err err = b->err;
	char *text = NULL;
	if (err == OK) {
		text = b->data;
		b->data = NULL;
	}
	buf_release(b);
	b->err = err;
	return text;
}

void buf_html(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		switch (s.ptr[i]) {
		case '&':
			buf_z(b, "&amp;");
			break;
		case '<':
			buf_z(b, "&lt;");
			break;
		case '>':
			buf_z(b, "&gt;");
			break;
		case '"':
			buf_z(b, "&quot;");
			break;
		case '\'':
			buf_z(b, "&#39;");
			break;
		default:
			buf_char(b, s.ptr[i]);
		}
	}
}

void buf_percent(struct buf *b, struct str s)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
		             c == '.' || c == '_' || c == '~';
		const char escaped[] = {'%', digits[c >> 4], digits[c & 15]};
		if (plain)
			buf_char(b, (char)c);
		else
			buf_add(b, escaped, sizeof(escaped));
	}
}
