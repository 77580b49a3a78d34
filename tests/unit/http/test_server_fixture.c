/* test_server_fixture.c - see test_server.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/jsonw.h"
#include "raw_client.h"
#include "test_server.h"

static void count_end(struct request *req, void *test)
{
	(void)req;
	struct test_server *t = test;
	atomic_fetch_add(&t->ended, 1);
}

/* What the handler was given. */
static void echo(struct request *req, void *room)
{
	struct test_server *t = room;
	req->on_end = count_end;
	req->on_end_arg = t;
	struct buf b = BUF_INIT(64 * 1024);
	struct jsonw w = jsonw(&b);
	jw_obj(&w);
	jw_kstr(&w, "method", req->method_name);
	jw_kstr(&w, "target", (struct str){req->target.ptr, req->target.len < 100 ? req->target.len : 100});
	jw_kstr(&w, "path", req->path);
	jw_kstr(&w, "local_path", req->local_path);
	jw_key(&w, "query");
	if (req->query.ptr)
		jw_int(&w, (int64_t)req->query.len);
	else
		jw_null(&w);
	jw_kstr(&w, "body", req->body);
	jw_kint(&w, "body_len", (int64_t)req->body.len);
	jw_kstr(&w, "x", request_header(req, "x-test"));
	jw_kint(&w, "xs", (int64_t)request_header_count(req, "X-TEST"));
	jw_kint(&w, "peer", req->peer[15]);
	jw_kstr(&w, "param", req->params.count ? req->params.part[0] : STR(""));
	jw_end_obj(&w);
	reply_json(req, 200, &b);
}

static void woken(struct request *req, void *room)
{
	struct test_server *t = room;
	atomic_fetch_add(&t->waited, 1);
	reply(req, 200, "text/plain", STR("woken"), NULL, 0);
}

static void wait_for_test(struct request *req, void *room)
{
	struct test_server *t = room;
	req->on_end = count_end;
	req->on_end_arg = t;
	request_wait(req, woken);
	pthread_mutex_lock(&t->lock);
	t->waiting[t->waiting_count++] = req;
	pthread_mutex_unlock(&t->lock);
}

/* Woken by itself, before the library sees it suspended; waits twice. */
static void wait_again(struct request *req, void *room)
{
	(void)room;
	request_wait(req, woken);
	request_wake(req);
}

static void wait_twice(struct request *req, void *room)
{
	(void)room;
	request_wait(req, wait_again);
	request_wake(req);
}

static void silent(struct request *req, void *room)
{
	(void)req;
	(void)room;
}

static void big(struct request *req, void *room)
{
	struct test_server *t = room;
	req->on_end = count_end;
	req->on_end_arg = t;
	reply_borrowed(req, 200, "text/plain", (struct str){t->big, BIG_BYTES}, NULL, 0);
}

static void open_stream(struct request *req, void *room)
{
	struct test_server *t = room;
	struct stream *s = reply_stream(req, "text/event-stream", STREAM_PENDING);
	if (!s)
		return;
	pthread_mutex_lock(&t->lock);
	t->streams[t->stream_count++] = s;
	pthread_mutex_unlock(&t->lock);
}

/* Numbers of five digits, one a line. Each page also reads what the page before left in its memory. */
struct counting {
	atomic_int *made;
	int page, pages;
	int fails_at; /* page; 0: none */
	bool hollow;  /* every second page is empty */
	bool large;   /* LARGE_PAGE bytes of something follow */
	const int *last;
};

static enum err count_on(void *counting, struct arena *memory, struct buf *out, bool *ret_more)
{
	struct counting *c = counting;
	const int page = c->page++;
	atomic_fetch_add(c->made, 1);
	if (c->fails_at == c->page)
		return ERR_BUSY;
	assert_true(page == 0 || *c->last == page - 1);
	assert_non_null(arena_alloc(memory, ARENA_FIRST_BYTES)); /* what follows is freed with it */
	int *number = arena_alloc(memory, sizeof(*number));
	assert_non_null(number);
	*number = page;
	c->last = number;
	for (int i = 0; i < PAGE_LINES && !(c->hollow && page % 2); i++)
		buf_printf(out, "%05d\n", (page * PAGE_LINES + i) % 100000);
	static const char something[64 * 1024];
	for (size_t len = 0; c->large && len < LARGE_PAGE; len += sizeof something)
		buf_add(out, something, sizeof something);
	*ret_more = c->page < c->pages;
	return OK;
}

/* /pages/NAME */
static void paged(struct request *req, void *room)
{
	struct test_server *t = room;
	static const struct {
		const char *name;
		struct counting how;
	} kinds[] = {
	    {"one", {.pages = 1}},
	    {"many", {.pages = MANY_PAGES}},
	    {"hollow", {.pages = MANY_PAGES, .hollow = true}},
	    {"endless", {.pages = INT32_MAX}},
	    {"large", {.pages = 2, .large = true}},
	    {"fails", {.pages = MANY_PAGES, .fails_at = 1}},
	    {"breaks", {.pages = MANY_PAGES, .fails_at = 3}},
	};
	req->on_end = count_end;
	req->on_end_arg = t;
	struct counting *c = arena_zalloc(&req->arena, sizeof(*c));
	assert_non_null(c);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (str_eqz(req->params.part[0], kinds[i].name))
			*c = kinds[i].how;
	c->made = &t->pages;
	const struct header h = {"X-Good", STR("yes")};
	reply_pages(req, &(struct pages){.next = count_on,
	                                 .state = c,
	                                 .page_max = 2 * LARGE_PAGE,
	                                 .memory_max = 64 * 1024,
	                                 .content_type = "text/plain",
	                                 .headers = &h,
	                                 .header_count = 1});
}

static void headers(struct request *req, void *room)
{
	(void)room;
	const struct header h[] = {{"Cache-Control", STR("max-age=1")},
	                           {"X-Bad", STR("a\r\nSet-Cookie: b")},
	                           {"X-Empty", STR("")},
	                           {"X-Good", STR("yes")}};
	reply(req, 200, "text/plain", STR("x"), h, 4);
}

static void refused(struct request *req, void *room)
{
	(void)room;
	reply_unauthorized(req);
}

static void busy(struct request *req, void *room)
{
	(void)room;
	reply_err(req, ERR_BUSY);
}

static void authenticate(struct request *req, void *room)
{
	(void)room;
	if (str_eqz(request_header(req, "x-test"), "let me in"))
		request_authorized(req);
	else
		reply_unauthorized(req);
}

static void authenticate_later(struct request *req, void *room)
{
	request_wait(req, authenticate);
	request_wake(req);
	(void)room;
}

static const struct route rows[] = {
    {METHOD_GET, "/p", AUTH_NONE, 1, 0, echo},
    {METHOD_POST, "/p", AUTH_NONE, 1, 0, echo},
    {METHOD_POST, "/small", AUTH_NONE, 1, SMALL_BODY, echo},
    {METHOD_GET, "/key/KEY", AUTH_NONE, 1, 0, echo},
    {METHOD_GET, "/wait", AUTH_NONE, 1, 0, wait_for_test},
    {METHOD_GET, "/twice", AUTH_NONE, 1, 0, wait_twice},
    {METHOD_GET, "/silent", AUTH_NONE, 1, 0, silent},
    {METHOD_GET, "/big", AUTH_NONE, 1, 0, big},
    {METHOD_GET, "/stream", AUTH_NONE, 1, 0, open_stream},
    {METHOD_GET, "/pages/NAME", AUTH_NONE, 1, 0, paged},
    {METHOD_GET, "/headers", AUTH_NONE, 1, 0, headers},
    {METHOD_GET, "/refused", AUTH_SELF, 1, 0, refused},
    {METHOD_GET, "/busy", AUTH_NONE, 1, 0, busy},
    {METHOD_GET, "/page", AUTH_PAGE, 1, 0, echo},
    {METHOD_GET, "/context", AUTH_CONTEXT, 1, 0, echo},
};
static const struct route_table table = {rows, sizeof rows / sizeof rows[0]};

struct test_server *test_server_start(void (*adjust)(struct http_options *o))
{
	struct test_server *t = calloc(1, sizeof *t);
	assert_non_null(t);
	pthread_mutex_init(&t->lock, NULL);
	clock_manual_init(&t->clock, 1700000000000);
	t->big = calloc(1, BIG_BYTES);
	assert_non_null(t->big);
	assert_int_equal(timers_new(&t->clock.clock, false, &t->timers), OK);
	struct http_options o = {
	    .name = "test",
	    .listen = "127.0.0.1:0",
	    .base_path = "/base",
	    .threads = 2,
	    .connections_max = 1000,
	    .request_timeout_ms = REQUEST_MS,
	    .idle_timeout_ms = IDLE_MS,
	    .max_body = MAX_BODY,
	    .routes = &table,
	    .rooms = {[1] = t},
	    .authenticators = {[AUTH_PAGE] = {authenticate, t}, [AUTH_CONTEXT] = {authenticate_later, t}},
	    .clock = &t->clock.clock,
	    .timers = t->timers,
	};
	if (adjust)
		adjust(&o);
	assert_int_equal(http_server_start(&o, &t->server), OK);
	t->address = http_server_address(t->server);
	return t;
}

void test_server_free(struct test_server *t, int64_t stop_ms)
{
	http_server_stop(t->server, stop_ms);
	for (unsigned i = 0; i < t->stream_count; i++)
		stream_unref(t->streams[i]);
	timers_free(t->timers);
	pthread_mutex_destroy(&t->lock);
	free(t->big);
	free(t);
}

void test_server_step(struct test_server *t, int64_t ms)
{
	clock_manual_step(&t->clock, ms);
	timers_run(t->timers);
}

struct count {
	struct test_server *t;
	unsigned want;
	enum conn_phase phase;
};

static bool is_open(void *arg)
{
	struct count *c = arg;
	unsigned n = 0;
	pthread_mutex_lock(&c->t->server->lock);
	for (struct http_conn *i = c->t->server->conns; i; i = i->next)
		n++;
	pthread_mutex_unlock(&c->t->server->lock);
	return n == c->want;
}

static bool is_in_phase(void *arg)
{
	struct count *c = arg;
	unsigned n = 0;
	pthread_mutex_lock(&c->t->server->lock);
	for (struct http_conn *i = c->t->server->conns; i; i = i->next)
		n += atomic_load(&i->phase) == c->phase;
	pthread_mutex_unlock(&c->t->server->lock);
	return n == c->want;
}

static bool is_waiting(void *arg)
{
	struct count *c = arg;
	pthread_mutex_lock(&c->t->lock);
	const unsigned n = c->t->waiting_count;
	pthread_mutex_unlock(&c->t->lock);
	return n == c->want;
}

void test_server_until_waiting(struct test_server *t, unsigned count)
{
	assert_true(raw_until(is_waiting, &(struct count){.t = t, .want = count}));
}

void test_server_until_open(struct test_server *t, unsigned count)
{
	assert_true(raw_until(is_open, &(struct count){.t = t, .want = count}));
}

void test_server_until_phase(struct test_server *t, enum conn_phase phase, unsigned count)
{
	assert_true(raw_until(is_in_phase, &(struct count){t, count, phase}));
}

static bool is_streaming(void *arg)
{
	struct count *c = arg;
	pthread_mutex_lock(&c->t->lock);
	const unsigned n = c->t->stream_count;
	pthread_mutex_unlock(&c->t->lock);
	return n >= c->want;
}

struct stream *test_server_stream(struct test_server *t, unsigned i)
{
	assert_true(raw_until(is_streaming, &(struct count){.t = t, .want = i + 1}));
	pthread_mutex_lock(&t->lock);
	struct stream *s = t->streams[i];
	pthread_mutex_unlock(&t->lock);
	return s;
}

struct request *test_server_waiting(struct test_server *t, unsigned i)
{
	pthread_mutex_lock(&t->lock);
	struct request *req = t->waiting[i];
	pthread_mutex_unlock(&t->lock);
	return req;
}
