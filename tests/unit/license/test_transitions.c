/* test_transitions.c - the tenant's own state follows the last news, each change is journalled once, in order, with the
 * row; and an operator's override stands above all until its end. */
#include <stdio.h>
#include <string.h>

#include "base/metrics.h"
#include "license/license_fixture.h"

static void look_up(struct fixture *f, struct license_facts facts)
{
	assert_int_equal(lookups_refresh(f->lookups, tenant(f, "acme"), NULL, NULL), OK);
	host_answers(f, facts);
}

static struct license_facts invalid(void)
{
	struct license_facts facts = licensed();
	facts.valid = false;
	return facts;
}

static const char *state_now(struct fixture *f)
{
	static char text[64];
	struct license_decision d = lookups_state(f->lookups, tenant(f, "acme"));
	(void)snprintf(text, sizeof text, "%s %s", license_state_name(d.state), license_source_name(d.source));
	return text;
}

/* ---- news ---- */

static void test_a_signal_that_differs_is_journalled_once(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 50; i++)
		(void)decide(f, "acme", "lic=active");
	assert_string_equal(journal(f, "license.changed"), "unknown>active lic_active lic");
	step(f, MINUTE);
	assert_string_equal(decide(f, "acme", "lic=none"), "grace lic lic_none");
	for (int i = 0; i < 50; i++)
		(void)decide(f, "acme", "lic=none");
	assert_string_equal(journal(f, "license.changed"), "unknown>active lic_active lic; active>grace lic_none lic");
	host_fails(f, "timeout");
}

static void test_never_licensed_is_none(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(decide(f, "acme", "lic=none"), "none lic lic_none");
	assert_string_equal(decide(f, "acme", "claim=inactive"), "none claim claim_inactive");
	assert_string_equal(decide(f, "acme", "lic=twice"), "none lic lic_ambiguous");
	/* "expired" says it was, and that is remembered */
	assert_string_equal(decide(f, "acme", "lic=expired"), "grace lic lic_expired");
	assert_string_equal(decide(f, "acme", "lic=none"), "grace lic lic_none");
	assert_string_equal(journal(f, "license.changed"), "unknown>none lic_none lic; none>grace lic_expired lic");
}

static void test_serving_a_kept_look_up_is_no_news(void **state)
{
	struct fixture *f = *state;
	look_up(f, licensed());
	assert_string_equal(decide(f, "acme", "lic=none"), "grace lic lic_none");
	for (int i = 0; i < 10; i++) /* this request has no signal: the look-up decides it, but the tenant stays in grace */
		assert_string_equal(decide(f, "acme", ""), "active lookup lookup_valid");
	assert_string_equal(state_now(f), "grace lic");
	assert_string_equal(journal(f, "license.changed"), "unknown>active lookup_valid lookup; active>grace lic_none lic");
}

static void test_a_contradiction_asks_the_host_but_not_often(void **state)
{
	struct fixture *f = *state;
	look_up(f, licensed());
	int calls = f->calls;
	step(f, 29 * SECOND);
	(void)decide(f, "acme", "lic=none");
	assert_int_equal(f->calls, calls);
	step(f, 1 * SECOND);
	(void)decide(f, "acme", "lic=none");
	(void)decide(f, "acme", "lic=none");
	assert_int_equal(f->calls, calls + 1);
	host_answers(f, invalid());
	(void)decide(f, "acme", "lic=none"); /* agrees now */
	step(f, 40 * SECOND);
	(void)decide(f, "acme", "lic=none");
	assert_int_equal(f->calls, calls + 1);
	(void)decide(f, "acme", "claim=active"); /* and the other way round */
	assert_int_equal(f->calls, calls + 2);
	/* a broken signal contradicts nothing */
	host_answers(f, licensed());
	step(f, 40 * SECOND);
	(void)decide(f, "acme", "lic=twice");
	assert_int_equal(f->calls, calls + 2);
}

static void test_a_look_up_tells_the_kind_of_a_signals_licence(void **state)
{
	struct fixture *f = *state;
	struct license_facts trial = licensed();
	trial.evaluation = true;
	assert_string_equal(decide(f, "acme", "lic=active"), "active lic lic_active");
	host_answers(f, trial);
	assert_string_equal(decide(f, "acme", "lic=active"), "evaluation lic lic_active");
	step(f, 3 * DAY); /* nobody was there: the same trial still */
	assert_string_equal(decide(f, "acme", "lic=active"), "evaluation lic lic_active");
	host_answers(f, licensed());
	assert_string_equal(journal(f, "license.changed"),
	                    "unknown>active lic_active lic; active>evaluation lookup_evaluation lookup; "
	                    "evaluation>active lookup_valid lookup");
}

static void test_grace_ends_by_time_alone(void **state)
{
	struct fixture *f = *state;
	look_up(f, licensed());
	look_up(f, invalid());
	assert_string_equal(state_now(f), "grace lookup");
	step(f, 15 * DAY - SECOND);
	assert_string_equal(state_now(f), "grace stale");
	assert_string_equal(journal(f, "license.changed"),
	                    "unknown>active lookup_valid lookup; active>grace lookup_invalid lookup");
	step(f, MINUTE); /* the sweep */
	assert_string_equal(state_now(f), "expired stale");
	assert_string_equal(journal(f, "license.changed"),
	                    "unknown>active lookup_valid lookup; active>grace lookup_invalid lookup; "
	                    "grace>expired lookup_invalid stale");
}

static void test_grace_counts_from_the_licences_end(void **state)
{
	struct fixture *f = *state;
	struct license_facts facts = invalid();
	facts.expires_at = f->clock.wall - 14 * DAY;
	look_up(f, facts); /* never seen licensed, but there was a licence */
	assert_string_equal(state_now(f), "grace lookup");
	step(f, DAY + MINUTE);
	assert_string_equal(state_now(f), "expired stale");
	/* renewed, and ended again: counted anew */
	look_up(f, licensed());
	look_up(f, invalid());
	assert_string_equal(state_now(f), "grace lookup");
}

static void test_days_idle_are_no_news(void **state)
{
	struct fixture *f = *state;
	look_up(f, licensed());
	for (int i = 0; i < 10; i++)
		step(f, DAY);
	assert_string_equal(state_now(f), "active stale");
	assert_string_equal(journal(f, "license.changed"), "unknown>active lookup_valid lookup");
}

static void test_an_install_body_is_no_news(void **state)
{
	struct fixture *f = *state;
	install(f, "paid", "s", true);
	assert_string_equal(decide(f, "paid", ""), "active install install_entitlement");
	step(f, MINUTE);
	assert_string_equal(journal(f, ""), "");
}

/* ---- storing ---- */

static int64_t since(struct fixture *f)
{
	struct arena a;
	struct license_view v;
	arena_init(&a, 1 << 16);
	stored(f);
	assert_int_equal(lookups_view(f->lookups, tenant(f, "acme"), &a, &v), OK);
	arena_release(&a);
	return v.since;
}

static void test_restart_keeps_since_when(void **state)
{
	struct fixture *f = *state;
	look_up(f, licensed());
	int64_t changed = f->clock.wall;
	step(f, HOUR);
	look_up(f, licensed());
	assert_int_equal(since(f), changed);
	restart(f, HOUR);
	assert_int_equal(since(f), changed);
}

static void test_restart_goes_on_from_the_last_news(void **state)
{
	struct fixture *f = *state;
	(void)decide(f, "acme", "lic=active");
	host_fails(f, "timeout");
	(void)decide(f, "acme", "lic=none");
	stored(f);
	restart(f, 5 * DAY);
	assert_string_equal(state_now(f), "grace lic");
	assert_string_equal(decide(f, "acme", "lic=none"), "grace lic lic_none");
	step(f, 10 * DAY); /* 15 since it was first seen */
	assert_string_equal(decide(f, "acme", "lic=none"), "expired lic lic_none");
	assert_string_equal(journal(f, "license.changed"),
	                    "unknown>active lic_active lic; active>grace lic_none lic; grace>expired lic_none lic");
}

static void test_a_burst_loses_no_transition(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 40; i++) {
		step(f, 1);
		(void)decide(f, "acme", i % 2 ? "lic=twice" : "lic=active");
	}
	const char *text = journal(f, "license.changed");
	int count = 0;
	for (const char *at = text; (at = strchr(at, '>')); at++)
		count++;
	assert_int_equal(count, 40);
	assert_int_equal(strncmp(text, "unknown>active lic_active lic; active>none lic_ambiguous lic; none>active", 70), 0);
}

static void test_a_purged_tenant_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	const struct tenant *t = tenants_find(f->tenants, STR("acme"));
	tenants_remove(f->tenants, STR("acme"));
	struct request_signal sig = {.lic = SIGNAL_LICENSED};
	bool wait;
	(void)lookups_decide(f->lookups, t, &sig, &wait);
	assert_int_equal(f->calls, 0);
	tenant_unref(t);
	assert_string_equal(journal(f, "license.changed"), "");
}

/* ---- overrides ---- */

static void told(void *arg, enum err err)
{
	*(enum err *)arg = err;
}

static enum err set(struct fixture *f, enum license_state s, int64_t until)
{
	enum err err = ERR_INTERNAL;
	assert_int_equal(
	    override_set(f->lookups, tenant(f, "acme"), s, until, STR("paid by wire"), STR("operator"), told, &err), OK);
	stored(f);
	return err;
}

static void test_override_lives_from_set_to_its_end(void **state)
{
	struct fixture *f = *state;
	look_up(f, licensed());
	look_up(f, invalid());
	assert_int_equal(set(f, STATE_ACTIVE, f->clock.wall + HOUR), OK);
	assert_string_equal(decide(f, "acme", "lic=none"), "active override override");
	assert_string_equal(state_now(f), "active override");
	assert_string_equal(journal(f, "override.set"), "override.set paid by wire");
	f->clock.wall += HOUR; /* by the wall clock, at once, before any sweep */
	assert_string_equal(decide(f, "acme", ""), "grace lookup lookup_invalid");
	step(f, MINUTE);
	stored(f);
	step(f, MINUTE);
	assert_string_equal(journal(f, "override.ended"), "override.ended elapsed");
	assert_string_equal(journal(f, "license.changed"),
	                    "unknown>active lookup_valid lookup; active>grace lookup_invalid lookup; "
	                    "grace>active override override; active>grace lic_none lic");
}

static void test_override_ends_on_time_although_nobody_asks(void **state)
{
	struct fixture *f = *state;
	step(f, 2 * SECOND); /* the sweep after the start */
	assert_int_equal(set(f, STATE_ACTIVE, f->clock.wall + 10 * SECOND), OK);
	step(f, 10 * SECOND - 1);
	stored(f);
	assert_string_equal(journal(f, "override.ended"), "");
	step(f, 1);
	stored(f);
	assert_string_equal(journal(f, "override.ended"), "override.ended elapsed");
	assert_int_equal(set(f, STATE_ACTIVE, f->clock.wall + 100 * SECOND), OK); /* behind the next sweep */
	step(f, MINUTE);
	step(f, 40 * SECOND);
	stored(f);
	assert_string_equal(journal(f, "override.ended"), "override.ended elapsed; override.ended elapsed");
}

static void test_override_is_news_although_nobody_asks(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(set(f, STATE_ACTIVE, f->clock.wall + HOUR), OK);
	assert_string_equal(journal(f, "license.changed"), "unknown>active override override");
}

static void test_override_is_kept_over_a_restart(void **state)
{
	struct fixture *f = *state;
	struct arena a;
	struct license_view v;
	arena_init(&a, 1 << 16);
	assert_int_equal(set(f, STATE_EXPIRED, f->clock.wall + DAY), OK);
	restart(f, HOUR);
	assert_string_equal(decide(f, "acme", "lic=active"), "expired override override");
	host_fails(f, "timeout");
	assert_int_equal(lookups_view(f->lookups, tenant(f, "acme"), &a, &v), OK);
	assert_string_equal(v.override_by, "operator");
	assert_string_equal(v.override_reason, "paid by wire");
	restart(f, DAY); /* it ends while the server is down */
	assert_string_equal(decide(f, "acme", "lic=active"), "active lic lic_active");
	step(f, 2 * SECOND);
	assert_string_equal(journal(f, "override.ended"), "override.ended elapsed");
	assert_string_equal(journal(f, "license.changed"),
	                    "unknown>expired override override; expired>active lic_active lic");
	arena_release(&a);
}

static void test_override_replaced_and_removed(void **state)
{
	struct fixture *f = *state;
	enum err err = OK;
	assert_int_equal(override_end(f->lookups, tenant(f, "acme"), told, &err), OK);
	stored(f);
	assert_int_equal(err, ERR_NOT_FOUND);
	assert_int_equal(set(f, STATE_ACTIVE, f->clock.wall + HOUR), OK);
	step(f, 1);
	assert_int_equal(set(f, STATE_GRACE, f->clock.wall + 2 * HOUR), OK);
	assert_string_equal(state_now(f), "grace override");
	err = ERR_INTERNAL;
	assert_int_equal(override_end(f->lookups, tenant(f, "acme"), told, &err), OK);
	stored(f);
	assert_int_equal(err, OK);
	assert_string_equal(decide(f, "acme", "lic=active"), "active lic lic_active");
	assert_string_equal(journal(f, "override.ended"), "override.ended removed");
	assert_string_equal(journal(f, "override.set"), "override.set paid by wire; override.set paid by wire");
}

static void test_a_new_override_is_not_ended_with_the_old_one(void **state)
{
	struct fixture *f = *state;
	enum err err = ERR_INTERNAL;
	assert_int_equal(set(f, STATE_ACTIVE, f->clock.wall + HOUR), OK);
	f->clock.wall += HOUR;
	assert_int_equal(override_set(f->lookups, tenant(f, "acme"), STATE_GRACE, f->clock.wall + HOUR, STR("more"),
	                              STR("op"), told, &err),
	                 OK);
	step(f, MINUTE);
	stored(f);
	step(f, MINUTE);
	stored(f);
	assert_int_equal(err, OK);
	assert_string_equal(state_now(f), "grace override");
	restart(f, 0);
	assert_string_equal(state_now(f), "grace override");
}

/* ---- facts that a door was told ---- */

static void purchase(struct fixture *f, struct license_facts facts)
{
	assert_int_equal(lookups_told(f->lookups, tenant(f, "github:1"), &facts), OK);
	stored(f);
}

static void test_a_purchase_is_kept_and_never_asked_for(void **state)
{
	struct fixture *f = *state;
	install(f, "github:1", "", false);
	assert_string_equal(decide(f, "github:1", ""), "unknown none no_signal wait"); /* nothing told: asked for once */
	host_fails(f, "timeout");
	const int calls = f->calls;
	purchase(f, licensed());
	assert_string_equal(decide(f, "github:1", ""), "active github purchase_active");
	step(f, 400 * DAY); /* no TTL, no stale limit */
	assert_string_equal(decide(f, "github:1", ""), "active github purchase_active");
	restart(f, 400 * DAY);
	assert_string_equal(decide(f, "github:1", ""), "active github purchase_active");
	assert_int_equal(lookups_known(f->lookups, tenant(f, "github:1")).users_max, 100);
	assert_int_equal(f->calls, calls);
	/* on demand, and what comes then is news like any other */
	assert_int_equal(lookups_refresh(f->lookups, tenant(f, "github:1"), NULL, NULL), OK);
	struct license_facts over = licensed();
	over.valid = false;
	host_answers(f, over);
	assert_string_equal(decide(f, "github:1", ""), "none github purchase_ended");
	assert_string_equal(journal(f, "license.changed"),
	                    "unknown>active purchase_active github; active>none purchase_ended github");
}

static void test_a_cancelled_purchase_ends_on_its_day(void **state)
{
	struct fixture *f = *state;
	install(f, "github:1", "", false);
	struct license_facts ending = licensed();
	ending.cancelled = true;
	ending.expires_at = f->clock.wall + DAY;
	purchase(f, ending);
	assert_string_equal(decide(f, "github:1", ""), "cancelled_pending github purchase_ending");
	step(f, DAY - MINUTE);
	assert_string_equal(decide(f, "github:1", ""), "cancelled_pending github purchase_ending");
	step(f, MINUTE);
	stored(f);
	assert_string_equal(journal(f, "license.changed"),
	                    "unknown>cancelled_pending purchase_ending github; "
	                    "cancelled_pending>none purchase_ended github"); /* although nobody asked */
	/* its tenant is closed, and a new purchase opens it again */
	tenants_set_status(f->tenants, STR("github:1"), TENANT_UNINSTALLED, f->clock.wall);
	assert_int_equal(lookups_refresh(f->lookups, tenant(f, "github:1"), NULL, NULL), OK);
	host_answers(f, licensed());
	assert_string_equal(decide(f, "github:1", ""), "active github purchase_active");
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_a_signal_that_differs_is_journalled_once),
	    T(test_never_licensed_is_none),
	    T(test_serving_a_kept_look_up_is_no_news),
	    T(test_a_contradiction_asks_the_host_but_not_often),
	    T(test_a_look_up_tells_the_kind_of_a_signals_licence),
	    T(test_grace_ends_by_time_alone),
	    T(test_grace_counts_from_the_licences_end),
	    T(test_days_idle_are_no_news),
	    T(test_an_install_body_is_no_news),
	    T(test_restart_keeps_since_when),
	    T(test_restart_goes_on_from_the_last_news),
	    T(test_a_burst_loses_no_transition),
	    T(test_a_purchase_is_kept_and_never_asked_for),
	    T(test_a_cancelled_purchase_ends_on_its_day),
	    T(test_a_purged_tenant_leaves_nothing_behind),
	    T(test_override_lives_from_set_to_its_end),
	    T(test_override_ends_on_time_although_nobody_asks),
	    T(test_override_is_news_although_nobody_asks),
	    T(test_override_is_kept_over_a_restart),
	    T(test_override_replaced_and_removed),
	    T(test_a_new_override_is_not_ended_with_the_old_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
