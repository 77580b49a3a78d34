/* diff.c - see diff.h. Only rows that changed come here, so a parsed tree of each is cheap enough. */
#include "market/diff.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/jsonw.h"

enum { PATH_MAX_BYTES = 1024, VALUE_MAX = 2 * 1024 * 1024, SHORT_PRECISION = 15, FULL_PRECISION = 17 };

struct differ {
	struct jsonw w;
	struct diff d;
};

static char *dump(const json_t *value, size_t precision)
{
	return value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(precision)) : NULL;
}

/* Numbers as short as they can be: 53.13 is not 53.130000000000003. */
static void write_value(struct jsonw *w, const json_t *value)
{
	char *text = dump(value, SHORT_PRECISION);
	__cleanup_json json_t *read = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
	if (read && !json_equal(read, value)) {
		free(text);
		text = dump(value, FULL_PRECISION);
	}
	if (value && !text)
		w->out->err = ERR_NOMEM;
	jw_raw(w, text ? str_of(text) : STR("null"));
	free(text);
}

static void differs(struct differ *d, struct str path, const json_t *before, const json_t *after)
{
	const bool date = str_eqz(path, "lastUpdated");
	if (d->d.count++ == 0)
		jw_obj(&d->w);
	d->d.only_date = d->d.only_date && date;
	d->d.only_noise = d->d.only_noise && (date || str_eqz(path, "tier"));
	jw_str(&d->w, path);
	buf_char(d->w.out, ':');
	d->w.comma = false;
	jw_arr(&d->w);
	write_value(&d->w, before);
	write_value(&d->w, after);
	jw_end_arr(&d->w);
}

static void compare_objects(struct differ *d, const char *prefix, const json_t *before, const json_t *after);

static void compare(struct differ *d, const char *prefix, const char *name, const json_t *before, const json_t *after)
{
	char path[PATH_MAX_BYTES];
	if (before && after && json_equal(before, after))
		return;
	if (!*prefix && json_is_object(before) && json_is_object(after)) {
		(void)snprintf(path, sizeof(path), "%s.", name);
		compare_objects(d, path, before, after);
		return;
	}
	(void)snprintf(path, sizeof(path), "%s%s", prefix, name);
	differs(d, str_of(path), before, after);
}

/* NOLINTNEXTLINE(misc-no-recursion): two levels */
static void compare_objects(struct differ *d, const char *prefix, const json_t *before, const json_t *after)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)before, name, value)
	    compare(d, prefix, name, value, json_object_get(after, name));
	json_object_foreach((json_t *)(uintptr_t)after, name, value) if (!json_object_get(before, name))
	    compare(d, prefix, name, NULL, value);
}

enum err diff_write(struct str before, struct str after, struct buf *out, struct diff *ret)
{
	__cleanup_json json_t *a = NULL, *b = NULL;
	struct differ d = {.w = jsonw(out), .d = {.only_date = true, .only_noise = true}};
	enum err e = json_read_object(before, &a);
	if (e == OK)
		e = json_read_object(after, &b);
	if (e != OK)
		return e;
	compare_objects(&d, "", a, b);
	if (d.d.count)
		jw_end_obj(&d.w);
	if (out->err == OK)
		*ret = d.d;
	return out->err;
}

enum err diff_scrub(enum row_kind kind, struct str diff, struct buf *out)
{
	__cleanup_json json_t *all = NULL;
	const char *path;
	json_t *values;
	struct jsonw w = jsonw(out);
	enum err e = json_read_object(diff, &all);
	if (e != OK)
		return e;
	jw_obj(&w);
	json_object_foreach(all, path, values)
	{
		if (!row_member_known(kind, str_of(path)))
			continue;
		jw_str(&w, str_of(path));
		buf_char(out, ':');
		w.comma = false;
		write_value(&w, values);
	}
	jw_end_obj(&w);
	return out->err;
}
