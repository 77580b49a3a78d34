/* test_trouble.c - the store is slow, full or has lost the tenant, there is more than one round takes, tenants change
 * while they are looked up: requests go on, nothing that was acknowledged is lost, and what was put off is stored when
 * it can be. */
#include <stdio.h>
#include <string.h>

#include "license/license_fixture.h"
#include "store_block.h"

static void block(struct fixture *f, struct store_block *b)
{
	stored(f);
	store_block(f->store, b);
}

static void unblock(struct fixture *f, struct store_block *b)
{
	store_unblock(b);
	stored(f);
}

static void fill_queue(struct fixture *f)
{
	char account[32];
	for (int i = 0; i < 70000; i++) { /* refused ones are not remembered as seen */
		(void)snprintf(account, sizeof account, "u%d", i);
		user_seen(f->lookups, tenant(f, "acme"), str_of(account));
	}
}

static void told(void *arg, enum err err)
{
	*(enum err *)arg = err;
}

static void test_a_slow_store_costs_one_write_for_a_burst(void **state)
{
	struct fixture *f = *state;
	struct store_block b;
	block(f, &b);
	for (int i = 0; i < 1000; i++) {
		f->clock.wall++;
		assert_string_equal(decide(f, "acme", "lic=active"), "active lic lic_active");
		assert_string_equal(decide(f, "acme", "lic=twice"), "none lic lic_ambiguous");
	}
	assert_true(store_queue_depth(f->store) <= 2);
	unblock(f, &b);
	int count = 0;
	for (const char *at = journal(f, "license.changed"); (at = strchr(at, '>')); at++)
		count++;
	assert_int_equal(count, 64); /* as many as are kept; the tenant stays as last told */
	f->clock.wall++;
	(void)decide(f, "acme", "lic=active");
	const char *text = journal(f, "license.changed");
	assert_non_null(strstr(text, "active>none lic_ambiguous lic; none>active lic_active lic"));
	assert_string_equal(text + strlen(text) - strlen("; none>active lic_active lic"), "; none>active lic_active lic");
	host_answers(f, licensed());
}

static void test_a_full_queue_puts_news_off(void **state)
{
	struct fixture *f = *state;
	struct store_block b;
	enum err err = OK;
	block(f, &b);
	fill_queue(f);
	assert_string_equal(decide(f, "acme", "lic=active"), "active lic lic_active");
	host_answers(f, licensed());
	assert_true(seat_take(f->lookups, tenant(f, "acme"), STR("ann"),
	                      OVERAGE_NONE)); /* let in, though the seat cannot be noted */
	assert_int_equal(seats_used(tenant(f, "acme")), 0);
	assert_int_equal(
	    override_set(f->lookups, tenant(f, "acme"), STATE_NONE, f->clock.wall + HOUR, STR("r"), STR("b"), told, &err),
	    ERR_FULL);
	assert_string_equal(decide(f, "acme", ""), "active lookup lookup_valid");
	unblock(f, &b);
	assert_string_equal(journal(f, "license.changed"), "");
	step(f, MINUTE); /* the sweep tries again */
	assert_string_equal(journal(f, "license.changed"), "unknown>active lic_active lic");
	assert_true(seat_take(f->lookups, tenant(f, "acme"), STR("ann"), OVERAGE_NONE));
	stored(f);
	restart(f, 0);
	assert_string_equal(decide(f, "acme", ""), "active lookup lookup_valid");
	assert_int_equal(seats_used(tenant(f, "acme")), 1);
}

static enum err purge(struct store_tx *tx, void *arg)
{
	return store_tenant_purge(tx, str_of(arg));
}

static char acme[] = "acme";

/* Purged in the store, and the table does not know yet. */
static void test_a_tenant_lost_by_the_store(void **state)
{
	struct fixture *f = *state;
	enum err err = OK;
	assert_int_equal(store_write(f->store, purge, acme), OK);
	assert_string_equal(decide(f, "acme", "lic=active"), "active lic lic_active");
	assert_true(seat_take(f->lookups, tenant(f, "acme"), STR("ann"), OVERAGE_NONE));
	assert_int_equal(
	    override_set(f->lookups, tenant(f, "acme"), STATE_NONE, f->clock.wall + HOUR, STR("r"), STR("b"), told, &err),
	    OK);
	tenant_seen(tenant(f, "acme"), f->clock.wall);
	stored(f);
	assert_int_equal(err, ERR_NOT_FOUND);
	assert_int_equal(seats_used(tenant(f, "acme")), 0);
	host_answers(f, licensed());
	step(f, MINUTE);
	stored(f);
	assert_string_equal(decide(f, "acme", ""), "active lookup lookup_valid"); /* no override came of it */
	assert_string_equal(journal(f, ""), "");
}

/* ---- time passes meanwhile ---- */

static void test_an_override_that_ended_while_it_was_written(void **state)
{
	struct fixture *f = *state;
	struct store_block b;
	enum err err = ERR_NOMEM;
	block(f, &b);
	assert_int_equal(
	    override_set(f->lookups, tenant(f, "acme"), STATE_NONE, f->clock.wall + SECOND, STR("r"), STR("b"), told, &err),
	    OK);
	clock_manual_step(&f->clock, 2 * SECOND);
	unblock(f, &b);
	assert_int_equal(err, OK);
	step(f, 0); /* at once, not with the next minute's sweep */
	assert_string_equal(journal(f, "override.ended"), "override.ended elapsed");
}

static char heard[8];

static void hear(void *letter, const char *failure)
{
	const size_t len = strlen(heard);
	heard[len] = failure ? 'x' : *(const char *)letter;
	heard[len + 1] = '\0';
}

static void test_who_asked_hears_when_it_is_stored_in_order(void **state)
{
	static char letters[] = "ABC";
	struct fixture *f = *state;
	struct store_block b;
	heard[0] = '\0';
	block(f, &b);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(lookups_refresh(f->lookups, tenant(f, "acme"), hear, &letters[i]), OK);
		host_answers(f, licensed());
	}
	assert_string_equal(heard, "");
	unblock(f, &b);
	assert_string_equal(heard, "ABC");
}

/* ---- more at once than one round takes ---- */

enum { MANY = 5000, ROUND = 4096 };

static enum err install_many(struct store_tx *tx, void *arg)
{
	struct fixture *f = arg;
	enum err err = OK;
	for (int i = 0; err == OK && i < MANY; i++) {
		char key[32];
		(void)snprintf(key, sizeof key, "many-%d", i);
		const struct tenant_row row = {.client_key = key, .status = "enabled"};
		err = store_tenant_put(tx, &row);
		if (err == OK)
			err = tenants_put(f->tenants, &row, STR("secret"));
	}
	return err;
}

static bool see(void *now, const struct tenant *t)
{
	tenant_seen(t, *(int64_t *)now);
	return true;
}

static enum err count_seen(void *count, const struct tenant_row *row)
{
	*(int *)count += row->last_seen_at > 0;
	return OK;
}

static enum err read_seen(struct store_tx *tx, void *count)
{
	return store_tenant_each(tx, count_seen, count);
}

static int seen_in_store(struct fixture *f)
{
	int count = 0;
	stored(f);
	assert_int_equal(store_read(f->store, read_seen, &count), OK);
	return count;
}

static void test_sights_of_many_go_in_rounds(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(store_write(f->store, install_many, f), OK);
	tenants_each(f->tenants, see, &f->clock.wall);
	assert_int_equal(seen_in_store(f), 0);
	step(f, MINUTE);
	assert_int_equal(seen_in_store(f), ROUND);
	step(f, SECOND);
	assert_int_equal(seen_in_store(f), MANY + 1);
}

static void test_sights_of_many_are_stored_at_the_end(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(store_write(f->store, install_many, f), OK);
	tenants_each(f->tenants, see, &f->clock.wall);
	restart(f, 0);
	assert_int_equal(seen_in_store(f), MANY + 1);
}

static void test_sights_the_store_refuses_are_stored_later(void **state)
{
	struct fixture *f = *state;
	struct store_block b;
	block(f, &b);
	fill_queue(f);
	tenant_seen(tenant(f, "acme"), f->clock.wall);
	step(f, MINUTE);
	unblock(f, &b);
	assert_int_equal(seen_in_store(f), 0);
	step(f, MINUTE);
	assert_int_equal(seen_in_store(f), 1);
}

/* ---- look-ups whose tenant changes meanwhile ---- */

static void test_a_tenant_purged_while_it_is_looked_up(void **state)
{
	struct fixture *f = *state;
	(void)decide(f, "acme", "");
	tenants_remove(f->tenants, STR("acme"));
	host_answers(f, licensed());
	install(f, "acme", "another-secret", false); /* comes back, and nothing of then is known */
	assert_string_equal(decide(f, "acme", ""), "unknown none no_signal wait");
	host_answers(f, licensed());
	assert_string_equal(journal(f, "license.changed"), "unknown>active lookup_valid lookup");
}

static void test_back_before_the_old_look_up_ends(void **state)
{
	struct fixture *f = *state;
	(void)decide(f, "acme", "");
	install(f, "acme", "another-secret", false);
	tenants_remove(f->tenants, STR("acme"));
	install(f, "acme", "a-third-secret", false);
	host_answers(f, licensed()); /* to the first one */
	assert_string_equal(decide(f, "acme", ""), "unknown none no_signal wait");
	host_fails(f, "timeout");
}

static void test_a_new_secret_that_cannot_be_asked_with(void **state)
{
	struct fixture *f = *state;
	(void)decide(f, "acme", "");
	install(f, "acme", "another-secret", false);
	f->refuse_call = true;
	host_answers(f, licensed()); /* got with the old secret: says nothing */
	assert_string_equal(decide(f, "acme", ""), "unknown none no_signal");
	assert_int_equal(f->calls, 2);
}

static void test_a_new_secret_of_a_tenant_that_has_gone(void **state)
{
	struct fixture *f = *state;
	(void)decide(f, "acme", "");
	install(f, "acme", "another-secret", false);
	tenants_set_status(f->tenants, STR("acme"), TENANT_UNINSTALLED, f->clock.wall);
	host_answers(f, licensed());
	assert_int_equal(f->calls, 1); /* nobody is asked again */
	assert_string_equal(journal(f, "license.changed"), "");
}

/* ---- the operator's view ---- */

static void test_the_view_without_memory_or_rows(void **state)
{
	struct fixture *f = *state;
	struct license_view v;
	struct arena a;
	enum err err = ERR_NOMEM;
	(void)decide(f, "acme", "");
	host_answers(f, licensed());
	stored(f);
	arena_init(&a, 0);
	assert_non_null(arena_alloc(&a, ARENA_FIRST_BYTES));
	assert_int_equal(lookups_view(f->lookups, tenant(f, "acme"), &a, &v), ERR_NOMEM); /* the row's texts */
	assert_int_equal(
	    override_set(f->lookups, tenant(f, "acme"), STATE_NONE, f->clock.wall + SECOND, STR("r"), STR("b"), told, &err),
	    OK);
	stored(f);
	assert_int_equal(err, OK);
	assert_int_equal(lookups_view(f->lookups, tenant(f, "acme"), &a, &v), ERR_NOMEM); /* the override's */
	arena_release(&a);

	arena_init(&a, 1 << 16);
	assert_int_equal(lookups_view(f->lookups, tenant(f, "acme"), &a, &v), OK);
	assert_string_equal(v.override_by, "b");
	clock_manual_step(&f->clock, SECOND); /* over, and no sweep has come by */
	assert_int_equal(lookups_view(f->lookups, tenant(f, "acme"), &a, &v), OK);
	assert_null(v.override_by);
	assert_int_equal(v.known.override_until, 0);
	arena_release(&a);
}

static void test_the_view_of_a_failure_whose_row_is_gone(void **state)
{
	struct fixture *f = *state;
	struct license_view v;
	struct arena a;
	(void)decide(f, "acme", "");
	host_fails(f, "timeout");
	stored(f);
	restart(f, 0);
	arena_init(&a, 1 << 16);
	assert_int_equal(lookups_view(f->lookups, tenant(f, "acme"), &a, &v), OK);
	assert_string_equal(v.failure, "timeout");
	assert_int_equal(store_write(f->store, purge, acme), OK);
	assert_int_equal(lookups_view(f->lookups, tenant(f, "acme"), &a, &v), OK);
	assert_null(v.failure);
	arena_release(&a);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_a_slow_store_costs_one_write_for_a_burst),
	    T(test_a_full_queue_puts_news_off),
	    T(test_a_tenant_lost_by_the_store),
	    T(test_an_override_that_ended_while_it_was_written),
	    T(test_who_asked_hears_when_it_is_stored_in_order),
	    T(test_sights_of_many_go_in_rounds),
	    T(test_sights_of_many_are_stored_at_the_end),
	    T(test_sights_the_store_refuses_are_stored_later),
	    T(test_a_tenant_purged_while_it_is_looked_up),
	    T(test_back_before_the_old_look_up_ends),
	    T(test_a_new_secret_that_cannot_be_asked_with),
	    T(test_a_new_secret_of_a_tenant_that_has_gone),
	    T(test_the_view_without_memory_or_rows),
	    T(test_the_view_of_a_failure_whose_row_is_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
