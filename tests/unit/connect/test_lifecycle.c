/* test_lifecycle.c - callbacks against a real store: what is stored, told and answered, and what a sweep takes away. */
#include "door_fixture.h"

#include "base/buf.h"

static void assert_status(struct door *d, const char *expected)
{
	struct arena a;
	arena_init(&a, 1 << 20);
	struct tenant_row row = door_row(d, CLIENT, &a);
	assert_string_equal(row.status, expected);
	const struct tenant *t = tenants_find(d->tenants, STR(CLIENT));
	assert_non_null(t);
	assert_string_equal(tenant_status_name(t->status), expected);
	tenant_unref(t);
	arena_release(&a);
}

static void assert_secret(struct door *d, const char *client_key, const char *expected)
{
	const struct tenant *t = tenants_find(d->tenants, str_of(client_key));
	assert_non_null(t);
	assert_true(str_eqz(t->shared_secret, expected));
	tenant_unref(t);
}

static void a_first_install_is_stored_whole(void **state)
{
	struct door *d = *state;
	struct arena a;
	char last[4096];
	assert_int_equal(door_install(d, SECRET, HOME "/",
	                              ",\"description\":\"Jira\",\"entitlementNumber\":\"E-1\","
	                              "\"serviceEntitlementNumber\":\"SEN-1\",\"more\":{\"x\":[1]}"),
	                 204);
	arena_init(&a, 1 << 20);
	struct tenant_row row = door_row(d, CLIENT, &a);
	assert_string_equal(row.base_url, HOME);
	assert_string_equal(row.product_type, "jira");
	assert_string_equal(row.description, "Jira");
	assert_string_equal(row.entitlement_number, "E-1");
	assert_string_equal(row.sen, "SEN-1");
	assert_null(row.entitlement_id);
	assert_non_null(strstr(row.install_body, "\"more\":{\"x\":[1]}"));
	assert_null(strstr(row.install_body, SECRET));
	assert_null(memmem(row.shared_secret_sealed.ptr, row.shared_secret_sealed.len, SECRET, strlen(SECRET)));
	assert_true(row.first_installed_at == row.installed_at && row.installed_at == row.updated_at);
	arena_release(&a);
	assert_status(d, "installed");
	assert_secret(d, CLIENT, SECRET);
	assert_true(door_alias(d, CLIENT, "base_url", HOME));
	assert_true(door_alias(d, CLIENT, "host", "acme.atlassian.net"));
	assert_true(door_alias(d, CLIENT, "sen", "SEN-1"));
	assert_true(door_alias(d, CLIENT, "entitlement_number", "E-1"));
	assert_string_equal(door_events(d, CLIENT, last), "tenant.installed");
	assert_non_null(strstr(last, "\"changes\":\"first\""));
	assert_non_null(strstr(last, "\"base_url\":\"" HOME "\""));
	assert_null(strstr(last, SECRET));
}

static void every_change_is_told_apart(void **state)
{
	struct door *d = *state;
	char last[4096];
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	assert_int_equal(door_install(d, "another-secret", HOME, ""), 204);
	assert_secret(d, CLIENT, "another-secret");
	assert_int_equal(door_install(d, "another-secret", "https://new.atlassian.net", ""), 204);
	door_events(d, CLIENT, last);
	assert_non_null(strstr(last, "\"previous_base_url\":\"" HOME "\""));
	assert_int_equal(door_install(d, "another-secret", "https://new.atlassian.net", ",\"description\":\"newer\""), 204);
	assert_int_equal(door_install(d, "another-secret", "https://new.atlassian.net", ""), 204);
	assert_int_equal(door_lifecycle(d, lifecycle_uninstalled, "uninstalled"), 204);
	door_events(d, CLIENT, last);
	assert_non_null(strstr(last, "\"kept_until\":\"2026-04-01T10:00:00"));
	assert_int_equal(door_install(d, "third-secret", HOME, ""), 204);
	door_events(d, CLIENT, last);
	assert_non_null(strstr(last, "\"changes\":\"reinstall,rename,secret_rotation\""));
	assert_string_equal(door_events(d, CLIENT, NULL),
	                    "tenant.installed tenant.secret_rotated tenant.renamed tenant.upgraded tenant.upgraded "
	                    "tenant.uninstalled tenant.reinstalled");
	assert_true(door_alias(d, CLIENT, "base_url", HOME) &&
	            door_alias(d, CLIENT, "base_url", "https://new.atlassian.net"));
}

static void an_import_links_both(void **state)
{
	struct door *d = *state;
	struct arena a;
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	d->claims.iss = STR("client-2");
	assert_int_equal(door_install(d, "secret-of-client-2", HOME, ""), 204);
	assert_string_equal(door_events(d, "client-2", NULL), "tenant.imported");
	assert_true(door_alias(d, "client-2", "client_key", CLIENT));
	assert_true(door_alias(d, CLIENT, "client_key", "client-2"));
	assert_secret(d, CLIENT, SECRET);
	assert_int_equal(door_install(d, "secret-of-client-2", HOME, ",\"description\":\"later\""), 204);
	arena_init(&a, 1 << 20);
	assert_string_equal(door_row(d, "client-2", &a).imported_from, CLIENT);
	assert_string_equal(door_row(d, CLIENT, &a).status, "installed");
	arena_release(&a);
}

static void an_address_of_an_uninstalled_tenant_is_free(void **state)
{
	struct door *d = *state;
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	assert_int_equal(door_lifecycle(d, lifecycle_uninstalled, "uninstalled"), 204);
	d->claims.iss = STR("client-2");
	assert_int_equal(door_install(d, "secret-of-client-2", HOME, ""), 204);
	assert_string_equal(door_events(d, "client-2", NULL), "tenant.installed");
}

static void status_follows_the_callbacks(void **state)
{
	struct door *d = *state;
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	assert_int_equal(door_lifecycle(d, lifecycle_enabled, "enabled"), 204);
	assert_int_equal(door_lifecycle(d, lifecycle_enabled, "enabled"), 204); /* the host tried again */
	assert_status(d, "enabled");
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	assert_status(d, "enabled");
	assert_int_equal(door_lifecycle(d, lifecycle_disabled, "disabled"), 204);
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	assert_status(d, "disabled");
	assert_int_equal(door_lifecycle(d, lifecycle_uninstalled, "uninstalled"), 204);
	assert_int_equal(door_lifecycle(d, lifecycle_uninstalled, "uninstalled"), 204);
	assert_status(d, "uninstalled");
	assert_int_equal(door_lifecycle(d, lifecycle_enabled, "enabled"), 401); /* overtaken by the uninstall */
	assert_status(d, "uninstalled");
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	assert_status(d, "installed");
	assert_string_equal(door_events(d, CLIENT, NULL),
	                    "tenant.installed tenant.enabled tenant.upgraded tenant.disabled tenant.upgraded "
	                    "tenant.uninstalled tenant.reinstalled");
}

static void the_same_change_twice_in_a_moment_is_two_events(void **state)
{
	struct door *d = *state;
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(door_lifecycle(d, lifecycle_enabled, "enabled"), 204);
		assert_int_equal(door_lifecycle(d, lifecycle_disabled, "disabled"), 204);
	}
	assert_string_equal(door_events(d, CLIENT, NULL),
	                    "tenant.installed tenant.enabled tenant.disabled tenant.enabled tenant.disabled");
}

static void an_unknown_tenant_is_not_made_by_its_uninstall(void **state)
{
	struct door *d = *state;
	assert_int_equal(door_lifecycle(d, lifecycle_uninstalled, "uninstalled"), 204);
	assert_string_equal(door_events(d, CLIENT, NULL), "");
	assert_null(tenants_find(d->tenants, STR(CLIENT)));
}

static void refusals(void **state)
{
	struct door *d = *state;
	assert_int_equal(door_install(d, SECRET, "https://evil.example", ""), 403);
	assert_string_equal(d->answer.code, "host_not_allowed");
	assert_int_equal(door_install(d, "", HOME, ""), 400);
	static const char *const types[] = {"text/plain", "application/jsonp", "application/json2; a=b", ""};
	for (size_t i = 0; i < 4; i++) {
		d->header[0][0] = "Content-Type";
		d->header[0][1] = types[i];
		door_ask(d, lifecycle_installed, "POST", "/installed", "{}");
		assert_int_equal(d->answer.status, 415);
	}
	d->header[0][1] = "Application/JSON ;charset=utf-8";
	door_ask(d, lifecycle_installed, "POST", "/installed", "[]");
	assert_int_equal(d->answer.status, 400);
	d->header[0][0] = NULL;
	door_ask(d, lifecycle_installed, "POST", "/installed", "{}");
	assert_int_equal(d->answer.status, 415);
	assert_string_equal(door_events(d, "", NULL), "");
	assert_int_equal(tenants_count(d->tenants, TENANT_INSTALLED), 0);
}

static void a_full_store_acknowledges_nothing(void **state)
{
	struct door *d = *state;
	struct store *full = NULL;
	const struct store_options so = {.url = "sqlite::memory:", .clock = &d->clock.clock, .queue_max = 0};
	assert_int_equal(store_open(&so, &full), OK);
	d->connect.store = full;
	assert_int_equal(door_install(d, SECRET, HOME, ""), 503);
	assert_null(tenants_find(d->tenants, STR(CLIENT)));
	d->connect.store = d->store;
	store_close(full);
}

static void retention(void **state)
{
	static const int64_t day = 86400000;
	struct door *d = *state;
	struct arena a;
	char last[4096];
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	d->claims.iss = STR("client-2");
	assert_int_equal(door_install(d, "secret-2", "https://two.atlassian.net", ""), 204);
	assert_int_equal(door_lifecycle(d, lifecycle_uninstalled, "uninstalled"), 204);
	d->claims.iss = STR("client-3");
	assert_int_equal(door_install(d, "secret-3", "https://three.atlassian.net", ""), 204);
	assert_int_equal(door_lifecycle(d, lifecycle_uninstalled, "uninstalled"), 204);
	assert_int_equal(door_install(d, "secret-3", "https://three.atlassian.net", ""), 204); /* came back */
	for (int64_t i = 0; i < 29; i++)
		door_step(d, day);
	assert_string_equal(door_events(d, "client-2", NULL), "tenant.installed tenant.uninstalled");
	door_step(d, day + 3600000);
	assert_string_equal(door_events(d, "client-2", last), "tenant.installed tenant.uninstalled tenant.purged");
	assert_null(tenants_find(d->tenants, STR("client-2")));
	arena_init(&a, 1 << 20);
	assert_null(door_row(d, "client-2", &a).client_key);
	assert_non_null(door_row(d, CLIENT, &a).client_key);
	assert_non_null(door_row(d, "client-3", &a).client_key);
	arena_release(&a);
	assert_secret(d, "client-3", "secret-3");
}

static void retention_goes_on_until_nothing_is_left(void **state)
{
	struct door *d = *state;
	char key[32], url[64];
	for (int i = 0; i < 130; i++) { /* more than one sweep takes */
		snprintf(key, sizeof key, "gone-%d", i);
		snprintf(url, sizeof url, "https://gone-%d.atlassian.net", i);
		d->claims.iss = str_of(key);
		assert_int_equal(door_install(d, "secret", url, ""), 204);
		assert_int_equal(door_lifecycle(d, lifecycle_uninstalled, "uninstalled"), 204);
	}
	assert_int_equal(tenants_count(d->tenants, TENANT_UNINSTALLED), 130);
	door_step(d, 31LL * 86400000);
	assert_int_equal(tenants_count(d->tenants, TENANT_UNINSTALLED), 30);
	door_step(d, 1000);
	assert_int_equal(tenants_count(d->tenants, TENANT_UNINSTALLED), 0);
}

static void a_sweep_that_fails_is_tried_again(void **state)
{
	struct door *d = *state;
	struct store *full = NULL;
	const struct store_options so = {.url = "sqlite::memory:", .clock = &d->clock.clock, .queue_max = 0};
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	assert_int_equal(door_lifecycle(d, lifecycle_uninstalled, "uninstalled"), 204);
	assert_int_equal(store_open(&so, &full), OK);
	d->connect.store = full;
	door_step(d, 31LL * 86400000);
	assert_int_equal(tenants_count(d->tenants, TENANT_UNINSTALLED), 1);
	d->connect.store = d->store;
	store_close(full);
	door_step(d, 3600000);
	assert_int_equal(tenants_count(d->tenants, TENANT_UNINSTALLED), 0);
}

static void a_page_before_the_look_up_is_proof_enough(void **state)
{
	struct door *d = *state;
	const struct license_facts facts = {.valid = true, .resource = 1, .max_age_s = -1};
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	d->facts = &facts;
	door_ask(d, page_license_json, "GET", "/app/license.json", "");
	assert_int_equal(d->fetches, 1);
	door_step(d, 1000);
	assert_int_equal(d->fetches, 1);
}

static void a_look_up_proves_the_secret_soon_after(void **state)
{
	struct door *d = *state;
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	door_step(d, 900);
	assert_int_equal(d->fetches, 0);
	door_step(d, 100);
	assert_int_equal(d->fetches, 1);
	const struct license_facts facts = {.valid = true, .resource = 1, .max_age_s = -1};
	door_host_answers(d, &facts);
	door_step(d, 5000);
	assert_int_equal(d->fetches, 1);
}

static void no_look_up_for_one_that_is_gone(void **state)
{
	struct door *d = *state;
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	assert_int_equal(door_lifecycle(d, lifecycle_uninstalled, "uninstalled"), 204);
	door_step(d, 5000);
	assert_int_equal(d->fetches, 0);
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204); /* still waiting when the server stops */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, door_up, door_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_first_install_is_stored_whole),
	    TEST(every_change_is_told_apart),
	    TEST(an_import_links_both),
	    TEST(an_address_of_an_uninstalled_tenant_is_free),
	    TEST(status_follows_the_callbacks),
	    TEST(the_same_change_twice_in_a_moment_is_two_events),
	    TEST(an_unknown_tenant_is_not_made_by_its_uninstall),
	    TEST(refusals),
	    TEST(a_full_store_acknowledges_nothing),
	    TEST(retention),
	    TEST(retention_goes_on_until_nothing_is_left),
	    TEST(a_sweep_that_fails_is_tried_again),
	    TEST(a_page_before_the_look_up_is_proof_enough),
	    TEST(a_look_up_proves_the_secret_soon_after),
	    TEST(no_look_up_for_one_that_is_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
