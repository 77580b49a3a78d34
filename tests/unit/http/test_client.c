/* test_client.c - the outgoing client against servers that answer well, badly, slowly, endlessly or not at all.
 *
 * Real sockets on loopback. Time-outs are short but real: curl's clock cannot be stepped. */
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "fake_server.h"
#include "http/client.h"

enum { SHORT_MS = 300, LONG_MS = 60 * 1000 };

/* ---- a name that never resolves: getaddrinfo of *.stuck.test hangs until it is let go ---- */
static pthread_mutex_t stuck_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t stuck_moved = PTHREAD_COND_INITIALIZER;
static bool stuck_released;
static unsigned stuck_inside;

typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

__attribute__((visibility("default"))) /* libcurl must find this one */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
	if (node && strstr(node, ".stuck.test")) {
		pthread_mutex_lock(&stuck_lock);
		stuck_inside++;
		pthread_cond_broadcast(&stuck_moved);
		while (!stuck_released)
			pthread_cond_wait(&stuck_moved, &stuck_lock);
		stuck_inside--;
		pthread_cond_broadcast(&stuck_moved);
		pthread_mutex_unlock(&stuck_lock);
		return EAI_FAIL;
	}
	getaddrinfo_fn *real;
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(node, service, hints, res);
}

/* ---- one call and its answer ---- */
struct outcome {
	pthread_mutex_t lock;
	pthread_cond_t came;
	unsigned count;
	enum err err; /* of the last one */
	int status;
	char body[256];
	size_t body_len;
	char x_test[64];
	int64_t duration_ms, retry_after_s, max_age_s;
};

static void outcome_init(struct outcome *o)
{
	memset(o, 0, sizeof *o);
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->came, NULL);
}

static void on_done(void *arg, const struct http_answer *a)
{
	struct outcome *o = arg;
	struct str x = a->header(a, "x-test");

	pthread_mutex_lock(&o->lock);
	o->count++;
	o->err = a->err;
	o->status = a->status;
	o->body_len = a->body.len;
	snprintf(o->body, sizeof o->body, "%.*s", STR_ARG(a->body));
	snprintf(o->x_test, sizeof o->x_test, "%.*s", STR_ARG(x));
	o->duration_ms = a->duration_ms;
	o->retry_after_s = a->retry_after_s;
	o->max_age_s = a->max_age_s;
	pthread_cond_broadcast(&o->came);
	pthread_mutex_unlock(&o->lock);
}

static void outcome_wait(struct outcome *o, unsigned count)
{
	pthread_mutex_lock(&o->lock);
	while (o->count < count)
		pthread_cond_wait(&o->came, &o->lock);
	pthread_mutex_unlock(&o->lock);
}

static struct http_client *client_with(struct http_client_options o)
{
	struct http_client *c = NULL;

	o.clock = &clock_system;
	o.timeout_ms = o.timeout_ms ? o.timeout_ms : LONG_MS;
	o.in_flight_max = o.in_flight_max ? o.in_flight_max : 16;
	o.queue_max = o.queue_max ? o.queue_max : 64;
	o.per_host_max = o.per_host_max ? o.per_host_max : 8;
	assert_int_equal(http_client_new(&o, &c), OK);
	return c;
}

static struct http_client *open_client(void)
{
	return client_with((struct http_client_options){.allow_insecure = true});
}

static enum err get(struct http_client *c, const char *base, const char *path, int64_t timeout_ms, struct outcome *o)
{
	char url[512];
	struct http_call call = {
	    .method = "GET", .url = url, .answer_max = 1000, .timeout_ms = timeout_ms, .done = on_done, .arg = o};

	snprintf(url, sizeof url, "%s%s", base, path);
	return http_client_call(c, &call);
}

static void get_and_wait(struct http_client *c, const char *base, const char *path, int64_t timeout_ms,
                         struct outcome *o)
{
	outcome_init(o);
	assert_int_equal(get(c, base, path, timeout_ms, o), OK);
	outcome_wait(o, 1);
}

/* ---- servers ---- */
static bool answer_echo(void *arg, int fd, const struct fake_request *req)
{
	char *agent = fake_header(req, "User-Agent"), *auth = fake_header(req, "Authorization");
	char *encoding = fake_header(req, "Accept-Encoding"), *cookie = fake_header(req, "Cookie");
	char body[4096];

	(void)arg;
	snprintf(body, sizeof body, "%s %s agent=%s auth=%s encoding=%s cookie=%s body=%s", req->method, req->target, agent,
	         auth ? auth : "-", encoding ? encoding : "-", cookie ? cookie : "-", req->body);
	free(agent);
	free(auth);
	free(encoding);
	free(cookie);
	return fake_answer(
	    fd, 200, "X-Test:  yes \r\nCache-Control: private, Max-Age=60\r\nRetry-After: 7\r\nSet-Cookie: a=b\r\n", body);
}

static bool answer_redirect(void *arg, int fd, const struct fake_request *req)
{
	(void)arg;
	(void)req;
	return fake_answer(fd, 302, "Location: /elsewhere\r\n", "");
}

/* Headers at once, then one byte each 20 ms for as long as anybody listens. */
static bool answer_trickle(void *arg, int fd, const struct fake_request *req)
{
	(void)arg;
	(void)req;
	fake_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", 40);
	while (!fake_client_left(fd, 20) && fake_send(fd, "x", 1))
		;
	return false;
}

static bool answer_never(void *arg, int fd, const struct fake_request *req)
{
	(void)arg;
	(void)req;
	fake_client_left(fd, LONG_MS);
	return false;
}

static bool answer_bytes(void *arg, int fd, const struct fake_request *req)
{
	const char *text = arg;

	(void)req;
	fake_send(fd, text, strlen(text));
	return false;
}

static bool answer_a_gigabyte(void *arg, int fd, const struct fake_request *req)
{
	static const char block[65536];
	const char *head = arg;

	(void)req;
	fake_send(fd, head, strlen(head));
	for (size_t sent = 0; sent < (size_t)1 << 30; sent += sizeof block)
		if (!fake_send(fd, block, sizeof block))
			break;
	return false;
}

static bool answer_endless_headers(void *arg, int fd, const struct fake_request *req)
{
	(void)arg;
	(void)req;
	fake_send(fd, "HTTP/1.1 200 OK\r\n", 17);
	for (unsigned i = 0; i < 1000000; i++)
		if (!fake_send(fd, "X-More: 0123456789012345678901234567890123456789\r\n", 50))
			break;
	return false;
}

/* ---- tests ---- */
static void an_answer_comes_with_status_headers_and_body(void **state)
{
	struct fake_server *s = fake_server_start(answer_echo, NULL);
	struct http_client *c = open_client();
	struct outcome o;

	(void)state;
	get_and_wait(c, fake_server_url(s), "/a/../b%2f?x=1&y=%20", 0, &o);
	assert_int_equal(o.err, OK);
	assert_int_equal(o.status, 200);
	assert_string_equal(o.body,
	                    "GET /a/../b%2f?x=1&y=%20 agent=licgate/" LICGATE_VERSION " auth=- encoding=- cookie=- body=");
	assert_string_equal(o.x_test, "yes");
	assert_int_equal(o.max_age_s, 60);
	assert_int_equal(o.retry_after_s, 7);
	http_client_free(c);
	fake_server_stop(s);
}

static void a_post_sends_headers_and_body(void **state)
{
	struct fake_server *s = fake_server_start(answer_echo, NULL);
	struct http_client *c = open_client();
	struct http_header headers[] = {{"Authorization", "JWT abc"}, {"Content-Type", "application/json"}};
	struct http_call call = {.method = "POST",
	                         .url = fake_server_url(s),
	                         .headers = headers,
	                         .header_count = 2,
	                         .body = STR("{\"a\":1}"),
	                         .answer_max = 1000,
	                         .done = on_done};
	struct outcome o;

	(void)state;
	outcome_init(&o);
	call.arg = &o;
	assert_int_equal(http_client_call(c, &call), OK);
	outcome_wait(&o, 1);
	assert_string_equal(o.body,
	                    "POST / agent=licgate/" LICGATE_VERSION " auth=JWT abc encoding=- cookie=- body={\"a\":1}");
	http_client_free(c);
	fake_server_stop(s);
}

static void connections_are_used_again_and_cookies_are_not(void **state)
{
	struct fake_server *s = fake_server_start(answer_echo, NULL);
	struct http_client *c = open_client();
	struct outcome o;

	(void)state;
	for (int i = 0; i < 3; i++)
		get_and_wait(c, fake_server_url(s), "/", 0, &o);
	assert_non_null(strstr(o.body, "cookie=-"));
	assert_int_equal(fake_server_requests(s), 3);
	assert_int_equal(fake_server_connections(s), 1);
	http_client_free(c);
	fake_server_stop(s);
}

static void a_redirect_is_an_answer_and_not_followed(void **state)
{
	struct fake_server *s = fake_server_start(answer_redirect, NULL);
	struct http_client *c = open_client();
	struct outcome o;

	(void)state;
	get_and_wait(c, fake_server_url(s), "/", 0, &o);
	assert_int_equal(o.err, OK);
	assert_int_equal(o.status, 302);
	assert_int_equal(o.max_age_s, -1);
	assert_int_equal(o.retry_after_s, -1);
	assert_int_equal(fake_server_requests(s), 1);
	http_client_free(c);
	fake_server_stop(s);
}

/* What a server may do wrong, and what the caller learns. */
static void broken_answers_are_told_apart(void **state)
{
	static const struct {
		const char *name;
		fake_handler *handler;
		const char *text;
		enum err err;
	} cases[] = {
	    {"trickled", answer_trickle, NULL, ERR_TIMEOUT},
	    {"no answer", answer_never, NULL, ERR_TIMEOUT},
	    {"closed at once", answer_bytes, "", ERR_UPSTREAM},
	    {"not HTTP", answer_bytes, "SSH-2.0-OpenSSH\r\n", ERR_UPSTREAM},
	    {"HTTP/0.9", answer_bytes, "hello", ERR_UPSTREAM},
	    {"truncated body", answer_bytes, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123", ERR_UPSTREAM},
	    {"truncated chunk", answer_bytes, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", ERR_UPSTREAM},
	    {"1 GB, announced", answer_a_gigabyte, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", ERR_TOO_LARGE},
	    {"1 GB, unannounced", answer_a_gigabyte, "HTTP/1.1 200 OK\r\n\r\n", ERR_TOO_LARGE},
	    {"endless headers", answer_endless_headers, NULL, ERR_TOO_LARGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fake_server *s = fake_server_start(cases[i].handler, (void *)(uintptr_t)cases[i].text);
		struct http_client *c = open_client();
		bool slow = cases[i].err == ERR_TIMEOUT;
		struct outcome o;

		get_and_wait(c, fake_server_url(s), "/", slow ? SHORT_MS : LONG_MS, &o);
		if (o.err != cases[i].err)
			fail_msg("%s: got %s", cases[i].name, err_name(o.err));
		assert_int_equal(o.status, 0);
		assert_int_equal(o.body_len, 0);
		if (slow)
			assert_in_range(o.duration_ms, SHORT_MS - 50, 20 * SHORT_MS);
		http_client_free(c);
		fake_server_stop(s);
	}
}

static void nobody_listening_is_an_upstream_error(void **state)
{
	struct fake_server *s = fake_server_start(answer_echo, NULL);
	struct http_client *c = open_client();
	struct outcome o;
	char url[64];

	(void)state;
	snprintf(url, sizeof url, "%s", fake_server_url(s));
	fake_server_stop(s);
	get_and_wait(c, url, "/", 0, &o);
	assert_int_equal(o.err, ERR_UPSTREAM);
	http_client_free(c);
}

static void private_addresses_and_http_are_refused_unless_allowed(void **state)
{
	static const char *const urls[] = {
	    "https://127.0.0.1:%d/", "https://localhost:%d/", "https://[::ffff:127.0.0.1]:%d/",
	    "https://0.0.0.0:%d/",   "https://0x7f.1:%d/",    "http://127.0.0.1:%d/"};
	struct fake_server *s = fake_server_start(answer_echo, NULL);
	struct http_client *c = client_with((struct http_client_options){.allow_insecure = false});

	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct outcome o;
		char url[128];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(url, sizeof url, urls[i], fake_server_port(s));
#pragma GCC diagnostic pop
		get_and_wait(c, url, "", 0, &o);
		if (o.err != ERR_DENIED)
			fail_msg("%s: got %s", url, err_name(o.err));
	}
	assert_int_equal(fake_server_connections(s), 0);
	http_client_free(c);
	fake_server_stop(s);
}

static void calls_that_make_no_sense_are_refused_at_once(void **state)
{
	static const struct {
		const char *method, *url, *header;
	} cases[] = {
	    {"GET", "", "x"},
	    {"GET", "/relative", "x"},
	    {"GET", "file:///etc/passwd", "x"},
	    {"GET", "gopher://example.com/", "x"},
	    {"GET", "https://user:secret@example.com/", "x"},
	    {"GET", "https://example.com/a b", "x"},
	    {"GET", "https://example.com/\r\nX: y", "x"},
	    {"GET", "https://", "x"},
	    {"get", "https://example.com/", "x"},
	    {"TRACE", "https://example.com/", "x"},
	    {"GET", "https://example.com/", "x\r\nX-Smuggled: y"},
	};
	struct http_client *c = open_client();

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct http_header header = {"X-Header", cases[i].header};
		struct http_call call = {
		    .method = cases[i].method, .url = cases[i].url, .headers = &header, .header_count = 1, .done = on_done};
		if (http_client_call(c, &call) != ERR_INVALID)
			fail_msg("%s %s was taken", cases[i].method, cases[i].url);
	}
	http_client_free(c);
}

static void one_dead_host_leaves_slots_to_the_others(void **state)
{
	struct fake_server *dead = fake_server_start(answer_never, NULL), *well = fake_server_start(answer_echo, NULL);
	struct http_client *c =
	    client_with((struct http_client_options){.allow_insecure = true, .in_flight_max = 4, .per_host_max = 2});
	struct outcome stuck, o;

	(void)state;
	outcome_init(&stuck);
	for (int i = 0; i < 10; i++)
		assert_int_equal(get(c, fake_server_url(dead), "/", LONG_MS, &stuck), OK);
	fake_server_wait_requests(dead, 2);
	for (int i = 0; i < 5; i++)
		get_and_wait(c, fake_server_url(well), "/", LONG_MS, &o);
	assert_int_equal(o.err, OK);
	assert_int_equal(fake_server_requests(dead), 2);
	assert_int_equal(http_client_queue_depth(c), 8);
	http_client_stop(c);
	assert_int_equal(stuck.count, 10);
	assert_int_equal(stuck.err, ERR_STOPPING);
	assert_int_equal(get(c, fake_server_url(well), "/", LONG_MS, &o), ERR_STOPPING);
	http_client_free(c);
	fake_server_stop(dead);
	fake_server_stop(well);
}

static void a_call_that_waits_ends_at_its_own_deadline(void **state)
{
	struct fake_server *dead = fake_server_start(answer_never, NULL);
	struct http_client *c = client_with((struct http_client_options){.allow_insecure = true, .per_host_max = 1});
	struct outcome first, second;

	(void)state;
	outcome_init(&first);
	assert_int_equal(get(c, fake_server_url(dead), "/", LONG_MS, &first), OK);
	fake_server_wait_requests(dead, 1);
	get_and_wait(c, fake_server_url(dead), "/", SHORT_MS, &second);
	assert_int_equal(second.err, ERR_TIMEOUT);
	assert_int_equal(fake_server_requests(dead), 1);
	assert_int_equal(http_client_queue_depth(c), 0);
	http_client_free(c);
	assert_int_equal(first.err, ERR_STOPPING);
	fake_server_stop(dead);
}

static void a_full_queue_refuses(void **state)
{
	struct fake_server *dead = fake_server_start(answer_never, NULL);
	struct http_client *c =
	    client_with((struct http_client_options){.allow_insecure = true, .in_flight_max = 1, .queue_max = 2});
	struct outcome o;

	(void)state;
	outcome_init(&o);
	assert_int_equal(get(c, fake_server_url(dead), "/", 0, &o), OK);
	fake_server_wait_requests(dead, 1);
	assert_int_equal(get(c, fake_server_url(dead), "/", 0, &o), OK);
	assert_int_equal(get(c, fake_server_url(dead), "/", 0, &o), OK);
	assert_int_equal(get(c, fake_server_url(dead), "/", 0, &o), ERR_FULL);
	http_client_free(c);
	assert_int_equal(o.count, 3);
	fake_server_stop(dead);
}

/* A done function may submit the next call. */
struct chain {
	struct http_client *client;
	const char *url;
	struct outcome *end;
	int left;
};

static void on_chain(void *arg, const struct http_answer *a)
{
	struct chain *chain = arg;

	if (a->err != OK || chain->left-- == 0 || get(chain->client, chain->url, "/", 0, chain->end) != OK)
		on_done(chain->end, a);
}

static void done_may_call_again(void **state)
{
	struct fake_server *s = fake_server_start(answer_echo, NULL);
	struct outcome o;
	struct chain chain = {.client = open_client(), .url = fake_server_url(s), .end = &o, .left = 1};
	struct http_call call = {
	    .method = "GET", .url = fake_server_url(s), .answer_max = 1000, .done = on_chain, .arg = &chain};

	(void)state;
	outcome_init(&o);
	assert_int_equal(http_client_call(chain.client, &call), OK);
	outcome_wait(&o, 1);
	assert_int_equal(o.err, OK);
	assert_int_equal(fake_server_requests(s), 2);
	http_client_free(chain.client);
	fake_server_stop(s);
}

static void a_dead_name_server_holds_up_nobody(void **state)
{
	struct fake_server *s = fake_server_start(answer_echo, NULL);
	struct http_client *c = open_client();
	struct outcome o;

	(void)state;
	get_and_wait(c, "http://a.stuck.test", "/", SHORT_MS, &o);
	assert_int_equal(o.err, ERR_TIMEOUT);
	get_and_wait(c, fake_server_url(s), "/", 0, &o); /* while the name is still being resolved */
	assert_int_equal(o.err, OK);
	http_client_free(c);

	pthread_mutex_lock(&stuck_lock);
	assert_int_equal(stuck_inside, 1);
	stuck_released = true;
	pthread_cond_broadcast(&stuck_moved);
	while (stuck_inside)
		pthread_cond_wait(&stuck_moved, &stuck_lock);
	pthread_mutex_unlock(&stuck_lock);
	fake_server_stop(s);
}

/* Many threads submit at once; every accepted call is answered once. */
enum { SUBMITTERS = 4, CALLS_EACH = 25 };
struct submitter {
	struct http_client *client;
	const char *url;
	struct outcome *outcome;
	unsigned refused;
};

static void *submit_many(void *arg)
{
	struct submitter *s = arg;

	for (int i = 0; i < CALLS_EACH; i++)
		if (get(s->client, s->url, "/", 0, s->outcome) != OK)
			s->refused++;
	return NULL;
}

static void every_call_of_many_threads_is_answered_once(void **state)
{
	struct fake_server *server = fake_server_start(answer_echo, NULL);
	struct http_client *c = client_with((struct http_client_options){.allow_insecure = true, .queue_max = 1000});
	struct submitter submitters[SUBMITTERS];
	pthread_t threads[SUBMITTERS];
	struct outcome o;

	(void)state;
	outcome_init(&o);
	for (int i = 0; i < SUBMITTERS; i++) {
		submitters[i] = (struct submitter){.client = c, .url = fake_server_url(server), .outcome = &o};
		assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &submitters[i]), 0);
	}
	for (int i = 0; i < SUBMITTERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(submitters[i].refused, 0);
	}
	outcome_wait(&o, SUBMITTERS * CALLS_EACH);
	http_client_free(c);
	assert_int_equal(o.count, SUBMITTERS * CALLS_EACH);
	assert_int_equal(fake_server_requests(server), SUBMITTERS * CALLS_EACH);
	assert_in_range(fake_server_connections(server), 1, 8);
	fake_server_stop(server);
}

/* ---- answers taken in pieces ---- */
struct taken {
	struct outcome outcome; /* first: on_done gets it */
	size_t bytes, pieces;
	size_t stop_after; /* bytes; 0: never */
	uint64_t sum;
};

static bool take_piece(void *arg, const char *data, size_t len)
{
	struct taken *t = arg;
	t->bytes += len;
	t->pieces++;
	for (size_t i = 0; i < len; i++)
		t->sum += (unsigned char)data[i];
	return !t->stop_after || t->bytes < t->stop_after;
}

static bool answer_megabytes(void *arg, int fd, const struct fake_request *req)
{
	static char block[65536];
	(void)arg;
	(void)req;
	memset(block, 'x', sizeof block);
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n";
	fake_send(fd, head, sizeof head - 1);
	for (int i = 0; i < 64; i++)
		if (!fake_send(fd, block, sizeof block))
			break;
	return false;
}

static bool answer_cut_short(void *arg, int fd, const struct fake_request *req)
{
	(void)arg;
	(void)req;
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789";
	fake_send(fd, text, sizeof text - 1);
	return false;
}

static bool answer_refused(void *arg, int fd, const struct fake_request *req)
{
	(void)arg;
	(void)req;
	return fake_answer(fd, 404, "Retry-After: 3\r\n", "Export is being processed");
}

static const struct {
	const char *name;
	fake_handler *handler;
	uint64_t max;
	size_t stop_after;
	enum err err;
	int status;
	size_t bytes; /* taken; SIZE_MAX: some */
	const char *body;
} takes[] = {
    {"4 MB", answer_megabytes, 1 << 30, 0, OK, 200, 4194304, ""},
    {"more than allowed, announced", answer_megabytes, 1 << 20, 0, ERR_TOO_LARGE, 0, 0, ""},
    {"who takes it stops", answer_megabytes, 1 << 30, 1 << 20, ERR_IO, 0, SIZE_MAX, ""},
    {"more than allowed, unannounced", answer_a_gigabyte, 1 << 20, 0, ERR_TOO_LARGE, 0, SIZE_MAX, ""},
    {"cut short", answer_cut_short, 1 << 20, 0, ERR_UPSTREAM, 0, 10, ""},
    {"a refusal is kept for done", answer_refused, 1000, 0, OK, 404, 0, "Export is being processed"},
};

static void an_answer_may_be_taken_in_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof takes / sizeof takes[0]; i++) {
		struct fake_server *s = fake_server_start(takes[i].handler, "HTTP/1.1 200 OK\r\n\r\n");
		struct http_client *c = open_client();
		struct taken t = {.stop_after = takes[i].stop_after};
		const struct http_call call = {.method = "GET",
		                               .url = fake_server_url(s),
		                               .answer_max = takes[i].max,
		                               .take = take_piece,
		                               .done = on_done,
		                               .arg = &t};
		outcome_init(&t.outcome);
		assert_int_equal(http_client_call(c, &call), OK);
		outcome_wait(&t.outcome, 1);
		if (t.outcome.err != takes[i].err || t.outcome.status != takes[i].status)
			fail_msg("%s: %s, %d", takes[i].name, err_name(t.outcome.err), t.outcome.status);
		assert_string_equal(t.outcome.body, takes[i].body);
		if (takes[i].bytes != SIZE_MAX)
			assert_int_equal(t.bytes, takes[i].bytes);
		http_client_free(c);
		fake_server_stop(s);
	}
}

static void a_user_and_a_password_make_a_header(void **state)
{
	struct buf out = BUF_INIT(1000);
	(void)state;
	http_basic_auth(&out, STR("Aladdin"), STR("open sesame")); /* RFC 7617, section 2 */
	assert_string_equal(out.data, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_may_be_taken_in_pieces),
	    cmocka_unit_test(a_user_and_a_password_make_a_header),
	    cmocka_unit_test(an_answer_comes_with_status_headers_and_body),
	    cmocka_unit_test(a_post_sends_headers_and_body),
	    cmocka_unit_test(connections_are_used_again_and_cookies_are_not),
	    cmocka_unit_test(a_redirect_is_an_answer_and_not_followed),
	    cmocka_unit_test(broken_answers_are_told_apart),
	    cmocka_unit_test(nobody_listening_is_an_upstream_error),
	    cmocka_unit_test(private_addresses_and_http_are_refused_unless_allowed),
	    cmocka_unit_test(calls_that_make_no_sense_are_refused_at_once),
	    cmocka_unit_test(one_dead_host_leaves_slots_to_the_others),
	    cmocka_unit_test(a_call_that_waits_ends_at_its_own_deadline),
	    cmocka_unit_test(a_full_queue_refuses),
	    cmocka_unit_test(done_may_call_again),
	    cmocka_unit_test(a_dead_name_server_holds_up_nobody),
	    cmocka_unit_test(every_call_of_many_threads_is_answered_once),
	};
	log_set_level(LOG_ERROR);
	/* A proxy of the environment must not be used: nothing listens there. */
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("https_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
