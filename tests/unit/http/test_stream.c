/* Answers that go on: order, suspension, bounds, deadlines, and how each side ends one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raw_client.h"
#include "test_server.h"

static int open_one(struct test_server *t)
{
	int fd = raw_connect(t->address);
	raw_text(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	return fd;
}

/* Reads until the text has come; false at the end of the connection. */
static bool read_until(int fd, const char *wanted, char *got, size_t size)
{
	size_t len = 0;
	got[0] = '\0';
	while (!strstr(got, wanted)) {
		ssize_t n = len + 1 < size ? recv(fd, got + len, size - len - 1, 0) : 0;
		if (n <= 0)
			return false;
		len += (size_t)n;
		got[len] = '\0';
	}
	return true;
}

static void sends_pieces_as_they_come(void **state)
{
	(void)state;
	char got[4096];
	struct test_server *t = test_server_start(NULL);
	int fd = open_one(t);
	struct stream *s = test_server_stream(t, 0);
	assert_true(stream_send(s, STR("data: one\n\n")));
	assert_true(read_until(fd, "data: one\n\n", got, sizeof got));
	assert_non_null(strstr(got, "200"));
	assert_non_null(strstr(got, "Content-Type: text/event-stream"));
	assert_true(stream_send(s, STR("data: two\n\n")));
	assert_true(stream_send(s, STR("data: three\n\n")));
	assert_true(read_until(fd, "data: three\n\n", got, sizeof got));
	/* the answer ends, the connection is good for more */
	stream_end(s);
	assert_true(read_until(fd, "0\r\n\r\n", got, sizeof got));
	assert_false(stream_send(s, STR("late")));
	raw_text(fd, "GET /p HTTP/1.1\r\nHost: x\r\n\r\n");
	struct raw_answer a;
	raw_read(fd, false, &a);
	assert_int_equal(a.status, 200);
	close(fd);
	test_server_free(t, 1000);
}

static void outlives_the_deadline_of_a_request(void **state)
{
	(void)state;
	char got[4096];
	struct test_server *t = test_server_start(NULL);
	int fd = open_one(t);
	struct stream *s = test_server_stream(t, 0);
	assert_true(stream_send(s, STR("one")));
	assert_true(read_until(fd, "one", got, sizeof got));
	test_server_step(t, 100LL * REQUEST_MS);
	assert_true(stream_send(s, STR("still here")));
	assert_true(read_until(fd, "still here", got, sizeof got));
	close(fd);
	test_server_free(t, 1000);
}

static void head_has_no_stream(void **state)
{
	(void)state;
	struct test_server *t = test_server_start(NULL);
	struct raw_answer a;
	int fd = raw_connect(t->address);
	raw_text(fd, "HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_read(fd, true, &a);
	assert_int_equal(a.status, 200);
	assert_int_equal(t->stream_count, 0);
	close(fd);
	test_server_free(t, 1000);
}

struct ended {
	struct stream *stream;
	const char *text;
	size_t len;
};

static bool has_ended(void *arg)
{
	struct ended *e = arg;
	return !stream_send(e->stream, (struct str){e->text, e->len});
}

static void a_client_that_left_is_noticed_when_something_is_sent(void **state)
{
	(void)state;
	struct test_server *t = test_server_start(NULL);
	int fd = open_one(t);
	struct ended e = {test_server_stream(t, 0), ": x\n", 4};
	close(fd);
	assert_true(raw_until(has_ended, &e));
	test_server_until_open(t, 0);
	test_server_free(t, 1000);
}

static void a_client_that_does_not_read_is_cut(void **state)
{
	(void)state;
	struct test_server *t = test_server_start(NULL);
	int fd = open_one(t);
	/* more than the kernel's buffers and ours hold */
	struct ended e = {test_server_stream(t, 0), t->big, STREAM_PENDING / 2};
	assert_true(raw_until(has_ended, &e));
	test_server_step(t, REQUEST_MS);
	test_server_until_open(t, 0);
	close(fd);
	test_server_free(t, 1000);
}

static void a_stopping_server_ends_streams(void **state)
{
	(void)state;
	char got[4096];
	struct test_server *t = test_server_start(NULL);
	int quiet = open_one(t), told = open_one(t);
	test_server_stream(t, 1);
	http_server_stop(t->server, 5000);
	t->server = NULL;
	assert_true(read_until(quiet, "0\r\n\r\n", got, sizeof got));
	assert_true(read_until(told, "0\r\n\r\n", got, sizeof got));
	assert_false(stream_send(t->streams[0], STR("x")));
	close(quiet);
	close(told);
	test_server_free(t, 1000);
}

enum { SENDERS = 4, EACH = 200 };

static void *send_many(void *stream)
{
	for (int i = 0; i < EACH; i++)
		(void)stream_send(stream, STR("x\n"));
	return NULL;
}

static void many_may_send_at_once(void **state)
{
	(void)state;
	pthread_t senders[SENDERS];
	struct test_server *t = test_server_start(NULL);
	int fd = open_one(t);
	struct stream *s = test_server_stream(t, 0);
	for (int i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&senders[i], NULL, send_many, s), 0);
	for (int i = 0; i < SENDERS; i++)
		pthread_join(senders[i], NULL);
	stream_end(s);
	char got[64 * 1024];
	assert_true(read_until(fd, "\r\n0\r\n\r\n", got, sizeof got));
	int lines = 0;
	for (const char *at = strstr(got, "\r\n\r\n"); (at = strstr(at, "x\n")); at += 2)
		lines++;
	assert_int_equal(lines, SENDERS * EACH);
	close(fd);
	test_server_free(t, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sends_pieces_as_they_come),
	    cmocka_unit_test(outlives_the_deadline_of_a_request),
	    cmocka_unit_test(head_has_no_stream),
	    cmocka_unit_test(a_client_that_left_is_noticed_when_something_is_sent),
	    cmocka_unit_test(a_client_that_does_not_read_is_cut),
	    cmocka_unit_test(a_stopping_server_ends_streams),
	    cmocka_unit_test(many_may_send_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
