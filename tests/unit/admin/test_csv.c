/* Cells as RFC 4180 wants them, and none that a spreadsheet would run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "admin/csv.h"

static const struct {
	const char *cell, *text;
} cells[] = {
    {"", "\r\n"},
    {"plain", "plain\r\n"},
    {"with blank", "with blank\r\n"},
    {"a,b", "\"a,b\"\r\n"},
    {"say \"hi\"", "\"say \"\"hi\"\"\"\r\n"},
    {"\"", "\"\"\"\"\r\n"},
    {"two\nlines", "\"two\nlines\"\r\n"},
    {"cr\rhere", "\"cr\rhere\"\r\n"},
    {"=1+1", "'=1+1\r\n"},
    {"+1", "'+1\r\n"},
    {"-1", "'-1\r\n"},
    {"@SUM(A1)", "'@SUM(A1)\r\n"},
    {"\tx", "'\tx\r\n"},
    {"=a,\"b\"", "\"'=a,\"\"b\"\"\"\r\n"},
    {"a=b", "a=b\r\n"},
};

static void a_cell_is_quoted_and_defused_as_needed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct buf out = BUF_INIT(1000);
		struct csv c = csv(&out);
		csv_z(&c, cells[i].cell);
		csv_end_row(&c);
		assert_string_equal(out.data, cells[i].text);
		buf_release(&out);
	}
}

static void rows_have_commas_between_cells_only(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(1000);
	struct csv c = csv(&out);
	csv_header(&c, "a,b,c,d,e");
	csv_z(&c, NULL);
	csv_int(&c, -5); /* a number of ours is no formula */
	csv_bool(&c, true);
	csv_time(&c, 0);
	csv_time(&c, 1000);
	csv_end_row(&c);
	csv_z(&c, "x");
	csv_end_row(&c);
	assert_string_equal(out.data, "a,b,c,d,e\r\n,-5,true,,1970-01-01T00:00:01Z\r\nx\r\n");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_cell_is_quoted_and_defused_as_needed),
	    cmocka_unit_test(rows_have_commas_between_cells_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
