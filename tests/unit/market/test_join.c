/* test_join.c - whose a licence is: by which id, of which of several tenants; asked for one and for all at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/secret.h"
#include "market/join.h"
#include "market/market_fixture.h"
#include "store/ledger.h"

static int set_up(void **state)
{
	static struct market_fixture m;
	market_fixture_init(&m, "2026-03-10");
	*state = &m;
	return 0;
}

static int tear_down(void **state)
{
	market_fixture_release(*state);
	return 0;
}

static void report(struct market_fixture *m, const char *row_key, const char *status, const char *app)
{
	const struct market_license l = {.row_key = row_key,
	                                 .status = status,
	                                 .license_type = "COMMERCIAL",
	                                 .maintenance_end = "2026-12-31",
	                                 .app_key = app};
	poll_license(m, &l);
	poll_alias(m, row_key, "entitlement_number", row_key);
}

/* ---- what comes of it ---- */

struct ask {
	const char *key;
	struct arena *arena;
	struct market_match match;
	struct market_view view;
	char all[1000];
};

static enum err run_tenant(struct store_tx *tx, void *arg)
{
	struct ask *a = arg;
	return store_market_tenant(tx, str_of(a->key), a->arena, &a->match);
}

static enum err add_to_all(void *arg, const struct market_license *l, const struct market_match *match, bool gone)
{
	struct ask *a = arg;
	if (strcmp(l->row_key, a->key) == 0)
		(void)snprintf(a->all, sizeof a->all, "%s %s%s%s", match->client_key ? match->client_key : "-",
		               match->client_key ? market_tie_name(match->tie) : "", match->contested ? " contested" : "",
		               gone ? " gone" : "");
	return OK;
}

static enum err run_all(struct store_tx *tx, void *arg)
{
	return store_market_each(tx, add_to_all, arg);
}

/* "tenant tie [contested] [gone]" as the walk over all says it; the answer for one must say the same. */
static const char *tenant_of(struct market_fixture *m, const char *row_key)
{
	static struct ask a;
	char one[1000] = "- ";
	a = (struct ask){.key = row_key, .arena = &m->arena};
	const enum err err = store_read(m->fixture.store, run_tenant, &a);
	assert_int_equal(store_read(m->fixture.store, run_all, &a), OK);
	if (err == OK)
		(void)snprintf(one, sizeof one, "%s %s%s", a.match.client_key, market_tie_name(a.match.tie),
		               a.match.contested ? " contested" : "");
	else
		assert_int_equal(err, ERR_NOT_FOUND);
	assert_int_equal(strncmp(a.all, one, strlen(one)), 0);
	return a.all;
}

static enum err run_view(struct store_tx *tx, void *arg)
{
	struct ask *a = arg;
	return market_view_read(tx, str_of(a->key), a->arena, &a->view);
}

static struct market_view view_of(struct market_fixture *m, const char *client_key)
{
	struct ask a = {.key = client_key, .arena = &m->arena};
	assert_int_equal(store_read(m->fixture.store, run_view, &a), OK);
	return a.view;
}

static enum err run_app(struct store_tx *tx, void *arg)
{
	return store_market_app(tx, str_of(arg));
}

/* ---- tests ---- */

static void whichever_side_comes_first(void **state)
{
	struct market_fixture *m = *state;
	report(m, "E-1", "active", NULL);
	assert_string_equal(tenant_of(m, "E-1"), "- ");
	install(m, "a", "entitlement_number", "E-1");
	assert_string_equal(tenant_of(m, "E-1"), "a entitlement");
	install(m, "b", "sen", "SEN-2");
	report(m, "E-2", "active", NULL);
	poll_alias(m, "E-2", "sen", "SEN-2");
	assert_string_equal(tenant_of(m, "E-2"), "b sen");
}

static void the_strongest_id_decides(void **state)
{
	struct market_fixture *m = *state;
	install(m, "by-host", "host", "acme.atlassian.net");
	report(m, "E-1", "active", NULL);
	poll_alias(m, "E-1", "host", "acme.atlassian.net");
	poll_alias(m, "E-1", "cloud_id", "cloud-1");
	poll_alias(m, "E-1", "sen", "SEN-1");
	poll_alias(m, "E-1", "entitlement_id", "uuid-1");
	assert_string_equal(tenant_of(m, "E-1"), "by-host host");
	install(m, "by-cloud", "cloud_id", "cloud-1");
	assert_string_equal(tenant_of(m, "E-1"), "by-cloud cloud_id");
	install(m, "by-sen", "sen", "SEN-1");
	assert_string_equal(tenant_of(m, "E-1"), "by-sen sen");
	install(m, "by-entitlement", "entitlement_id", "uuid-1");
	/* SEN and entitlement are one licence's alone: that two sites tell them is a conflict, that they share a host is
	 * not */
	assert_string_equal(tenant_of(m, "E-1"), "by-entitlement entitlement contested");
	set_status(m, "by-sen", "uninstalled");
	assert_string_equal(tenant_of(m, "E-1"), "by-entitlement entitlement");
	/* an uninstalled one that the best id fits is still the one: the licence is no other site's */
	set_status(m, "by-entitlement", "uninstalled");
	assert_string_equal(tenant_of(m, "E-1"), "by-entitlement entitlement gone");
}

static void of_two_tenants_the_one_that_is_there_and_newer(void **state)
{
	struct market_fixture *m = *state;
	report(m, "E-1", "active", NULL);
	poll_alias(m, "E-1", "host", "acme.atlassian.net");
	install(m, "z-old", "host", "acme.atlassian.net");
	install(m, "a-new", "host", "acme.atlassian.net");
	assert_string_equal(tenant_of(m, "E-1"), "a-new host contested");
	set_status(m, "a-new", "uninstalled");
	assert_string_equal(tenant_of(m, "E-1"), "z-old host");
	set_status(m, "z-old", "uninstalled");
	assert_string_equal(tenant_of(m, "E-1"), "a-new host gone");
}

/* Two ids of one tenant are no conflict. */
static void a_tenant_does_not_contest_itself(void **state)
{
	struct market_fixture *m = *state;
	report(m, "E-1", "active", NULL);
	poll_alias(m, "E-1", "entitlement_id", "uuid-1");
	install(m, "a", "entitlement_id", "uuid-1");
	install(m, "a", "entitlement_number", "E-1");
	assert_string_equal(tenant_of(m, "E-1"), "a entitlement");
}

static void a_site_has_licences_of_other_apps(void **state)
{
	struct market_fixture *m = *state;
	install(m, "a", "host", "acme.atlassian.net");
	report(m, "E-1", "active", "com.example.another");
	poll_alias(m, "E-1", "host", "acme.atlassian.net");
	assert_string_equal(tenant_of(m, "E-1"), "a host"); /* not told yet which app is served */
	char app[] = "com.example.licgate";
	assert_int_equal(store_write(m->fixture.store, run_app, app), OK);
	assert_false(view_of(m, "a").known);
	char other[] = "com.example.another";
	assert_int_equal(store_write(m->fixture.store, run_app, other), OK);
	assert_string_equal(tenant_of(m, "E-1"), "a host");
}

static void a_tenant_shows_the_licence_in_force(void **state)
{
	struct market_fixture *m = *state;
	install(m, "a", "entitlement_number", "E-old");
	install(m, "a", "host", "acme.atlassian.net");
	report(m, "E-old", "inactive", NULL);
	report(m, "E-new", "active", NULL);
	poll_alias(m, "E-new", "host", "acme.atlassian.net");
	struct market_view v = view_of(m, "a");
	assert_true(v.known);
	assert_string_equal(v.license.row_key, "E-new");
	assert_int_equal(v.other_count, 1);
	assert_int_equal(v.other_live, 0);
	report(m, "E-other", "cancelled", NULL);
	poll_alias(m, "E-other", "sen", "SEN-3");
	install(m, "a", "sen", "SEN-3");
	v = view_of(m, "a");
	assert_string_equal(v.license.row_key, "E-other"); /* both in force: the stronger id */
	assert_int_equal(v.other_live, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(whichever_side_comes_first, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_strongest_id_decides, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(of_two_tenants_the_one_that_is_there_and_newer, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_tenant_does_not_contest_itself, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_site_has_licences_of_other_apps, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_tenant_shows_the_licence_in_force, set_up, tear_down),
	};
	return crypto_init() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
