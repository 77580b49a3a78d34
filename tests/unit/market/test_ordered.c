/* Elements of an export in the order of their ids. */
#include "market/ordered.h"

#include <stdlib.h>

#include "base/buf.h"
#include "test.h"

/* The member "n" of each element, in the order they come; '!' for one that was passed over. */
static enum scan numbers(enum row_kind kind, struct str text, struct buf *out)
{
	struct spool spool;
	struct scanner *scanner = NULL;
	struct ordered *o = NULL;
	struct str element;
	enum scan got;
	assert_int_equal(spool_open("/tmp", &spool), OK);
	assert_true(spool_take(&spool, text.ptr, text.len));
	assert_int_equal(spool_rewind(&spool), OK);
	assert_int_equal(scanner_new(spool_read, &spool, &scanner), OK);
	assert_int_equal(ordered_new(scanner, &spool, kind, &o), OK);
	while ((got = ordered_next(o, &element)) == SCAN_ELEMENT || got == SCAN_TOO_LARGE) {
		const char *n = got == SCAN_ELEMENT ? memmem(element.ptr, element.len, "\"n\":", 4) : NULL;
		buf_char(out, n ? n[4] : '!');
	}
	assert_int_equal(ordered_next(o, &element), got); /* it stays so */
	ordered_free(o);
	scanner_free(scanner);
	spool_close(&spool);
	return got;
}

static const struct {
	const char *name;
	enum row_kind kind;
	const char *text, *numbers;
	enum scan end;
} cases[] = {
    {"nothing", ROW_LICENSE, "[]", "", SCAN_END},
    {"by entitlement number", ROW_LICENSE,
     "[{\"n\":1,\"appEntitlementNumber\":\"E-3\"},{\"n\":2,\"appEntitlementNumber\" : \"E-1\"},"
     "{\"n\":3,\"appEntitlementNumber\":\"E-2\"}]",
     "231", SCAN_END},
    {"by what stands for it", ROW_LICENSE,
     "[{\"n\":1,\"appEntitlementNumber\":null,\"licenseId\":\"SEN-2\"},{\"n\":2,\"licenseId\":\"SEN-1\"},"
     "{\"n\":3,\"addonLicenseId\":\"7\"}]",
     "321", SCAN_END},
    {"the same id: as they came", ROW_LICENSE,
     "[{\"n\":1,\"licenseId\":\"S\"},{\"n\":2,\"licenseId\":\"R\"},{\"n\":3,\"licenseId\":\"S\"},"
     "{\"n\":4,\"licenseId\":\"R\"}]",
     "2413", SCAN_END},
    {"no id, or none that is text: first", ROW_LICENSE,
     "[{\"n\":1,\"licenseId\":\"S\"},{\"n\":2},{\"n\":3,\"licenseId\":5},{\"n\":4,\"licenseId\":{}}]", "2341",
     SCAN_END},
    {"sales by theirs", ROW_SALE,
     "[{\"n\":1,\"transactionId\":\"AT-2\",\"licenseId\":\"A\"},{\"n\":2,\"transactionId\":\"AT-1\","
     "\"licenseId\":\"B\"}]",
     "21", SCAN_END},
    {"cut short: what came is given first", ROW_SALE,
     "[{\"n\":1,\"transactionId\":\"AT-2\"},{\"n\":2,\"transactionId\":\"AT-1\"},{\"n\":3", "21", SCAN_BROKEN},
    {"no array", ROW_SALE, "<html>", "", SCAN_BROKEN},
};

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = BUF_INIT(1000);
		print_message("%s\n", cases[i].name);
		assert_int_equal(numbers(cases[i].kind, str_of(cases[i].text), &out), cases[i].end);
		assert_string_equal(buf_text(&out).ptr, cases[i].numbers);
		buf_release(&out);
	}
}

static void test_too_large(void **state)
{
	(void)state;
	struct buf text = BUF_INIT(1 << 20), out = BUF_INIT(1000);
	buf_z(&text, "[{\"n\":1,\"licenseId\":\"S\"},{\"n\":2,\"x\":\"");
	for (size_t i = 0; i < SCAN_ELEMENT_MAX; i++)
		buf_char(&text, 'x');
	buf_z(&text, "\"},{\"n\":3,\"licenseId\":\"R\"}]");
	assert_int_equal(numbers(ROW_LICENSE, buf_text(&text), &out), SCAN_END);
	assert_string_equal(buf_text(&out).ptr, "!31");
	buf_release(&text);
	buf_release(&out);
}

/* More than one part's elements: none is lost, each part is in order. */
static void test_parts(void **state)
{
	(void)state;
	enum { MANY = 600 * 1000 };
	struct buf text = BUF_INIT(64 << 20), out = BUF_INIT(MANY + 1);
	buf_char(&text, '[');
	for (int i = 0; i < MANY; i++)
		buf_printf(&text, "%s{\"n\":%d,\"licenseId\":\"%d\"}", i ? "," : "", i % 10, i % 10);
	buf_char(&text, ']');
	assert_int_equal(numbers(ROW_LICENSE, buf_text(&text), &out), SCAN_END);
	size_t counts[10] = {0}, falls = 0;
	for (size_t i = 0; i < out.len; i++) {
		counts[out.data[i] - '0']++;
		falls += i > 0 && out.data[i] < out.data[i - 1];
	}
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(counts[i], MANY / 10);
	assert_int_equal(falls, 2); /* three parts */
	buf_release(&text);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_too_large),
	    cmocka_unit_test(test_parts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
