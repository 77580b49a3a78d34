/* The canonical form is made without a decoded copy: a raw piece is turned into its canonical encoding directly, and a
 * piece that is canonical already (the usual case) is only pointed at. Encoding is one-to-one, so equal encodings are
 * equal names; order of values looks through the encoding. */
#include "token/qsh.h"

#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/form.h"
#include "base/secret.h"

struct param {
	struct str name, value; /* canonically encoded */
};

/* 1: stands for itself in the canonical form (RFC 3986 unreserved). */
static const unsigned char unreserved[256] = {['-'] = 1,         ['.'] = 1,         ['_'] = 1,        ['~'] = 1,
                                              ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1};
static const unsigned char upper_hex[256] = {['0' ... '9'] = 1, ['A' ... 'F'] = 1};

static bool is_unreserved(char c)
{
	return unreserved[(unsigned char)c];
}

/* "%2F" but not "%2f" and not "%41", which is just "A". */
static bool canonical_escape(const char *p)
{
	if (p[0] != '%' || !upper_hex[(unsigned char)p[1]] || !upper_hex[(unsigned char)p[2]])
		return false;
	size_t at = 0;
	return !unreserved[form_byte((struct str){p, 3}, &at)];
}

static bool encode_piece(struct arena *a, struct str raw, struct str *ret)
{
	size_t same = 0;
	while (same < raw.len) {
		if (is_unreserved(raw.ptr[same]))
			same++;
		else if (raw.len - same >= 3 && canonical_escape(raw.ptr + same))
			same += 3;
		else
			break;
	}
	if (same == raw.len) {
		*ret = raw;
		return true;
	}
	char *out = arena_alloc(a, same + (raw.len - same) * 3);
	if (!out)
		return false;
	memcpy(out, raw.ptr, same);
	size_t len = same;
	for (size_t at = same; at < raw.len;) {
		unsigned char byte = form_byte(raw, &at);
		if (unreserved[byte]) {
			out[len++] = (char)byte;
			continue;
		}
		out[len++] = '%';
		out[len++] = "0123456789ABCDEF"[byte >> 4];
		out[len++] = "0123456789ABCDEF"[byte & 15];
	}
	*ret = (struct str){out, len};
	return true;
}

/* Order of UTF-16 code units, read from UTF-8: characters beyond the BMP (lead byte F0 and up) are surrogates there,
 * so they come before U+E000..U+FFFF (lead bytes EE and EF). */
static int utf16_rank(unsigned char byte)
{
	return byte == 0xee || byte == 0xef ? byte + 0x20 : byte;
}

static int compare_decoded(struct str a, struct str b)
{
	size_t i = 0, j = 0;
	while (i < a.len && j < b.len) {
		int x = utf16_rank(form_byte(a, &i)), y = utf16_rank(form_byte(b, &j));
		if (x != y)
			return x - y;
	}
	return (i < a.len) - (j < b.len);
}

static int compare_params(const void *left, const void *right)
{
	const struct param *a = left, *b = right;
	int by_name = str_cmp(a->name, b->name);
	return by_name ? by_name : compare_decoded(a->value, b->value);
}

/* Insertion for the handful a request has (and without malloc); the library's sort for a hostile many. */
static void sort_params(struct param *params, size_t count)
{
	if (count > 24) {
		qsort(params, count, sizeof *params, compare_params);
		return;
	}
	for (size_t i = 1; i < count; i++) {
		struct param moving = params[i];
		size_t at = i;
		for (; at > 0 && compare_params(&params[at - 1], &moving) > 0; at--)
			params[at] = params[at - 1];
		params[at] = moving;
	}
}

static bool read_params(struct arena *a, struct str query, struct param **ret, size_t *ret_count)
{
	size_t pieces = query.len > 0;
	for (size_t i = 0; i < query.len; i++)
		pieces += query.ptr[i] == '&';
	struct param *params = arena_alloc(a, (pieces ? pieces : 1) * sizeof *params);
	if (!params)
		return false;
	size_t count = 0;
	struct str name, value;
	while (form_next(&query, &name, &value)) {
		if (form_is(name, "jwt"))
			continue;
		if (!encode_piece(a, name, &params[count].name) || !encode_piece(a, value, &params[count].value))
			return false;
		count++;
	}
	sort_params(params, count);
	*ret = params;
	*ret_count = count;
	return true;
}

static struct str canonical_path(struct str path, struct str base_path)
{
	if (base_path.len && str_starts(path, base_path) && (path.len == base_path.len || path.ptr[base_path.len] == '/')) {
		path.ptr += base_path.len;
		path.len -= base_path.len;
	}
	if (path.len && path.ptr[path.len - 1] == '/')
		path.len--;
	return path.len ? path : STR("/");
}

static char *put(char *out, struct str s)
{
	if (s.len)
		memcpy(out, s.ptr, s.len);
	return out + s.len;
}

static char *put_upper(char *out, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c >= 'a' && c <= 'z')
			c = (char)(c - 0x20);
		*out++ = c;
	}
	return out;
}

static char *put_path(char *out, struct str path)
{
	for (size_t i = 0; i < path.len; i++) {
		if (path.ptr[i] == '&')
			out = put(out, STR("%26"));
		else
			*out++ = path.ptr[i];
	}
	return out;
}

static char *put_params(char *out, const struct param *params, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && str_eq(params[i].name, params[i - 1].name)) {
			*out++ = ',';
		} else {
			if (i > 0)
				*out++ = '&';
			out = put(out, params[i].name);
			*out++ = '=';
		}
		out = put(out, params[i].value);
	}
	return out;
}

bool qsh_canonical(struct arena *a, struct str method, struct str target, struct str base_path, struct str *ret)
{
	size_t path_len = str_find(target, '?');
	struct str query = path_len < target.len ? (struct str){target.ptr + path_len + 1, target.len - path_len - 1}
	                                         : (struct str){NULL, 0};
	struct str path = canonical_path((struct str){target.ptr, path_len}, base_path);
	struct param *params;
	size_t count;
	if (!read_params(a, query, &params, &count))
		return false;

	size_t room = method.len + path.len + 2;
	for (size_t i = 0; i < path.len; i++)
		room += path.ptr[i] == '&' ? 2 : 0;
	for (size_t i = 0; i < count; i++)
		room += params[i].name.len + params[i].value.len + 2;
	char *text = arena_alloc(a, room);
	if (!text)
		return false;
	char *end = put_upper(text, method);
	*end++ = '&';
	end = put_path(end, path);
	*end++ = '&';
	end = put_params(end, params, count);
	*ret = (struct str){text, (size_t)(end - text)};
	return true;
}

bool qsh_compute(struct arena *a, struct str method, struct str target, struct str base_path, char out[static QSH_LEN])
{
	struct str canonical;
	if (!qsh_canonical(a, method, target, base_path, &canonical))
		return false;
	uint8_t digest[32];
	sha256(canonical.ptr, canonical.len, digest);
	hex_encode(out, digest, sizeof digest);
	return true;
}

/* Bytes of a character that starts so; 0: no character does. utf8_valid() judges the rest. */
static size_t utf8_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead < 0xc0 || lead > 0xf7)
		return 0;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* Position from at on of the next byte that is not plain ASCII or starts an escape; len if none. Eight at a time: most
 * of a target is plain. */
static size_t next_special(struct str s, size_t at)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	for (; s.len - at >= 8; at += 8) {
		uint64_t eight, no_percent;
		memcpy(&eight, s.ptr + at, 8);
		no_percent = eight ^ (ones * '%');
		if ((eight | ((no_percent - ones) & ~no_percent)) & high)
			break;
	}
	while (at < s.len && (unsigned char)s.ptr[at] < 0x80 && s.ptr[at] != '%')
		at++;
	return at;
}

bool qsh_target_utf8(struct str target)
{
	/* Read as a whole: separators are ASCII, so a character that one of them cuts is broken either way. */
	for (size_t at = next_special(target, 0); at < target.len; at = next_special(target, at)) {
		char bytes[4] = {(char)form_byte(target, &at)};
		size_t len = utf8_length((unsigned char)bytes[0]);
		if (len == 0)
			return false;
		for (size_t i = 1; i < len; i++) {
			if (at == target.len)
				return false;
			bytes[i] = (char)form_byte(target, &at);
		}
		if (len > 1 && !utf8_valid((struct str){bytes, len}))
			return false;
	}
	return true;
}
