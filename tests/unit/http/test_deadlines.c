/* Slow clients, waiting requests and the graceful stop, with a clock that only the test moves. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "raw_client.h"
#include "test_server.h"

#define H "Host: a.test\r\n"
#define GET(target) "GET " target " HTTP/1.1\r\n" H "\r\n"
enum { SWEEP_MS = 500 };

static int start(void **state)
{
	*state = test_server_start(NULL);
	return 0;
}

static int stop(void **state)
{
	if (*state)
		test_server_free(*state, 10000);
	return 0;
}

/* Still open after the first time, cut after the second. */
static void assert_cut(struct test_server *t, int fd, int64_t open_ms, int64_t cut_ms)
{
	test_server_step(t, open_ms);
	assert_true(raw_is_quiet(fd));
	test_server_step(t, cut_ms);
	assert_true(raw_ended(fd));
	close(fd);
	test_server_until_open(t, 0);
}

static void a_connection_without_a_byte_is_cut(void **state)
{
	struct test_server *t = *state;
	int fd = raw_connect(t->address);
	test_server_until_open(t, 1);
	assert_cut(t, fd, REQUEST_MS - 1, 1 + SWEEP_MS);
}

/* A byte now and then does not help, whatever part of the request it belongs to. */
static void a_trickled_request_is_cut(void **state)
{
	struct test_server *t = *state;
	static const char *const starts[] = {"G",
	                                     "GET /p HT",
	                                     "GET /p HTTP/1.1\r\n",
	                                     "GET /p HTTP/1.1\r\n" H "X-",
	                                     "POST /p HTTP/1.1\r\n" H "Content-Length: 50\r\n\r\nbody",
	                                     "POST /p HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nff\r\nhe"};
	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
		int fd = raw_connect(t->address);
		test_server_until_open(t, 1);
		test_server_step(t, 5000); /* nothing is sent for a while: that time is not the request's */
		raw_text(fd, starts[i]);
		if (i >= 2)
			test_server_until_phase(t, CONN_BUSY, 1);
		test_server_step(t, SWEEP_MS);
		for (int k = 0; k < 14; k++) {
			test_server_step(t, 1000);
			raw_text(fd, "a");
		}
		assert_cut(t, fd, 400, 1000 + SWEEP_MS);
	}
}

static void a_slow_reader_is_cut(void **state)
{
	struct test_server *t = *state;
	int fd = raw_connect(t->address);
	raw_text(fd, GET("/big"));
	test_server_until_phase(t, CONN_BUSY, 1);
	char some[4096];
	assert_true(recv(fd, some, sizeof some, 0) > 0);
	test_server_step(t, REQUEST_MS + SWEEP_MS);
	test_server_until_open(t, 0);
	assert_int_equal(atomic_load(&t->ended), 1);
	close(fd);
}

static void an_idle_connection_is_kept_a_minute(void **state)
{
	struct test_server *t = *state;
	int fd = raw_connect(t->address);
	struct raw_answer a;
	for (int i = 0; i < 3; i++) {
		raw_text(fd, GET("/p"));
		raw_read(fd, false, &a);
		assert_int_equal(a.status, 200);
		test_server_until_phase(t, CONN_IDLE, 1);
		test_server_step(t, IDLE_MS - 1000);
	}
	assert_cut(t, fd, 500, 500 + SWEEP_MS);
}

/* The second request's first byte starts its time, although its line is not complete. */
static void a_kept_alive_connection_is_cut_when_it_trickles(void **state)
{
	struct test_server *t = *state;
	int fd = raw_connect(t->address);
	struct raw_answer a;
	raw_text(fd, GET("/p"));
	raw_read(fd, false, &a);
	test_server_until_phase(t, CONN_IDLE, 1);
	test_server_step(t, 10000);
	raw_text(fd, "GET /p");
	test_server_step(t, SWEEP_MS);
	assert_cut(t, fd, REQUEST_MS - 1, 1 + SWEEP_MS);
}

static void a_waiting_request_has_twice_the_time(void **state)
{
	struct test_server *t = *state;
	int fd = raw_connect(t->address);
	raw_text(fd, GET("/wait"));
	test_server_until_waiting(t, 1);
	test_server_step(t, REQUEST_MS + 1000);
	assert_true(raw_is_quiet(fd));
	request_wake(test_server_waiting(t, 0));
	struct raw_answer a;
	raw_read(fd, false, &a);
	assert_int_equal(a.status, 200);
	assert_string_equal(a.body, "woken");

	raw_text(fd, GET("/wait"));
	test_server_until_waiting(t, 2);
	test_server_step(t, 2 * REQUEST_MS + SWEEP_MS);
	raw_read(fd, false, &a); /* the client is free; the job still has the request */
	assert_int_equal(a.status, 503);
	assert_non_null(strstr(a.body, "\"code\":\"timeout\""));
	assert_string_equal(raw_header(&a, "Connection"), "close");
	assert_string_equal(raw_header(&a, "Retry-After"), "5");
	assert_string_equal(raw_header(&a, "X-Content-Type-Options"), "nosniff");
	assert_non_null(strstr(a.body, raw_header(&a, "X-Request-Id")));
	assert_true(raw_ended(fd));
	assert_int_equal(atomic_load(&t->ended), 1);
	request_wake(test_server_waiting(t, 1));
	test_server_until_open(t, 0);
	assert_int_equal(atomic_load(&t->ended), 2);
	close(fd);
}

static void a_client_that_leaves_while_it_waits_is_harmless(void **state)
{
	struct test_server *t = *state;
	int fd = raw_connect(t->address);
	raw_text(fd, GET("/wait"));
	test_server_until_waiting(t, 1);
	const struct linger reset = {1, 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(fd);
	request_wake(test_server_waiting(t, 0));
	test_server_until_open(t, 0);
	assert_int_equal(atomic_load(&t->ended), 1);
}

enum { MANY = 200 };

static void *wake_all(void *arg)
{
	struct test_server *t = arg;
	for (unsigned i = 0; i < MANY; i++)
		request_wake(test_server_waiting(t, i));
	return NULL;
}

static void many_waiting_requests_are_woken_by_another_thread(void **state)
{
	struct test_server *t = *state;
	int fds[MANY];
	for (int i = 0; i < MANY; i++) {
		fds[i] = raw_connect(t->address);
		raw_text(fds[i], GET("/wait"));
	}
	test_server_until_waiting(t, MANY);
	struct raw_answer a;
	raw_ask(t->address, GET("/p"), &a); /* no worker is blocked */
	assert_int_equal(a.status, 200);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, wake_all, t), 0);
	for (int i = 0; i < MANY; i++) {
		raw_read(fds[i], false, &a);
		assert_int_equal(a.status, 200);
		close(fds[i]);
	}
	pthread_join(thread, NULL);
	test_server_until_open(t, 0);
	assert_int_equal(atomic_load(&t->waited), MANY);
	assert_int_equal(atomic_load(&t->ended), MANY + 1);
}

/* Idle connections end, running requests are answered, no new one gets in. */
static void stopping_waits_for_what_runs(void **state)
{
	struct test_server *t = *state;
	int idle = raw_connect(t->address), kept = raw_connect(t->address), busy = raw_connect(t->address);
	int fds[MANY];
	struct raw_answer a;
	raw_text(kept, GET("/p"));
	raw_read(kept, false, &a);
	for (int i = 0; i < MANY; i++) {
		fds[i] = raw_connect(t->address);
		raw_text(fds[i], GET("/wait"));
	}
	test_server_until_waiting(t, MANY);
	test_server_until_open(t, MANY + 3);
	raw_text(busy, "POST /p HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhel");
	test_server_until_phase(t, CONN_BUSY, 1);
	char address[64];
	snprintf(address, sizeof address, "%s", t->address);

	http_server_quiesce(t->server);
	raw_text(kept, GET("/p"));
	raw_read(kept, false, &a);
	assert_int_equal(a.status, 200);
	assert_string_equal(raw_header(&a, "Connection"), "close");
	assert_true(raw_ended(kept));
	raw_text(busy, "lo");
	raw_read(busy, false, &a);
	assert_int_equal(a.status, 200);

	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, wake_all, t), 0);
	struct http_server *server = t->server;
	t->server = NULL;
	http_server_stop(server, 1000000); /* it would take that long if an idle one held it up */
	pthread_join(thread, NULL);
	for (int i = 0; i < MANY; i++) {
		raw_read(fds[i], false, &a);
		assert_int_equal(a.status, 200);
		close(fds[i]);
	}
	assert_true(raw_ended(idle));
	assert_int_equal(atomic_load(&t->ended), MANY + 3);
	close(idle);
	close(kept);
	close(busy);
}

/* Jobs that take longer than the stop may: their clients get 503, and their late wakes end the requests. */
static void stopping_does_not_wait_for_ever(void **state)
{
	struct test_server *t = *state;
	enum { WAITING = 20 };
	int fds[WAITING], half = raw_connect(t->address);
	for (unsigned i = 0; i < WAITING; i++) {
		fds[i] = raw_connect(t->address);
		raw_text(fds[i], GET("/wait"));
	}
	test_server_until_waiting(t, WAITING);
	raw_text(half, "POST /p HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhel");
	test_server_until_phase(t, CONN_BUSY, 1);
	struct http_server *server = t->server;
	t->server = NULL;
	http_server_stop(server, 10);
	for (unsigned i = 0; i < WAITING; i++) {
		struct raw_answer a;
		raw_read(fds[i], false, &a);
		assert_int_equal(a.status, 503);
		assert_non_null(strstr(a.body, "\"code\":\"stopping\""));
		close(fds[i]);
	}
	assert_int_equal(atomic_load(&t->ended), 0);
	for (unsigned i = 0; i < WAITING; i++)
		request_wake(test_server_waiting(t, i));
	assert_int_equal(atomic_load(&t->ended), WAITING);
	assert_int_equal(atomic_load(&t->waited), 0);
	close(half);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	log_set_sink(quiet, NULL);
	const struct CMUnitTest tests[] = {
	    TEST(a_connection_without_a_byte_is_cut),
	    TEST(a_trickled_request_is_cut),
	    TEST(a_slow_reader_is_cut),
	    TEST(an_idle_connection_is_kept_a_minute),
	    TEST(a_kept_alive_connection_is_cut_when_it_trickles),
	    TEST(a_waiting_request_has_twice_the_time),
	    TEST(a_client_that_leaves_while_it_waits_is_harmless),
	    TEST(many_waiting_requests_are_woken_by_another_thread),
	    TEST(stopping_waits_for_what_runs),
	    TEST(stopping_does_not_wait_for_ever),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
