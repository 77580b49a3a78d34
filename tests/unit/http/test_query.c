/* Parameters of a raw query. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/request.h"

static const struct {
	const char *query, *name;
	size_t count;
	const char *value;
} cases[] = {
    {"a=1", "a", 1, "1"},
    {"a", "a", 1, ""},
    {"a=", "a", 1, ""},
    {"", "a", 0, ""},
    {"b=1", "a", 0, ""},
    {"A=1", "a", 0, ""},
    {"a=1&a=2", "a", 2, "1"},
    {"&&b=2&&a=1&", "a", 1, "1"},
    {"%61=%2B+%20", "a", 1, "+  "},
    {"a=b=c", "a", 1, "b=c"},
    {"a=%zz%4", "a", 1, "%zz%4"},
    {"a=1;b=2", "a", 1, "1;b=2"},
    {"=x", "", 1, "x"},
};

static void finds_decoded_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arena arena;
		arena_init(&arena, 10000);
		size_t count = 99;
		const struct str value = query_get(&arena, str_of(cases[i].query), cases[i].name, &count);
		assert_int_equal(count, cases[i].count);
		assert_true(str_eqz(value, cases[i].value));
		arena_release(&arena);
	}
}

static void out_of_memory_is_not_one_value(void **state)
{
	(void)state;
	static char query[ARENA_FIRST_BYTES * 2];
	for (size_t i = 0; i < sizeof query; i++)
		query[i] = i < 3 ? "a=+"[i] : 'x'; /* the plus must be decoded, so it cannot stay where it is */
	struct arena arena;
	arena_init(&arena, 0);
	size_t count = 0;
	struct str value = query_get(&arena, (struct str){query, sizeof query}, "a", &count);
	assert_true(count > 1);
	assert_int_equal(value.len, 0);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_decoded_values),
	    cmocka_unit_test(out_of_memory_is_not_one_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
