/* test_trouble.c - the store is slow, full or has lost the tenant: requests go on, nothing that was acknowledged is
 * lost, and what was put off is stored when it can be. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "license/license_fixture.h"

/* A job that holds the writer until the test lets go. */
struct block {
	struct store_job job;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool running, let_go, over;
};

static enum err block_run(struct store_job *job, struct store_tx *tx)
{
	struct block *b = (struct block *)job;
	(void)tx;
	pthread_mutex_lock(&b->lock);
	b->running = true;
	pthread_cond_broadcast(&b->changed);
	while (!b->let_go)
		pthread_cond_wait(&b->changed, &b->lock);
	pthread_mutex_unlock(&b->lock);
	return OK;
}

static void block_done(struct store_job *job, enum err err)
{
	struct block *b = (struct block *)job;
	(void)err;
	pthread_mutex_lock(&b->lock);
	b->over = true;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

static void block(struct fixture *f, struct block *b)
{
	*b = (struct block){.job = {.run = block_run, .done = block_done}};
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	stored(f);
	assert_int_equal(store_submit(f->store, &b->job), OK);
	pthread_mutex_lock(&b->lock);
	while (!b->running)
		pthread_cond_wait(&b->changed, &b->lock);
	pthread_mutex_unlock(&b->lock);
}

static void unblock(struct fixture *f, struct block *b)
{
	pthread_mutex_lock(&b->lock);
	b->let_go = true;
	pthread_cond_broadcast(&b->changed);
	while (!b->over)
		pthread_cond_wait(&b->changed, &b->lock);
	pthread_mutex_unlock(&b->lock);
	stored(f);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->changed);
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
	struct block b;
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
	struct block b;
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

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_a_slow_store_costs_one_write_for_a_burst),
	    T(test_a_full_queue_puts_news_off),
	    T(test_a_tenant_lost_by_the_store),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
