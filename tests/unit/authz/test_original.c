/* test_original.c - the original request out of what each proxy sends. */
#include "test.h"

#include <string.h>

#include "authz/original.h"

static void urls(void **state)
{
	(void)state;
	static const struct {
		const char *url;
		const char *target; /* NULL: refused */
		const char *query;  /* NULL: none */
	} rows[] = {
	    {"/p", "/p", NULL},
	    {"/p?a=1", "/p?a=1", "a=1"},
	    {"/p?", "/p?", ""},
	    {"/", "/", NULL},
	    {"//a//b?x=?y", "//a//b?x=?y", "x=?y"},
	    {"/a/../b/%zz;x\\y#z", "/a/../b/%zz;x\\y#z", NULL},
	    {"https://app.example.test/p?a=1", "/p?a=1", "a=1"},
	    {"HTTP://app.example.test:8080/p", "/p", NULL},
	    {"https://app.example.test", "", NULL},
	    {"https://app.example.test?a=1", "?a=1", "a=1"},
	    {"https://app.example.test/p?next=https://x/y", "/p?next=https://x/y", "next=https://x/y"},
	    {"p", NULL, NULL},
	    {"ftp://h/p", NULL, NULL},
	    {"?a=1", NULL, NULL},
	    {"", NULL, NULL},
	    {"/a\tb", NULL, NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct original o = {0};
		bool read = original_parse(STR("GET"), str_of(rows[i].url), &o);
		if (read != (rows[i].target != NULL))
			fail_msg("%s: %s", rows[i].url, read ? "taken" : "refused");
		if (!read)
			continue;
		assert_true(str_eqz(o.target, rows[i].target));
		assert_int_equal(o.query.ptr != NULL, rows[i].query != NULL);
		if (rows[i].query)
			assert_true(str_eqz(o.query, rows[i].query));
	}
}

static void methods(void **state)
{
	(void)state;
	struct original o = {0};
	assert_true(original_parse(STR("PROPFIND"), STR("/"), &o));
	assert_true(original_parse(STR("post"), STR("/"), &o));
	assert_true(str_eqz(o.method, "post"));
	static const char *const bad[] = {
	    "", "GET ", "GET\n", "G&T /", "G\xc3\xa4T", "G/T", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(original_parse(str_of(bad[i]), STR("/"), &o));
}

static void path_behind_a_prefix(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 65536);
	struct original o = {0};
	assert_true(original_join(&a, STR("PUT"), STR("/any/page"), STR("x=1"), &o));
	assert_true(str_eqz(o.target, "/any/page?x=1"));
	assert_true(str_eqz(o.query, "x=1"));
	assert_true(original_join(&a, STR("GET"), STR("/"), (struct str){NULL, 0}, &o));
	assert_true(str_eqz(o.target, "/"));
	assert_null(o.query.ptr);
	assert_true(original_join(&a, STR("GET"), STR("/p"), STR(""), &o));
	assert_true(str_eqz(o.target, "/p?"));
	assert_false(original_join(&a, STR("GET"), STR(""), (struct str){NULL, 0}, &o));
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(urls), cmocka_unit_test(methods),
	                                   cmocka_unit_test(path_behind_a_prefix)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
