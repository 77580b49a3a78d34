/* Arena and bounded buffer: alignment, caps, sticky errors, who owns what. */
#include "check.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"

static void small_requests_stay_in_the_first_block(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 1 << 20);
	assert_non_null(arena_alloc(&a, 10));
	assert_int_equal(a.used, 16);
	assert_non_null(arena_alloc(&a, 10));
	assert_int_equal(a.used, 32);
	assert_null(a.blocks);
	assert_non_null(arena_alloc(&a, ARENA_FIRST_BYTES - 32));
	assert_null(a.blocks);
	assert_non_null(arena_alloc(&a, 1));
	assert_non_null(a.blocks);
	arena_release(&a);
	assert_null(a.blocks);
	assert_non_null(arena_alloc(&a, 1));
	assert_null(a.blocks);
	arena_release(&a);
}

static void everything_is_aligned_and_writable(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 1 << 20);
	for (size_t size = 0; size < 3000; size += 7) {
		char *p = arena_zalloc(&a, size);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0x5a, size);
		if (a.total > 900000)
			break;
	}
	arena_release(&a);
}

static void the_cap_holds(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 10000);
	assert_non_null(arena_alloc(&a, 9000));
	assert_int_equal(a.total, 9008);
	assert_null(arena_alloc(&a, 2000));
	volatile size_t absurd = SIZE_MAX; /* volatile: the compiler would warn */
	assert_null(arena_alloc(&a, absurd));
	assert_null(arena_alloc(&a, absurd - 8));
	assert_non_null(arena_alloc(&a, 900)); /* what is left still serves */
	assert_true(a.total <= 10000);
	arena_release(&a);

	arena_init(&a, 0);
	assert_non_null(arena_alloc(&a, ARENA_FIRST_BYTES));
	assert_null(arena_alloc(&a, 1));
	arena_release(&a);
}

static void arena_text(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 1 << 20);
	assert_string_equal(arena_strz(&a, (struct str){"acme.net", 4}), "acme");
	assert_string_equal(arena_strz(&a, (struct str){NULL, 0}), "");
	assert_string_equal(arena_printf(&a, "%s-%d", "x", 7), "x-7");
	char *longer = arena_printf(&a, "%06000d", 1);
	assert_int_equal(strlen(longer), 6000);
	arena_release(&a);
	arena_init(&a, 0);
	assert_null(arena_printf(&a, "%05000d", 1));
	arena_release(&a);
}

static void buffer_grows_to_its_cap(void **state)
{
	(void)state;
	__cleanup_buf struct buf b = BUF_INIT(300);
	assert_text(buf_text(&b), "");
	buf_z(&b, "n=");
	buf_int(&b, -12);
	buf_char(&b, ';');
	buf_printf(&b, "%s%03d", "x", 7);
	buf_add(&b, NULL, 0);
	assert_text(buf_text(&b), "n=-12;x007");
	for (int i = 0; i < 29; i++)
		buf_str(&b, STR("0123456789"));
	assert_int_equal(b.err, OK);
	assert_int_equal(b.len, 300);
	assert_int_equal(b.data[300], 0);
	buf_char(&b, 'x');
	assert_int_equal(b.err, ERR_TOO_LARGE);
}

static void an_error_sticks_until_reset(void **state)
{
	(void)state;
	__cleanup_buf struct buf b = BUF_INIT(5);
	buf_z(&b, "abc");
	buf_printf(&b, "%s", "def");
	assert_int_equal(b.err, ERR_TOO_LARGE);
	buf_char(&b, 'd'); /* would fit, but something is missing before it */
	assert_text(buf_text(&b), "abc");
	assert_null(buf_take(&b));
	assert_int_equal(b.err, ERR_TOO_LARGE);
	buf_reset(&b);
	buf_z(&b, "12345");
	assert_int_equal(b.err, OK);
	assert_text(buf_text(&b), "12345");
	buf_wipe(&b);
	assert_null(b.data);
	buf_z(&b, "again");
	assert_text(buf_text(&b), "again");
}

static void taking_moves_the_text(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(100);
	__cleanup_free char *empty = buf_take(&b);
	assert_string_equal(empty, "");
	buf_z(&b, "text");
	__cleanup_free char *text = buf_take(&b);
	assert_string_equal(text, "text");
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	buf_release(&b);
}

static void writes_every_number(void **state)
{
	(void)state;
	__cleanup_buf struct buf b = BUF_INIT(100);
	buf_int(&b, INT64_MIN);
	buf_char(&b, ' ');
	buf_int(&b, INT64_MAX);
	buf_char(&b, ' ');
	buf_int(&b, 0);
	assert_text(buf_text(&b), "-9223372036854775808 9223372036854775807 0");
}

static void what_a_url_reserves_is_escaped(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(100);
	buf_percent(&b, STR("aZ09-._~ /?&=%+\xe2\x82\xac\x01"));
	assert_string_equal(b.data, "aZ09-._~%20%2F%3F%26%3D%25%2B%E2%82%AC%01");
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(small_requests_stay_in_the_first_block),
	    cmocka_unit_test(everything_is_aligned_and_writable),
	    cmocka_unit_test(the_cap_holds),
	    cmocka_unit_test(arena_text),
	    cmocka_unit_test(buffer_grows_to_its_cap),
	    cmocka_unit_test(an_error_sticks_until_reset),
	    cmocka_unit_test(taking_moves_the_text),
	    cmocka_unit_test(writes_every_number),
	    cmocka_unit_test(what_a_url_reserves_is_escaped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
