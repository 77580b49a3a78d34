/* test_market_nomem.c - a licence from the report's text to its events with each allocation failing in turn, once: what
 * fails is told as a failure and leaves nothing half done, and when the step is made again everything is there once. */
#include <stdio.h>
#include <string.h>

#include "alloc_faults.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/secret.h"
#include "market/apply_row.h"
#include "market/market_fixture.h"
#include "market/settle.h"
#include "store/sql.h"

static struct world {
	struct market_fixture m;
	struct keyring *keyring;
	int64_t run;
} w;

static void drop_line(const char *line, size_t len, void *arg)
{
	(void)line, (void)len, (void)arg;
}

/* ---- the steps of one licence's life ---- */

static enum err apply_run(struct store_tx *tx, void *arg)
{
	__cleanup(arena_release) struct arena arena;
	struct apply_row_place p = {.tx = tx,
	                            .keyring = w.keyring,
	                            .arena = &arena,
	                            .at = clock_wall_ms(&w.m.fixture.clock.clock),
	                            .run = w.run,
	                            .news_last = w.run * 10};
	arena_init(&arena, 1 << 20);
	return apply_row(&p, arg);
}

static enum err take(const char *key, const char *status, const char *contact)
{
	__cleanup(arena_release) struct arena arena;
	__cleanup(tree_release) struct tree tree;
	char text[600];
	struct row row;
	(void)snprintf(
	    text, sizeof(text),
	    "{\"appEntitlementNumber\":\"%s\",\"licenseId\":\"SEN-%s\",\"addonKey\":\"a\",\"hosting\":\"Cloud\","
	    "\"licenseType\":\"EVALUATION\",\"status\":\"%s\",\"latestEvaluationStartDate\":\"2026-01-01\","
	    "\"maintenanceStartDate\":\"2026-01-01\",\"maintenanceEndDate\":\"2026-01-31\",\"tier\":\"Evaluation\","
	    "\"moon\":\"phase\",\"contactDetails\":{\"technicalContact\":{\"email\":\"%s\",\"name\":\"%s\"}}}",
	    key, key, status, contact, contact);
	arena_init(&arena, 1 << 20);
	tree_init(&tree);
	enum err err = row_read(&tree, ROW_LICENSE, str_of(text), &arena, &row);
	w.run++;
	return err == OK ? store_write(w.m.fixture.store, apply_run, &row) : err;
}

static enum err begins(const char *key)
{
	char address[48]; /* each licence's own: who is erased once does not come back */
	(void)snprintf(address, sizeof(address), "%s@planted.example", key);
	return take(key, "active", address);
}

static enum err is_told(const char *key)
{
	(void)key;
	size_t events = 0;
	return market_settle(w.m.fixture.store, &w.m.fixture.clock.clock, NULL, NULL, &events);
}

static enum err expires_and_is_erased(const char *key)
{
	return take(key, "inactive", "RTBF");
}

static enum err (*const steps[])(const char *key) = {begins, is_told, expires_and_is_erased, is_told};
enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

/* ---- what is there ---- */

struct left {
	char key[24];
	int64_t licenses, aliases, history, contacts, sealed, events, news;
};

static enum err count_run(struct store_tx *tx, void *arg)
{
	struct left *l = arg;
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT (SELECT COUNT(*) FROM market_licenses WHERE row_key = $1), "
	              "(SELECT COUNT(*) FROM market_aliases WHERE row_key = $1), "
	              "(SELECT COUNT(*) FROM market_history WHERE row_key = $1), "
	              "(SELECT COUNT(*) FROM contacts WHERE license_key = $1), "
	              "(SELECT COUNT(*) FROM contacts WHERE license_key = $1 AND contacts IS NOT NULL), "
	              "(SELECT COUNT(*) FROM events WHERE json LIKE '%\"' || $1 || '\"%'), "
	              "(SELECT COUNT(*) FROM market_licenses WHERE row_key = $1 AND news_seq > 0)",
	              V_Z(l->key));
	int64_t *const out[] = {&l->licenses, &l->aliases, &l->history, &l->contacts, &l->sealed, &l->events, &l->news};
	if (rows_next(&r))
		for (int i = 0; i < 7; i++)
			*out[i] = row_int(&r, i);
	return r.err;
}

static struct left left_of(const char *key)
{
	struct left l = {.licenses = -1};
	(void)snprintf(l.key, sizeof(l.key), "%s", key);
	assert_int_equal(store_read(w.m.fixture.store, count_run, &l), OK);
	return l;
}

static void assert_same(const struct left *a, const struct left *b)
{
	assert_int_equal(a->licenses, b->licenses);
	assert_int_equal(a->aliases, b->aliases);
	assert_int_equal(a->history, b->history);
	assert_int_equal(a->contacts, b->contacts);
	assert_int_equal(a->sealed, b->sealed);
	assert_int_equal(a->events, b->events);
	assert_int_equal(a->news, b->news);
}

/* ---- the test ---- */

/* Step `failing` with its nth allocation failing, then once more without, then the rest. Whether one failed. */
static bool live(const char *key, int failing, long nth, struct left *ret)
{
	bool any = false;
	for (int i = 0; i < STEPS; i++) {
		if (i == failing) {
			const struct left before = left_of(key);
			alloc_faults_arm(nth, false);
			const enum err err = steps[i](key);
			any = alloc_faults_disarm();
			const struct left after = left_of(key);
			if (err != OK && steps[i] != is_told)
				assert_same(&before, &after);
		}
		assert_int_equal(steps[i](key), OK);
	}
	*ret = left_of(key);
	return any;
}

static void every_allocation(void **state)
{
	(void)state;
	struct left want, got;
	char key[24];
	log_set_sink(drop_line, NULL);
	(void)live("E-0", -1, 0, &want);
	assert_true(want.licenses == 1 && want.history == 1 && want.contacts == 1 && want.sealed == 0 && want.news == 0);
	assert_int_equal(want.events, 3); /* trial.started, contact.available, trial.expired */
	for (int step = 0; step < STEPS; step++) {
		long nth = 0;
		bool any = true;
		for (; any; nth++) {
			(void)snprintf(key, sizeof(key), "E-%d-%ld", step, nth);
			any = live(key, step, nth, &got);
			assert_same(&got, &want);
			assert_in_range(nth, 0, 2000);
		}
		assert_true(nth > 2);
		print_message("step %d: %ld allocations\n", step, nth - 1);
	}
	log_set_sink(NULL, NULL);
}

static int set_up(void **state)
{
	(void)state;
	w = (struct world){.run = 0};
	market_fixture_init(&w.m, "2026-02-02");
	return keyring_random(&w.keyring) == OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	keyring_free(w.keyring);
	market_fixture_release(&w.m);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(every_allocation, set_up, tear_down),
	};
	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
