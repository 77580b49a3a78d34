/* test_deliver.c - deliveries from the journal to the call, with a clock that the test steps and a receiver that it
 * plays: what is sent, when again, how many at once, what a receiver's answer changes. */
#include "deliver_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/schedule.h"
#include "store/sql.h"

/* ---- what is sent ---- */

static void an_event_is_sent_at_once_and_signed(void **state)
{
	(void)state;
	happens("t");
	assert_int_equal(w.count, 1);
	const struct sent *s = &w.sent[0];
	assert_string_equal(s->url, "https://hooks.example.com/a");
	assert_string_equal(s->timestamp, "1767225600");
	assert_memory_equal(s->id, "evt_", 4);
	assert_null(strchr(s->id, '.'));
	assert_non_null(strstr(s->body, s->id));
	struct signing_key key;
	struct buf want = BUF_INIT(300);
	assert_true(signing_secret_read(str_of(w.secret), &key));
	assert_int_equal(webhook_sign(&key, 1, str_of(s->id), 1767225600, str_of(s->body), &want), OK);
	assert_string_equal(s->signature, want.data);
	buf_release(&want);
	answer(0, OK, 204, -1);
	pass(10);
	assert_newest("delivered", 1, 204, "");
	pass(3600000);
	assert_int_equal(w.count, 1);
}

static void retries_follow_the_table_with_the_same_words(void **state)
{
	(void)state;
	static const int64_t delays_s[] = {5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400};
	happens("t");
	for (size_t i = 0; i < 9; i++) {
		answer(i, OK, 500, -1);
		pass(10);
		assert_newest("pending", (int)i + 1, 500, "status");
		pass(delays_s[i] * 1000 - 20);
		assert_int_equal(w.count, i + 1); /* never early */
		pass(delays_s[i] * 100 + 1020);   /* the jitter is a tenth at most */
		assert_int_equal(w.count, i + 2);
		assert_string_equal(w.sent[i + 1].id, w.sent[0].id);
		assert_string_equal(w.sent[i + 1].body, w.sent[0].body);
		assert_string_not_equal(w.sent[i + 1].timestamp, w.sent[0].timestamp);
	}
	answer(9, ERR_TIMEOUT, 0, -1);
	pass(10);
	assert_newest("dead", 10, 0, "timeout");
	pass(10LL * 86400000);
	assert_int_equal(w.count, 10);
}

static enum err rotate_run(struct store_tx *tx, void *arg)
{
	struct arena a;
	arena_init(&a, 1 << 20);
	enum err err = endpoint_rotate(tx, w.keys, str_of(w.endpoint), clock_wall_ms(&w.fixture.clock.clock), &a, arg);
	arena_release(&a);
	return err;
}

static void both_secrets_sign_for_a_day(void **state)
{
	(void)state;
	char fresh[SIGNING_SECRET_SIZE];
	struct signing_key keys[2];
	assert_int_equal(store_write(w.fixture.store, rotate_run, fresh), OK);
	assert_string_not_equal(fresh, w.secret);
	assert_true(signing_secret_read(str_of(fresh), &keys[0]) && signing_secret_read(str_of(w.secret), &keys[1]));
	for (size_t i = 0; i < 2; i++) {
		happens("t");
		assert_int_equal(w.count, i + 1);
		const struct sent *s = &w.sent[i];
		struct buf want = BUF_INIT(300);
		assert_int_equal(
		    webhook_sign(keys, i == 0 ? 2 : 1, str_of(s->id), strtoll(s->timestamp, NULL, 10), str_of(s->body), &want),
		    OK);
		assert_string_equal(s->signature, want.data);
		buf_release(&want);
		answer(i, OK, 200, -1);
		pass(SECRET_OVERLAP_MS);
	}
}

/* ---- how many, in which order ---- */

static void one_at_a_time_per_tenant(void **state)
{
	(void)state;
	happens("a");
	happens("a");
	happens("b");
	assert_int_equal(w.count, 2);
	answer(0, OK, 500, -1); /* one that fails does not hold the rest back */
	pass(10);
	assert_int_equal(w.count, 3);
	assert_string_not_equal(w.sent[2].id, w.sent[0].id);
	pass(6000);
	assert_int_equal(w.count, 3); /* its retry waits for the one under way */
	answer(2, OK, 200, -1);
	pass(10);
	assert_int_equal(w.count, 4);
	assert_string_equal(w.sent[3].id, w.sent[0].id);
}

static size_t calls_to(const char *url)
{
	size_t count = 0;
	for (size_t i = 0; i < w.count; i++)
		count += strcmp(w.sent[i].url, url) == 0;
	return count;
}

static void fifty_at_an_endpoint(void **state)
{
	(void)state;
	char tenant[16];
	for (int i = 0; i < 60; i++) {
		(void)snprintf(tenant, sizeof(tenant), "t%d", i);
		happens(tenant);
	}
	assert_int_equal(w.count, ENDPOINT_IN_FLIGHT);
	answer_all(204);
	assert_int_equal(w.count, 60);
}

/* However fast the receiver, a backlog leaves requests their time. */
static void a_backlog_goes_at_its_pace(void **state)
{
	(void)state;
	char tenant[16];
	for (int i = 0; i < 90; i++) {
		(void)snprintf(tenant, sizeof(tenant), "t%d", i);
		happens(tenant);
	}
	assert_int_equal(w.count, STARTS_AT_ONCE);
	for (size_t i = 0; i < STARTS_AT_ONCE; i++)
		answer(i, OK, 204, -1);
	for (size_t i = 1; i <= 8; i++) {
		pass(10);
		assert_int_equal(w.count, STARTS_AT_ONCE + i * STARTS_PER_S / 100);
	}
	pass(1000);
	assert_int_equal(w.count, 90);
}

/* However many do not answer, one that is new finds room. */
static void two_hundred_at_all_and_always_room_for_one_more(void **state)
{
	(void)state;
	char tenant[16], url[64];
	for (int i = 1; i < 12; i++) {
		(void)snprintf(url, sizeof(url), "https://hooks.example.com/%d", i);
		add_endpoint(url);
	}
	for (int i = 0; i < 60; i++) {
		(void)snprintf(tenant, sizeof(tenant), "t%d", i);
		happens(tenant);
	}
	for (int i = 0; i < 10; i++)
		pass(100);
	assert_true(w.count < IN_FLIGHT_TOTAL);
	for (int i = 1; i < 12; i++) {
		(void)snprintf(url, sizeof(url), "https://hooks.example.com/%d", i);
		assert_in_range(calls_to(url), 1, ENDPOINT_IN_FLIGHT);
	}
	add_endpoint("https://hooks.example.com/new");
	happens("another");
	pass(100);
	assert_int_equal(calls_to("https://hooks.example.com/new"), 1);
	while (w.count < 12 * 60 + 13) {
		const size_t before = w.count;
		answer_all(204);
		assert_true(w.count > before);
	}
	answer_all(204);
	assert_int_equal(w.count, 12 * 60 + 13); /* each event to each endpoint once */
}

static void one_that_says_slow_down_gets_less(void **state)
{
	(void)state;
	char tenant[16];
	happens("first");
	answer(0, OK, 429, 60);
	pass(10);
	for (int i = 0; i < 60; i++) {
		(void)snprintf(tenant, sizeof(tenant), "t%d", i);
		happens(tenant);
	}
	assert_int_equal(w.count, 1);
	pass(59000);
	assert_int_equal(w.count, 1);
	pass(2000);
	assert_int_equal(w.count, 1 + ENDPOINT_IN_FLIGHT / 2);
	while (w.count < 62) {
		const size_t before = w.count;
		answer_all(204);
		assert_true(w.count > before);
	}
}

static void sixty_wait(void)
{
	char tenant[16];
	for (int i = 0; i < 60; i++) {
		(void)snprintf(tenant, sizeof(tenant), "t%d", i);
		happens(tenant);
	}
	pass(100);
	assert_int_equal(w.count, 50);
}

static void what_waits_is_held_back_with_it(void **state)
{
	(void)state;
	sixty_wait();
	answer(0, OK, 429, 60);
	pass(10);
	answer_all(204); /* they were under way before */
	assert_int_equal(w.count, 50);
	pass(59000);
	assert_int_equal(w.count, 50);
	pass(2000);
	assert_int_equal(w.count, 61); /* the ten that waited, and the one that was put off */
}

static enum err enable_run(struct store_tx *tx, void *arg)
{
	(void)arg;
	return store_endpoint_enable(tx, str_of(w.endpoint));
}

static void a_restart_holds_back_as_long(void **state)
{
	(void)state;
	struct look l;
	happens("a");
	answer(0, OK, 429, 60);
	pass(10);
	deliveries_stop(w.deliveries);
	start_deliveries();
	(void)newest(&l);
	assert_in_range(l.endpoint.held_until - clock_wall_ms(&w.fixture.clock.clock), 59000, 60000);
	arena_release(&l.arena);
	happens("b");
	pass(59000);
	assert_int_equal(w.count, 1);
	pass(2000);
	assert_int_equal(w.count, 3);
	answer_all(204);

	/* enabled by hand, which ends what it asked for */
	happens("c");
	answer(3, OK, 429, 60);
	pass(10);
	deliveries_stop(w.deliveries);
	assert_int_equal(store_write(w.fixture.store, enable_run, NULL), OK);
	start_deliveries();
	happens("d");
	assert_int_equal(w.count, 5);
}

static void enabling_by_hand_ends_the_pause(void **state)
{
	(void)state;
	struct look l;
	happens("a");
	answer(0, OK, 429, 60);
	pass(10);
	assert_int_equal(store_write(w.fixture.store, enable_run, NULL), OK);
	pass(1000);
	happens("b");
	assert_int_equal(w.count, 2);
	(void)newest(&l);
	assert_int_equal(l.endpoint.held_until, 0);
	arena_release(&l.arena);
}

static enum err forbid_claims(struct store_tx *tx, void *arg)
{
	(void)arg;
	return sql_run(
	    tx, NULL,
	    "CREATE TRIGGER no_claims BEFORE UPDATE OF lease_owner ON deliveries WHEN NEW.lease_owner IS NOT NULL "
	    "BEGIN SELECT RAISE(ABORT, 'no'); END");
}

static enum err allow_claims(struct store_tx *tx, void *arg)
{
	(void)arg;
	return sql_run(tx, NULL, "DROP TRIGGER no_claims");
}

/* What asked to be left alone is put down by a turn that fails: so is it by the next. */
static void a_pause_is_put_down_by_the_turn_that_succeeds(void **state)
{
	(void)state;
	struct look l;
	happens("a");
	happens("a"); /* waits for the one before it */
	add_endpoint("https://hooks.example.com/b");
	happens("b");
	assert_int_equal(w.count, 3);
	const size_t i = strstr(w.sent[1].url, "/b") ? 1 : 2;
	assert_int_equal(store_write(w.fixture.store, forbid_claims, NULL), OK);
	answer(i, OK, 429, 60);
	answer(0, OK, 204, -1);
	pass(10);
	assert_int_equal(store_write(w.fixture.store, allow_claims, NULL), OK);
	pass(1000);
	(void)newest(&l);
	assert_in_range(l.endpoint.held_until - clock_wall_ms(&w.fixture.clock.clock), 50000, 60000);
	arena_release(&l.arena);
}

/* Whatever the row says, nobody is left alone for more than an hour. */
static enum err hold_for_ever(struct store_tx *tx, void *arg)
{
	(void)arg;
	return store_endpoint_hold(tx, str_of(w.endpoint), INT64_C(9999999999999));
}

static void a_wrong_clock_costs_an_hour(void **state)
{
	(void)state;
	assert_int_equal(store_write(w.fixture.store, hold_for_ever, NULL), OK);
	pass(1000);
	happens("a");
	assert_int_equal(w.count, 0);
	deliveries_stop(w.deliveries);
	start_deliveries();
	pass(SLOW_MAX_MS);
	assert_int_equal(w.count, 1);
}

/* What was under way when it first said so says it once more, which asks for nothing more. */
static void answers_of_one_moment_slow_down_once(void **state)
{
	(void)state;
	sixty_wait();
	for (size_t i = 0; i < 50; i++) {
		answer(i, OK, 429, -1);
		pass(10);
	}
	assert_int_equal(w.count, 50);
	pass(1000);
	assert_int_equal(w.count, 60);
}

/* ---- trouble ---- */

static void one_that_is_gone_gets_nothing_until_it_is_enabled(void **state)
{
	(void)state;
	struct look l;
	happens("a");
	happens("a");
	answer(0, OK, 410, -1);
	pass(10);
	(void)newest(&l);
	assert_true(l.endpoint.disabled_at > 0);
	assert_string_equal(l.endpoint.disabled_reason, "gone");
	assert_string_equal(l.rows[1].status, "dead");
	assert_string_equal(l.rows[0].status, "pending"); /* it waits */
	arena_release(&l.arena);
	happens("b"); /* not queued any more */
	pass(86400000);
	assert_int_equal(w.count, 1);
	assert_int_equal(store_write(w.fixture.store, enable_run, NULL), OK);
	settle();
	assert_int_equal(w.count, 2);
	(void)newest(&l);
	assert_int_equal(l.count, 2);
	arena_release(&l.arena);
}

static void what_could_not_be_made_is_made_soon_and_costs_no_attempt(void **state)
{
	(void)state;
	w.refuse = ERR_FULL;
	happens("a");
	assert_int_equal(w.count, 0);
	w.refuse = OK;
	pass(1000);
	assert_int_equal(w.count, 1);
	answer(0, OK, 200, -1);
	pass(10);
	assert_newest("delivered", 1, 200, "");
}

static void a_server_that_stops_gives_back_what_was_under_way(void **state)
{
	(void)state;
	happens("a");
	answer(0, ERR_STOPPING, 0, -1);
	deliveries_stop(w.deliveries);
	start_deliveries();
	assert_int_equal(w.count, 2); /* at once, not after the lease */
	assert_string_equal(w.sent[1].id, w.sent[0].id);
	answer(1, OK, 200, -1);
	pass(10);
	assert_newest("delivered", 1, 200, "");
}

static void what_a_crashed_server_had_is_delivered_within_30_s(void **state)
{
	(void)state;
	struct deliveries *crashed = w.deliveries;
	happens("a");
	start_deliveries(); /* another server on the same database */
	assert_int_equal(w.count, 1);
	pass(26000);
	assert_int_equal(w.count, 1);
	pass(3000);
	assert_int_equal(w.count, 2);
	assert_string_equal(w.sent[1].id, w.sent[0].id);
	answer(1, OK, 200, -1);
	pass(10);
	answer(0, OK, 500, -1); /* its late word changes nothing */
	pass(10);
	assert_newest("delivered", 1, 200, "");
	deliveries_stop(crashed);
}

/* A clock that is set forward by hours ends no call: the row is still ours. */
static void a_step_of_the_wall_clock_sends_nothing_twice(void **state)
{
	(void)state;
	happens("a");
	w.fixture.clock.wall += 7200000;
	pass(2000);
	assert_int_equal(w.count, 1);
	answer(0, OK, 200, -1);
	pass(10);
	assert_newest("delivered", 1, 200, "");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, deliver_set_up, deliver_tear_down)
	const struct CMUnitTest tests[] = {
	    T(an_event_is_sent_at_once_and_signed),
	    T(retries_follow_the_table_with_the_same_words),
	    T(both_secrets_sign_for_a_day),
	    T(one_at_a_time_per_tenant),
	    T(fifty_at_an_endpoint),
	    T(a_backlog_goes_at_its_pace),
	    T(two_hundred_at_all_and_always_room_for_one_more),
	    T(one_that_says_slow_down_gets_less),
	    T(what_waits_is_held_back_with_it),
	    T(answers_of_one_moment_slow_down_once),
	    T(a_restart_holds_back_as_long),
	    T(enabling_by_hand_ends_the_pause),
	    T(a_pause_is_put_down_by_the_turn_that_succeeds),
	    T(a_wrong_clock_costs_an_hour),
	    T(one_that_is_gone_gets_nothing_until_it_is_enabled),
	    T(what_could_not_be_made_is_made_soon_and_costs_no_attempt),
	    T(a_server_that_stops_gives_back_what_was_under_way),
	    T(what_a_crashed_server_had_is_delivered_within_30_s),
	    T(a_step_of_the_wall_clock_sends_nothing_twice),
	};
	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
