/* test_server.h - a server with a small route table on a free port of 127.0.0.1, and a clock that stands still. */
#pragma once
#include <stdatomic.h>

#include "base/timers.h"
#include "http/conn.h"
#include "http/pages.h"
#include "http/reply.h"
#include "http/stream.h"

enum {
	REQUEST_MS = 15000,
	IDLE_MS = 60000,
	SMALL_BODY = 10,
	MAX_BODY = 4096,
	BIG_BYTES = 16 * 1024 * 1024,
	STREAM_PENDING = 64 * 1024,
	PAGE_LINES = 5000, /* of six bytes */
	LARGE_PAGE = 48 * 1024 * 1024,
	MANY_PAGES = 20,
};

struct test_server {
	struct clock_manual clock;
	struct timers *timers;
	struct http_server *server;
	const char *address;
	atomic_int ended;  /* on_end calls */
	atomic_int waited; /* continuations that ran */
	/* requests of /wait, in order, for the test to wake */
	pthread_mutex_t lock;
	struct request *waiting[256];
	unsigned waiting_count;
	struct stream *streams[16]; /* of /stream, in order: the test's; under lock */
	unsigned stream_count;
	atomic_int pages; /* of /pages/NAME, made so far */
	char *big;
};

/* Adjusts the options before the start; may be NULL. */
struct test_server *test_server_start(void (*adjust)(struct http_options *o));
/* Stops the server, if it has not been stopped, and frees. */
void test_server_free(struct test_server *t, int64_t stop_ms);
/* Steps the clock and lets the sweep run. */
void test_server_step(struct test_server *t, int64_t ms);
/* Until that many requests of /wait are suspended, or connections open. */
void test_server_until_waiting(struct test_server *t, unsigned count);
void test_server_until_open(struct test_server *t, unsigned count);
/* Until that many connections are in that phase. */
void test_server_until_phase(struct test_server *t, enum conn_phase phase, unsigned count);
struct request *test_server_waiting(struct test_server *t, unsigned i);
/* Waits until that stream was opened. */
struct stream *test_server_stream(struct test_server *t, unsigned i);
