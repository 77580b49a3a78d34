/* test_faults.c - the disk fails or is full at every place it can: what is said to be stored is, what failed is not,
 * and afterwards the very same store works again.
 *
 * For n = 1, 2, 3 …: the nth write, sync, truncation or open of a script that uses every writing verb fails, once or
 * from then on, as an I/O error or a full disk. The script ends each time with the fault gone and a write that must
 * work. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "store/fault_vfs.h"
#include "store/fixture.h"

enum { ROUNDS_MAX = 400 };

struct round {
	char key[24], other[24];
};

/* ---- the script: one write transaction a line ---- */

static enum err put_both(struct store_tx *tx, void *arg)
{
	struct round *r = arg;
	struct tenant_row a = tenant_named(r->key), b = tenant_named(r->other);
	enum err e = store_tenant_put(tx, &a);
	return e == OK ? store_tenant_put(tx, &b) : e;
}

static enum err put_license(struct store_tx *tx, void *arg)
{
	struct round *r = arg;
	struct license_row l = {.state = "active", .contact_sealed = STR("\x01\x01kx")};
	enum err e = store_license_put(tx, str_of(r->key), &l);
	if (e == OK)
		e = store_alias_put(tx, str_of(r->key), "sen", STR("S"), 1);
	return e == OK ? store_tenant_last_seen(tx, str_of(r->key), 5) : e;
}

static enum err put_override(struct store_tx *tx, void *arg)
{
	struct round *r = arg;
	struct override_row o = {"active", "why", "me", 9, 1};
	return store_override_put(tx, str_of(r->key), &o);
}

static enum err drop_override(struct store_tx *tx, void *arg)
{
	return store_override_delete(tx, str_of(((struct round *)arg)->key));
}

static enum err add_event(struct store_tx *tx, void *arg)
{
	struct round *r = arg;
	struct event_row e = {.id = r->key, .type = "tenant.installed", .tenant = r->key, .at = 1, .json = "{}"};
	return store_event_add(tx, &e);
}

static enum err put_key_and_webhook(struct store_tx *tx, void *arg)
{
	struct round *r = arg;
	enum err e = store_install_key_put(tx, str_of(r->key), STR("pem"), 1);
	if (e == OK)
		e = store_webhook_seen(tx, str_of(r->key), STR("w"), 1);
	return e == OK ? store_webhook_forget_before(tx, 2) : e;
}

static enum err put_user_and_feedback(struct store_tx *tx, void *arg)
{
	struct round *r = arg;
	struct user_row u = {.client_key = r->key, .account_id = "u", .first_seen = 1, .last_seen = 2, .seat_at = 3};
	static char message[6000]; /* more than a page */
	memset(message, 'm', sizeof(message) - 1);
	struct feedback_row f = {.client_key = r->key, .message = message, .at = 1};
	enum err e = store_user_put(tx, &u);
	return e == OK ? store_feedback_add(tx, &f) : e;
}

static enum err drop_user(struct store_tx *tx, void *arg)
{
	return store_user_delete(tx, str_of(((struct round *)arg)->key), STR("u"));
}

static enum err reseal(struct store_tx *tx, void *arg)
{
	struct round *r = arg;
	struct sealed_row old = {"tenants", "shared_secret", r->key, tenant_named(r->key).shared_secret_sealed};
	return store_sealed_replace(tx, &old, STR("\x01\x01nx"));
}

static enum err uninstall(struct store_tx *tx, void *arg)
{
	return store_tenant_status(tx, str_of(((struct round *)arg)->key), "uninstalled", 7);
}

static enum err purge_other(struct store_tx *tx, void *arg)
{
	return store_tenant_purge(tx, str_of(((struct round *)arg)->other));
}

/* Overlooks what the verb said: the job must fail all the same. */
static enum err put_carelessly(struct store_tx *tx, void *arg)
{
	char key[48];
	snprintf(key, sizeof(key), "%s-careless", ((struct round *)arg)->key);
	struct tenant_row t = tenant_named(key);
	(void)store_tenant_put(tx, &t);
	return OK;
}

static enum err (*const script[])(struct store_tx *, void *) = {
    put_both,  put_license, put_override, drop_override, add_event,      put_key_and_webhook, put_user_and_feedback,
    drop_user, reseal,      uninstall,    purge_other,   put_carelessly,
};
enum { STEPS = sizeof(script) / sizeof(script[0]), PUT_BOTH = 0, PURGE = 10, CARELESS = 11 };

/* ---- what must hold afterwards ---- */

static void assert_truth(struct store *s, struct round *r, const enum err said[static STEPS])
{
	char careless[48];
	snprintf(careless, sizeof(careless), "%s-careless", r->key);
	assert_int_equal(has_tenant(s, r->key), said[PUT_BOTH] == OK);
	assert_int_equal(has_tenant(s, r->other), said[PUT_BOTH] == OK && said[PURGE] != OK);
	assert_int_equal(has_tenant(s, careless), said[CARELESS] == OK);
}

static bool known_error(enum err e, bool after_failure)
{
	switch ((int)e) {
	case OK:
	case ERR_IO:
	case ERR_FULL:
		return true;
	case ERR_NOT_FOUND: /* what an earlier step of the script should have made */
	case ERR_CONFLICT:
		return after_failure;
	default:
		return false;
	}
}

/* Whether the fault was reached. */
static bool one_round(struct fixture *f, int n, int code, bool for_good)
{
	struct round r;
	enum err said[STEPS];
	bool failed = false;
	snprintf(r.key, sizeof(r.key), "t%d", n);
	snprintf(r.other, sizeof(r.other), "u%d", n);
	fault_arm(n, code, for_good);
	for (size_t i = 0; i < STEPS; i++) {
		said[i] = store_write(f->store, script[i], &r);
		assert_true(known_error(said[i], failed));
		failed = failed || said[i] != OK;
	}
	enum err health = store_healthy(f->store);
	if (said[STEPS - 1] != OK)
		assert_int_not_equal(health, OK);
	bool reached = fault_disarm();
	assert_true(failed ? reached : true);
	assert_int_equal(put_tenant(f->store, "healed"), OK);
	assert_int_equal(store_healthy(f->store), OK);
	assert_truth(f->store, &r, said);
	if (n % 10 == 0) {
		fixture_reopen(f);
		assert_truth(f->store, &r, said);
		assert_whole(f->file);
	}
	return reached;
}

static void every_fault(int code, bool for_good)
{
	struct fixture f;
	int n = 1;
	fixture_init(&f);
	assert_int_equal(fixture_open(&f, 1000, false), OK);
	while (n < ROUNDS_MAX && one_round(&f, n, code, for_good))
		n++;
	assert_in_range(n, STEPS, ROUNDS_MAX - 1);
	store_close(f.store);
	f.store = NULL;
	assert_whole(f.file);
	fixture_release(&f);
}

static void a_write_fails_once(void **state)
{
	(void)state;
	every_fault(SQLITE_IOERR_WRITE, false);
}

static void a_sync_fails_from_then_on(void **state)
{
	(void)state;
	every_fault(SQLITE_IOERR_FSYNC, true);
}

static void the_disk_is_full_for_a_moment(void **state)
{
	(void)state;
	every_fault(SQLITE_FULL, false);
}

static void the_disk_is_full_until_room_is_made(void **state)
{
	(void)state;
	every_fault(SQLITE_FULL, true);
}

static void a_full_disk_is_told_as_such(void **state)
{
	(void)state;
	struct fixture f;
	fixture_init(&f);
	assert_int_equal(fixture_open(&f, 1000, false), OK);
	fault_arm(1, SQLITE_FULL, true);
	assert_int_equal(put_tenant(f.store, "t"), ERR_FULL);
	assert_int_equal(put_tenant(f.store, "t"), ERR_FULL);
	assert_int_equal(store_healthy(f.store), ERR_FULL);
	fault_disarm();
	assert_int_equal(put_tenant(f.store, "t"), OK);
	fixture_release(&f);
}

static enum err overlook(struct store_tx *tx, void *arg)
{
	struct tenant_row t = tenant_named(arg);
	sqlite3_hard_heap_limit64(1);
	enum err e = store_tenant_put(tx, &t);
	sqlite3_hard_heap_limit64(0);
	return e == ERR_NOMEM ? OK : ERR_INTERNAL;
}

static void a_job_that_overlooks_a_failure_fails(void **state)
{
	(void)state;
	struct fixture f;
	fixture_init(&f);
	assert_int_equal(fixture_open(&f, 1000, false), OK);
	char key[] = "t";
	assert_int_equal(store_write(f.store, overlook, key), ERR_NOMEM);
	assert_false(has_tenant(f.store, "t"));
	assert_int_equal(store_healthy(f.store), ERR_NOMEM);
	assert_int_equal(put_tenant(f.store, "t"), OK);
	assert_int_equal(store_healthy(f.store), OK);
	fixture_release(&f);
}

static void opening_fails(int code)
{
	bool reached = true;
	int n = 1;
	for (; reached && n < ROUNDS_MAX; n++) {
		struct fixture f;
		fixture_init(&f);
		fault_arm(n, code, false);
		enum err e = fixture_open(&f, 1000, false);
		reached = fault_disarm();
		assert_true(e == OK ? f.store != NULL : (reached && f.store == NULL));
		if (e != OK)
			assert_int_equal(fixture_open(&f, 1000, false), OK);
		assert_int_equal(put_tenant(f.store, "t"), OK);
		store_close(f.store);
		f.store = NULL;
		assert_whole(f.file);
		fixture_release(&f);
	}
	assert_in_range(n, 5, ROUNDS_MAX - 1);
}

static void opening_survives_a_full_disk(void **state)
{
	(void)state;
	opening_fails(SQLITE_FULL);
}

static void opening_survives_an_io_error(void **state)
{
	(void)state;
	opening_fails(SQLITE_IOERR_READ);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_full_disk_is_told_as_such),         cmocka_unit_test(a_write_fails_once),
	    cmocka_unit_test(a_sync_fails_from_then_on),           cmocka_unit_test(the_disk_is_full_for_a_moment),
	    cmocka_unit_test(the_disk_is_full_until_room_is_made), cmocka_unit_test(opening_survives_a_full_disk),
	    cmocka_unit_test(opening_survives_an_io_error),        cmocka_unit_test(a_job_that_overlooks_a_failure_fails),
	};
	if (!crypto_init())
		return 1;
	fault_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
