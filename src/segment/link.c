/* link.c - see link.h. What comes from the click is percent-encoded, byte for byte: no header, parameter or host of its
 * own can come of it. Query: WHATWG URL, application/x-www-form-urlencoded; cookies: RFC 6265, 5.4. */
#include "segment/link.h"

#include <string.h>

#include "base/form.h"

bool visitor_id_ok(struct str id)
{
	for (size_t i = 0; i < id.len; i++) {
		const char c = id.ptr[i];
		const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!plain && (c == '\0' || !strchr("-_.:~", c)))
			return false;
	}
	return id.len > 0 && id.len <= VISITOR_ID_MAX;
}

struct str link_visitor_id(struct arena *a, struct str query)
{
	struct str name, value, id = STR("");
	size_t count = 0;
	while (form_next(&query, &name, &value))
		if (form_is(name, "aid") && count++ == 0 && !form_decode(a, value, &id))
			return STR("");
	return count == 1 && visitor_id_ok(id) ? id : STR("");
}

/* utm_ and a few lower-case letters. */
static bool utm_name_ok(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!(name.ptr[i] >= 'a' && name.ptr[i] <= 'z') && name.ptr[i] != '_')
			return false;
	return str_starts(name, STR("utm_")) && name.len > 4 && name.len <= 32;
}

static bool has_name(struct str query, struct str wanted)
{
	struct str name, value;
	while (form_next(&query, &name, &value))
		if (str_eq(name, wanted))
			return true;
	return false;
}

static void add_parameter(struct buf *out, bool *has_query, struct str name, struct str value)
{
	buf_char(out, *has_query ? '&' : '?');
	*has_query = true;
	buf_str(out, name);
	buf_char(out, '=');
	buf_percent(out, value);
}

void link_write(struct buf *out, struct arena *a, const char *url, struct str query, struct str visitor_id)
{
	const size_t len = strlen(url), mark = str_find(str_of(url), '?');
	const struct str own = mark < len ? (struct str){url + mark + 1, len - mark - 1} : STR("");
	bool has_query = mark < len;
	struct str seen[UTM_MAX], name, value;
	size_t count = 0;
	buf_z(out, url);
	while (count < UTM_MAX && form_next(&query, &name, &value)) {
		bool again = !utm_name_ok(name) || has_name(own, name) || !form_decode(a, value, &value);
		for (size_t i = 0; i < count; i++)
			again = again || str_eq(seen[i], name);
		if (again || value.len == 0 || value.len > UTM_VALUE_MAX || !utf8_valid(value) || !str_printable(value))
			continue;
		seen[count++] = name;
		add_parameter(out, &has_query, name, value);
	}
	add_parameter(out, &has_query, STR("partner_anonymous_id"), visitor_id);
}

struct str cookie_value(struct str header, const char *name)
{
	struct str piece;
	while (header.ptr && str_split(&header, ';', &piece)) {
		piece = str_trim(piece);
		const size_t eq = str_find(piece, '=');
		if (eq < piece.len && str_eqz((struct str){piece.ptr, eq}, name))
			return (struct str){piece.ptr + eq + 1, piece.len - eq - 1};
	}
	return STR("");
}
