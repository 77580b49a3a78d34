/* Path segments, cursors and limits: what is taken, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "admin/params.h"

static struct arena arena;

static const struct {
	const char *raw, *decoded; /* NULL: refused */
} segments[] = {
    {"plain", "plain"},
    {"a%2Fb", "a/b"},
    {"github%3A42", "github:42"},
    {"a+b", "a+b"},
    {"%e2%82%ac", "\xe2\x82\xac"},
    {"%", NULL},
    {"%4", NULL},
    {"%zz", NULL},
    {"x%4g", NULL},
    {"%41", "A"},
    {"a%2f%2E%2e", "a/.."},
};

static void a_segment_is_decoded_once_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
		struct str text;
		bool ok = segment_decode(&arena, str_of(segments[i].raw), &text);
		assert_int_equal(ok, segments[i].decoded != NULL);
		if (ok)
			assert_true(str_eqz(text, segments[i].decoded));
	}
}

static void a_cursor_comes_back_as_it_was(void **state)
{
	(void)state;
	static const char *const keys[] = {"key-01", "a", "ab", "github:42", "\xe2\x82\xac/?&=%"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct buf text = BUF_INIT(1000);
		struct str key;
		cursor_write(&text, str_of(keys[i]));
		assert_true(cursor_read(&arena, buf_text(&text), &key));
		assert_true(str_eqz(key, keys[i]));
		buf_release(&text);
	}
	struct str key;
	assert_true(cursor_read(&arena, STR(""), &key));
	assert_int_equal(key.len, 0);
	assert_false(cursor_read(&arena, STR("\xff"), &key));
	assert_false(cursor_read(&arena, STR("a"), &key));
	assert_false(cursor_read(&arena, STR("a=b"), &key));
}

static void limits_are_1_to_500(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t limit; /* 0: refused */
	} limits[] = {{"1", 1}, {"50", 50}, {"500", 500}, {"0", 0}, {"501", 0}, {"-1", 0}, {"x", 0}, {"", 0}, {"1 ", 0}};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		size_t n = 0;
		assert_int_equal(limit_parse(str_of(limits[i].text), &n), limits[i].limit > 0);
		assert_int_equal(n, limits[i].limit);
	}
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_segment_is_decoded_once_or_refused),
	    cmocka_unit_test(a_cursor_comes_back_as_it_was),
	    cmocka_unit_test(limits_are_1_to_500),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
