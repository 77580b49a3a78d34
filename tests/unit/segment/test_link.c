/* test_link.c - where /go/ leads: the listings file, the address, the visitor's id, the cookie; waits of the queue. */
#include "test.h"

#include <stdio.h>

#include "segment/forget.h"
#include "segment/forward.h"
#include "segment/link.h"
#include "segment/listings.h"

static struct arena arena;

static int up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static void addresses(void **state)
{
	(void)state;
	static const struct {
		const char *url, *query, *wanted;
	} rows[] = {
	    {"https://m/a", "", "https://m/a?partner_anonymous_id=I"},
	    {"https://m/a?x=1", "", "https://m/a?x=1&partner_anonymous_id=I"},
	    {"https://m/a", "utm_source=b&utm_campaign=c+d%26e",
	     "https://m/a?utm_source=b&utm_campaign=c%20d%26e&partner_anonymous_id=I"},
	    {"https://m/a?utm_source=own", "utm_source=b&utm_term=t",
	     "https://m/a?utm_source=own&utm_term=t&partner_anonymous_id=I"},
	    {"https://m/a", "utm_source=b&utm_source=c", "https://m/a?utm_source=b&partner_anonymous_id=I"},
	    {"https://m/a", "utm_source=&utm_=x&Utm_source=x&utm_A=x&autm_x=1&hosting=dc",
	     "https://m/a?partner_anonymous_id=I"},
	    {"https://m/a", "utm_source=a%0d%0ab&utm_term=%ff&utm_x=%00", "https://m/a?partner_anonymous_id=I"},
	    {"https://m/a", "utm_x%0d%0a=1&utm_x%3d=2", "https://m/a?partner_anonymous_id=I"},
	    {"https://m/a", "utm_x=//evil.example@", "https://m/a?utm_x=%2F%2Fevil.example%40&partner_anonymous_id=I"},
	    {"https://m/a", "&&=&utm_x", "https://m/a?partner_anonymous_id=I"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf out = BUF_INIT(4096);
		link_write(&out, &arena, rows[i].url, str_of(rows[i].query), STR("I"));
		assert_int_equal(out.err, OK);
		assert_string_equal(out.data, rows[i].wanted);
		buf_release(&out);
	}
}

static void no_more_than_ten_parameters(void **state)
{
	(void)state;
	char query[2048] = "";
	for (int i = 0; i < 26; i++)
		snprintf(query + strlen(query), sizeof query - strlen(query), "utm_%c=1&", 'a' + i);
	struct buf out = BUF_INIT(4096);
	link_write(&out, &arena, "https://m/a", str_of(query), STR("I"));
	assert_non_null(strstr(out.data, "utm_j=1"));
	assert_null(strstr(out.data, "utm_k=1"));
	buf_release(&out);
}

static void ids_of_visitors(void **state)
{
	(void)state;
	static const struct {
		const char *query, *id;
	} rows[] = {{"aid=a-b_c.d:e~f", "a-b_c.d:e~f"},
	            {"x=1&aid=%61", "a"},
	            {"aid=", ""},
	            {"", ""},
	            {"aid=a&aid=a", ""},
	            {"aid=a%20b", ""},
	            {"aid=a+b", ""},
	            {"aid=%00", ""},
	            {"aid=a%0d%0a", ""},
	            {"aid=\xc3\xa9", ""},
	            {"aid=a;b", ""},
	            {"AID=a", ""}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_true(str_eqz(link_visitor_id(&arena, str_of(rows[i].query)), rows[i].id));
	char longest[VISITOR_ID_MAX + 2];
	memset(longest, 'a', sizeof longest);
	assert_true(visitor_id_ok((struct str){longest, VISITOR_ID_MAX}));
	assert_false(visitor_id_ok((struct str){longest, VISITOR_ID_MAX + 1}));
}

static void cookies(void **state)
{
	(void)state;
	static const struct {
		const char *header, *value;
	} rows[] = {{"c=1", "1"}, {"a=b; c=1; c=2", "1"}, {" c=1 ;x", "1"}, {"cc=1; ac=2", ""}, {"c", ""}, {"", ""},
	            {"c=", ""},   {"a=\"c=1\"", ""},      {"C=1", ""}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_true(str_eqz(cookie_value(str_of(rows[i].header), "c"), rows[i].value));
	assert_int_equal(cookie_value((struct str){NULL, 0}, "c").len, 0);
}

static size_t problems;
static void count_problem(void *arg, const struct problem *p)
{
	(void)arg;
	assert_true(p->place[0] && p->text[0]);
	problems++;
}

static void listings_of_the_vendor(void **state)
{
	(void)state;
	struct listings *l = NULL;
	const char *good = "{\"a.b-c_1\":{\"url\":\"https://marketplace.atlassian.com/apps/"
	                   "1?x=y\",\"plugin_key\":\"k\"},\"b\":{\"url\":\"https://marketplace.atlassian.com/\"}}";
	assert_int_equal(listings_parse(str_of(good), "f", false, count_problem, NULL, &l), OK);
	assert_string_equal(listings_find(l, STR("a.b-c_1"))->plugin_key, "k");
	assert_null(listings_find(l, STR("b"))->plugin_key);
	assert_null(listings_find(l, STR("B")));
	assert_null(listings_find(NULL, STR("b")));
	listings_free(l);
	static const char *const bad[] = {"",
	                                  "[]",
	                                  "{",
	                                  "{\"a\":{\"url\":\"\"}}",
	                                  "{\"..\":{\"url\":\"https://marketplace.atlassian.com/\"}}",
	                                  "{\"\":{\"url\":\"https://marketplace.atlassian.com/\"}}",
	                                  "{\"a\":{\"url\":\"https://marketplace.atlassian.com:444/\"}}",
	                                  "{\"a\":{\"url\":\"https://marketplace.atlassian.com/#x\"}}",
	                                  "{\"a\":{\"url\":\"HTTPS://marketplace.atlassian.com/\"}}",
	                                  "{\"a\":{\"url\":\"https://marketplace.atlassian.com/\\u0000\"}}",
	                                  "{\"a\":{\"url\":\"https://marketplace.atlassian.com/\",\"plugin_key\":\"\"}}",
	                                  "{\"a\":{\"url\":\"//marketplace.atlassian.com/\"}}",
	                                  "{\"a\":{\"url\":\"https://marketplace.atlassian.com/\"},\"a\":{}}"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const size_t before = problems;
		l = NULL;
		assert_int_equal(listings_parse(str_of(bad[i]), "f", false, count_problem, NULL, &l), ERR_INVALID);
		assert_null(l);
		assert_true(problems > before);
	}
	/* For tests and the demo. */
	assert_int_equal(
	    listings_parse(STR("{\"a\":{\"url\":\"http://127.0.0.1:1/x?y=z\"}}"), "f", true, count_problem, NULL, &l), OK);
	listings_free(l);
	assert_int_equal(
	    listings_parse(STR("{\"a\":{\"url\":\"javascript:alert(1)\"}}"), "f", true, count_problem, NULL, &l),
	    ERR_INVALID);
}

static void what_an_answer_means(void **state)
{
	(void)state;
	static const struct {
		enum err err;
		int status;
		enum forward_verdict verdict;
	} rows[] = {{OK, 200, FORWARD_DONE},          {OK, 204, FORWARD_DONE},       {OK, 400, FORWARD_REFUSED},
	            {OK, 413, FORWARD_REFUSED},       {OK, 401, FORWARD_LATER},      {OK, 403, FORWARD_LATER},
	            {OK, 404, FORWARD_LATER},         {OK, 429, FORWARD_LATER},      {OK, 301, FORWARD_LATER},
	            {OK, 500, FORWARD_LATER},         {OK, 503, FORWARD_LATER},      {ERR_TIMEOUT, 0, FORWARD_LATER},
	            {ERR_UPSTREAM, 0, FORWARD_LATER}, {ERR_DENIED, 0, FORWARD_LATER}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(forward_judge(rows[i].err, rows[i].status), rows[i].verdict);
	static const struct {
		unsigned attempts;
		int64_t retry_after_s, wait_ms;
	} waits[] = {{1, -1, 1000},          {2, -1, 2000},    {3, -1, 4000},
	             {9, -1, 256000},        {10, -1, 300000}, {4000000000u, -1, 300000},
	             {0, -1, 1000},          {5, 7, 7000},     {1, 0, 1000},
	             {1, 999999999, 3600000}};
	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
		assert_int_equal(forward_wait_ms(waits[i].attempts, waits[i].retry_after_s), waits[i].wait_ms);
}

static void slices_are_all_ids_and_each_once(void **state)
{
	(void)state;
	int64_t from, to, next = INT64_MIN;
	for (unsigned i = 0; i < FORGET_SLICES; i++) {
		forget_slice(i, &from, &to);
		assert_true(from == next && to > from);
		next = to == INT64_MAX ? 0 : to + 1;
	}
	assert_true(to == INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(no_more_than_ten_parameters),
	    cmocka_unit_test(ids_of_visitors),
	    cmocka_unit_test(cookies),
	    cmocka_unit_test(listings_of_the_vendor),
	    cmocka_unit_test(what_an_answer_means),
	    cmocka_unit_test(slices_are_all_ids_and_each_once),
	};
	return cmocka_run_group_tests(tests, up, down);
}
