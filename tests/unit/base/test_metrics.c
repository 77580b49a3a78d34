/* The exposition as text, registering twice, counting from several threads. The registry lives as long as the process,
 * so each test has names of its own. */
#include "check.h"

#include <pthread.h>

#include "base/metrics.h"

static void assert_rendered(const char *wanted)
{
	__cleanup_buf struct buf out = BUF_INIT(1 << 20);
	metrics_render(&out);
	assert_int_equal(out.err, OK);
	if (!strstr(out.data, wanted))
		fail_msg("wanted:\n%s\nrendered:\n%s", wanted, out.data);
}

static void families_stand_together(void **state)
{
	(void)state;
	struct metric *get = metric_counter("t_requests_total", "Requests answered.", "route=\"/a\",status=\"200\"");
	struct metric *depth = metric_gauge("t_queue_depth", "Jobs that wait.", NULL);
	struct metric *post = metric_counter("t_requests_total", "Requests answered.", "route=\"/b\",status=\"204\"");
	metric_inc(get);
	metric_add(get, 4);
	metric_inc(post);
	metric_set(depth, 9);
	metric_set(depth, -2);
	assert_rendered("# HELP t_queue_depth Jobs that wait.\n# TYPE t_queue_depth gauge\nt_queue_depth -2\n"
	                "# HELP t_requests_total Requests answered.\n# TYPE t_requests_total counter\n"
	                "t_requests_total{route=\"/a\",status=\"200\"} 5\n"
	                "t_requests_total{route=\"/b\",status=\"204\"} 1\n");
	assert_ptr_equal(metric_counter("t_requests_total", "Requests answered.", "route=\"/a\",status=\"200\""), get);
	assert_int_equal(metric_value(get), 5);
}

static void histograms_count_up_to_infinity(void **state)
{
	(void)state;
	struct metric *h = metric_histogram("t_took_seconds", "Time taken.", "host=\"key\"");
	metric_observe_us(h, 0);
	metric_observe_us(h, 1000);
	metric_observe_us(h, 1001);
	metric_observe_us(h, 29999999);
	metric_observe_us(h, 60000000);
	metric_observe_us(h, -5); /* counts as zero */
	assert_int_equal(metric_value(h), 6);
	assert_rendered("# HELP t_took_seconds Time taken.\n# TYPE t_took_seconds histogram\n"
	                "t_took_seconds_bucket{host=\"key\",le=\"0.001\"} 3\n"
	                "t_took_seconds_bucket{host=\"key\",le=\"0.0025\"} 4\n"
	                "t_took_seconds_bucket{host=\"key\",le=\"0.005\"} 4\n"
	                "t_took_seconds_bucket{host=\"key\",le=\"0.01\"} 4\n"
	                "t_took_seconds_bucket{host=\"key\",le=\"0.025\"} 4\n"
	                "t_took_seconds_bucket{host=\"key\",le=\"0.05\"} 4\n"
	                "t_took_seconds_bucket{host=\"key\",le=\"0.1\"} 4\n"
	                "t_took_seconds_bucket{host=\"key\",le=\"0.25\"} 4\n"
	                "t_took_seconds_bucket{host=\"key\",le=\"0.5\"} 4\n"
	                "t_took_seconds_bucket{host=\"key\",le=\"1\"} 4\n"
	                "t_took_seconds_bucket{host=\"key\",le=\"2.5\"} 4\n"
	                "t_took_seconds_bucket{host=\"key\",le=\"5\"} 4\n"
	                "t_took_seconds_bucket{host=\"key\",le=\"10\"} 4\n"
	                "t_took_seconds_bucket{host=\"key\",le=\"30\"} 5\n"
	                "t_took_seconds_bucket{host=\"key\",le=\"+Inf\"} 6\n"
	                "t_took_seconds_sum{host=\"key\"} 90.002000\n"
	                "t_took_seconds_count{host=\"key\"} 6\n");
	metric_histogram("t_bare_seconds", "No labels.", NULL);
	assert_rendered("t_bare_seconds_bucket{le=\"+Inf\"} 0\nt_bare_seconds_sum 0.000000\nt_bare_seconds_count 0\n");
}

static int64_t ask(void *arg)
{
	return *(int64_t *)arg;
}

static void gauges_are_asked_until_forgotten(void **state)
{
	(void)state;
	int64_t first = 3;
	int64_t second = 8;
	metric_gauge_fn("t_tenants", "Tenants by status.", "status=\"enabled\"", ask, &first);
	assert_rendered("t_tenants{status=\"enabled\"} 3\n");
	first = 4;
	assert_rendered("t_tenants{status=\"enabled\"} 4\n");
	metric_gauge_fn("t_tenants", "Tenants by status.", "status=\"enabled\"", ask, &second);
	assert_rendered("t_tenants{status=\"enabled\"} 8\n");
	metric_forget(&first); /* no longer the one that is asked */
	assert_rendered("t_tenants{status=\"enabled\"} 8\n");
	metric_forget(&second);
	__cleanup_buf struct buf out = BUF_INIT(1 << 20);
	metrics_render(&out);
	assert_null(strstr(out.data, "t_tenants"));
}

enum { THREADS = 4, ROUNDS = 2000 };

static void *count_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		metric_inc(metric_counter("t_shared_total", "Counted by all.", NULL));
		metric_observe_us(metric_histogram("t_shared_seconds", "Observed by all.", NULL), i);
	}
	return NULL;
}

static void threads_count_together(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_often, NULL), 0);
	__cleanup_buf struct buf out = BUF_INIT(1 << 20);
	for (int i = 0; i < 20; i++) {
		buf_reset(&out);
		metrics_render(&out);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(metric_value(metric_counter("t_shared_total", "Counted by all.", NULL)), THREADS * ROUNDS);
	assert_int_equal(metric_value(metric_histogram("t_shared_seconds", "Observed by all.", NULL)), THREADS * ROUNDS);
}

static void *count_once(void *arg)
{
	metric_inc(metric_counter("t_beside_total", "Counted while a gauge is asked.", NULL));
	return arg;
}

/* As a count in the database is, which takes until the counter beside it is done. */
static int64_t asked_slowly(void *arg)
{
	pthread_t counting;
	assert_int_equal(pthread_create(&counting, NULL, count_once, NULL), 0);
	pthread_join(counting, NULL);
	return *(const int *)arg;
}

static void nobody_waits_for_a_gauge_that_is_asked(void **state)
{
	(void)state;
	int here = 7;
	metric_gauge_fn("t_slow", "Asked slowly.", NULL, asked_slowly, &here);
	assert_rendered("t_slow 7\n");
	metric_forget(&here);
	assert_int_equal(metric_value(metric_counter("t_beside_total", "Counted while a gauge is asked.", NULL)), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(families_stand_together),
	    cmocka_unit_test(histograms_count_up_to_infinity),
	    cmocka_unit_test(gauges_are_asked_until_forgotten),
	    cmocka_unit_test(threads_count_together),
	    cmocka_unit_test(nobody_waits_for_a_gauge_that_is_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
