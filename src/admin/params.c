/* params.c - reads query parameters strictly: a typo in a filter must not quietly give everything. */
#include "admin/params.h"

#include <stdio.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "http/reply.h"

enum { PLACE_MAX = 8192 };

bool limit_parse(struct str text, size_t *ret)
{
	int64_t n;
	if (str_to_int64(text, &n) != OK || n < 1 || n > LIST_LIMIT_MAX)
		return false;
	*ret = (size_t)n;
	return true;
}

static bool after_parse(struct str text, int64_t *ret)
{
	int64_t n;
	if (str_to_int64(text, &n) != OK || n < 0)
		return false;
	*ret = n;
	return true;
}

static bool bad(struct request *req, const char *why)
{
	reply_problem(req, 400, "bad_request", why, NULL, 0);
	return false;
}

bool list_params_read(struct request *req, struct list_params *ret)
{
	struct list_params p = {.limit = LIST_LIMIT_DEFAULT};
	struct str limit = {0}, after = {0}, dir = {0}, format = {0};
	const struct {
		const char *name;
		struct str *value;
	} texts[] = {{"query", &p.query}, {"state", &p.state},   {"status", &p.status}, {"sort", &p.sort},
	             {"dir", &dir},       {"cursor", &p.cursor}, {"type", &p.type},     {"tenant", &p.tenant},
	             {"kind", &p.kind},   {"limit", &limit},     {"after", &after},     {"format", &format}};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t count = 0;
		*texts[i].value = query_get(&req->arena, req->query, texts[i].name, &count);
		if (count == SIZE_MAX) {
			reply_err(req, ERR_NOMEM);
			return false;
		}
		if (count > 1)
			return bad(req, "a parameter is there twice");
	}
	if (limit.len > 0 && !limit_parse(limit, &p.limit))
		return bad(req, "limit: 1 to 500");
	if (after.len > 0 && !after_parse(after, &p.after))
		return bad(req, "after: the seq of an event, or 0");
	if (dir.len > 0 && !str_eqz(dir, "asc") && !str_eqz(dir, "desc"))
		return bad(req, "dir: asc or desc");
	if (format.len > 0 && !str_eqz(format, "csv") && !str_eqz(format, "json"))
		return bad(req, "format: csv or json");
	p.descending = str_eqz(dir, "desc");
	p.csv = format.len > 0 ? str_eqz(format, "csv") : str_ifind(request_header(req, "Accept"), STR("text/csv"));
	*ret = p;
	return true;
}

void cursor_write(struct buf *out, struct str last)
{
	b64url_encode(out, (const uint8_t *)last.ptr, last.len);
}

bool cursor_read(struct arena *a, struct str text, struct str *ret_last)
{
	uint8_t *out = arena_alloc(a, text.len / 4 * 3 + 3);
	size_t len = 0;
	if (!out || !b64url_decode(text, out, &len))
		return false;
	*ret_last = (struct str){(const char *)out, len};
	return true;
}

bool number_cursor_read(struct request *req, struct str cursor, int64_t *ret)
{
	int64_t n = 0;
	if (cursor.len > 0 && (str_to_int64(cursor, &n) != OK || n < 0))
		return bad(req, CURSOR_WRONG);
	*ret = n;
	return true;
}

void number_cursor_write(struct jsonw *w, int64_t last)
{
	char cursor[24];
	snprintf(cursor, sizeof(cursor), "%lld", (long long)last);
	jw_kz(w, "next", cursor);
}

/* "number,length of the text,text and key" */
void place_write(struct buf *out, const struct tenant_place *last)
{
	__cleanup_buf struct buf text = BUF_INIT(PLACE_MAX);
	buf_int(&text, last->number);
	buf_char(&text, ',');
	buf_int(&text, (int64_t)last->text.len);
	buf_char(&text, ',');
	buf_str(&text, last->text);
	buf_str(&text, last->key);
	if (text.err == OK)
		cursor_write(out, buf_text(&text));
	else
		out->err = text.err;
}

bool place_read(struct arena *a, struct str text, struct tenant_place *ret)
{
	struct str all, number, len;
	struct tenant_place p = {0};
	int64_t text_len;
	if (text.len == 0) {
		*ret = p;
		return true;
	}
	if (!cursor_read(a, text, &all) || !str_split(&all, ',', &number) || !str_split(&all, ',', &len) || !all.ptr)
		return false;
	if (str_to_int64(number, &p.number) != OK || str_to_int64(len, &text_len) != OK || text_len < 0 ||
	    (uint64_t)text_len >= all.len)
		return false;
	p.text = (struct str){all.ptr, (size_t)text_len};
	p.key = (struct str){all.ptr + text_len, all.len - (size_t)text_len};
	*ret = p;
	return true;
}
