/* Recursive descent over the bytes, depth capped. jansson builds a tree of heap nodes for what is looked at once, and
 * costs four times as much as the signature; see claims_json.h for what is promised instead. */
#include "token/claims_json.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	char *at, *end; /* *end is NUL */
	claims_fn *fn;
	void *arg;
	size_t depth;      /* containers open */
	size_t name_count; /* names of all open objects, for the duplicate check */
	struct str path[CLAIMS_DEPTH_MAX];
	struct str names[CLAIMS_NAMES_MAX];
};

static bool read_value(struct reader *r);

static void skip_space(struct reader *r)
{
	while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')
		r->at++;
}

/* The end is a NUL, which no part of the grammar takes, so looking at *at needs no length check. */
static bool take(struct reader *r, char c)
{
	if (*r->at != c)
		return false;
	r->at++;
	return true;
}

static bool tell(struct reader *r, const struct claims_value *value)
{
	/* the root object itself is nobody's member */
	return r->depth == 0 || r->fn(r->arg, r->path, r->depth, value);
}

static bool read_hex4(struct reader *r, unsigned *ret)
{
	unsigned n = 0;
	for (int i = 0; i < 4; i++) {
		char c = *r->at;
		if (c >= '0' && c <= '9')
			n = n * 16 + (unsigned)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			n = n * 16 + (unsigned)((c | 0x20) - 'a' + 10);
		else
			return false;
		r->at++;
	}
	*ret = n;
	return true;
}

static char *put_utf8(char *out, unsigned c)
{
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = len - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(lead[len] | c);
	return out + len;
}

static bool read_unicode(struct reader *r, char **out)
{
	unsigned c, low;
	if (!read_hex4(r, &c) || c == 0 || (c >= 0xdc00 && c <= 0xdfff))
		return false;
	if (c >= 0xd800 && c <= 0xdbff) {
		if (!take(r, '\\') || !take(r, 'u') || !read_hex4(r, &low) || low < 0xdc00 || low > 0xdfff)
			return false;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	*out = put_utf8(*out, c);
	return true;
}

/* After the backslash. What is written is never longer than what was read, so it goes to the same place. */
static bool read_escape(struct reader *r, char **out)
{
	static const char plain[256] = {
	    ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
	unsigned char c = (unsigned char)*r->at++;
	if (c == 'u')
		return read_unicode(r, out);
	if (plain[c] == 0)
		return false;
	*(*out)++ = plain[c];
	return true;
}

/* After the opening quote. */
static bool read_string(struct reader *r, struct str *ret)
{
	char *start = r->at, *out;
	unsigned char seen = 0;
	while ((unsigned char)*r->at >= 0x20 && *r->at != '"' && *r->at != '\\')
		seen |= (unsigned char)*r->at++;
	out = r->at;
	while (*r->at != '"') {
		unsigned char c = (unsigned char)*r->at;
		if (c < 0x20)
			return false;
		seen |= c;
		r->at++;
		if (c != '\\')
			*out++ = (char)c;
		else if (!read_escape(r, &out))
			return false;
	}
	r->at++;
	*ret = (struct str){start, (size_t)(out - start)};
	return seen < 0x80 || utf8_valid(*ret);
}

static bool read_digits(struct reader *r)
{
	const char *start = r->at;
	while (*r->at >= '0' && *r->at <= '9')
		r->at++;
	return r->at > start;
}

static bool read_number(struct reader *r, double *ret)
{
	char *start = r->at;
	bool integer = true;
	(void)take(r, '-');
	if (!take(r, '0') && !read_digits(r))
		return false;
	if (take(r, '.')) {
		integer = false;
		if (!read_digits(r))
			return false;
	}
	if (take(r, 'e') || take(r, 'E')) {
		integer = false;
		if (!take(r, '+'))
			(void)take(r, '-');
		if (!read_digits(r))
			return false;
	}
	if (integer) {
		int64_t n;
		if (str_to_int64((struct str){start, (size_t)(r->at - start)}, &n) != OK)
			return false;
		*ret = (double)n;
		return true;
	}
	/* no call to setlocale anywhere: the decimal point is a point */
	char *end;
	*ret = strtod(start, &end);
	return end == r->at && isfinite(*ret);
}

static bool read_literal(struct reader *r, struct str word)
{
	if ((size_t)(r->end - r->at) < word.len || memcmp(r->at, word.ptr, word.len) != 0)
		return false;
	r->at += word.len;
	return true;
}

static bool read_member(struct reader *r, size_t first_name)
{
	struct str name;
	if (!take(r, '"') || !read_string(r, &name) || r->name_count == CLAIMS_NAMES_MAX)
		return false;
	for (size_t i = first_name; i < r->name_count; i++)
		if (str_eq(r->names[i], name))
			return false;
	r->names[r->name_count++] = name;
	r->path[r->depth - 1] = name;
	skip_space(r);
	if (!take(r, ':'))
		return false;
	skip_space(r);
	return read_value(r);
}

static bool read_element(struct reader *r, size_t first_name)
{
	(void)first_name;
	r->path[r->depth - 1] = (struct str){NULL, 0};
	return read_value(r);
}

/* After the opening bracket. */
static bool read_container(struct reader *r, char close, bool (*read_one)(struct reader *, size_t))
{
	if (r->depth == CLAIMS_DEPTH_MAX)
		return false;
	size_t first_name = r->name_count;
	r->depth++;
	skip_space(r);
	if (!take(r, close)) {
		for (;;) {
			if (!read_one(r, first_name))
				return false;
			skip_space(r);
			if (take(r, close))
				break;
			if (!take(r, ','))
				return false;
			skip_space(r);
		}
	}
	r->depth--;
	r->name_count = first_name;
	return true;
}

static bool read_value(struct reader *r)
{
	struct claims_value value = {.type = CLAIMS_NULL};
	switch (*r->at) {
	case '{':
	case '[':
		value.type = *r->at++ == '{' ? CLAIMS_OBJECT : CLAIMS_ARRAY;
		if (!tell(r, &value))
			return false;
		return value.type == CLAIMS_OBJECT ? read_container(r, '}', read_member) : read_container(r, ']', read_element);
	case '"':
		r->at++;
		value.type = CLAIMS_STRING;
		return read_string(r, &value.text) && tell(r, &value);
	case 't':
		value.type = CLAIMS_BOOL;
		value.truth = true;
		return read_literal(r, STR("true")) && tell(r, &value);
	case 'f':
		value.type = CLAIMS_BOOL;
		return read_literal(r, STR("false")) && tell(r, &value);
	case 'n':
		return read_literal(r, STR("null")) && tell(r, &value);
	default:
		value.type = CLAIMS_NUMBER;
		return read_number(r, &value.number) && tell(r, &value);
	}
}

bool claims_json_read(char *text, size_t len, claims_fn *fn, void *arg)
{
	struct reader r;
	r.at = text;
	r.end = text + len;
	r.fn = fn;
	r.arg = arg;
	r.depth = r.name_count = 0;
	skip_space(&r);
	if (*r.at != '{' || !read_value(&r))
		return false;
	skip_space(&r);
	return r.at == r.end;
}
