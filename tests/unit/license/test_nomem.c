/* test_nomem.c - a tenant's whole story, again and again, with each allocation of ours failing in turn: once, and from
 * then on. Nothing crashes or leaks, who waits is woken once, no licence appears that nobody gave, and when there is
 * memory again everything heals. */
#include <stdatomic.h>
#include <stdlib.h>

#include "alloc_faults.h"
#include "license/license_fixture.h"

static void count_up(void *arg)
{
	atomic_fetch_add((_Atomic int *)arg, 1);
}

static void told(void *arg, enum err err)
{
	(void)err;
	atomic_fetch_add((_Atomic int *)arg, 1);
}

static void refreshed(void *arg, const char *failure)
{
	(void)failure;
	atomic_fetch_add((_Atomic int *)arg, 1);
}

struct story {
	_Atomic int woken, changed, renewed;
	int waiting, changing, renewing;
};

static void answer_if_asked(struct fixture *f)
{
	if (f->held_count > 0)
		host_answers(f, licensed());
}

static void live_through(struct fixture *f, struct story *s)
{
	const struct tenant *acme = tenants_find(f->tenants, STR("acme"));
	struct request_signal none = {.lic = SIGNAL_ABSENT}, unlicensed = {.lic = SIGNAL_NOT_LICENSED};
	bool wait;
	struct license_decision d = lookups_decide(f->lookups, acme, &none, &wait);
	if (license_state_licensed(d.state))
		abort(); /* nobody has said so yet */
	s->waiting += lookups_wait(f->lookups, acme, count_up, &s->woken);
	answer_if_asked(f);
	(void)lookups_decide(f->lookups, acme, &unlicensed, &wait);
	(void)seat_take(f->lookups, acme, STR("ann"), OVERAGE_NONE);
	user_seen(f->lookups, acme, STR("ann"));
	s->changing += override_set(f->lookups, acme, STATE_ACTIVE, f->clock.wall + HOUR, STR("why"), STR("who"), told,
	                            &s->changed) == OK;
	s->renewing += lookups_refresh(f->lookups, acme, refreshed, &s->renewed) == OK;
	answer_if_asked(f);
	struct arena a;
	struct license_view v;
	arena_init(&a, 1 << 16);
	(void)lookups_view(f->lookups, acme, &a, &v);
	arena_release(&a);
	step(f, MINUTE);
	tenant_unref(acme);
}

/* Returns whether an allocation failed at all. */
static bool story_with_failure(long nth, bool ever)
{
	void *state;
	struct story s = {.waiting = 0};
	(void)fixture_setup(&state);
	struct fixture *f = state;
	alloc_faults_arm(nth, ever);
	live_through(f, &s);
	bool any = alloc_faults_disarm();
	stored(f);
	for (int i = 0; i < 3; i++) { /* sweeps and a new look-up make good what was missed */
		step(f, 5 * MINUTE);
		assert_non_null(decide(f, "acme", ""));
		answer_if_asked(f);
		stored(f);
	}
	assert_int_equal(s.woken, s.waiting);
	assert_int_equal(s.changed, s.changing);
	assert_int_equal(s.renewed, s.renewing);
	step(f, 2 * HOUR);
	assert_int_equal(lookups_refresh(f->lookups, tenant(f, "acme"), NULL, NULL), OK);
	answer_if_asked(f);
	stored(f);
	assert_string_equal(decide(f, "acme", ""), "active lookup lookup_valid");
	restart(f, 0);
	assert_string_equal(decide(f, "acme", ""), "active lookup lookup_valid");
	(void)fixture_teardown(&state);
	return any;
}

static void every_allocation(bool ever)
{
	long nth = 0;
	while (story_with_failure(nth, ever))
		nth++;
	assert_in_range(nth, 10, 500);
}

static void test_each_allocation_fails_once(void **state)
{
	(void)state;
	every_allocation(false);
}

static void test_each_allocation_and_all_after_it_fail(void **state)
{
	(void)state;
	every_allocation(true);
}

/* Memory ends while there is news, and is not back before the look-ups end. Whether the news was stored. */
static bool end_without_memory(long nth)
{
	void *state;
	(void)fixture_setup(&state);
	struct fixture *f = state;
	f->at_once = true; /* the host has nothing to say */
	(void)decide(f, "acme", "");
	stored(f);
	alloc_faults_arm(nth, true);
	assert_string_equal(decide(f, "acme", "lic=active"), "active lic lic_active");
	lookups_free(f->lookups);
	tenants_free(f->tenants);
	(void)alloc_faults_disarm();
	assert_int_equal(tenants_new(&f->tenants), OK);
	f->options.tenants = f->tenants;
	assert_int_equal(lookups_new(&f->options, &f->lookups), OK);
	restart(f, 0);
	const char *told = journal(f, "license.changed");
	const bool was_stored = told[0] != '\0';
	if (was_stored)
		assert_string_equal(told, "unknown>active lic_active lic");
	(void)fixture_teardown(&state);
	return was_stored;
}

/* What could not be stored until the end is lost, and nothing else: the next page load brings it again. */
static void test_memory_ends_before_the_news_is_stored(void **state)
{
	(void)state;
	int lost = 0;
	for (long nth = 0; !end_without_memory(nth); nth++)
		lost++;
	assert_in_range(lost, 1, 10);
}

/* Tenants are put whole or not at all. */
static void test_put_fails_cleanly(void **state)
{
	struct fixture *f = *state;
	struct tenant_row row = {.client_key = "fresh", .status = "enabled", .base_url = "https://x.atlassian.net"};
	enum err err = ERR_NOMEM;
	for (long nth = 0; err != OK; nth++) {
		alloc_faults_arm(nth, false);
		err = tenants_put(f->tenants, &row, STR("secret"));
		(void)alloc_faults_disarm();
		const struct tenant *found = tenants_find(f->tenants, STR("fresh"));
		assert_int_equal(found != NULL, err == OK);
		tenant_unref(found);
		assert_in_range(nth, 0, 10);
	}
}

static void count_problem(void *arg, const struct problem *p)
{
	(void)p;
	++*(int *)arg;
}

static void test_features_parse_fails_cleanly(void **state)
{
	(void)state;
	enum err err = ERR_NOMEM;
	struct features *features = NULL;
	int problems = 0;
	for (long nth = 0; err != OK; nth++) {
		alloc_faults_arm(nth, false);
		err = features_parse(STR("{\"features\":{\"a\":{\"active\":\"allow\"},\"b\":{\"default\":\"deny\"}},\"pages\":{"
		                         "\"/x\":\"a\",\"/y\":\"b\"}}"),
		                     "f.json", count_problem, &problems, &features);
		(void)alloc_faults_disarm();
		assert_true(err == OK || err == ERR_NOMEM);
		assert_in_range(nth, 0, 200);
	}
	assert_int_equal(problems, 0); /* a file is not wrong because memory is short */
	features_free(features);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_allocation_fails_once),
	    cmocka_unit_test(test_each_allocation_and_all_after_it_fail),
	    cmocka_unit_test(test_memory_ends_before_the_news_is_stored),
	    cmocka_unit_test_setup_teardown(test_put_fails_cleanly, fixture_setup, fixture_teardown),
	    cmocka_unit_test(test_features_parse_fails_cleanly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
