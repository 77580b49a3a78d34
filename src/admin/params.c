/* params.c - reads query parameters strictly: a typo in a filter must not quietly give everything. */
#include "admin/params.h"

#include "base/b64.h"
#include "http/reply.h"

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
	struct str limit = {0}, after = {0};
	const struct {
		const char *name;
		struct str *value;
	} texts[] = {{"query", &p.query},   {"state", &p.state}, {"cursor", &p.cursor}, {"type", &p.type},
	             {"tenant", &p.tenant}, {"limit", &limit},   {"after", &after}};
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
		return bad(req, "after: a number");
	p.csv = str_ifind(request_header(req, "Accept"), STR("text/csv"));
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
