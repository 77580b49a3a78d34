/* test_lookups.c - freshness, single flight, waiting, back-off, restart, stopping: on a manual clock, with a host that
 * answers when the test says so. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/metrics.h"
#include "base/secret.h"
#include "license/license_fixture.h"
#include "store/contacts.h"

static void wake(void *arg)
{
	atomic_fetch_add((_Atomic int *)arg, 1);
}

static void look_up(struct fixture *f)
{
	(void)decide(f, "acme", "");
	host_answers(f, licensed());
}

/* ---- nothing known: the first requests wait ---- */

static void test_five_hundred_wait_for_one_look_up(void **state)
{
	struct fixture *f = *state;
	_Atomic int woken = 0;
	for (int i = 0; i < 500; i++) {
		assert_string_equal(decide(f, "acme", ""), "unknown none no_signal wait");
		assert_true(lookups_wait(f->lookups, tenant(f, "acme"), wake, &woken));
	}
	assert_int_equal(f->calls, 1);
	assert_int_equal(woken, 0);
	host_answers(f, licensed());
	assert_int_equal(woken, 500);
	assert_string_equal(decide(f, "acme", ""), "active lookup lookup_valid");
	assert_false(lookups_wait(f->lookups, tenant(f, "acme"), wake, &woken));
	step(f, MINUTE);
	assert_int_equal(woken, 500);
	assert_int_equal(f->calls, 1);
}

static void test_waiting_ends_after_its_time(void **state)
{
	struct fixture *f = *state;
	_Atomic int first = 0, second = 0;
	(void)decide(f, "acme", "");
	assert_true(lookups_wait(f->lookups, tenant(f, "acme"), wake, &first));
	step(f, 1000);
	assert_true(lookups_wait(f->lookups, tenant(f, "acme"), wake, &second));
	step(f, 950);
	assert_int_equal(first, 0);
	step(f, 100);
	assert_int_equal(first, 1);
	assert_int_equal(second, 0);
	/* the look-up itself goes on; who asks now joins it */
	assert_string_equal(decide(f, "acme", ""), "unknown none no_signal wait");
	step(f, 1000);
	assert_int_equal(second, 1);
	host_fails(f, "timeout");
	assert_int_equal(first + second, 2);
	assert_int_equal(f->calls, 1);
}

static void test_waiters_are_bounded(void **state)
{
	struct fixture *f = *state;
	_Atomic int woken = 0, over = 0;
	(void)decide(f, "acme", "");
	for (int i = 0; i < 10000; i++)
		assert_true(lookups_wait(f->lookups, tenant(f, "acme"), wake, &woken));
	assert_true(lookups_wait(f->lookups, tenant(f, "acme"), wake, &over));
	assert_int_equal(over, 1); /* not forgotten: sent on at once */
	host_fails(f, "timeout");
	assert_int_equal(woken, 10000);
	assert_int_equal(over, 1);
}

static void test_who_needs_none_waits_for_none(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(decide(f, "acme", "lic=active"), "active lic lic_active"); /* although one is in flight */
	assert_int_equal(f->calls, 1);
	install(f, "paid", "s", true);
	assert_string_equal(decide(f, "paid", ""), "active install install_entitlement");
	assert_int_equal(f->calls, 2);
}

static void test_no_look_up_for_uninstalled_or_without_secret(void **state)
{
	struct fixture *f = *state;
	install(f, "bare", "", false);
	tenants_set_status(f->tenants, STR("acme"), TENANT_UNINSTALLED, f->clock.wall);
	assert_string_equal(decide(f, "bare", ""), "unknown none no_signal");
	assert_string_equal(decide(f, "acme", ""), "unknown none no_signal");
	assert_int_equal(lookups_refresh(f->lookups, tenant(f, "bare"), NULL, NULL), ERR_CONFLICT);
	assert_int_equal(lookups_refresh(f->lookups, tenant(f, "acme"), NULL, NULL), ERR_CONFLICT);
	assert_int_equal(f->calls, 0);
}

/* ---- fresh, ahead, stale ---- */

static void test_fresh_for_its_ttl_and_refreshed_ahead(void **state)
{
	struct fixture *f = *state;
	look_up(f);
	step(f, 239 * SECOND);
	assert_string_equal(decide(f, "acme", ""), "active lookup lookup_valid");
	assert_int_equal(f->calls, 1);
	step(f, 1 * SECOND); /* the last fifth: asked for in the background, still served fresh */
	for (int i = 0; i < 100; i++)
		assert_string_equal(decide(f, "acme", ""), "active lookup lookup_valid");
	assert_int_equal(f->calls, 2);
	host_answers(f, licensed());
	step(f, 230 * SECOND);
	assert_string_equal(decide(f, "acme", ""), "active lookup lookup_valid");
	assert_int_equal(f->calls, 2);
}

static void test_expired_entry_is_served_stale_by_one_look_up(void **state)
{
	struct fixture *f = *state;
	look_up(f);
	step(f, 301 * SECOND);
	for (int i = 0; i < 500; i++)
		assert_string_equal(decide(f, "acme", ""), "active stale lookup_valid stale");
	assert_int_equal(f->calls, 2);
	struct license_facts gone = licensed();
	gone.valid = false;
	host_answers(f, gone);
	assert_string_equal(decide(f, "acme", ""), "grace lookup lookup_invalid");
}

static void test_idle_tenants_are_not_looked_up(void **state)
{
	struct fixture *f = *state;
	look_up(f);
	for (int i = 0; i < 60; i++)
		step(f, MINUTE);
	assert_int_equal(f->calls, 1);
}

static void test_beyond_the_stale_limit_nothing_is_known(void **state)
{
	struct fixture *f = *state;
	look_up(f);
	step(f, DAY - MINUTE);
	assert_string_equal(decide(f, "acme", ""), "active stale lookup_valid stale");
	host_fails(f, "timeout");
	step(f, MINUTE);
	assert_string_equal(decide(f, "acme", ""), "unknown none no_signal wait");
	host_fails(f, "timeout");
	assert_string_equal(decide(f, "acme", ""), "unknown none no_signal");
	assert_string_equal(journal(f, "license.changed"),
	                    "unknown>active lookup_valid lookup; active>unknown no_signal none");
}

static void test_the_hosts_max_age_shortens_the_ttl(void **state)
{
	static const struct {
		int64_t max_age_s, fresh_s;
	} cases[] = {{60, 60}, {3600, 300}, {0, 1}, {-1, 300}};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct license_facts facts = licensed();
		facts.max_age_s = cases[i].max_age_s;
		assert_int_equal(lookups_refresh(f->lookups, tenant(f, "acme"), NULL, NULL), OK);
		host_answers(f, facts);
		f->clock.mono += cases[i].fresh_s * SECOND - 1;
		assert_string_equal(decide(f, "acme", ""), "active lookup lookup_valid");
		f->clock.mono += 1;
		assert_string_equal(decide(f, "acme", ""), "active stale lookup_valid stale");
		host_answers(f, licensed());
	}
}

static void test_wall_clock_steps_change_no_ttl(void **state)
{
	struct fixture *f = *state;
	look_up(f);
	f->clock.wall += HOUR;
	assert_string_equal(decide(f, "acme", ""), "active lookup lookup_valid");
	f->clock.wall -= 2 * HOUR;
	assert_string_equal(decide(f, "acme", ""), "active lookup lookup_valid");
	assert_int_equal(f->calls, 1);
	f->clock.mono += 301 * SECOND;
	assert_string_equal(decide(f, "acme", ""), "active stale lookup_valid stale");
	assert_int_equal(f->calls, 2);
}

/* ---- failures ---- */

static void test_failures_are_kept_and_tried_ever_less_often(void **state)
{
	static const int64_t expected_s[] = {30, 60, 120, 240, 300, 300, 300};
	struct fixture *f = *state;
	(void)decide(f, "acme", "");
	for (size_t i = 0; i < sizeof expected_s / sizeof *expected_s; i++) {
		host_fails(f, "status_500");
		int calls = f->calls;
		f->clock.mono += expected_s[i] * 800 - 1;
		assert_string_equal(decide(f, "acme", ""), "unknown none no_signal");
		assert_int_equal(f->calls, calls);
		f->clock.mono += expected_s[i] * 400 + 1;
		assert_string_equal(decide(f, "acme", ""), "unknown none no_signal wait");
		assert_int_equal(f->calls, calls + 1);
	}
	host_answers(f, licensed());
	f->clock.mono += 301 * SECOND;
	(void)decide(f, "acme", "");
	host_fails(f, "status_500"); /* a success has made it the first failure again */
	f->clock.mono += 37 * SECOND;
	int calls = f->calls;
	(void)decide(f, "acme", "");
	assert_int_equal(f->calls, calls + 1);
}

static void test_a_call_that_cannot_start_is_a_failure(void **state)
{
	struct fixture *f = *state;
	f->refuse_call = true;
	assert_string_equal(decide(f, "acme", ""), "unknown none no_signal wait");
	_Atomic int woken = 0;
	assert_false(lookups_wait(f->lookups, tenant(f, "acme"), wake, &woken)); /* nothing in flight: decide again */
	assert_string_equal(decide(f, "acme", ""), "unknown none no_signal");
	f->refuse_call = false;
	f->at_once = true; /* the answer comes before the call returns */
	step(f, 37 * SECOND);
	(void)decide(f, "acme", "");
	assert_string_equal(decide(f, "acme", ""), "unknown none no_signal");
	assert_int_equal(f->calls, 2);
}

static void test_the_resource_that_worked_is_asked_first(void **state)
{
	struct fixture *f = *state;
	(void)decide(f, "acme", "");
	assert_int_equal(f->held[0].resource, 0);
	struct license_facts facts = licensed();
	facts.resource = 2;
	host_answers(f, facts);
	step(f, 290 * SECOND);
	(void)decide(f, "acme", "");
	assert_int_equal(f->held[0].resource, 2);
}

/* ---- refresh on demand, and secrets ---- */

struct refreshed {
	int count;
	char failure[32];
};

static void refreshed(void *arg, const char *failure)
{
	struct refreshed *r = arg;
	r->count++;
	(void)snprintf(r->failure, sizeof r->failure, "%s", failure ? failure : "none");
}

static void test_refresh_joins_and_tells_its_end(void **state)
{
	struct fixture *f = *state;
	struct refreshed a = {0}, b = {0};
	assert_int_equal(lookups_refresh(f->lookups, tenant(f, "acme"), refreshed, &a), OK);
	assert_int_equal(lookups_refresh(f->lookups, tenant(f, "acme"), refreshed, &b), OK);
	assert_int_equal(f->calls, 1);
	host_answers(f, licensed());
	stored(f);
	assert_int_equal(a.count, 1);
	assert_int_equal(b.count, 1);
	assert_string_equal(a.failure, "none");
	assert_int_equal(lookups_refresh(f->lookups, tenant(f, "acme"), refreshed, &a), OK); /* fresh or not */
	host_fails(f, "status_401");
	stored(f);
	assert_int_equal(a.count, 2);
	assert_string_equal(a.failure, "status_401");
	/* and again at once, whatever the back-off */
	assert_int_equal(lookups_refresh(f->lookups, tenant(f, "acme"), NULL, NULL), OK);
	assert_int_equal(f->calls, 3);
}

static struct license_view view(struct fixture *f, struct arena *a)
{
	struct license_view v;
	stored(f);
	assert_int_equal(lookups_view(f->lookups, tenant(f, "acme"), a, &v), OK);
	return v;
}

static void test_the_first_success_proves_the_secret(void **state)
{
	struct fixture *f = *state;
	struct arena a;
	arena_init(&a, 1 << 16);
	assert_int_equal(lookups_refresh(f->lookups, tenant(f, "acme"), NULL, NULL), OK);
	host_fails(f, "status_401");
	struct license_view v = view(f, &a);
	assert_int_equal(v.secret_proved_at, 0);
	assert_string_equal(v.failure, "status_401");
	assert_string_equal(journal(f, ""), "");
	step(f, MINUTE);
	look_up(f);
	int64_t proved = f->clock.wall;
	step(f, HOUR);
	look_up(f);
	v = view(f, &a);
	assert_int_equal(v.secret_proved_at, proved);
	assert_null(v.failure);
	assert_string_equal(v.organisation, "Acme Ltd");
	assert_string_equal(v.entitlement_number, "E-1");
	install(f, "acme", "another-secret", false);
	assert_int_equal(view(f, &a).secret_proved_at, 0);
	arena_release(&a);
}

static void test_an_answer_for_the_old_secret_is_no_news(void **state)
{
	struct fixture *f = *state;
	struct refreshed r = {0};
	assert_int_equal(lookups_refresh(f->lookups, tenant(f, "acme"), NULL, NULL), OK);
	assert_string_equal(f->held[0].secret, "secret-of-acme");
	install(f, "acme", "another-secret", false);
	assert_int_equal(lookups_refresh(f->lookups, tenant(f, "acme"), refreshed, &r), OK);
	host_fails(f, "status_401"); /* of course: so the host is asked again, with the new one */
	assert_int_equal(r.count, 0);
	assert_int_equal(f->calls, 2);
	assert_string_equal(f->held[0].secret, "another-secret");
	host_answers(f, licensed());
	stored(f);
	assert_int_equal(r.count, 1);
	assert_string_equal(r.failure, "none");
}

static void test_news_of_an_uninstalled_tenant_is_dropped(void **state)
{
	struct fixture *f = *state;
	(void)decide(f, "acme", "");
	tenants_set_status(f->tenants, STR("acme"), TENANT_UNINSTALLED, f->clock.wall);
	host_answers(f, licensed());
	assert_string_equal(journal(f, ""), "");
}

/* ---- restart and stop ---- */

static void test_restart_keeps_what_is_known(void **state)
{
	struct fixture *f = *state;
	look_up(f);
	stored(f);
	restart(f, 100 * SECOND);
	assert_string_equal(decide(f, "acme", ""), "active lookup lookup_valid");
	assert_int_equal(f->calls, 1);
	f->clock.mono += 199 * SECOND; /* what was left of its time */
	assert_string_equal(decide(f, "acme", ""), "active lookup lookup_valid");
	f->clock.mono += 1 * SECOND;
	assert_string_equal(decide(f, "acme", ""), "active stale lookup_valid stale");
}

static void test_restart_never_lengthens_a_ttl(void **state)
{
	struct fixture *f = *state;
	look_up(f);
	stored(f);
	restart(f, -HOUR); /* the wall clock went back while it was down */
	f->clock.mono += 299 * SECOND;
	assert_string_equal(decide(f, "acme", ""), "active lookup lookup_valid");
	f->clock.mono += 1 * SECOND;
	assert_string_equal(decide(f, "acme", ""), "active stale lookup_valid stale");
	host_answers(f, licensed());
	stored(f);
	restart(f, 2 * DAY);
	assert_string_equal(decide(f, "acme", ""), "unknown none no_signal wait");
}

static void test_restart_keeps_failures_and_texts(void **state)
{
	struct fixture *f = *state;
	struct arena a;
	arena_init(&a, 1 << 16);
	look_up(f);
	step(f, HOUR);
	(void)decide(f, "acme", "");
	host_fails(f, "status_503");
	stored(f);
	restart(f, SECOND);
	struct license_view v = view(f, &a);
	assert_string_equal(v.failure, "status_503");
	assert_string_equal(v.sen, "SEN-1");
	assert_int_not_equal(v.failed_at, 0);
	arena_release(&a);
}

static void *free_lookups(void *arg)
{
	struct fixture *f = arg;
	lookups_free(f->lookups);
	return NULL;
}

static void test_stop_waits_for_the_look_up_in_flight(void **state)
{
	struct fixture *f = *state;
	_Atomic int woken = 0;
	(void)decide(f, "acme", "");
	assert_true(lookups_wait(f->lookups, tenant(f, "acme"), wake, &woken));
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, free_lookups, f), 0);
	host_answers(f, licensed());
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(woken, 1);
	assert_int_equal(lookups_new(&f->options, &f->lookups), OK); /* for the teardown */
	assert_string_equal(journal(f, "license.changed"), "unknown>active lookup_valid lookup");
}

/* ---- contact, metrics ---- */

struct contact {
	const struct keyring *keyring;
	char text[64];
	bool sealed;
};

static enum err read_contact(struct store_tx *tx, void *arg)
{
	struct contact *c = arg;
	struct arena a;
	struct license_row row;
	arena_init(&a, 1 << 16);
	enum err err = store_license_get(tx, STR("acme"), &a, &row);
	if (err == OK) {
		struct buf plain = BUF_INIT(64);
		struct seal_place place = {"licenses", "contact", STR("acme")};
		c->sealed = unseal(c->keyring, place, row.contact_sealed, &plain) == OK;
		(void)snprintf(c->text, sizeof c->text, "%s", plain.data ? plain.data : "");
		buf_release(&plain);
	}
	arena_release(&a);
	return err;
}

static void test_the_contact_is_stored_sealed_and_outlives_other_news(void **state)
{
	struct fixture *f = *state;
	struct contact c = {.keyring = f->keyring};
	look_up(f);
	stored(f);
	(void)decide(f, "acme", "lic=none"); /* a row written again, without texts */
	stored(f);
	assert_int_equal(store_read(f->store, read_contact, &c), OK);
	assert_true(c.sealed);
	assert_string_equal(c.text, "jo@acme.example");
}

static enum err forget_contact(struct store_tx *tx, void *arg)
{
	struct contact_key key;
	struct address_hash hash;
	enum err err = store_contact_key(tx, arg, &key);
	if (err == OK)
		err = address_hash(&key, STR("Jo@acme.example"), &hash);
	return err == OK ? store_suppression_put(tx, &hash, SUPPRESSION_FORGOTTEN, 1) : err;
}

static void test_a_forgotten_contact_is_not_stored(void **state)
{
	struct fixture *f = *state;
	struct contact c = {.keyring = f->keyring};
	assert_int_equal(store_write(f->store, forget_contact, f->keyring), OK);
	look_up(f);
	stored(f);
	assert_int_equal(store_read(f->store, read_contact, &c), OK);
	assert_false(c.sealed);
}

static void test_counted(void **state)
{
	struct fixture *f = *state;
	static const char *const name = "licgate_license_lookups_total";
	int64_t hit = metric_count(name, "result=\"hit\""), miss = metric_count(name, "result=\"miss\""),
	        stale = metric_count(name, "result=\"stale\""), ok = metric_count(name, "result=\"ok\""),
	        failed = metric_count(name, "result=\"failed\""),
	        active = metric_count("licgate_license_verdicts_total", "state=\"active\",source=\"lookup\"");
	look_up(f);                  /* miss, ok */
	(void)decide(f, "acme", ""); /* hit */
	step(f, 301 * SECOND);
	(void)decide(f, "acme", ""); /* stale */
	host_fails(f, "timeout");    /* failed */
	assert_int_equal(metric_count(name, "result=\"miss\"") - miss, 1);
	assert_int_equal(metric_count(name, "result=\"ok\"") - ok, 1);
	assert_int_equal(metric_count(name, "result=\"hit\"") - hit, 1);
	assert_int_equal(metric_count(name, "result=\"stale\"") - stale, 1);
	assert_int_equal(metric_count(name, "result=\"failed\"") - failed, 1);
	assert_int_equal(metric_count("licgate_license_verdicts_total", "state=\"active\",source=\"lookup\"") - active, 1);
}

/* ---- many at once ---- */

struct crowd {
	struct fixture *f;
	_Atomic int woken, waiting;
	pthread_barrier_t start;
};

static void *crowd_member(void *arg)
{
	struct crowd *c = arg;
	pthread_barrier_wait(&c->start);
	for (int i = 0; i < 100; i++) {
		(void)decide(c->f, "acme", i % 2 ? "" : "claim=active");
		if (lookups_wait(c->f->lookups, tenant(c->f, "acme"), wake, &c->woken))
			atomic_fetch_add(&c->waiting, 1);
	}
	return NULL;
}

static void test_a_crowd_makes_one_look_up(void **state)
{
	struct crowd c = {.f = *state};
	pthread_t threads[8];
	assert_int_equal(pthread_barrier_init(&c.start, NULL, 8), 0);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, crowd_member, &c), 0);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(c.f->calls, 1);
	host_answers(c.f, licensed());
	assert_int_equal(c.waiting, 800);
	assert_int_equal(c.woken, 800);
	assert_string_equal(journal(c.f, "license.changed"), "unknown>active claim_active claim");
	pthread_barrier_destroy(&c.start);
}

static void *quick_member(void *arg)
{
	struct crowd *c = arg;
	pthread_barrier_wait(&c->start);
	(void)decide(c->f, "acme", "");
	return NULL;
}

/* Whoever found a look-up due, and comes when it has ended already, starts no other. */
static void test_a_crowd_on_a_quick_host_makes_one_look_up(void **state)
{
	struct crowd c = {.f = *state};
	pthread_t threads[8];
	c.f->at_once = true;
	for (int round = 1; round <= 100; round++) {
		assert_int_equal(pthread_barrier_init(&c.start, NULL, 8), 0);
		for (size_t i = 0; i < 8; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, quick_member, &c), 0);
		for (size_t i = 0; i < 8; i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		pthread_barrier_destroy(&c.start);
		assert_int_equal(c.f->calls, round);
		c.f->clock.mono += 10 * MINUTE; /* past any back-off */
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_five_hundred_wait_for_one_look_up),
	    T(test_waiting_ends_after_its_time),
	    T(test_waiters_are_bounded),
	    T(test_who_needs_none_waits_for_none),
	    T(test_no_look_up_for_uninstalled_or_without_secret),
	    T(test_fresh_for_its_ttl_and_refreshed_ahead),
	    T(test_expired_entry_is_served_stale_by_one_look_up),
	    T(test_idle_tenants_are_not_looked_up),
	    T(test_beyond_the_stale_limit_nothing_is_known),
	    T(test_the_hosts_max_age_shortens_the_ttl),
	    T(test_wall_clock_steps_change_no_ttl),
	    T(test_failures_are_kept_and_tried_ever_less_often),
	    T(test_a_call_that_cannot_start_is_a_failure),
	    T(test_the_resource_that_worked_is_asked_first),
	    T(test_refresh_joins_and_tells_its_end),
	    T(test_the_first_success_proves_the_secret),
	    T(test_an_answer_for_the_old_secret_is_no_news),
	    T(test_news_of_an_uninstalled_tenant_is_dropped),
	    T(test_restart_keeps_what_is_known),
	    T(test_restart_never_lengthens_a_ttl),
	    T(test_restart_keeps_failures_and_texts),
	    T(test_stop_waits_for_the_look_up_in_flight),
	    T(test_the_contact_is_stored_sealed_and_outlives_other_news),
	    T(test_a_forgotten_contact_is_not_stored),
	    T(test_counted),
	    T(test_a_crowd_makes_one_look_up),
	    T(test_a_crowd_on_a_quick_host_makes_one_look_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
