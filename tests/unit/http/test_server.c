/* A real server on a loopback port, asked by plain sockets: answers, refusals, limits. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "raw_client.h"
#include "test_server.h"

#define H "Host: a.test\r\n"
#define GET(target) "GET " target " HTTP/1.1\r\n" H "\r\n"

static struct test_server *srv;

static int start(void **state)
{
	(void)state;
	srv = test_server_start(NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	test_server_free(srv, 10000);
	return 0;
}

static void assert_has(const struct raw_answer *a, const char *text)
{
	if (!strstr(a->body, text))
		fail_msg("%s\nis not in\n%s", text, a->body);
}

static void assert_header(const struct raw_answer *a, const char *name, const char *want)
{
	const char *got = raw_header(a, name);
	if (!want)
		assert_null(got);
	else if (!got || strcmp(got, want) != 0)
		fail_msg("%s: %s instead of %s", name, got ? got : "(none)", want);
}

static const struct {
	const char *request;
	int status;
	const char *body; /* a piece of it */
} cases[] = {
    {GET("/p"), 200, "\"path\":\"/p\",\"local_path\":\"/p\",\"query\":null"},
    {GET("/p?"), 200, "\"query\":0"},
    {GET("/p?a=%20b&c"), 200, "\"target\":\"/p?a=%20b&c\""},
    {GET("/base/p?x"), 200, "\"path\":\"/base/p\",\"local_path\":\"/p\",\"query\":1"},
    {GET("/key/a%2Fb"), 200, "\"param\":\"a%2Fb\""},
    {"GET /p HTTP/1.1\r\n" H "X-Test:  \t a b \r\nx-test: c\r\n\r\n", 200, "\"x\":\"a b\",\"xs\":2"},
    {"POST /p HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", 200, "\"body\":\"hello\""},
    {"POST /p HTTP/1.1\r\n" H "\r\n", 200, "\"body\":\"\""},
    {"POST /p HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 200,
     "\"body\":\"hello\""},
    {"GET /p HTTP/1.0\r\n\r\n", 200, "GET"},
    {GET("/"), 404, "\"code\":\"not_found\""},
    {GET("/nothing"), 404, "\"title\":\"Not Found\",\"status\":404"},
    {GET("//p"), 404, ""},
    {GET("/./p"), 404, ""},
    {GET("/x/../p"), 404, ""},
    {GET("/%70"), 404, ""},
    {GET("/p/"), 404, ""},
    {GET("/base"), 404, ""},
    {GET("/base//p"), 404, ""},
    {GET("/basement/p"), 404, ""},
    {GET("/base/base/p"), 404, ""},
    {GET("/p%00"), 400, "\"code\":\"bad_request\""},
    {GET("/p%zz"), 400, ""},
    {GET("http://a.test/p"), 400, ""},
    {GET("p"), 400, ""},
    {GET("/p x"), 400, ""},
    {"GET /p HTTP/1.1\r\n\r\n", 400, "\"status\":400"},
    {"GET /p HTTP/1.1\r\n" H H "\r\n", 400, ""},
    {"GET /p HTTP/1.1\n" H "\r\n", 400, ""},
    {"GET /p HTTP/1.1\r\nHost: a\n\r\n", 400, ""},
    {"GET /p HTTP/1.1\r\n" H "X-A: 1\r\n folded\r\n\r\n", 400, ""},
    {"DELETE /p HTTP/1.1\r\n" H "\r\n", 405, "method_not_allowed"},
    {"OPTIONS /p HTTP/1.1\r\n" H "\r\n", 405, ""},
    {"TRACE /p HTTP/1.1\r\n" H "\r\n", 405, ""},
    {"TRACE /nothing HTTP/1.1\r\n" H "\r\n", 405, ""},
    {"CONNECT a.test:443 HTTP/1.1\r\n" H "\r\n", 405, ""},
    {"BREW /p HTTP/1.1\r\n" H "\r\n", 501, "method_unknown"},
    {"POST /small HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\n0123456789", 200, "\"body_len\":10"},
    {"POST /small HTTP/1.1\r\n" H "Content-Length: 11\r\n\r\n0123456789a", 413, "too_large"},
    {"POST /small HTTP/1.1\r\n" H "Content-Length: 99999999999\r\n\r\n0123456789a", 413, "too_large"},
    {"POST /small HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\n0\r\n\r\n", 413, "too_large"},
    {"POST /nothing HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", 404, ""},
    {"POST /p HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, ""},
    {"POST /small HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999\r\n\r\nx", 413, "too_large"},
    /* what the library would answer itself */
    {"GET /p\r\n\r\n", 400, "\"code\":\"bad_request\""},
    {"GET /p HTTP/2.0\r\n" H "\r\n", 505, "\"code\":\"version_not_supported\""},
    {"GET /p HTTP/1.1\r\n" H "no colon\r\n\r\n", 400, "\"code\":\"bad_request\""},
    {"POST /p HTTP/1.1\r\n" H "Content-Length: abc\r\n\r\n", 400, "\"code\":\"bad_request\""},
    {"POST /p HTTP/1.1\r\n" H "Content-Length: 5x\r\n\r\nhello", 400, "\"code\":\"bad_request\""},
    {"POST /p HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "\"code\":\"bad_request\""},
    {"POST /p HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 413, "too_large"},
    {GET("/silent"), 500, "\"code\":\"internal\""},
    {GET("/refused"), 401, "\"code\":\"unauthorized\""},
    {GET("/busy"), 503, "\"code\":\"busy\""},
    {GET("/twice"), 200, "woken"},
    {GET("/page"), 401, "unauthorized"},
    {"GET /page HTTP/1.1\r\n" H "X-Test: let me in\r\n\r\n", 200, "let me in"},
    {GET("/context"), 401, "unauthorized"},
    {"GET /context HTTP/1.1\r\n" H "X-Test: let me in\r\n\r\n", 200, "let me in"},
};

static void answers_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct raw_answer a;
		raw_ask(srv->address, cases[i].request, &a);
		if (a.status != cases[i].status)
			fail_msg("%d instead of %d for\n%s", a.status, cases[i].status, cases[i].request);
		assert_has(&a, cases[i].body);
		assert_header(&a, "Referrer-Policy", "same-origin");
		assert_header(&a, "X-Content-Type-Options", "nosniff");
		assert_header(&a, "Cache-Control", "no-cache, no-store");
		assert_header(&a, "Strict-Transport-Security", NULL);
		assert_header(&a, "X-Frame-Options", NULL);
		const char *id = raw_header(&a, "X-Request-Id");
		assert_non_null(id);
		assert_int_equal(strlen(id), REQUEST_ID_LEN);
		if (a.status >= 400) {
			char member[64];
			snprintf(member, sizeof member, "\"request_id\":\"%s\"", id);
			assert_has(&a, member);
			assert_header(&a, "Content-Type", "application/problem+json");
		}
	}
}

static void keeps_the_connection(void **state)
{
	(void)state;
	static const char *const requests[] = {GET("/p"),
	                                       GET("/nothing"),
	                                       "POST /small HTTP/1.1\r\n" H "Content-Length: 12\r\n\r\n0123456789ab",
	                                       "HEAD /p HTTP/1.1\r\n" H "\r\n",
	                                       GET("/twice"),
	                                       GET("/p")};
	static const int want[] = {200, 404, 413, 200, 200, 200};
	int fd = raw_connect(srv->address);
	struct raw_answer a;
	for (size_t i = 0; i < 6; i++) {
		raw_text(fd, requests[i]);
		raw_read(fd, i == 3, &a);
		assert_int_equal(a.status, want[i]);
	}
	raw_text(fd, GET("/p?1") GET("/p?22")); /* pipelined */
	raw_read(fd, false, &a);
	assert_has(&a, "\"query\":1");
	raw_read(fd, false, &a);
	assert_has(&a, "\"query\":2");
	close(fd);
}

static void a_refused_framing_closes_the_connection(void **state)
{
	(void)state;
	int fd = raw_connect(srv->address);
	raw_text(fd, "POST /p HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET("/p"));
	struct raw_answer a;
	raw_read(fd, false, &a);
	assert_int_equal(a.status, 400);
	assert_true(raw_ended(fd)); /* the smuggled request is not answered */
	close(fd);
}

static void head_has_the_headers_of_get(void **state)
{
	(void)state;
	struct raw_answer get, head;
	raw_ask(srv->address, GET("/headers"), &get);
	raw_ask(srv->address, "HEAD /headers HTTP/1.1\r\n" H "\r\n", &head);
	assert_int_equal(head.status, 200);
	assert_header(&head, "Content-Length", "1");
	assert_header(&head, "Content-Type", "text/plain");
	assert_int_equal(get.body_len, 1);
	assert_int_equal(head.body_len, 0);
}

static void a_handlers_header_replaces_the_default(void **state)
{
	(void)state;
	struct raw_answer a;
	raw_ask(srv->address, GET("/headers"), &a);
	assert_header(&a, "Cache-Control", "max-age=1");
	assert_null(strstr(a.head, "no-store"));
	assert_header(&a, "X-Good", "yes");
	assert_header(&a, "X-Bad", NULL);
	assert_header(&a, "Set-Cookie", NULL);
	assert_header(&a, "X-Empty", NULL);
}

static void special_headers_of_refusals(void **state)
{
	(void)state;
	struct raw_answer a;
	raw_ask(srv->address, "DELETE /p HTTP/1.1\r\n" H "\r\n", &a);
	assert_header(&a, "Allow", "GET, HEAD, POST");
	raw_ask(srv->address, GET("/small"), &a);
	assert_header(&a, "Allow", "POST");
	raw_ask(srv->address, GET("/refused"), &a);
	assert_header(&a, "WWW-Authenticate", "JWT");
	raw_ask(srv->address, GET("/busy"), &a);
	assert_non_null(raw_header(&a, "Retry-After"));
}

static void a_401_differs_in_its_request_id_alone(void **state)
{
	(void)state;
	struct raw_answer a;
	raw_ask(srv->address, GET("/refused"), &a);
	char want[256];
	snprintf(want, sizeof want,
	         "{\"type\":\"about:blank\",\"title\":\"Unauthorized\",\"status\":401,\"code\":\"unauthorized\","
	         "\"request_id\":\"%s\"}",
	         raw_header(&a, "X-Request-Id"));
	assert_string_equal(a.body, want);
}

/* A client that sends what was refused still gets its answer, up to a limit. */
static void a_refused_body_is_read(void **state)
{
	(void)state;
	static char body[DRAIN_MAX / 2];
	memset(body, 'x', sizeof body);
	char head[128];
	snprintf(head, sizeof head, "POST /p HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n", sizeof body);
	int fd = raw_connect(srv->address);
	raw_text(fd, head);
	raw_send(fd, body, sizeof body);
	struct raw_answer a;
	raw_read(fd, false, &a);
	assert_int_equal(a.status, 413);
	raw_text(fd, GET("/p"));
	raw_read(fd, false, &a);
	assert_int_equal(a.status, 200);
	close(fd);

	fd = raw_connect(srv->address);
	raw_text(fd, "POST /p HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n");
	snprintf(head, sizeof head, "%zx\r\n", sizeof body);
	bool open = true;
	for (int i = 0; open && i < 1000; i++)
		open =
		    raw_try_send(fd, head, strlen(head)) && raw_try_send(fd, body, sizeof body) && raw_try_send(fd, "\r\n", 2);
	assert_false(open); /* cut */
	close(fd);
}

static void expect_continue_is_answered(void **state)
{
	(void)state;
	int fd = raw_connect(srv->address);
	raw_text(fd, "POST /p HTTP/1.1\r\n" H "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
	struct raw_answer a;
	raw_read(fd, false, &a);
	assert_int_equal(a.status, 100);
	raw_text(fd, "hello");
	raw_read(fd, false, &a);
	assert_int_equal(a.status, 200);
	close(fd);
}

/* 2,000 parameters, and request lines and headers beyond what the server keeps. */
static void long_requests_are_answered(void **state)
{
	(void)state;
	static char text[200000];
	static const struct {
		const char *start, *piece;
		size_t pieces;
		const char *end;
		int status;
	} longs[] = {
	    {"GET /p?", "k=0&", 5000, " HTTP/1.1\r\n" H "\r\n", 200},
	    {"GET /p?", "&", 20000, " HTTP/1.1\r\n" H "\r\n", 200},
	    {"GET /p?", "0123456789", 10000, " HTTP/1.1\r\n" H "\r\n", 414},
	    {"GET /p HTTP/1.1\r\n" H "X: ", "0123456789", 2000, "\r\n\r\n", 200},
	    {"GET /p HTTP/1.1\r\n" H "X: ", "0123456789", 10000, "\r\n\r\n", 431},
	    {"GET /p HTTP/1.1\r\n" H, "X: y\r\n", FRAMING_HEADERS_MAX - 1, "\r\n", 200},
	    {"GET /p HTTP/1.1\r\n" H, "X: y\r\n", FRAMING_HEADERS_MAX, "\r\n", 400},
	    {"GET /p HTTP/1.1\r\n" H, "X: y\r\n", 10000, "\r\n", 431},
	    {"GET /p HTTP/1.1\r\n" H "Cookie: ", "a=b;", 3000, "\r\n\r\n", 431},
	};
	for (size_t i = 0; i < sizeof longs / sizeof longs[0]; i++) {
		char *at = stpcpy(text, longs[i].start);
		for (size_t n = 0; n < longs[i].pieces; n++)
			at = stpcpy(at, longs[i].piece);
		at = stpcpy(at, longs[i].end);
		int fd = raw_connect(srv->address);
		raw_try_send(fd, text, (size_t)(at - text));
		struct raw_answer a;
		raw_read(fd, false, &a);
		if (a.status != longs[i].status)
			fail_msg("%d instead of %d for case %zu", a.status, longs[i].status, i);
		close(fd);
	}
}

static void every_request_ends_once(void **state)
{
	(void)state;
	atomic_store(&srv->ended, 0);
	struct raw_answer a;
	for (int i = 0; i < 50; i++)
		raw_ask(srv->address, GET("/p"), &a);
	test_server_until_open(srv, 0);
	assert_int_equal(atomic_load(&srv->ended), 50);
}

static void many_connections_at_once(void **state)
{
	(void)state;
	enum { MANY = 300 };
	int fds[MANY];
	struct raw_answer a;
	for (int i = 0; i < MANY; i++)
		fds[i] = raw_connect(srv->address);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < MANY; i++)
			raw_text(fds[i], GET("/p"));
		for (int i = 0; i < MANY; i++) {
			raw_read(fds[i], false, &a);
			assert_int_equal(a.status, 200);
		}
	}
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
	test_server_until_open(srv, 0);
}

static void three_connections(struct http_options *o)
{
	o->connections_max = 3;
}

/* Just as many events as it asks for would make the library wait again before it serves them (library_answers.c). */
static void an_epoll_never_gives_all_that_is_asked_for(void **state)
{
	(void)state;
	int epoll = epoll_create1(EPOLL_CLOEXEC), fds[3];
	struct epoll_event got[2], want = {.events = EPOLLIN};
	for (int i = 0; i < 3; i++) {
		fds[i] = eventfd(1, EFD_CLOEXEC);
		assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &want), 0);
	}
	assert_int_equal(epoll_wait(epoll, got, 2, 0), 1);
	assert_int_equal(epoll_wait(epoll, got, 1, 0), 1);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	close(epoll);
}

static void connections_over_the_limit_are_closed(void **state)
{
	(void)state;
	struct test_server *t = test_server_start(three_connections);
	int fds[4];
	for (int i = 0; i < 4; i++)
		fds[i] = raw_connect(t->address);
	assert_true(raw_ended(fds[3]));
	test_server_until_open(t, 3);
	close(fds[0]);
	test_server_until_open(t, 2);
	struct raw_answer a;
	raw_ask(t->address, GET("/p"), &a);
	assert_int_equal(a.status, 200);
	for (int i = 1; i < 4; i++)
		close(fds[i]);
	test_server_free(t, 10000);
}

static void six(struct http_options *o)
{
	o->listen = "[::1]:0";
	o->threads = 1;
	o->https_base = true;
	o->base_path = "";
}

static void listens_on_ipv6_with_one_thread(void **state)
{
	(void)state;
	struct test_server *t = test_server_start(six);
	struct raw_answer a;
	assert_int_equal(t->address[0], '[');
	raw_ask(t->address, GET("/p"), &a);
	assert_int_equal(a.status, 200);
	assert_has(&a, "\"peer\":1,");
	assert_header(&a, "Strict-Transport-Security", "max-age=31536000; includeSubDomains");
	test_server_free(t, 10000);
}

static void the_peer_is_kept(void **state)
{
	(void)state;
	struct raw_answer a;
	raw_ask(srv->address, GET("/p"), &a);
	assert_has(&a, "\"peer\":1,"); /* 127.0.0.1 */
}

static void deny(struct request *req, void *room)
{
	(void)room;
	reply_unauthorized(req);
}

static void a_bad_table_or_address_stops_the_start(void **state)
{
	(void)state;
	static const struct route forgot[] = {{METHOD_GET, "/x", AUTH_UNSET, 0, 0, NULL}};
	static const struct route unguarded[] = {{METHOD_GET, "/x", AUTH_ADMIN, 1, 0, deny}};
	static const struct route_table tables[] = {{forgot, 1}, {unguarded, 1}};
	struct http_options o = srv->server->o;
	struct http_server *s = NULL;
	for (size_t i = 0; i < 2; i++) {
		o.routes = &tables[i];
		assert_int_not_equal(http_server_start(&o, &s), OK);
	}
	static const char *const addresses[] = {"", "127.0.0.1", "127.0.0.1:99999", "256.0.0.1:80",
	                                        "no.such.host.invalid:1"};
	o = srv->server->o;
	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		o.listen = addresses[i];
		assert_int_not_equal(http_server_start(&o, &s), OK);
	}
	o.listen = srv->address; /* in use */
	assert_int_not_equal(http_server_start(&o, &s), OK);
	assert_null(s);
}

int main(void)
{
	log_set_sink(quiet, NULL);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_as_the_table_says),
	    cmocka_unit_test(keeps_the_connection),
	    cmocka_unit_test(a_refused_framing_closes_the_connection),
	    cmocka_unit_test(head_has_the_headers_of_get),
	    cmocka_unit_test(a_handlers_header_replaces_the_default),
	    cmocka_unit_test(special_headers_of_refusals),
	    cmocka_unit_test(a_401_differs_in_its_request_id_alone),
	    cmocka_unit_test(a_refused_body_is_read),
	    cmocka_unit_test(expect_continue_is_answered),
	    cmocka_unit_test(long_requests_are_answered),
	    cmocka_unit_test(every_request_ends_once),
	    cmocka_unit_test(many_connections_at_once),
	    cmocka_unit_test(an_epoll_never_gives_all_that_is_asked_for),
	    cmocka_unit_test(connections_over_the_limit_are_closed),
	    cmocka_unit_test(listens_on_ipv6_with_one_thread),
	    cmocka_unit_test(the_peer_is_kept),
	    cmocka_unit_test(a_bad_table_or_address_stops_the_start),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
