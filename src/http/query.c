/* query.c - parameters of a raw query and segments of a raw path, decoded into the request's arena. Pure but for that
 * memory. */
#include <string.h>

#include "http/request.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* out has room for s.len bytes. A malformed escape stays as it is. */
static struct str decode(struct str s, char *out)
{
	size_t len = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c == '+')
			c = ' ';
		if (c == '%' && s.len - i > 2 && hex(s.ptr[i + 1]) >= 0 && hex(s.ptr[i + 2]) >= 0) {
			c = (char)(hex(s.ptr[i + 1]) * 16 + hex(s.ptr[i + 2]));
			i += 2;
		}
		out[len++] = c;
	}
	return (struct str){out, len};
}

bool segment_decode(struct arena *a, struct str raw, struct str *ret)
{
	char *out = arena_alloc(a, raw.len + 1);
	size_t len = 0;
	if (!out)
		return false;
	for (size_t i = 0; i < raw.len; i++) {
		char c = raw.ptr[i];
		if (c == '%') {
			if (raw.len - i < 3 || hex(raw.ptr[i + 1]) < 0 || hex(raw.ptr[i + 2]) < 0)
				return false;
			c = (char)(hex(raw.ptr[i + 1]) * 16 + hex(raw.ptr[i + 2]));
			i += 2;
		}
		out[len++] = c;
	}
	out[len] = '\0';
	*ret = (struct str){out, len};
	return true;
}

bool query_each(struct arena *arena, struct str query, bool (*fn)(void *arg, struct str name, struct str value),
                void *arg)
{
	struct str piece;
	while (str_split(&query, '&', &piece)) {
		if (piece.len == 0)
			continue;
		char *out = arena_alloc(arena, piece.len);
		if (!out)
			return false;
		const size_t equals = str_find(piece, '=');
		const size_t after = equals < piece.len ? equals + 1 : equals;
		const struct str name = decode((struct str){piece.ptr, equals}, out);
		const struct str value = decode((struct str){piece.ptr + after, piece.len - after}, out + after);
		if (!fn(arg, name, value))
			return true;
	}
	return true;
}

struct search {
	struct str name, value;
	size_t count;
};

static bool look(void *arg, struct str name, struct str value)
{
	struct search *s = arg;
	if (str_eq(name, s->name) && s->count++ == 0)
		s->value = value;
	return true;
}

struct str query_get(struct arena *arena, struct str query, const char *name, size_t *ret_count)
{
	struct search s = {.name = str_of(name)};
	const bool complete = query_each(arena, query, look, &s);
	*ret_count = complete ? s.count : SIZE_MAX;
	return complete ? s.value : (struct str){0};
}
