/* test_loading.c - the table of tenants filled from the store at start: what each row becomes, rows that make no
 * sense, and a start with too little memory. */
#include "test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc_faults.h"
#include "license/live.h"
#include "license/tenants.h"

enum { TTL_MS = 300 * 1000 };
static const int64_t NOW = 1772445600000, MONO = 5000000; /* 2026-03-02T10:00:00Z */

static struct clock_manual now;
static struct keyring *keyring;
static char file[64], url[80];

static struct store *open_store(void)
{
	const struct store_options options = {.url = url, .clock = &clock_system, .queue_max = 10, .busy_timeout_ms = 1000};
	struct store *store;
	assert_int_equal(store_open(&options, &store), OK);
	return store;
}

static void remove_files(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	for (size_t i = 0; i < 3; i++) {
		char path[80];
		(void)snprintf(path, sizeof path, "%s%s", file, suffixes[i]);
		(void)remove(path);
	}
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(file, sizeof file, "/tmp/licgate-loading-%ld.db", (long)getpid());
	(void)snprintf(url, sizeof url, "sqlite:%s", file);
	remove_files();
	clock_manual_init(&now, NOW);
	now.mono = MONO;
	return crypto_init() && keyring_random(&keyring) == OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	keyring_free(keyring);
	remove_files();
	return 0;
}

static enum err put_tenant(struct store_tx *tx, const char *key, const char *secret)
{
	struct buf sealed = BUF_INIT(1000);
	const struct seal_place place = {"tenants", "shared_secret", str_of(key)};
	enum err err = secret ? seal(keyring, place, str_of(secret), &sealed) : OK;
	const struct tenant_row row = {.client_key = key, .status = "enabled", .shared_secret_sealed = buf_text(&sealed)};
	if (err == OK)
		err = store_tenant_put(tx, &row);
	buf_release(&sealed);
	return err;
}

/* ---- licences ---- */

/* What stands in the row, and what becomes of it. */
static const struct {
	const char *name;
	struct license_row row;
	enum license_state state;
	enum license_source source;
	enum edition edition;
	enum signal lic, claim;
	bool looked_up;
	int64_t age_ms; /* of the look-up, by the clock that look-ups go by */
} LICENSES[] = {
    {.name = "a look-up of a minute ago",
     .row = {.state = "active",
             .source = "lookup",
             .reason = "lookup_valid",
             .since = NOW - 90000,
             .fetched_at = NOW - 60000,
             .valid = true,
             .edition = "standard"},
     .state = STATE_ACTIVE,
     .source = SOURCE_LOOKUP,
     .edition = EDITION_STANDARD,
     .looked_up = true,
     .age_ms = 60000},
    {.name = "a look-up of tomorrow: the clock was set back",
     .row = {.state = "active",
             .source = "lookup",
             .reason = "lookup_valid",
             .since = NOW,
             .fetched_at = NOW + 86400000,
             .valid = true,
             .edition = "advanced"},
     .state = STATE_ACTIVE,
     .source = SOURCE_LOOKUP,
     .edition = EDITION_ADVANCED,
     .looked_up = true},
    {.name = "a signal is newer than the look-up",
     .row = {.state = "none",
             .source = "lic",
             .reason = "lic_none",
             .since = NOW - 1000,
             .fetched_at = NOW - 2000,
             .edition = "gold"},
     .state = STATE_NONE,
     .source = SOURCE_LIC,
     .lic = SIGNAL_NOT_LICENSED,
     .looked_up = true,
     .age_ms = 2000},
    {.name = "a claim, and no look-up yet",
     .row = {.state = "active", .source = "claim", .reason = "claim_active", .since = NOW - 1000},
     .state = STATE_ACTIVE,
     .source = SOURCE_CLAIM,
     .claim = SIGNAL_LICENSED},
    {.name = "words of another version",
     .row = {.state = "sleeping", .source = "oracle", .reason = "dreamt", .since = NOW},
     .state = STATE_UNKNOWN,
     .source = SOURCE_NONE},
    {.name = "no words at all", .row = {.since = NOW}, .state = STATE_UNKNOWN, .source = SOURCE_NONE},
};
enum { LICENSE_COUNT = sizeof LICENSES / sizeof *LICENSES };

static const char *key_of(size_t i)
{
	static char key[32];
	(void)snprintf(key, sizeof key, "tenant-%zu", i);
	return key;
}

static enum err write_licenses(struct store_tx *tx, void *arg)
{
	enum err err = OK;
	(void)arg;
	for (size_t i = 0; err == OK && i < LICENSE_COUNT; i++) {
		err = put_tenant(tx, key_of(i), "secret");
		if (err == OK)
			err = store_license_put(tx, str_of(key_of(i)), &LICENSES[i].row);
	}
	return err;
}

static void check_license(struct tenants *t, size_t i)
{
	const struct tenant *tenant = tenants_find(t, str_of(key_of(i)));
	assert_non_null(tenant);
	const struct live *live = tenant->live;
	if (live->state != LICENSES[i].state || live->source != LICENSES[i].source ||
	    live->edition != LICENSES[i].edition || live->last_lic != LICENSES[i].lic ||
	    live->last_claim != LICENSES[i].claim || live->looked_up != LICENSES[i].looked_up)
		fail_msg("%s: became something else", LICENSES[i].name);
	if (live->looked_up) {
		assert_int_equal(live->fetched_mono, MONO - LICENSES[i].age_ms);
		assert_int_equal(live->ttl_ms, TTL_MS);
	}
	tenant_unref(tenant);
}

static void test_what_becomes_of_a_licence(void **state)
{
	struct store *store = open_store();
	struct tenants *t;
	size_t failures = 1;
	(void)state;
	assert_int_equal(store_write(store, write_licenses, NULL), OK);
	assert_int_equal(tenants_new(&t), OK);
	assert_int_equal(tenants_load(t, store, keyring, &now.clock, TTL_MS, &failures), OK);
	assert_int_equal(failures, 0);
	for (size_t i = 0; i < LICENSE_COUNT; i++)
		check_license(t, i);
	tenants_free(t);
	store_close(store);
}

/* ---- everything a tenant may have ---- */

static enum err write_whole(struct store_tx *tx, void *arg)
{
	static const char *const accounts[] = {"ann", "bob"}, *const features[] = {"board", "export"};
	const struct license_row license = {.state = "active", .source = "lookup", .failure = "timeout", .failed_at = NOW};
	const struct override_row forced = {.state = "grace", .reason = "why", .by = "who", .until = NOW + 1000};
	(void)arg;
	enum err err = put_tenant(tx, "whole", "secret");
	if (err == OK)
		err = put_tenant(tx, "imported", NULL); /* the site has yet to tell its secret */
	if (err == OK)
		err = store_license_put(tx, STR("whole"), &license);
	if (err == OK)
		err = store_override_put(tx, STR("whole"), &forced);
	for (size_t i = 0; err == OK && i < 2; i++) {
		const struct user_row user = {.client_key = "whole", .account_id = accounts[i], .seat_at = NOW};
		const struct choice_row choice = {.client_key = "whole", .feature = features[i], .value = "read_only"};
		err = store_user_put(tx, &user);
		if (err == OK)
			err = store_choice_put(tx, &choice);
	}
	return err;
}

static void assert_whole(struct tenants *t)
{
	const struct tenant *whole = tenants_find(t, STR("whole")), *imported = tenants_find(t, STR("imported"));
	assert_non_null(whole);
	assert_non_null(imported);
	assert_true(str_eqz(whole->shared_secret, "secret"));
	assert_int_equal(imported->shared_secret.len, 0);
	assert_int_equal(whole->live->failures, 1);
	assert_int_equal(whole->live->override->state, STATE_GRACE);
	assert_string_equal(whole->live->override->by, "who");
	assert_int_equal(whole->live->seats->count, 2);
	assert_true(seats_has(whole->live, seat_id_of(STR("bob"))));
	assert_false(seats_has(whole->live, seat_id_of(STR("cid"))));
	assert_int_equal(whole->live->choices->count, 2);
	assert_null(imported->live->seats);
	tenant_unref(whole);
	tenant_unref(imported);
}

/* A table that is not whole is told as such: the server does not start with half of its tenants' licences. */
static void load_without(struct store *store, bool for_ever)
{
	bool any = true;
	for (long nth = 0; any; nth++) {
		struct tenants *t;
		size_t failures = 0;
		assert_int_equal(tenants_new(&t), OK);
		alloc_faults_arm(nth, for_ever);
		const enum err err = tenants_load(t, store, keyring, &now.clock, TTL_MS, &failures);
		any = alloc_faults_disarm();
		assert_int_equal(err, any ? ERR_NOMEM : OK);
		if (err == OK)
			assert_whole(t);
		tenants_free(t);
		assert_in_range(nth, 0, 200);
	}
}

static void test_a_load_is_whole_or_fails(void **state)
{
	struct store *store = open_store();
	(void)state;
	assert_int_equal(store_write(store, write_whole, NULL), OK);
	load_without(store, false);
	load_without(store, true);
	store_close(store);
}

/* ---- a file somebody has edited ---- */

static void edit(const char *sql)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static size_t load_edited(const char *sql, bool *ret_found, enum license_state *ret_override)
{
	struct tenants *t;
	size_t failures = 0;
	struct store *store = open_store();
	assert_int_equal(store_write(store, write_whole, NULL), OK);
	store_close(store);
	edit(sql);
	store = open_store();
	assert_int_equal(tenants_new(&t), OK);
	assert_int_equal(tenants_load(t, store, keyring, &now.clock, TTL_MS, &failures), OK);
	const struct tenant *whole = tenants_find(t, STR("whole"));
	*ret_found = whole != NULL;
	*ret_override = whole && whole->live->override ? whole->live->override->state : STATE_UNKNOWN;
	tenant_unref(whole);
	tenants_free(t);
	store_close(store);
	return failures;
}

static void test_rows_that_make_no_sense_are_passed_over(void **state)
{
	bool found;
	enum license_state forced;
	(void)state;
	assert_int_equal(load_edited("DELETE FROM tenants WHERE client_key = 'whole'", &found, &forced), 0);
	assert_false(found); /* what it owned belongs to nobody */
	assert_int_equal(load_edited("UPDATE overrides SET state = 'golden'", &found, &forced), 0);
	assert_true(found);
	assert_int_equal(forced, STATE_UNKNOWN); /* none */
	assert_int_equal(
	    load_edited("UPDATE tenants SET shared_secret = x'00' WHERE client_key = 'whole'", &found, &forced), 1);
	assert_int_equal(forced, STATE_GRACE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_what_becomes_of_a_licence),
	    T(test_a_load_is_whole_or_fails),
	    T(test_rows_that_make_no_sense_are_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
