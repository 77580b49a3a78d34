/* test_deliver_nomem.c - an event on its way to a receiver with each allocation failing in turn, once: it arrives all
 * the same, a little later, under the same id, and what became of it is noted. */
#include "deliver_fixture.h"

#include <stdio.h>
#include <string.h>

#include "alloc_faults.h"
#include "base/log.h"

static void drop_line(const char *line, size_t len, void *arg)
{
	(void)line, (void)len, (void)arg;
}

static bool told;
static enum err tell_run(struct store_tx *tx, void *once)
{
	const struct event e = {.type = "tenant.enabled",
	                        .tenant = STR("t"),
	                        .at = clock_wall_ms(&w.fixture.clock.clock),
	                        .once = str_of(once)};
	const enum err err = journal_add(tx, &e);
	told = err == OK;
	return err;
}

/* An event that could not be told is an error of whoever told it; one that was told arrives. */
static void deliver_one(char *once)
{
	const size_t before = w.count;
	told = false;
	(void)store_write(w.fixture.store, tell_run, once);
	for (int i = 0; i < 3; i++) {
		settle();
		if (w.count > before && !w.sent[w.count - 1].answered)
			answer(w.count - 1, OK, 204, -1);
	}
}

static void arrives(size_t before)
{
	pass(2000);  /* the next look */
	pass(30000); /* or the end of a lease that nobody took up */
	if (!told)
		return;
	answer_all(204);
	pass(2000);
	assert_true(w.count > before);
	for (size_t i = before; i < w.count; i++)
		assert_string_equal(w.sent[i].id, w.sent[before].id);
	assert_newest("delivered", 1, 204, "");
}

static void every_allocation(void **state)
{
	(void)state;
	bool any = true;
	long nth = 0;
	log_set_sink(drop_line, NULL);
	for (; any; nth++) {
		char once[24];
		(void)snprintf(once, sizeof(once), "%ld", nth);
		w.count = 0;
		alloc_faults_arm(nth, false);
		deliver_one(once);
		any = alloc_faults_disarm();
		arrives(0);
		assert_in_range(nth, 0, 500);
	}
	assert_true(nth > 8);
	log_set_sink(NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(every_allocation, deliver_set_up, deliver_tear_down),
	};
	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
