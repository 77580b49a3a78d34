/* Elements of an array, however the bytes arrive. */
#include "market/scan.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "test.h"

struct source {
	struct str left;
	size_t step; /* bytes a read gives at most */
	bool fails;  /* at the end */
};

static ssize_t read_some(void *arg, char *into, size_t room)
{
	struct source *s = arg;
	size_t n = s->left.len < s->step ? s->left.len : s->step;
	n = n < room ? n : room;
	if (n == 0)
		return s->fails ? -1 : 0;
	memcpy(into, s->left.ptr, n);
	s->left = (struct str){s->left.ptr + n, s->left.len - n};
	return (ssize_t)n;
}

/* The elements, each followed by '|', then how it ended. */
static enum scan elements(struct str text, size_t step, bool fails, struct buf *out)
{
	struct source source = {text, step, fails};
	struct scanner *s = NULL;
	struct str element;
	enum scan got;
	assert_int_equal(scanner_new(read_some, &source, &s), OK);
	while ((got = scanner_next(s, &element)) == SCAN_ELEMENT || got == SCAN_TOO_LARGE) {
		if (got == SCAN_TOO_LARGE)
			buf_z(out, "(large)");
		else
			buf_str(out, element);
		buf_char(out, '|');
	}
	assert_int_equal(scanner_next(s, &element), got); /* it stays so */
	scanner_free(s);
	return got;
}

static const struct {
	const char *text, *elements;
	enum scan end;
} cases[] = {
    {"[]", "", SCAN_END},
    {" \n[ ] \t\r\n", "", SCAN_END},
    {"[{}]", "{}|", SCAN_END},
    {"[{\"a\":1},{\"b\":[1,2,{\"c\":\"]}\"}]}]", "{\"a\":1}|{\"b\":[1,2,{\"c\":\"]}\"}]}|", SCAN_END},
    {"[ {\"a\":\"x\\\"}\"} , {\"a\":\"\\\\\"} ]", "{\"a\":\"x\\\"}\"}|{\"a\":\"\\\\\"}|", SCAN_END},
    {"[1,\"a,]\\\"b\",null,-2.5e3 , [[],[1]]]", "1|\"a,]\\\"b\"|null|-2.5e3|[[],[1]]|", SCAN_END},
    {"", "", SCAN_BROKEN},
    {"   ", "", SCAN_BROKEN},
    {"{\"error\":1}", "", SCAN_BROKEN},
    {"<html>", "", SCAN_BROKEN},
    {"[", "", SCAN_BROKEN},
    {"[{}", "{}|", SCAN_BROKEN},
    {"[{},", "{}|", SCAN_BROKEN},
    {"[{},]", "{}|", SCAN_BROKEN},
    {"[,{}]", "", SCAN_BROKEN},
    {"[{} {}]", "{}|", SCAN_BROKEN},
    {"[{}]x", "{}|", SCAN_BROKEN},
    {"[{}][]", "{}|", SCAN_BROKEN},
    {"[{\"a\":\"b", "", SCAN_BROKEN},
    {"[{\"a\":\"b\\\"}]", "", SCAN_BROKEN},
    {"[}]", "", SCAN_BROKEN},
    {"[1", "", SCAN_BROKEN},
    {"\xef\xbb\xbf[1]", "1|", SCAN_END}, /* a byte order mark */
    {"\xef\xbb\xbf", "", SCAN_BROKEN},
    {"\xef\xbb[1]", "", SCAN_BROKEN},
    {"[1]\xef\xbb\xbf", "1|", SCAN_BROKEN},
    {" \xef\xbb\xbf[1]", "", SCAN_BROKEN},
};

static void elements_are_found_however_the_text_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (size_t step = 1; step < 12; step++) {
			struct buf out = BUF_INIT(10000);
			enum scan end = elements(str_of(cases[i].text), step, false, &out);
			if (end != cases[i].end || !str_eqz(buf_text(&out), cases[i].elements))
				fail_msg("%s by %zu: %.*s and %d", cases[i].text, step, STR_ARG(buf_text(&out)), (int)end);
			buf_release(&out);
		}
}

static void a_read_that_fails_is_told_apart(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(10000);
	assert_int_equal(elements(STR("[{},"), 100, true, &out), SCAN_FAILED);
	buf_release(&out);
}

static void fill(struct buf *b, char c, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_char(b, c);
}

/* Small, large beyond the cap, large beyond the window, small again. */
static void too_large_ones_are_passed_over(void **state)
{
	(void)state;
	struct buf text = BUF_INIT(16 << 20), out = BUF_INIT(1 << 20);
	buf_z(&text, "[{\"a\":1},{\"b\":\"");
	fill(&text, '}', SCAN_ELEMENT_MAX);
	buf_z(&text, "\"},{\"c\":\"\\\"");
	fill(&text, ']', 3 << 20);
	buf_z(&text, "\",\"x\":{\"y\":[]}},\"");
	fill(&text, ',', 2 << 20);
	buf_z(&text, "\",{\"d\":2}]");
	assert_int_equal(elements(buf_text(&text), 65536, false, &out), SCAN_END);
	assert_true(str_eqz(buf_text(&out), "{\"a\":1}|(large)|(large)|(large)|{\"d\":2}|"));
	buf_release(&text);
	buf_release(&out);
}

/* Elements that lie across the window's end come out whole. */
static void many_elements_come_in_order(void **state)
{
	(void)state;
	struct buf text = BUF_INIT(16 << 20);
	enum { COUNT = 30000 };
	buf_char(&text, '[');
	for (int i = 0; i < COUNT; i++)
		buf_printf(&text, "%s{\"number\":%d,\"text\":\"%0*d\"}", i ? "," : "", i, i % 150, 0);
	buf_char(&text, ']');
	struct source source = {buf_text(&text), 100003, false};
	struct scanner *s = NULL;
	struct str element;
	assert_int_equal(scanner_new(read_some, &source, &s), OK);
	for (int i = 0; i < COUNT; i++) {
		char want[64];
		snprintf(want, sizeof want, "{\"number\":%d,", i);
		assert_int_equal(scanner_next(s, &element), SCAN_ELEMENT);
		assert_true(str_starts(element, str_of(want)) && str_ends(element, STR("\"}")));
	}
	assert_int_equal(scanner_next(s, &element), SCAN_END);
	assert_int_equal(scanner_bytes(s), text.len);
	scanner_free(s);
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(elements_are_found_however_the_text_is_cut), cmocka_unit_test(a_read_that_fails_is_told_apart),
	    cmocka_unit_test(too_large_ones_are_passed_over), cmocka_unit_test(many_elements_come_in_order)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
