/* test_tenants.c - the table: snapshots, counts, growth and removal, many threads at once, and filling it from the
 * store. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "license/tenants.h"

static struct tenant_row row_of(const char *key, const char *status)
{
	return (struct tenant_row){
	    .client_key = key,
	    .product_type = "jira",
	    .base_url = "https://acme.atlassian.net",
	    .status = status,
	    .oauth_client_id = "oauth",
	    .first_installed_at = 1000,
	    .installed_at = 2000,
	    .updated_at = 3000,
	    .last_seen_at = 4000,
	};
}

static void put(struct tenants *t, const char *key, const char *status, const char *secret)
{
	struct tenant_row row = row_of(key, status);
	assert_int_equal(tenants_put(t, &row, str_of(secret)), OK);
}

static int setup(void **state)
{
	struct tenants *t;
	assert_true(crypto_init());
	assert_int_equal(tenants_new(&t), OK);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	tenants_free(*state);
	return 0;
}

static void test_finds_by_the_exact_key(void **state)
{
	struct tenants *t = *state;
	assert_null(tenants_find(t, STR("acme")));
	put(t, "acme", "enabled", "secret");
	const struct tenant *found = tenants_find(t, STR("acme"));
	assert_non_null(found);
	assert_true(str_eq(found->client_key, STR("acme")));
	assert_true(str_eq(found->shared_secret, STR("secret")));
	assert_true(str_eq(found->base_url, STR("https://acme.atlassian.net")));
	assert_int_equal(found->status, TENANT_ENABLED);
	assert_int_equal(found->first_installed_at, 1000);
	assert_false(found->installed_licensed);
	assert_int_equal(tenant_last_seen(found), 4000);
	tenant_unref(found);
	static const char *const others[] = {"Acme", "acm", "acmee", ""};
	for (size_t i = 0; i < 4; i++)
		assert_null(tenants_find(t, str_of(others[i])));
	assert_null(tenants_find(t, STR("acme\0")));
}

static void test_the_install_body_tells_of_a_licence(void **state)
{
	struct tenants *t = *state;
	struct tenant_row row = row_of("acme", "installed");
	row.entitlement_number = "E-1";
	row.capability_set = "capabilityAdvanced";
	assert_int_equal(tenants_put(t, &row, STR("s")), OK);
	const struct tenant *found = tenants_find(t, STR("acme"));
	assert_true(found->installed_licensed);
	assert_int_equal(found->installed_edition, EDITION_ADVANCED);
	tenant_unref(found);
}

static void test_a_request_keeps_the_snapshot_it_began_with(void **state)
{
	struct tenants *t = *state;
	put(t, "acme", "enabled", "old");
	const struct tenant *before = tenants_find(t, STR("acme"));
	put(t, "acme", "installed", "new");
	const struct tenant *after = tenants_find(t, STR("acme"));
	assert_true(str_eq(before->shared_secret, STR("old")));
	assert_true(str_eq(after->shared_secret, STR("new")));
	assert_ptr_equal(before->live, after->live); /* licence, seats and last sight go on */
	tenant_seen(before, 5000);
	assert_int_equal(tenant_last_seen(after), 5000);
	tenant_unref(before);
	tenant_unref(after);
}

static void test_counts_by_status(void **state)
{
	struct tenants *t = *state;
	put(t, "a", "installed", "s");
	put(t, "b", "enabled", "s");
	put(t, "c", "enabled", "s");
	put(t, "b", "disabled", "s");
	tenants_set_status(t, STR("c"), TENANT_UNINSTALLED, 9000);
	tenants_set_status(t, STR("nobody"), TENANT_ENABLED, 9000);
	assert_int_equal(tenants_count(t, TENANT_INSTALLED), 1);
	assert_int_equal(tenants_count(t, TENANT_ENABLED), 0);
	assert_int_equal(tenants_count(t, TENANT_DISABLED), 1);
	assert_int_equal(tenants_count(t, TENANT_UNINSTALLED), 1);
	const struct tenant *c = tenants_find(t, STR("c"));
	assert_int_equal(c->status, TENANT_UNINSTALLED);
	assert_int_equal(c->updated_at, 9000);
	tenants_remove(t, STR("c"));
	assert_null(tenants_find(t, STR("c")));
	assert_int_equal(tenants_count(t, TENANT_UNINSTALLED), 0);
	tenant_unref(c);
	tenants_remove(t, STR("c"));
}

static void test_an_uninstall_reaches_requests_under_way(void **state)
{
	struct tenants *t = *state;
	put(t, "acme", "enabled", "s");
	const struct tenant *held = tenants_find(t, STR("acme"));
	tenants_set_status(t, STR("acme"), TENANT_UNINSTALLED, 9000);
	assert_int_equal(held->status, TENANT_UNINSTALLED);
	tenant_unref(held);
}

static bool count_one(void *arg, const struct tenant *tenant)
{
	(void)tenant;
	++*(int *)arg;
	return true;
}

static bool stop_at_three(void *arg, const struct tenant *tenant)
{
	(void)tenant;
	return ++*(int *)arg < 3;
}

static void test_grows_and_shrinks(void **state)
{
	enum { MANY = 5000 };
	struct tenants *t = *state;
	char key[32];
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(key, sizeof key, "tenant-%d", i);
		put(t, key, "enabled", "s");
	}
	for (int i = 0; i < MANY; i += 3) {
		(void)snprintf(key, sizeof key, "tenant-%d", i);
		tenants_remove(t, str_of(key));
	}
	int count = 0;
	tenants_each(t, count_one, &count);
	assert_int_equal(count, MANY - (MANY + 2) / 3);
	assert_int_equal(tenants_count(t, TENANT_ENABLED), count);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(key, sizeof key, "tenant-%d", i);
		const struct tenant *found = tenants_find(t, str_of(key));
		assert_int_equal(found != NULL, i % 3 != 0);
		tenant_unref(found);
	}
	count = 0;
	tenants_each(t, stop_at_three, &count);
	assert_int_equal(count, 3);
}

static void test_status_names(void **state)
{
	(void)state;
	assert_int_equal(tenant_status_parse(STR("enabled")), TENANT_ENABLED);
	assert_int_equal(tenant_status_parse(STR("Enabled")), TENANT_UNINSTALLED);
	assert_int_equal(tenant_status_parse(STR("")), TENANT_UNINSTALLED);
	for (unsigned s = 0; s < TENANT_STATUS_COUNT; s++)
		assert_int_equal(tenant_status_parse(str_of(tenant_status_name((enum tenant_status)s))), s);
}

/* ---- many threads ---- */

struct crew {
	struct tenants *t;
	_Atomic bool stop;
	_Atomic int torn;
};

/* Secret and OAuth id are written together: a reader must never see one of each. */
static void *reader(void *arg)
{
	struct crew *c = arg;
	char key[16];
	for (int i = 0; !c->stop; i++) {
		(void)snprintf(key, sizeof key, "k%d", i % 16);
		const struct tenant *found = tenants_find(c->t, str_of(key));
		if (found && !str_eq(found->shared_secret, found->oauth_client_id))
			c->torn++;
		if (found)
			tenant_seen(found, i);
		tenant_unref(found);
	}
	return NULL;
}

static void *writer(void *arg)
{
	struct crew *c = arg;
	char key[16], secret[24];
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(key, sizeof key, "k%d", i % 16);
		(void)snprintf(secret, sizeof secret, "secret-%d", i);
		struct tenant_row row = row_of(key, "enabled");
		row.oauth_client_id = secret;
		if (tenants_put(c->t, &row, str_of(secret)) != OK)
			c->torn++;
		if (i % 7 == 0)
			tenants_remove(c->t, str_of(key));
		if (i % 5 == 0)
			tenants_set_status(c->t, str_of(key), TENANT_DISABLED, i);
	}
	return NULL;
}

static void test_readers_and_writers_together(void **state)
{
	struct crew c = {.t = *state};
	pthread_t readers[3], writers[2];
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, reader, &c), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&writers[i], NULL, writer, &c), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(writers[i], NULL), 0);
	c.stop = true;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_join(readers[i], NULL), 0);
	assert_int_equal(c.torn, 0);
	int count = 0;
	tenants_each(c.t, count_one, &count);
	assert_int_equal(count, (int)(tenants_count(c.t, TENANT_ENABLED) + tenants_count(c.t, TENANT_DISABLED)));
}

/* ---- from the store ---- */

struct written {
	const struct keyring *keyring;
};

static enum err write_two(struct store_tx *tx, void *arg)
{
	const struct written *w = arg;
	struct buf sealed = BUF_INIT(1000);
	struct seal_place place = {"tenants", "shared_secret", STR("good")};
	enum err err = seal(w->keyring, place, STR("s3cret"), &sealed);
	struct tenant_row good = row_of("good", "enabled"), moved = row_of("moved", "enabled");
	good.shared_secret_sealed = moved.shared_secret_sealed = buf_text(&sealed); /* the other's does not open */
	if (err == OK)
		err = store_tenant_put(tx, &good);
	if (err == OK)
		err = store_tenant_put(tx, &moved);
	buf_release(&sealed);
	return err;
}

static void test_loads_and_tells_secrets_that_do_not_open(void **state)
{
	struct tenants *t = *state;
	struct keyring *keyring;
	struct store *store;
	struct store_options options = {
	    .url = "sqlite::memory:", .clock = &clock_system, .queue_max = 10, .busy_timeout_ms = 1000};
	assert_int_equal(keyring_random(&keyring), OK);
	assert_int_equal(store_open(&options, &store), OK);
	struct written w = {keyring};
	assert_int_equal(store_write(store, write_two, &w), OK);
	size_t failures = 0;
	assert_int_equal(tenants_load(t, store, keyring, &clock_system, 300000, &failures), OK);
	assert_int_equal(failures, 1);
	const struct tenant *good = tenants_find(t, STR("good")), *moved = tenants_find(t, STR("moved"));
	assert_true(str_eq(good->shared_secret, STR("s3cret")));
	assert_int_equal(moved->shared_secret.len, 0);
	tenant_unref(good);
	tenant_unref(moved);
	store_close(store);
	keyring_free(keyring);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_finds_by_the_exact_key),
	    T(test_the_install_body_tells_of_a_licence),
	    T(test_a_request_keeps_the_snapshot_it_began_with),
	    T(test_counts_by_status),
	    T(test_an_uninstall_reaches_requests_under_way),
	    T(test_grows_and_shrinks),
	    T(test_readers_and_writers_together),
	    T(test_loads_and_tells_secrets_that_do_not_open),
	    cmocka_unit_test(test_status_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
