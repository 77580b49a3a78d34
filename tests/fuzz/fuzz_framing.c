/* fuzz_framing.c - a request's line and headers through framing_check(), its path through route_find().
 *
 * Input: lines separated by LF: method, target, version, then "name:value" each. Checked: what was accepted obeys
 * the rules that matter most, and a found route's parameters lie within the path. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "http/framing.h"
#include "http/route.h"

static void handler(struct request *req, void *room)
{
	(void)req;
	(void)room;
}

static const struct route rows[] = {
    {METHOD_GET, "/healthz", AUTH_NONE, 0, 0, handler},
    {METHOD_GET, "/app/license.json", AUTH_NONE, 0, 0, handler},
    {METHOD_GET, "/app/NAME", AUTH_NONE, 0, 0, handler},
    {METHOD_POST, "/webhooks/NAME", AUTH_NONE, 0, 0, handler},
    {METHOD_GET, "/assets/REST", AUTH_NONE, 0, 0, handler},
    {METHOD_GET, "/tenants/KEY", AUTH_NONE, 0, 0, handler},
    {METHOD_PUT, "/tenants/KEY/override", AUTH_NONE, 0, 0, handler},
    {METHOD_GET, "/tenants/KEY/NAME", AUTH_NONE, 0, 0, handler},
};
static const struct route_table table = {rows, sizeof rows / sizeof rows[0]};

static struct str take_line(struct str *rest)
{
	struct str line;
	return str_split(rest, '\n', &line) ? line : STR("");
}

static size_t count_of(const struct framing_request *r, const char *name)
{
	size_t count = 0;
	for (size_t i = 0; i < r->header_count; i++)
		count += str_ieq(r->headers[i].name, str_of(name));
	return count;
}

static void check_accepted(const struct framing_request *r, const struct framing_body *body)
{
	assert(r->target.len > 0 && r->target.ptr[0] == '/');
	assert(!memchr(r->target.ptr, '\0', r->target.len) && !memchr(r->target.ptr, '#', r->target.len));
	const bool old = str_eqz(r->version, "HTTP/1.0");
	assert(r->version.len == 8 && str_starts(r->version, STR("HTTP/1.")));
	assert(count_of(r, "host") == 1 || (old && count_of(r, "host") == 0));
	assert(!(old && body->chunked) && method_of(r->method) != METHOD_OTHER);
	for (size_t i = 0; i < r->header_count; i++)
		assert(r->headers[i].name.len > 0 && !memchr(r->headers[i].value.ptr, '\r', r->headers[i].value.len));
	assert(count_of(r, "authorization") <= 1);
	assert(count_of(r, "content-length") + count_of(r, "transfer-encoding") <= 1);
	assert(!body->chunked || body->length == 0);
	assert(body->chunked == (count_of(r, "transfer-encoding") == 1));
}

static void check_route(struct str method, struct str path)
{
	const struct route *row = NULL;
	struct route_params params = {0};
	unsigned allow = 0;
	const enum route_match m = route_find(&table, method_of(method), path, &row, &params, &allow);
	assert((m == ROUTE_FOUND) == (row != NULL));
	assert((m == ROUTE_NOT_FOUND) == (allow == 0));
	for (size_t i = 0; i < params.count; i++)
		assert(params.part[i].ptr >= path.ptr && params.part[i].ptr + params.part[i].len <= path.ptr + path.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* an exact copy, so that a read past the end is seen */
	char *copy = malloc(size + 1);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	struct str rest = {copy, size};
	struct framing_header headers[FRAMING_HEADERS_MAX + 1];
	struct framing_request r = {.headers = headers};
	r.method = take_line(&rest);
	r.target = take_line(&rest);
	r.version = take_line(&rest);
	while (rest.ptr && r.header_count <= FRAMING_HEADERS_MAX) {
		const struct str line = take_line(&rest);
		const size_t colon = str_find(line, ':');
		const size_t after = colon < line.len ? colon + 1 : colon;
		headers[r.header_count++] = (struct framing_header){{line.ptr, colon}, {line.ptr + after, line.len - after}};
	}
	struct framing_body body = {0};
	const char *why = NULL;
	const enum framing result = framing_check(&r, &body, &why);
	struct framing_body again;
	const char *why_again;
	assert(framing_check(&r, &again, &why_again) == result);
	if (result == FRAMING_OK)
		check_accepted(&r, &body);
	else
		assert(why);
	check_route(r.method, (struct str){r.target.ptr, str_find(r.target, '?')});
	free(copy);
	return 0;
}
