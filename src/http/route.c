/* route.c - from a raw path to a row of the table. See route.h.
 *
 * A path is compared with every pattern, segment by segment; each match has a rank, two bits a segment (literal 3,
 * NAME and KEY 2, REST 1), earlier segments weighing more. The methods of the best rank's rows are the path's
 * methods: a POST to a literal GET row is a 405 even where a NAME row would take it. Pure and without memory. */
#include "http/route.h"

#include <string.h>

enum { SEGMENTS_MAX = 16, NAME_MAX_LEN = 64, RANK_LITERAL = 3, RANK_PARAM = 2, RANK_REST = 1 };

static const char *const method_names[] = {
    [METHOD_OTHER] = "",  [METHOD_GET] = "GET",       [METHOD_HEAD] = "HEAD",   [METHOD_POST] = "POST",
    [METHOD_PUT] = "PUT", [METHOD_DELETE] = "DELETE", [METHOD_PATCH] = "PATCH", [METHOD_OPTIONS] = "OPTIONS",
};
enum { METHOD_COUNT = sizeof method_names / sizeof method_names[0] };

enum method method_of(struct str text)
{
	for (unsigned m = METHOD_GET; m < METHOD_COUNT; m++)
		if (str_eqz(text, method_names[m]))
			return (enum method)m;
	return METHOD_OTHER;
}

struct str method_text(enum method m)
{
	return str_of(method_names[m]);
}

static bool is_name(struct str s)
{
	if (s.len == 0 || s.len > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		const char c = s.ptr[i];
		const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!plain && c != '_' && c != '.' && c != '-')
			return false;
		if (c == '.' && i > 0 && s.ptr[i - 1] == '.')
			return false;
	}
	return !str_eqz(s, "."); /* a dot segment */
}

/* The segment after the '/' at *at; moves *at to the next '/' or the end. */
static struct str next_segment(struct str s, size_t *at)
{
	const size_t start = *at + 1;
	const struct str rest = {s.ptr + start, s.len - start};
	const size_t len = str_find(rest, '/');
	*at = start + len;
	return (struct str){rest.ptr, len};
}

/* Rank of one segment; 0: does not fit. */
static unsigned match_segment(struct str want, bool is_last, struct str got, bool *ret_param)
{
	*ret_param = true;
	if (is_last && str_eqz(want, "NAME"))
		return is_name(got) ? RANK_PARAM : 0;
	if (str_eqz(want, "KEY"))
		return got.len > 0 && !str_eqz(got, ".") && !str_eqz(got, "..") ? RANK_PARAM : 0;
	*ret_param = false;
	return str_eq(want, got) ? RANK_LITERAL : 0;
}

/* Rank of a pattern for the path; 0: does not match. */
static uint32_t match(struct str pattern, struct str path, struct route_params *params)
{
	const size_t room = sizeof params->part / sizeof params->part[0];
	uint32_t rank = 0;
	size_t p = 0, at = 0;
	params->count = 0;
	for (unsigned i = 0; i < SEGMENTS_MAX; i++) {
		if (p >= pattern.len || at >= path.len) {
			return p >= pattern.len && at >= path.len ? rank : 0;
		}
		const size_t start = at + 1;
		const struct str want = next_segment(pattern, &p), got = next_segment(path, &at);
		const unsigned shift = 2 * (SEGMENTS_MAX - 1 - i);
		if (p == pattern.len && str_eqz(want, "REST")) {
			if (params->count < room)
				params->part[params->count++] = (struct str){path.ptr + start, path.len - start};
			return rank | (uint32_t)RANK_REST << shift;
		}
		bool is_param = false;
		const uint32_t one = match_segment(want, p == pattern.len, got, &is_param);
		if (one == 0)
			return 0;
		if (is_param && params->count < room)
			params->part[params->count++] = got;
		rank |= one << shift;
	}
	return 0;
}

/* Cheap and never wrong about a no: where pattern and path part, the pattern's segment must be a parameter. Spares most
 * rows the full comparison. Paths hold no NUL (framing.c), so the pattern's end stops the loop. */
static bool may_match(const char *pattern, struct str path)
{
	size_t at = 0, segment = 0;
	while (at < path.len && pattern[at] == path.ptr[at])
		if (pattern[at++] == '/')
			segment = at;
	const char c = pattern[segment];
	return (at == path.len && pattern[at] == '\0') || c == 'N' || c == 'K' || c == 'R';
}

static bool serves(const struct route *r, enum method m)
{
	return r->method == m || (r->method == METHOD_GET && m == METHOD_HEAD);
}

static unsigned allows(const struct route *r)
{
	return r->method == METHOD_GET ? 1u << METHOD_GET | 1u << METHOD_HEAD : 1u << r->method;
}

enum route_match route_find(const struct route_table *t, enum method m, struct str path, const struct route **ret,
                            struct route_params *ret_params, unsigned *ret_allow)
{
	const struct route *found = NULL;
	struct route_params params, found_params = {0};
	uint32_t best = 0;
	unsigned allow = 0;
	if (path.len == 0 || path.ptr[0] != '/')
		return ROUTE_NOT_FOUND;
	for (size_t i = 0; i < t->count; i++) {
		const struct route *r = &t->rows[i];
		if (!may_match(r->pattern, path))
			continue;
		const uint32_t rank = match(str_of(r->pattern), path, &params);
		if (rank == 0 || rank < best)
			continue;
		if (rank > best) {
			best = rank;
			allow = 0;
			found = NULL;
		}
		allow |= allows(r);
		if (serves(r, m)) {
			found = r;
			found_params = params;
		}
	}
	if (best == 0)
		return ROUTE_NOT_FOUND;
	*ret_allow = allow;
	if (!found)
		return ROUTE_METHOD_NOT_ALLOWED;
	*ret = found;
	*ret_params = found_params;
	return ROUTE_FOUND;
}

/* The wildcards stand where they may, and there are no more of them than a request can carry. */
static const char *check_pattern(struct str p)
{
	struct route_params params;
	const size_t room = sizeof params.part / sizeof params.part[0];
	size_t wild = 0, segments = 0;
	if (p.len == 0 || p.ptr[0] != '/')
		return "a pattern does not start with /";
	for (size_t at = 0; at < p.len; segments++) {
		const struct str s = next_segment(p, &at);
		const bool name_or_rest = str_eqz(s, "NAME") || str_eqz(s, "REST");
		if (name_or_rest && at != p.len)
			return "NAME or REST is not the last segment of a pattern";
		wild += name_or_rest || str_eqz(s, "KEY");
	}
	if (segments > SEGMENTS_MAX)
		return "a pattern has too many segments";
	return wild > room ? "a pattern has too many wildcards" : NULL;
}

static const char *check_row(const struct route_table *t, size_t i)
{
	const struct route *r = &t->rows[i];
	if (!r->handler)
		return "a row has no handler";
	if (r->method <= METHOD_OTHER || r->method == METHOD_HEAD || (unsigned)r->method >= METHOD_COUNT)
		return "a row has no method, or HEAD, which GET serves";
	if (r->auth <= AUTH_UNSET || r->auth >= AUTH_COUNT)
		return "a row does not say its authentication";
	if (r->room >= ROOM_MAX)
		return "a row's room is out of range";
	if (!r->pattern)
		return "a row has no pattern";
	for (size_t k = 0; k < i; k++)
		if (t->rows[k].method == r->method && strcmp(t->rows[k].pattern, r->pattern) == 0)
			return "two rows are alike";
	return check_pattern(str_of(r->pattern));
}

bool route_table_check(const struct route_table *t, const struct route **ret_row, const char **ret_why)
{
	for (size_t i = 0; i < t->count; i++) {
		const char *why = check_row(t, i);
		if (why) {
			*ret_row = &t->rows[i];
			*ret_why = why;
			return false;
		}
	}
	return true;
}
