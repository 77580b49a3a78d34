/* test_seats.c - seats up to the limit the host tells, who was seen, and the licence answer that shows both. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "license/answer.h"
#include "license/license_fixture.h"
#include "store_broken.h"

static void allow_seats(struct fixture *f, int64_t users_max)
{
	struct license_facts facts = licensed();
	facts.users_max = users_max;
	assert_int_equal(lookups_refresh(f->lookups, tenant(f, "acme"), NULL, NULL), OK);
	host_answers(f, facts);
	stored(f);
}

static bool take(struct fixture *f, const char *account)
{
	return seat_take(f->lookups, tenant(f, "acme"), str_of(account), OVERAGE_NONE);
}

static bool could(struct fixture *f, const char *account)
{
	return seat_held_or_free(f->lookups, tenant(f, "acme"), str_of(account), OVERAGE_NONE);
}

static void test_seats_up_to_the_limit(void **state)
{
	struct fixture *f = *state;
	allow_seats(f, 2);
	assert_true(could(f, "ann"));
	assert_int_equal(seats_used(tenant(f, "acme")), 0); /* asking takes none */
	assert_true(take(f, "ann"));
	assert_true(take(f, "ann"));
	assert_true(take(f, "bob"));
	assert_false(take(f, "cy"));
	assert_false(could(f, "cy"));
	assert_true(could(f, "ann"));
	assert_int_equal(seats_used(tenant(f, "acme")), 2);
	assert_int_equal(seat_free(f->lookups, tenant(f, "acme"), STR("bob"), "test", NULL, NULL), OK);
	assert_int_equal(seat_free(f->lookups, tenant(f, "acme"), STR("bob"), "test", NULL, NULL), ERR_NOT_FOUND);
	assert_true(take(f, "cy"));
	assert_string_equal(journal(f, "seat.taken"), "seat.taken -; seat.taken -; seat.taken -");
	assert_string_equal(journal(f, "seat.freed"), "seat.freed test");
}

static void test_no_limit_known_or_set(void **state)
{
	struct fixture *f = *state;
	char account[16];
	static const int64_t unlimited[] = {0, -1};
	for (size_t u = 0; u < 2; u++) {
		allow_seats(f, unlimited[u]);
		for (int i = 0; i < 200; i++) {
			(void)snprintf(account, sizeof account, "u%d", i);
			assert_true(take(f, account));
		}
	}
	assert_int_equal(seats_used(tenant(f, "acme")), 200);
	assert_int_equal(seats_limit(tenant(f, "acme")), 0);
	for (int i = 0; i < 200; i += 2) { /* the set stays whole however it shrinks */
		(void)snprintf(account, sizeof account, "u%d", i);
		assert_int_equal(seat_free(f->lookups, tenant(f, "acme"), str_of(account), "test", NULL, NULL), OK);
	}
	allow_seats(f, 100);
	for (int i = 0; i < 200; i++) {
		(void)snprintf(account, sizeof account, "u%d", i);
		assert_int_equal(could(f, account), i % 2);
	}
}

static void test_nobody_needs_no_seat(void **state)
{
	struct fixture *f = *state;
	allow_seats(f, 1);
	assert_true(take(f, "ann"));
	assert_true(take(f, ""));
	assert_true(take(f, "unknown"));
	assert_int_equal(seats_used(tenant(f, "acme")), 1);
}

static void test_a_smaller_licence_takes_no_seat_away(void **state)
{
	struct fixture *f = *state;
	allow_seats(f, 3);
	assert_true(take(f, "ann") && take(f, "bob") && take(f, "cy"));
	allow_seats(f, 1);
	assert_true(take(f, "cy"));
	assert_false(take(f, "dee"));
}

static void test_overage_lets_more_in(void **state)
{
	struct fixture *f = *state;
	const struct tenant *t = tenant(f, "acme");
	allow_seats(f, 4);
	assert_true(take(f, "a") && take(f, "b") && take(f, "c") && take(f, "d"));
	assert_false(take(f, "e"));
	assert_true(seat_held_or_free(f->lookups, t, STR("e"), OVERAGE_1_25X));
	assert_true(seat_take(f->lookups, t, STR("e"), OVERAGE_1_25X));
	assert_false(seat_take(f->lookups, t, STR("f"), OVERAGE_1_25X));
	assert_true(seat_take(f->lookups, t, STR("f"), OVERAGE_1_5X));
	assert_false(seat_take(f->lookups, t, STR("g"), OVERAGE_1_5X));
	assert_true(seat_take(f->lookups, t, STR("g"), OVERAGE_2X) && seat_take(f->lookups, t, STR("h"), OVERAGE_2X));
	assert_false(seat_take(f->lookups, t, STR("i"), OVERAGE_2X));
	assert_true(seat_take(f->lookups, t, STR("i"), OVERAGE_ALWAYS));
	assert_true(take(f, "i")); /* a seat is a seat, whichever feature it was taken for */
	assert_int_equal(seats_used(t), 9);
	assert_int_equal(seats_limit(t), 4);
}

static void test_idle_seats_are_freed(void **state)
{
	struct fixture *f = *state;
	f->seat_idle_ms = 30 * DAY;
	restart(f, 0);
	allow_seats(f, 2);
	assert_true(take(f, "ann") && take(f, "bob"));
	stored(f);
	step(f, 20 * DAY);
	user_seen(f->lookups, tenant(f, "acme"), STR("bob"));
	stored(f);
	step(f, 10 * DAY);
	stored(f);
	assert_int_equal(seats_used(tenant(f, "acme")), 2); /* not longer than that */
	step(f, HOUR);
	stored(f);
	assert_int_equal(seats_used(tenant(f, "acme")), 1);
	assert_string_equal(journal(f, "seat.freed"), "seat.freed idle");
	assert_true(take(f, "cy"));
	assert_false(take(f, "ann"));
	assert_true(take(f, "bob"));
	stored(f);
	restart(f, 60 * DAY); /* what became idle while the server was down */
	step(f, 3 * SECOND);
	stored(f);
	assert_int_equal(seats_used(tenant(f, "acme")), 0);
}

static void test_idle_seats_outlive_a_store_that_fails(void **state)
{
	struct fixture *f = *state;
	f->seat_idle_ms = 30 * DAY;
	restart(f, 0);
	allow_seats(f, 2);
	assert_true(take(f, "ann"));
	stored(f);
	static const enum broken_table tables[] = {BROKEN_USERS, BROKEN_EVENTS};
	for (size_t i = 0; i < 2; i++) {
		store_break(f->store, tables[i]);
		step(f, 31 * DAY);
		stored(f);
		store_mend(f->store, tables[i]);
		assert_string_equal(journal(f, "seat.freed"), "");
	}
	restart(f, 0); /* what the store holds is the truth: the seat is there still */
	assert_int_equal(seats_used(tenant(f, "acme")), 1);
	step(f, HOUR);
	stored(f);
	assert_int_equal(seats_used(tenant(f, "acme")), 0);
	assert_string_equal(journal(f, "seat.freed"), "seat.freed idle");
}

static void test_no_idle_days_free_no_seat(void **state)
{
	struct fixture *f = *state;
	allow_seats(f, 2);
	assert_true(take(f, "ann"));
	stored(f);
	step(f, 3000 * DAY);
	stored(f);
	assert_int_equal(seats_used(tenant(f, "acme")), 1);
}

static void test_seats_are_kept_over_a_restart(void **state)
{
	struct fixture *f = *state;
	allow_seats(f, 2);
	assert_true(take(f, "ann") && take(f, "bob"));
	assert_int_equal(seat_free(f->lookups, tenant(f, "acme"), STR("bob"), "test", NULL, NULL), OK);
	stored(f);
	restart(f, HOUR);
	assert_int_equal(seats_used(tenant(f, "acme")), 1);
	assert_true(take(f, "ann") && take(f, "cy"));
	assert_false(take(f, "bob"));
}

struct rush {
	struct fixture *f;
	int from;
	int taken;
};

static void *rush_member(void *arg)
{
	struct rush *r = arg;
	const struct tenant *t = tenants_find(r->f->tenants, STR("acme"));
	char account[16];
	for (int i = 0; i < 50; i++) {
		(void)snprintf(account, sizeof account, "u%d", r->from + i);
		r->taken += seat_take(r->f->lookups, t, str_of(account), OVERAGE_NONE);
	}
	tenant_unref(t);
	return NULL;
}

static void test_a_rush_gets_exactly_the_limit(void **state)
{
	struct fixture *f = *state;
	struct rush r[8];
	pthread_t threads[8];
	allow_seats(f, 100);
	for (int i = 0; i < 8; i++) {
		r[i] = (struct rush){.f = f, .from = i * 25}; /* each account is wanted by two */
		assert_int_equal(pthread_create(&threads[i], NULL, rush_member, &r[i]), 0);
	}
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(seats_used(tenant(f, "acme")), 100);
	stored(f);
	restart(f, 0);
	assert_int_equal(seats_used(tenant(f, "acme")), 100);
}

/* ---- users ---- */

struct users {
	struct user_row rows[8];
	size_t count;
	struct arena arena;
};

static enum err read_users(struct store_tx *tx, void *arg)
{
	struct users *u = arg;
	struct user_row *rows;
	enum err err = store_user_list(tx, STR("acme"), &u->arena, &rows, &u->count);
	for (size_t i = 0; err == OK && i < u->count && i < 8; i++)
		u->rows[i] = rows[i];
	return err;
}

static void test_users_are_stored_at_most_hourly(void **state)
{
	struct fixture *f = *state;
	struct users u = {.count = 0};
	arena_init(&u.arena, 1 << 16);
	int64_t first = f->clock.wall;
	user_seen(f->lookups, tenant(f, "acme"), STR("ann"));
	user_seen(f->lookups, tenant(f, "acme"), STR(""));
	user_seen(f->lookups, tenant(f, "acme"), STR("unknown"));
	step(f, 30 * MINUTE);
	user_seen(f->lookups, tenant(f, "acme"), STR("ann"));
	stored(f);
	assert_int_equal(store_read(f->store, read_users, &u), OK);
	assert_int_equal(u.count, 1);
	assert_int_equal(u.rows[0].last_seen, first);
	step(f, 31 * MINUTE);
	user_seen(f->lookups, tenant(f, "acme"), STR("ann"));
	assert_true(take(f, "ann"));
	stored(f);
	assert_int_equal(store_read(f->store, read_users, &u), OK);
	assert_int_equal(u.count, 1);
	assert_int_equal(u.rows[0].first_seen, first);
	assert_int_equal(u.rows[0].last_seen, f->clock.wall);
	assert_int_equal(u.rows[0].seat_at, f->clock.wall);
	arena_release(&u.arena);
}

static enum err read_last_seen(struct store_tx *tx, void *arg)
{
	struct arena a;
	struct tenant_row row;
	arena_init(&a, 1 << 16);
	enum err err = store_tenant_get(tx, STR("acme"), &a, &row);
	if (err == OK)
		*(int64_t *)arg = row.last_seen_at;
	arena_release(&a);
	return err;
}

static void test_last_sight_of_a_tenant_is_stored_in_time_and_at_the_end(void **state)
{
	struct fixture *f = *state;
	int64_t stored_at = -1;
	tenant_seen(tenant(f, "acme"), f->clock.wall);
	int64_t first = f->clock.wall;
	step(f, MINUTE);
	stored(f);
	tenant_seen(tenant(f, "acme"), f->clock.wall);
	step(f, MINUTE);
	stored(f);
	assert_int_equal(store_read(f->store, read_last_seen, &stored_at), OK);
	assert_int_equal(stored_at, first);
	restart(f, 0);
	assert_int_equal(store_read(f->store, read_last_seen, &stored_at), OK);
	assert_int_equal(stored_at, first + MINUTE);
	assert_int_equal(tenant_last_seen(tenant(f, "acme")), first + MINUTE);
}

/* ---- the answer ---- */

static void tell(void *arg, const struct problem *p)
{
	(void)arg;
	print_error("%s: %s\n", p->place, p->text);
}

static void test_the_licence_answer(void **state)
{
	struct fixture *f = *state;
	struct features *features;
	bool wait;
	assert_int_equal(
	    features_parse(
	        STR("{\"features\":{\"board\":{\"active\":\"allow\"},\"seats\":{\"active\":\"allow\",\"seats\":true}}}"),
	        "f.json", tell, NULL, &features),
	    OK);
	allow_seats(f, 1);
	assert_true(take(f, "ann"));
	step(f, 7 * SECOND);
	struct request_signal none = {.lic = SIGNAL_ABSENT};
	struct license_decision d = lookups_decide(f->lookups, tenant(f, "acme"), &none, &wait);
	struct buf out = BUF_INIT(4096);
	struct jsonw w = jsonw(&out);
	license_answer(&w, f->lookups, features, tenant(f, "acme"), &d, STR("bob"));
	assert_true(out.err == OK);
	assert_string_equal(
	    out.data,
	    "{\"tenant\":\"acme\",\"state\":\"active\",\"reason\":\"lookup_valid\",\"source\":\"lookup\",\"age\":7,"
	    "\"stale\":false,\"evaluation\":false,\"edition\":null,\"seats\":{\"limit\":1,\"used\":1},"
	    "\"expires_at\":null,\"features\":{\"board\":{\"verdict\":\"allow\",\"code\":\"VALID\"},"
	    "\"seats\":{\"verdict\":\"deny\",\"code\":\"SEATS_EXCEEDED\"}}}");
	assert_int_equal(feature_ruling(f->lookups, features_at(features, 1), tenant(f, "acme"), &d, STR("ann")).verdict,
	                 VERDICT_ALLOW);
	buf_release(&out);
	features_free(features);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_seats_up_to_the_limit),
	    T(test_no_limit_known_or_set),
	    T(test_nobody_needs_no_seat),
	    T(test_a_smaller_licence_takes_no_seat_away),
	    T(test_overage_lets_more_in),
	    T(test_idle_seats_are_freed),
	    T(test_idle_seats_outlive_a_store_that_fails),
	    T(test_no_idle_days_free_no_seat),
	    T(test_seats_are_kept_over_a_restart),
	    T(test_a_rush_gets_exactly_the_limit),
	    T(test_users_are_stored_at_most_hourly),
	    T(test_last_sight_of_a_tenant_is_stored_in_time_and_at_the_end),
	    T(test_the_licence_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
