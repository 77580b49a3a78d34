/* csv.c - cells, quoted where RFC 4180 wants it. */
#include "admin/csv.h"

#include <string.h>

#include "base/clock.h"

struct csv csv(struct buf *out)
{
	return (struct csv){.out = out};
}

static void separate(struct csv *c)
{
	if (c->comma)
		buf_char(c->out, ',');
	c->comma = true;
}

static bool formula(struct str s)
{
	static const char starters[] = {'=', '+', '-', '@', '\t', '\r'};
	return s.len > 0 && memchr(starters, s.ptr[0], sizeof starters) != NULL;
}

static bool needs_quotes(struct str s)
{
	return str_find(s, '"') < s.len || str_find(s, ',') < s.len || str_find(s, '\n') < s.len ||
	       str_find(s, '\r') < s.len;
}

void csv_str(struct csv *c, struct str s)
{
	separate(c);
	bool quotes = needs_quotes(s);
	if (quotes)
		buf_char(c->out, '"');
	if (formula(s))
		buf_char(c->out, '\'');
	while (s.len > 0) {
		size_t quote = str_find(s, '"');
		buf_add(c->out, s.ptr, quote);
		if (quote < s.len)
			buf_z(c->out, "\"\"");
		size_t taken = quote < s.len ? quote + 1 : quote;
		s = (struct str){s.ptr + taken, s.len - taken};
	}
	if (quotes)
		buf_char(c->out, '"');
}

void csv_z(struct csv *c, const char *z)
{
	csv_str(c, str_of(z));
}

void csv_int(struct csv *c, int64_t n)
{
	separate(c);
	buf_int(c->out, n);
}

void csv_bool(struct csv *c, bool b)
{
	csv_z(c, b ? "true" : "false");
}

void csv_time(struct csv *c, int64_t wall_ms)
{
	char text[TIME_TEXT_SIZE] = "";
	if (wall_ms != 0)
		time_text(wall_ms, text);
	csv_z(c, text);
}

void csv_end_row(struct csv *c)
{
	buf_z(c->out, "\r\n");
	c->comma = false;
}

void csv_header(struct csv *c, const char *names)
{
	buf_z(c->out, names);
	csv_end_row(c);
}
