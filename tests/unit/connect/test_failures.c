/* The ring of the last refusals: newest first, bounded, safe for many threads, without memory still there. */
#include "token/vectors.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/metrics.h"
#include "connect/failures.h"

static struct failure entry(const char *code, char *tenant)
{
	return (struct failure){.at = 5, .route = "/x", .code = code, .text = "text", .tenant = tenant};
}

static void swallow(const char *line, size_t len, void *arg)
{
	struct buf *out = arg;
	if (out)
		buf_add(out, line, len);
}

static int quiet(void **state)
{
	(void)state;
	log_set_sink(swallow, NULL);
	return 0;
}

static int loud(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	return 0;
}

static void test_newest_first_and_no_more_than_kept(void **state)
{
	(void)state;
	struct failures *f = failures_new();
	struct failure *list;
	size_t count;
	struct arena a;
	arena_init(&a, 4 << 20);
	assert_int_equal(failures_list(f, &a, &list, &count), OK);
	assert_int_equal(count, 0);
	for (int i = 0; i < FAILURES_KEPT + 5; i++) {
		char tenant[16];
		snprintf(tenant, sizeof(tenant), "t%d", i);
		struct failure e = entry("INVALID_QSH", i % 7 ? tenant : NULL);
		failures_add(f, &e);
		assert_int_equal(failures_list(f, &a, &list, &count), OK);
		assert_int_equal(count, i < FAILURES_KEPT ? i + 1 : FAILURES_KEPT);
		if (i % 7)
			assert_string_equal(list[0].tenant, tenant);
		else
			assert_null(list[0].tenant);
		if (i >= FAILURES_KEPT && i % 7 != 6) /* the oldest kept is number i - 999 */
			assert_int_equal(strtol(list[count - 1].tenant + 1, NULL, 10), i - FAILURES_KEPT + 1);
		arena_release(&a);
	}
	failures_free(f);
	failures_free(NULL);
}

static void test_texts_are_bounded(void **state)
{
	(void)state;
	struct failures *f = failures_new();
	char longest[2000], accented[300];
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memset(accented, 'a', 127);
	memcpy(accented + 127, "\xc3\xa9", 3); /* would be cut in half at 128 */
	struct failure e = entry("INVALID_QSH", accented), *list;
	e.request_id = e.computed_canonical = e.computed_qsh = e.received_qsh = longest;
	failures_add(f, &e);
	struct arena a;
	size_t count;
	arena_init(&a, 1 << 20);
	assert_int_equal(failures_list(f, &a, &list, &count), OK);
	assert_int_equal(strlen(list[0].tenant), 127);
	assert_int_equal(strlen(list[0].computed_canonical), FAILURE_CANONICAL_MAX);
	assert_int_equal(strlen(list[0].received_qsh), 128);
	assert_int_equal(strlen(list[0].request_id), 64);
	assert_string_equal(list[0].code, "INVALID_QSH");
	arena_release(&a);
	/* a list that does not fit says so */
	arena_init(&a, 0);
	assert_non_null(arena_alloc(&a, ARENA_FIRST_BYTES - 512));
	assert_int_equal(failures_list(f, &a, &list, &count), ERR_NOMEM);
	arena_release(&a);
	failures_free(f);
}

static void test_counts_and_logs(void **state)
{
	(void)state;
	__cleanup_buf struct buf lines = BUF_INIT(65536);
	log_set_sink(swallow, &lines);
	struct failures *f = failures_new();
	struct metric *qsh =
	    metric_counter("licgate_auth_failures_total", "Refused tokens by reason", "code=\"INVALID_QSH\"");
	struct metric *other = metric_counter("licgate_auth_failures_total", "Refused tokens by reason", "code=\"OTHER\"");
	int64_t before = metric_value(qsh), before_other = metric_value(other);
	char tenant[] = "acme", canonical[] = "GET&/x&secret=of-the-query", id[] = "req-7";
	struct failure e = entry("INVALID_QSH", tenant);
	e.computed_canonical = canonical;
	e.request_id = id;
	failures_add(f, &e);
	e = entry("SOMETHING_ELSE", NULL);
	failures_add(f, &e);
	assert_int_equal(metric_value(qsh) - before, 1);
	assert_int_equal(metric_value(other) - before_other, 1);
	log_set_sink(swallow, NULL);
	static const char *const wanted[] = {"auth.refused", "INVALID_QSH", "acme", "req-7", "/x"};
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strstr(lines.data, wanted[i]))
			fail_msg("no %s in %s", wanted[i], lines.data);
	assert_null(strstr(lines.data, "of-the-query"));
	failures_free(f);
}

static void *add_many(void *arg)
{
	char tenant[] = "acme";
	struct failure e = entry("INVALID_QSH", tenant);
	for (int i = 0; i < 1500; i++)
		failures_add(arg, &e);
	return NULL;
}

static void test_many_threads(void **state)
{
	(void)state;
	struct failures *f = failures_new();
	pthread_t threads[3];
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, f), 0);
	for (int i = 0; i < 20; i++) {
		struct arena a;
		struct failure *list;
		size_t count;
		arena_init(&a, 4 << 20);
		assert_int_equal(failures_list(f, &a, &list, &count), OK);
		for (size_t k = 0; k < count; k++)
			assert_string_equal(list[k].tenant, "acme");
		arena_release(&a);
	}
	for (size_t i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	failures_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_newest_first_and_no_more_than_kept),
	    cmocka_unit_test(test_texts_are_bounded),
	    cmocka_unit_test(test_counts_and_logs),
	    cmocka_unit_test(test_many_threads),
	};
	return cmocka_run_group_tests_name("failures", tests, quiet, loud);
}
