/* Borrowed text: comparing, splitting, numbers, UTF-8; and the error list. */
#include "check.h"

#include <stdlib.h>

#include "base/err.h"

static void compares_by_length_and_bytes(void **state)
{
	(void)state;
	const struct str nothing = {NULL, 0};
	assert_true(str_eq(nothing, STR("")));
	assert_true(str_eq(str_of(NULL), STR("")));
	assert_false(str_eq(STR("abc"), STR("abd")));
	assert_false(str_eq(STR("abc\0x"), STR("abc")));
	assert_true(str_eqz(STR("abc"), "abc"));
	assert_true(str_ieq(STR("aUtH-1"), STR("AuTh-1")));
	assert_false(str_ieq(STR("[a]"), STR("{a}"))); /* 0x5b and 0x7b differ in the case bit, but are no letters */
	assert_true(str_starts(STR("https://x"), STR("https://")));
	assert_false(str_starts(STR("http"), STR("https")));
	assert_true(str_starts(nothing, nothing));
	assert_true(str_ends(STR("a.html"), STR(".html")));
	assert_false(str_ends(STR("html"), STR(".html")));
	assert_true(str_ends(nothing, STR("")));
	assert_true(str_istarts(STR("JWT abc"), STR("jwt ")));
	assert_true(str_ifind(STR("Acme Boards"), STR("BOARD")));
	assert_true(str_ifind(STR("acme"), STR("")));
	assert_false(str_ifind(STR("acm"), STR("acme")));
	assert_true(str_cmp(STR("a"), STR("b")) < 0);
	assert_true(str_cmp(STR("ab"), STR("a")) > 0);
	assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
	assert_int_equal(str_cmp(nothing, STR("")), 0);
	assert_int_equal(str_find(STR("a=b"), '='), 1);
	assert_int_equal(str_find(nothing, '='), 0);
	assert_text(str_trim(STR(" \t a b\t ")), "a b");
	assert_text(str_trim(STR(" \t ")), "");
	assert_text(str_trim_end(STR("/a//"), '/'), "/a");
	assert_text(str_trim_end(STR("//"), '/'), "");
	assert_text(str_trim_end(STR("a/b"), '/'), "a/b");
}

static void splits_into_every_piece(void **state)
{
	(void)state;
	static const struct {
		const char *text, *pieces[4];
	} rows[] = {
	    {"a,,b", {"a", "", "b"}}, {"", {""}}, {",", {"", ""}}, {"a", {"a"}}, {"a,", {"a", ""}},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct str rest = str_of(rows[i].text);
		struct str piece;
		size_t n = 0;
		for (; str_split(&rest, ',', &piece); n++) {
			assert_non_null(rows[i].pieces[n]);
			assert_text(piece, rows[i].pieces[n]);
		}
		assert_null(rows[i].pieces[n]);
	}
}

static void reads_whole_numbers_in_range(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum err err;
		int64_t number;
	} rows[] = {
	    {"0", OK, 0},
	    {"-0", OK, 0},
	    {"007", OK, 7},
	    {"-15", OK, -15},
	    {"9223372036854775807", OK, INT64_MAX},
	    {"-9223372036854775808", OK, INT64_MIN},
	    {"9223372036854775808", ERR_INVALID, 0},
	    {"-9223372036854775809", ERR_INVALID, 0},
	    {"92233720368547758070", ERR_INVALID, 0},
	    {"", ERR_INVALID, 0},
	    {"-", ERR_INVALID, 0},
	    {"+1", ERR_INVALID, 0},
	    {" 1", ERR_INVALID, 0},
	    {"1 ", ERR_INVALID, 0},
	    {"1.0", ERR_INVALID, 0},
	    {"1e3", ERR_INVALID, 0},
	    {"0x10", ERR_INVALID, 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t number = 77;
		assert_int_equal(str_to_int64(str_of(rows[i].text), &number), rows[i].err);
		assert_true(number == (rows[i].err == OK ? rows[i].number : 77));
	}
}

static void knows_well_formed_utf8(void **state)
{
	(void)state;
	static const struct {
		bool valid;
		const char *text, *why;
	} rows[] = {
	    {true, "", "nothing"},
	    {true, "plain", "ASCII"},
	    {true, "\x7f", "DEL"},
	    {true, "\xc2\x80", "lowest of two bytes"},
	    {true, "\xdf\xbf", "highest of two bytes"},
	    {true, "\xe0\xa0\x80", "lowest of three bytes"},
	    {true, "\xed\x9f\xbf", "last before the surrogates"},
	    {true, "\xee\x80\x80", "first after the surrogates"},
	    {true, "\xef\xbf\xbf", "highest of three bytes"},
	    {true, "\xf0\x90\x80\x80", "lowest of four bytes"},
	    {true, "\xf4\x8f\xbf\xbf", "U+10FFFF"},
	    {false, "\x80", "continuation alone"},
	    {false, "\xc0\x80", "overlong NUL"},
	    {false, "\xc1\xbf", "overlong of two bytes"},
	    {false, "\xe0\x9f\xbf", "overlong of three bytes"},
	    {false, "\xf0\x8f\xbf\xbf", "overlong of four bytes"},
	    {false, "\xed\xa0\x80", "first surrogate"},
	    {false, "\xed\xbf\xbf", "last surrogate"},
	    {false, "\xf4\x90\x80\x80", "U+110000"},
	    {false, "\xf5\x80\x80\x80", "above any"},
	    {false, "\xff", "never a byte of UTF-8"},
	    {false, "a\xc3", "cut after one of two"},
	    {false, "\xe2\x82", "cut after two of three"},
	    {false, "\xf0\x9f\x98", "cut after three of four"},
	    {false, "\xc3(", "second byte wrong"},
	    {false, "\xe2\x82(", "third byte wrong"},
	    {false, "\xf0\x9f\x98(", "fourth byte wrong"},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (utf8_valid(str_of(rows[i].text)) != rows[i].valid)
			fail_msg("%s", rows[i].why);
	assert_int_equal(utf8_sequence(STR("")), 0);
	assert_int_equal(utf8_sequence(STR("\xe2\x82\xac!")), 3);
}

static void knows_control_characters(void **state)
{
	(void)state;
	assert_true(str_printable(STR(" a~\xc3\xa9")));
	assert_false(str_printable(STR("a\0")));
	assert_false(str_printable(STR("a\x1f")));
	assert_false(str_printable(STR("\x7f")));
}

static void copies_and_hashes(void **state)
{
	(void)state;
	char *copy = str_dup(STR("a\0b"));
	assert_memory_equal(copy, "a\0b", 4);
	free(copy);
	copy = str_dup((struct str){NULL, 0});
	assert_string_equal(copy, "");
	free(copy);
	assert_true(str_hash(STR("acme")) == str_hash((struct str){"acme!", 4}));
	assert_true(str_hash(STR("acme")) != str_hash(STR("acmf")));
}

static void every_error_is_told(void **state)
{
	(void)state;
	assert_string_equal(err_name(OK), "OK");
	assert_int_equal(err_status(OK), 200);
	assert_string_equal(err_name(ERR_NOMEM), "ERR_NOMEM");
	assert_int_equal(err_status(ERR_NOT_FOUND), 404);
	for (enum err e = OK; e <= ERR_INTERNAL; e++) {
		assert_non_null(err_name(e));
		assert_true(strlen(err_text(e)) > 3);
		assert_true(e == OK || err_status(e) >= 400);
	}
	assert_string_equal(err_name((enum err)(ERR_INTERNAL + 1)), "ERR_INTERNAL");
	assert_int_equal(err_status((enum err) - 1), 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(compares_by_length_and_bytes), cmocka_unit_test(splits_into_every_piece),
	    cmocka_unit_test(reads_whole_numbers_in_range), cmocka_unit_test(knows_well_formed_utf8),
	    cmocka_unit_test(knows_control_characters),     cmocka_unit_test(copies_and_hashes),
	    cmocka_unit_test(every_error_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
