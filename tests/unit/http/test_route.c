/* Which row a raw path finds, as tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "http/route.h"

static void h(struct request *req, void *room)
{
	(void)req;
	(void)room;
}

static const struct route rows[] = {
    {METHOD_GET, "/healthz", AUTH_NONE, 0, 0, h},
    {METHOD_GET, "/app/license.json", AUTH_NONE, 0, 0, h},
    {METHOD_GET, "/app/NAME", AUTH_NONE, 0, 0, h},
    {METHOD_POST, "/app/NAME", AUTH_NONE, 0, 0, h},
    {METHOD_GET, "/assets/REST", AUTH_NONE, 0, 0, h},
    {METHOD_GET, "/tenants/KEY", AUTH_NONE, 0, 0, h},
    {METHOD_PUT, "/tenants/KEY/override", AUTH_NONE, 0, 0, h},
    {METHOD_DELETE, "/tenants/KEY/override", AUTH_NONE, 0, 0, h},
    {METHOD_GET, "/tenants/KEY/NAME", AUTH_NONE, 0, 0, h},
};
static const struct route_table table = {rows, sizeof rows / sizeof rows[0]};

#define A(m) (1u << METHOD_##m)
static const struct {
	enum method method;
	const char *path;
	enum route_match match;
	int row; /* of a found one */
	const char *p0, *p1;
	unsigned allow;
} cases[] = {
    {METHOD_GET, "/healthz", ROUTE_FOUND, 0, NULL, NULL, A(GET) | A(HEAD)},
    {METHOD_HEAD, "/healthz", ROUTE_FOUND, 0, NULL, NULL, A(GET) | A(HEAD)},
    {METHOD_POST, "/healthz", ROUTE_METHOD_NOT_ALLOWED, 0, NULL, NULL, A(GET) | A(HEAD)},
    {METHOD_OTHER, "/healthz", ROUTE_METHOD_NOT_ALLOWED, 0, NULL, NULL, A(GET) | A(HEAD)},
    {METHOD_GET, "/app/license.json", ROUTE_FOUND, 1, NULL, NULL, A(GET) | A(HEAD)},
    /* the literal row's methods are the path's, although POST /app/NAME would take it */
    {METHOD_POST, "/app/license.json", ROUTE_METHOD_NOT_ALLOWED, 0, NULL, NULL, A(GET) | A(HEAD)},
    {METHOD_GET, "/app/board", ROUTE_FOUND, 2, "board", NULL, A(GET) | A(HEAD) | A(POST)},
    {METHOD_POST, "/app/board", ROUTE_FOUND, 3, "board", NULL, A(GET) | A(HEAD) | A(POST)},
    {METHOD_PUT, "/app/board", ROUTE_METHOD_NOT_ALLOWED, 0, NULL, NULL, A(GET) | A(HEAD) | A(POST)},
    {METHOD_GET, "/app/a-b_c.9", ROUTE_FOUND, 2, "a-b_c.9", NULL, A(GET) | A(HEAD) | A(POST)},
    {METHOD_GET, "/app/NAME", ROUTE_FOUND, 2, "NAME", NULL, A(GET) | A(HEAD) | A(POST)},
    {METHOD_GET, "/assets/a/b//c", ROUTE_FOUND, 4, "a/b//c", NULL, A(GET) | A(HEAD)},
    {METHOD_GET, "/assets/", ROUTE_FOUND, 4, "", NULL, A(GET) | A(HEAD)},
    {METHOD_GET, "/tenants/a%2Fb", ROUTE_FOUND, 5, "a%2Fb", NULL, A(GET) | A(HEAD)},
    {METHOD_PUT, "/tenants/k/override", ROUTE_FOUND, 6, "k", NULL, A(PUT) | A(DELETE)},
    {METHOD_GET, "/tenants/k/override", ROUTE_METHOD_NOT_ALLOWED, 0, NULL, NULL, A(PUT) | A(DELETE)},
    {METHOD_GET, "/tenants/k/events", ROUTE_FOUND, 8, "k", "events", A(GET) | A(HEAD)},
    /* other spellings are other paths */
    {METHOD_GET, "", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "healthz", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/healthz/", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "//healthz", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/./healthz", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/x/../healthz", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/%68ealthz", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/Healthz", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/healthz;x", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/app", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/app/", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/app/.", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/app/..", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/app/a..b", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/app/a%62", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/app/board/", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET,
     "/app/"
     "0123456789012345678901234567890123456789012345678901234567890123",
     ROUTE_FOUND, 2, "0123456789012345678901234567890123456789012345678901234567890123", NULL,
     A(GET) | A(HEAD) | A(POST)},
    {METHOD_GET,
     "/app/"
     "01234567890123456789012345678901234567890123456789012345678901234",
     ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/assets", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/tenants/", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_GET, "/tenants/..", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
    {METHOD_PUT, "/tenants//override", ROUTE_NOT_FOUND, 0, NULL, NULL, 0},
};

static void finds_the_row_of_a_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct route *row = NULL;
		struct route_params params = {0};
		unsigned allow = 0;
		print_message("%s %s\n", method_text(cases[i].method).ptr, cases[i].path);
		enum route_match m = route_find(&table, cases[i].method, str_of(cases[i].path), &row, &params, &allow);
		assert_int_equal(m, cases[i].match);
		assert_int_equal(allow, cases[i].allow);
		if (m != ROUTE_FOUND) {
			assert_null(row);
			continue;
		}
		assert_ptr_equal(row, &rows[cases[i].row]);
		assert_int_equal(params.count, (cases[i].p0 != NULL) + (cases[i].p1 != NULL));
		if (cases[i].p0)
			assert_true(str_eqz(params.part[0], cases[i].p0));
		if (cases[i].p1)
			assert_true(str_eqz(params.part[1], cases[i].p1));
	}
}

static const struct {
	struct route row;
	bool ok;
} tables[] = {
    {{METHOD_GET, "/x", AUTH_NONE, 0, 0, h}, true},
    {{METHOD_GET, "/x/KEY/REST", AUTH_ADMIN, ROOM_MAX - 1, 0, h}, true},
    {{METHOD_GET, "/x", AUTH_UNSET, 0, 0, h}, false},
    {{METHOD_GET, "/x", AUTH_COUNT, 0, 0, h}, false},
    {{METHOD_OTHER, "/x", AUTH_NONE, 0, 0, h}, false},
    {{METHOD_HEAD, "/x", AUTH_NONE, 0, 0, h}, false},
    {{METHOD_GET, "/x", AUTH_NONE, ROOM_MAX, 0, h}, false},
    {{METHOD_GET, "/x", AUTH_NONE, 0, 0, NULL}, false},
    {{METHOD_GET, NULL, AUTH_NONE, 0, 0, h}, false},
    {{METHOD_GET, "x", AUTH_NONE, 0, 0, h}, false},
    {{METHOD_GET, "/NAME/x", AUTH_NONE, 0, 0, h}, false},
    {{METHOD_GET, "/REST/x", AUTH_NONE, 0, 0, h}, false},
    {{METHOD_GET, "/KEY/KEY/NAME", AUTH_NONE, 0, 0, h}, false},
    {{METHOD_GET, "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7", AUTH_NONE, 0, 0, h}, false},
};

static void a_bad_row_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		const struct route_table t = {&tables[i].row, 1};
		const struct route *row = NULL;
		const char *why = NULL;
		assert_int_equal(route_table_check(&t, &row, &why), tables[i].ok);
		if (!tables[i].ok) {
			assert_ptr_equal(row, &tables[i].row);
			assert_non_null(why);
		}
	}
	const struct route twice[] = {rows[0], rows[0]};
	const struct route *row = NULL;
	const char *why = NULL;
	assert_false(route_table_check(&(struct route_table){twice, 2}, &row, &why));
	assert_ptr_equal(row, &twice[1]);
	assert_true(route_table_check(&table, &row, &why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_the_row_of_a_path),
	    cmocka_unit_test(a_bad_row_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
