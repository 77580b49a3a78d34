/* Request targets: "<base path>\n<target>". The canonical form is compared with a second one made the slow way (decode
 * everything, order by real UTF-16), and must not change with order of parameters or with a token in the query. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/form.h"
#include "base/secret.h"
#include "token/qsh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARAMS_MAX = 64 };
struct plain_param {
	struct str name, value; /* decoded */
	char *encoded_name;
};

static void encode_into(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c && strchr("-._~", c)))
			buf_char(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

/* UTF-16 code units of valid UTF-8. */
static size_t utf16(struct str s, uint16_t *out)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len;) {
		unsigned char c = (unsigned char)s.ptr[i];
		unsigned len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
		uint32_t point = len == 1 ? c : c & (0xffu >> (len + 1));
		for (unsigned k = 1; k < len; k++)
			point = point << 6 | ((unsigned char)s.ptr[i + k] & 0x3f);
		i += len;
		if (point >= 0x10000) {
			out[n++] = (uint16_t)(0xd800 + ((point - 0x10000) >> 10));
			out[n++] = (uint16_t)(0xdc00 + ((point - 0x10000) & 0x3ff));
		} else {
			out[n++] = (uint16_t)point;
		}
	}
	return n;
}

static int slow_order(const void *left, const void *right)
{
	const struct plain_param *a = left, *b = right;
	int by_name = strcmp(a->encoded_name, b->encoded_name);
	if (by_name)
		return by_name;
	static uint16_t x[8192], y[8192];
	size_t xs = utf16(a->value, x), ys = utf16(b->value, y);
	for (size_t i = 0; i < xs && i < ys; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return (xs > ys) - (xs < ys);
}

/* False: more parameters than this keeps. */
static bool slow_query(struct arena *a, struct str query, struct buf *out)
{
	struct plain_param params[PARAMS_MAX];
	size_t count = 0;
	struct str name, value;
	while (form_next(&query, &name, &value)) {
		struct plain_param p;
		if (!form_decode(a, name, &p.name) || !form_decode(a, value, &p.value))
			abort();
		if (str_eqz(p.name, "jwt"))
			continue;
		if (count == PARAMS_MAX)
			return false;
		struct buf encoded = BUF_INIT(65536);
		buf_z(&encoded, "");
		encode_into(&encoded, p.name);
		p.encoded_name = arena_strz(a, buf_text(&encoded));
		buf_release(&encoded);
		params[count++] = p;
	}
	qsort(params, count, sizeof(params[0]), slow_order);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && strcmp(params[i].encoded_name, params[i - 1].encoded_name) == 0)
			buf_char(out, ',');
		else
			buf_printf(out, "%s%s=", i > 0 ? "&" : "", params[i].encoded_name);
		encode_into(out, params[i].value);
	}
	return true;
}

static void same_as_slow(struct arena *a, struct str query, struct str canonical)
{
	struct buf slow = BUF_INIT(1 << 20);
	buf_z(&slow, "GET&/x&");
	if (slow_query(a, query, &slow) && !str_eq(buf_text(&slow), canonical)) {
		fprintf(stderr, "slow %.*s\nfast %.*s\n", STR_ARG(buf_text(&slow)), STR_ARG(canonical));
		abort();
	}
	buf_release(&slow);
}

/* The pieces back to front, with tokens in between. */
static struct str reversed(struct arena *a, struct str query)
{
	char *text = arena_alloc(a, query.len * 10 + 64), *at = text;
	memcpy(at, "/x?jwt=a", 8);
	at += 8;
	while (query.ptr) {
		size_t start = query.len;
		while (start > 0 && query.ptr[start - 1] != '&')
			start--;
		*at++ = '&';
		memcpy(at, query.ptr + start, query.len - start);
		at += query.len - start;
		memcpy(at, "&%6awt=b", 8);
		at += 8;
		query = start > 0 ? (struct str){query.ptr, start - 1} : (struct str){NULL, 0};
	}
	return (struct str){text, (size_t)(at - text)};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size}, canonical, again;
	size_t line = str_find(text, '\n');
	if (size > 4096 || line == size || !crypto_init())
		return 0;
	struct str base = {text.ptr, line}, target = {text.ptr + line + 1, size - line - 1};
	struct arena arena;
	arena_init(&arena, 8 << 20);
	char qsh[QSH_LEN];
	bool utf8 = qsh_target_utf8(target);
	struct str decoded;
	if (!form_decode(&arena, target, &decoded) || utf8 != utf8_valid(decoded))
		abort();
	if (!qsh_compute(&arena, STR("GET"), target, base, qsh) || !qsh_canonical(&arena, STR("get"), target, base, &again))
		abort();

	size_t mark = str_find(target, '?');
	struct str query = mark < target.len ? (struct str){target.ptr + mark + 1, target.len - mark - 1} : STR("");
	char *plain = arena_printf(&arena, "/x?%.*s", STR_ARG(query));
	struct str plain_target = {plain, query.len + 3};
	if (memchr(query.ptr, '\0', query.len) == NULL) {
		if (!qsh_canonical(&arena, STR("GET"), plain_target, STR(""), &canonical) ||
		    !qsh_canonical(&arena, STR("GET"), reversed(&arena, query), STR(""), &again))
			abort();
		if (utf8) {
			if (!str_eq(canonical, again))
				abort();
			same_as_slow(&arena, query, canonical);
		}
	}
	arena_release(&arena);
	return 0;
}
