/* deliver_fixture.c - see deliver_fixture.h. */
#include "deliver_fixture.h"

#include <stdio.h>
#include <string.h>

struct world w;

static void copy(char *out, size_t size, const char *z)
{
	(void)snprintf(out, size, "%s", z);
}

static enum err take_call(void *caller, const struct http_call *call)
{
	(void)caller;
	pthread_mutex_lock(&w.lock);
	enum err err = w.refuse;
	if (err == OK) {
		struct sent *s = &w.sent[w.count++];
		copy(s->url, sizeof(s->url), call->url);
		for (size_t i = 0; i < call->header_count; i++) {
			const struct http_header *h = &call->headers[i];
			if (strcmp(h->name, "webhook-id") == 0)
				copy(s->id, sizeof(s->id), h->value);
			else if (strcmp(h->name, "webhook-timestamp") == 0)
				copy(s->timestamp, sizeof(s->timestamp), h->value);
			else if (strcmp(h->name, "webhook-signature") == 0)
				copy(s->signature, sizeof(s->signature), h->value);
		}
		(void)snprintf(s->body, sizeof(s->body), "%.*s", STR_ARG(call->body));
		s->done = call->done;
		s->answered = false;
		s->arg = call->arg;
	}
	pthread_mutex_unlock(&w.lock);
	return err;
}

static enum err nothing(struct store_tx *tx, void *arg)
{
	(void)tx, (void)arg;
	return OK;
}

/* A turn is a timer, a write, and a timer again. */
void settle(void)
{
	for (int i = 0; i < 6; i++) {
		timers_run(w.timers);
		assert_int_equal(store_write(w.fixture.store, nothing, NULL), OK);
	}
}

void pass(int64_t ms)
{
	clock_manual_step(&w.fixture.clock, ms);
	settle();
}

void answer(size_t i, enum err err, int status, int64_t retry_after_s)
{
	assert_true(i < w.count && !w.sent[i].answered);
	const struct http_answer a = {.err = err, .status = status, .duration_ms = 12, .retry_after_s = retry_after_s};
	w.sent[i].answered = true;
	w.sent[i].done(w.sent[i].arg, &a);
}

void answer_all(int status)
{
	for (size_t i = 0; i < w.count; i++)
		if (!w.sent[i].answered)
			answer(i, OK, status, -1);
	pass(100); /* as many as may start together may start again */
}

void start_deliveries(void)
{
	const struct deliveries_options o = {.clock = &w.fixture.clock.clock,
	                                     .timers = w.timers,
	                                     .store = w.fixture.store,
	                                     .keys = w.keys,
	                                     .call = take_call};
	assert_int_equal(deliveries_start(&o, &w.deliveries), OK);
	settle();
}

static enum err add_run(struct store_tx *tx, void *arg)
{
	struct arena a;
	arena_init(&a, 1 << 20);
	const struct new_endpoint wanted = {.url = arg};
	enum err err = endpoint_add(tx, w.keys, &wanted, clock_wall_ms(&w.fixture.clock.clock), &a, w.endpoint, w.secret);
	arena_release(&a);
	return err;
}

void add_endpoint(const char *url)
{
	char text[128];
	copy(text, sizeof(text), url);
	assert_int_equal(store_write(w.fixture.store, add_run, text), OK);
	settle();
}

int deliver_set_up(void **state)
{
	(void)state;
	w = (struct world){.lock = PTHREAD_MUTEX_INITIALIZER};
	fixture_init(&w.fixture);
	assert_int_equal(fixture_open(&w.fixture, 1000, false), OK);
	assert_int_equal(timers_new(&w.fixture.clock.clock, false, &w.timers), OK);
	assert_int_equal(keyring_random(&w.keys), OK);
	start_deliveries();
	add_endpoint("https://hooks.example.com/a");
	return 0;
}

int deliver_tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < w.count; i++)
		if (!w.sent[i].answered)
			answer(i, ERR_STOPPING, 0, -1);
	deliveries_stop(w.deliveries);
	timers_free(w.timers);
	fixture_release(&w.fixture);
	keyring_free(w.keys);
	return 0;
}

static enum err happen_run(struct store_tx *tx, void *tenant)
{
	char once[16];
	(void)snprintf(once, sizeof(once), "%d", ++w.events);
	const struct event e = {.type = "tenant.enabled",
	                        .tenant = str_of(tenant),
	                        .at = clock_wall_ms(&w.fixture.clock.clock),
	                        .once = str_of(once)};
	return journal_add(tx, &e);
}

void happens(const char *tenant)
{
	char text[32];
	copy(text, sizeof(text), tenant);
	assert_int_equal(store_write(w.fixture.store, happen_run, text), OK);
	settle();
}

static enum err look_run(struct store_tx *tx, void *arg)
{
	struct look *l = arg;
	const struct delivery_filter f = {.limit = 100};
	enum err err = store_endpoint_get(tx, str_of(w.endpoint), &l->arena, &l->endpoint);
	return err == OK ? store_delivery_list(tx, &f, &l->arena, &l->rows, &l->count) : err;
}

struct delivery_row newest(struct look *l)
{
	arena_init(&l->arena, 1 << 20);
	assert_int_equal(store_read(w.fixture.store, look_run, l), OK);
	assert_true(l->count > 0);
	return l->rows[0];
}

void assert_newest(const char *status, int attempts, int last_status, const char *error)
{
	struct look l;
	const struct delivery_row row = newest(&l);
	assert_string_equal(row.status, status);
	assert_int_equal(row.attempts, attempts);
	assert_int_equal(row.last_status, last_status);
	assert_string_equal(row.last_error ? row.last_error : "", error);
	arena_release(&l.arena);
}
