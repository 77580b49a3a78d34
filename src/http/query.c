/* query.c - parameters of a raw query and segments of a raw path, decoded into the request's arena. Pure but for that
 * memory. */
#include "base/form.h"
#include "http/request.h"

bool segment_decode(struct arena *a, struct str raw, struct str *ret)
{
	char *out = arena_alloc(a, raw.len + 1);
	size_t len = 0;
	if (!out)
		return false;
	for (size_t i = 0; i < raw.len; i++) {
		char c = raw.ptr[i];
		if (c == '%') {
			if (raw.len - i < 3 || hex_digit(raw.ptr[i + 1]) < 0 || hex_digit(raw.ptr[i + 2]) < 0)
				return false;
			c = (char)(hex_digit(raw.ptr[i + 1]) * 16 + hex_digit(raw.ptr[i + 2]));
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
	struct str name, value;
	while (form_next(&query, &name, &value)) {
		if (!form_decode(arena, name, &name) || !form_decode(arena, value, &value))
			return false;
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
