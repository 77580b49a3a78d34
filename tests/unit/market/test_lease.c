/* test_lease.c - one poller at a time: who has the lease, for how long, and what it does to whoever lost it. */
#include <stdio.h>
#include <string.h>

#include "../store/fixture.h"
#include "market/sync_report.h"

enum { NOW = 1000000, SECOND = 1000 };

struct place {
	struct fixture fixture;
	struct pace pace;
	struct sync sync;
};

static void open_place(struct place *p)
{
	memset(p, 0, sizeof(*p));
	fixture_init(&p->fixture);
	assert_int_equal(fixture_open(&p->fixture, 1000, false), OK);
	clock_manual_step(&p->fixture.clock, NOW);
	pace_init(&p->pace);
	p->sync.o = (struct sync_options){.store = p->fixture.store, .clock = &p->fixture.clock.clock, .pace = &p->pace};
	assert_int_equal(lease_take(p->fixture.store, &p->fixture.clock.clock, &p->sync.lease), OK);
}

static void close_place(struct place *p)
{
	pace_release(&p->pace);
	fixture_release(&p->fixture);
}

static enum err other(struct place *p)
{
	struct lease l;
	return lease_take(p->fixture.store, &p->fixture.clock.clock, &l);
}

static void a_second_poller_waits(void **state)
{
	(void)state;
	struct place p;
	open_place(&p);
	assert_int_equal(other(&p), ERR_BUSY);
	clock_manual_step(&p.fixture.clock, LEASE_MS - 1);
	assert_int_equal(other(&p), ERR_BUSY);
	lease_give(&p.sync.lease);
	assert_int_equal(other(&p), OK);
	close_place(&p);
}

static void a_lease_that_is_not_kept_runs_out(void **state)
{
	(void)state;
	struct place p;
	open_place(&p);
	clock_manual_step(&p.fixture.clock, LEASE_MS);
	assert_int_equal(other(&p), OK);
	assert_int_equal(lease_keep(&p.sync.lease), ERR_CONFLICT);
	close_place(&p);
}

/* Events of a long absence take minutes, and nothing else keeps the lease meanwhile. */
static void deriving_events_keeps_the_lease(void **state)
{
	(void)state;
	struct place p;
	open_place(&p);
	for (int s = 0; s < 300; s += 10) {
		assert_false(sync_must_end(&p.sync));
		clock_manual_step(&p.fixture.clock, 10 * SECOND);
		assert_int_equal(other(&p), ERR_BUSY);
	}
	assert_int_equal(p.sync.kept, OK);
	close_place(&p);
}

static void deriving_events_ends_where_the_lease_is_lost(void **state)
{
	(void)state;
	struct place p;
	open_place(&p);
	clock_manual_step(&p.fixture.clock, LEASE_MS);
	assert_int_equal(other(&p), OK);
	assert_true(sync_must_end(&p.sync));
	assert_int_equal(p.sync.kept, ERR_CONFLICT);
	close_place(&p);
}

static void deriving_events_ends_where_the_server_stops(void **state)
{
	(void)state;
	struct place p;
	open_place(&p);
	pace_stop(&p.pace);
	assert_true(sync_must_end(&p.sync));
	assert_int_equal(p.sync.kept, OK);
	close_place(&p);
}

static void only_a_process_that_is_gone_is_told_so(void **state)
{
	(void)state;
	struct place p;
	open_place(&p);
	assert_true(lease_holder_lives(str_of(p.sync.lease.holder)));
	assert_true(lease_holder_lives(STR("another boot/another space/1/1/x")));
	assert_true(lease_holder_lives(STR("")));
	char gone[LEASE_HOLDER_MAX];
	(void)snprintf(gone, sizeof(gone), "%s", p.sync.lease.holder);
	char *number = strstr(gone, "]/"); /* boot/pid:[…]/process/start/random */
	assert_non_null(number);
	(void)snprintf(number, sizeof(gone) - (size_t)(number - gone), "]/4194303/1/x");
	assert_false(lease_holder_lives(str_of(gone)));
	close_place(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_second_poller_waits),
	                                   cmocka_unit_test(a_lease_that_is_not_kept_runs_out),
	                                   cmocka_unit_test(deriving_events_keeps_the_lease),
	                                   cmocka_unit_test(deriving_events_ends_where_the_lease_is_lost),
	                                   cmocka_unit_test(deriving_events_ends_where_the_server_stops),
	                                   cmocka_unit_test(only_a_process_that_is_gone_is_told_so)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
