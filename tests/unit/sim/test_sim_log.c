/* The log of a simulated site: bounded, tokens decoded and never kept as sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "sim/log.h"

/* {"alg":"HS256"} . {"iss":"x"} . signature */
#define TOKEN "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl"

static void write_log(const struct sim_log *l, struct buf *out)
{
	struct jsonw w = jsonw(out);
	sim_log_write(l, 0, &w);
	assert_int_equal(out->err, OK);
}

static void a_token_is_kept_decoded(void **state)
{
	(void)state;
	struct sim_log l = {0};
	struct buf out = BUF_INIT(1 << 16);
	const struct sim_log_entry e = {.at = 1000, .direction = "in", .method = "GET", .status = 200};
	sim_log_add(&l, &e, STR("http://h/p?a=1&jwt=" TOKEN "&b=2"), STR(TOKEN));
	write_log(&l, &out);
	assert_string_equal(
	    out.data, "[{\"seq\":1,\"at\":\"1970-01-01T00:00:01Z\",\"direction\":\"in\",\"method\":\"GET\","
	              "\"url\":\"http://h/p?a=1&jwt=removed&b=2\",\"status\":200,\"verdict\":\"accepted\",\"took_ms\":0,"
	              "\"token\":{\"header\":{\"alg\":\"HS256\"},\"claims\":{\"iss\":\"x\"}}}]");
	buf_release(&out);
	sim_log_release(&l);
}

static void what_does_not_decode_is_null(void **state)
{
	(void)state;
	static const char *const broken[] = {"", "x", "..", "a.b.c", ".e30.", "e30", "e30.!!!!.x"};
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct buf out = BUF_INIT(1000);
		struct jsonw w = jsonw(&out);
		token_decoded_write(&w, str_of(broken[i]));
		assert_string_equal(out.data, "null");
		buf_release(&out);
	}
}

static void only_the_last_entries_are_kept_oldest_first(void **state)
{
	(void)state;
	struct sim_log l = {0};
	struct buf out = BUF_INIT(1 << 20);
	char url[40];
	for (int i = 0; i < SIM_LOG_KEPT + 10; i++) {
		const struct sim_log_entry e = {.at = 1000, .direction = "out", .method = "POST"};
		snprintf(url, sizeof(url), "http://h/%d", i);
		sim_log_add(&l, &e, str_of(url), STR(""));
	}
	write_log(&l, &out);
	assert_null(strstr(out.data, "\"http://h/9\""));
	const char *first = strstr(out.data, "\"http://h/10\""), *last = strstr(out.data, "\"http://h/509\"");
	assert_non_null(first);
	assert_non_null(last);
	assert_true(first < last);
	buf_release(&out);
	sim_log_release(&l);
}

/* Entries seen already are not written again, also where the ring went round meanwhile. */
static void only_what_came_after_is_written(void **state)
{
	(void)state;
	static const struct {
		int added;
		int64_t after;
		size_t written;
	} cases[] = {{0, 0, 0},
	             {3, 0, 3},
	             {3, 1, 2},
	             {3, 3, 0},
	             {3, 99, 0},
	             {SIM_LOG_KEPT + 10, 5, SIM_LOG_KEPT},
	             {SIM_LOG_KEPT + 10, 10, SIM_LOG_KEPT},
	             {SIM_LOG_KEPT + 10, 11, SIM_LOG_KEPT - 1},
	             {SIM_LOG_KEPT + 10, INT64_MIN, SIM_LOG_KEPT}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sim_log l = {0};
		struct buf out = BUF_INIT(1 << 20);
		const struct sim_log_entry e = {.at = 1000, .direction = "out", .method = "POST", .status = 500};
		for (int n = 0; n < cases[i].added; n++)
			sim_log_add(&l, &e, STR("http://h/"), STR(""));
		struct jsonw w = jsonw(&out);
		sim_log_write(&l, cases[i].after, &w);
		size_t written = 0;
		for (const char *at = out.data; (at = strstr(at, "\"refused\"")); at++)
			written++;
		assert_int_equal(written, cases[i].written);
		buf_release(&out);
		sim_log_release(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_token_is_kept_decoded),
	    cmocka_unit_test(what_does_not_decode_is_null),
	    cmocka_unit_test(only_the_last_entries_are_kept_oldest_first),
	    cmocka_unit_test(only_what_came_after_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
