/* test_upkeep.c - what the door does by itself when there is too much of it, too little memory, or a stop. */
#include "door_fixture.h"

#include <stdio.h>

#include "alloc_faults.h"
#include "connect/upkeep.h"
#include "license/tenants.h"
#include "store_block.h"

static const int64_t DAY = 86400000;
enum { PROOFS_MAX = 4096 };

static void no_look_up_for_one_that_was_purged(void **state)
{
	struct door *d = *state;
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	tenants_remove(d->tenants, STR(CLIENT));
	door_step(d, 2000);
	assert_int_equal(d->fetches, 0);
}

/* Names of tenants that are not there stand for a flood of installs. */
static void a_flood_of_installs_is_bounded(void **state)
{
	struct door *d = *state;
	for (int i = 0; i < PROOFS_MAX; i++)
		upkeep_prove_soon(&d->connect, STR("nobody"));
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204); /* one too many: its first page will ask */
	for (int i = 0; i < 1000; i++)
		door_step(d, 100);
	assert_int_equal(d->fetches, 0);
	assert_int_equal(door_install(d, SECRET "-2", HOME, ""), 204); /* there is room again */
	door_step(d, 1000);
	assert_int_equal(d->fetches, 1);
}

/* A burst of installs is no burst at their hosts: some look-ups at once, more soon after. */
static void installs_are_proved_at_a_pace(void **state)
{
	struct door *d = *state;
	for (int i = 0; i < 12; i++) {
		char key[32], url[64];
		snprintf(key, sizeof key, "client-%d", i);
		snprintf(url, sizeof url, "https://site-%d.atlassian.net", i);
		d->claims.iss = str_of(key);
		assert_int_equal(door_install(d, SECRET, url, ""), 204);
	}
	door_step(d, 1000);
	const int at_once = d->fetches;
	assert_in_range(at_once, 1, 11);
	door_step(d, 1000);
	assert_int_equal(d->fetches, 12);
}

static void after_the_stop_nothing_is_put_off(void **state)
{
	struct door *d = *state;
	retention_stop(&d->connect);
	assert_null(d->connect.upkeep);
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	door_step(d, 2000);
	assert_int_equal(d->fetches, 0);
}

/* ---- the sweep ---- */

static void uninstalled(struct door *d)
{
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	assert_int_equal(door_lifecycle(d, lifecycle_uninstalled, "uninstalled"), 204);
	door_step(d, 2000);
}

/* Purged in the store and in memory, or in neither; and an hour later in both. */
static void a_sweep_without_memory_is_made_good(void **state)
{
	struct door *d = *state;
	bool any = true;
	for (long nth = 0; any; nth++) {
		struct arena a;
		uninstalled(d);
		clock_manual_step(&d->clock, 31 * DAY);
		alloc_faults_arm(nth, false);
		door_step(d, 0);
		any = alloc_faults_disarm();
		arena_init(&a, 1 << 16);
		assert_int_equal(door_row(d, CLIENT, &a).client_key != NULL, tenants_count(d->tenants, TENANT_UNINSTALLED));
		door_step(d, 3600 * 1000);
		assert_null(door_row(d, CLIENT, &a).client_key);
		assert_int_equal(tenants_count(d->tenants, TENANT_UNINSTALLED), 0);
		arena_release(&a);
		assert_in_range(nth, 0, 100);
	}
}

static void *stop(void *connect)
{
	retention_stop(connect);
	return NULL;
}

/* The sweep is the store's already: whoever stops waits for it, and it is not begun again. */
static void a_stop_waits_for_the_sweep(void **state)
{
	struct door *d = *state;
	struct store_block b;
	pthread_t stopping;
	uninstalled(d);
	store_block(d->store, &b);
	clock_manual_step(&d->clock, 31 * DAY);
	timers_run(d->connect.timers);
	assert_int_equal(pthread_create(&stopping, NULL, stop, &d->connect), 0);
	store_unblock(&b);
	assert_int_equal(pthread_join(stopping, NULL), 0);
	assert_null(d->connect.upkeep);
	assert_int_equal(tenants_count(d->tenants, TENANT_UNINSTALLED), 0); /* what was begun is done */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, door_up, door_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(no_look_up_for_one_that_was_purged),  TEST(a_flood_of_installs_is_bounded),
	    TEST(installs_are_proved_at_a_pace),       TEST(after_the_stop_nothing_is_put_off),
	    TEST(a_sweep_without_memory_is_made_good), TEST(a_stop_waits_for_the_sweep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
