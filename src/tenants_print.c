/* tenants_print.c - what a person reads: columns as wide as their longest cell, times and texts as they are.
 *
 * Text of tenants comes from outside: control bytes are shown as '?', so that none of it steers the terminal. */
#include "tenants_print.h"

#include <stdio.h>
#include <string.h>

#include "admin/params.h"
#include "base/cleanup.h"
#include "base/json.h"

enum { COLUMNS = 5, NAME_MAX_BYTES = 256 };

struct row {
	struct str cells[COLUMNS];
	char expires[TIME_TEXT_SIZE];
};

static void row_of(struct row *r, struct lookups *l, const struct tenant *t)
{
	struct license_decision d = lookups_state(l, t);
	r->expires[0] = '\0';
	if (d.expires_at != 0)
		time_text(d.expires_at, r->expires);
	r->cells[0] = t->client_key;
	r->cells[1] = t->base_url;
	r->cells[2] = str_of(tenant_status_name(t->status));
	r->cells[3] = str_of(license_state_name(d.state));
	r->cells[4] = str_of(r->expires);
}

static void add_plain(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		const unsigned char c = (unsigned char)text.ptr[i];
		const bool control = c < 0x20 || c == 0x7f;
		buf_add(out, control ? "?" : &text.ptr[i], 1);
	}
}

static void add_row(struct buf *out, const struct str *cells, const size_t *widths)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		add_plain(out, cells[i]);
		for (size_t pad = cells[i].len; i + 1 < COLUMNS && pad < widths[i] + 2; pad++)
			buf_char(out, ' ');
	}
	buf_char(out, '\n');
}

void tenants_print_table(struct buf *out, struct lookups *l, const struct tenant_page *page)
{
	const struct str head[COLUMNS] = {STR("CLIENT KEY"), STR("BASE URL"), STR("STATUS"), STR("LICENCE"), STR("ENDS")};
	size_t widths[COLUMNS];
	struct row row;
	for (size_t i = 0; i < COLUMNS; i++)
		widths[i] = head[i].len;
	for (size_t n = 0; n < page->count; n++) {
		row_of(&row, l, page->at[n]);
		for (size_t i = 0; i < COLUMNS; i++)
			widths[i] = row.cells[i].len > widths[i] ? row.cells[i].len : widths[i];
	}
	add_row(out, head, widths);
	for (size_t n = 0; n < page->count; n++) {
		row_of(&row, l, page->at[n]);
		add_row(out, row.cells, widths);
	}
	if (page->more) {
		buf_z(out, "\nMore: --cursor ");
		place_write(out, &page->last);
		buf_char(out, '\n');
	}
}

/* ---- one answer, flattened ---- */

static bool is_one_of(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

static void add_value(struct buf *out, const json_t *value)
{
	__cleanup_free char *number = NULL;
	if (json_is_string(value)) {
		add_plain(out, (struct str){json_string_value(value), json_string_length(value)});
	} else {
		number = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		add_plain(out, str_of(number));
	}
}

/* An alias or an event on one line: what it is and when by itself, the rest as name=value. What was before
 * ("previous") says so in each of its names; an event's other members ("data") are the event's own. */
static void add_pairs(struct buf *out, const char *prefix, const json_t *object)
{
	static const char *const bare[] = {"kind", "value", "type", "timestamp", NULL};
	static const char *const known[] = {"id", "tenant", "marketplace", "observed_at", NULL};
	const char *key;
	json_t *member;
	json_object_foreach((json_t *)(uintptr_t)object, key, member)
	{
		if (json_is_null(member) || is_one_of(key, known))
			continue;
		if (json_is_object(member)) {
			add_pairs(out, strcmp(key, "data") == 0 ? "" : key, member);
			continue;
		}
		if (out->len > 0)
			buf_char(out, ' ');
		if (!is_one_of(key, bare)) {
			add_plain(out, str_of(prefix));
			buf_z(out, *prefix ? "." : "");
			add_plain(out, str_of(key));
			buf_char(out, '=');
		}
		add_value(out, member);
	}
}

static void print_value(const char *name, const json_t *value, bool pairs)
{
	__cleanup_buf struct buf text = BUF_INIT(1 << 20);
	if (pairs && json_is_object(value))
		add_pairs(&text, "", value);
	else
		add_value(&text, value);
	printf("%-30s %.*s\n", name, STR_ARG(buf_text(&text)));
}

static void print_members(const char *prefix, const json_t *value)
{
	char name[NAME_MAX_BYTES];
	const char *key;
	json_t *member;
	size_t i;
	if (json_is_object(value) && strcmp(prefix, "tenant.install_body") != 0) {
		json_object_foreach((json_t *)(uintptr_t)value, key, member)
		{
			snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", key);
			print_members(name, member);
		}
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, member)
		{
			print_value(prefix, member, true);
		}
	} else if (!json_is_null(value)) {
		print_value(prefix, value, false);
	}
}

bool tenants_print_answer(struct str text, bool as_json)
{
	__cleanup_json json_t *answer = NULL;
	if (as_json) {
		printf("%.*s\n", STR_ARG(text));
		return fflush(stdout) == 0;
	}
	if (json_read_object(text, &answer) != OK) {
		fputs("licgate: the answer is not JSON\n", stderr);
		return false;
	}
	print_members("", answer);
	return fflush(stdout) == 0;
}
