/* promises.c - see promises.h. The transaction is on loan to the test's own thread, where asserts work. */
#include "store/promises.h"

#include <stdio.h>
#include <string.h>

#include "base/secret.h"

void assert_text(const char *got, const char *want)
{
	if (!want)
		assert_null(got);
	else
		assert_string_equal(got, want);
}

void assert_bytes(struct str got, struct str want)
{
	assert_int_equal(got.len, want.len);
	if (want.len)
		assert_memory_equal(got.ptr, want.ptr, want.len);
}

struct verbs {
	const struct promise *asked;
	bool in_memory;
	char name[100];
	struct fixture fixture;
	struct loan loan;
	struct arena arena;
};

static int set_up(void **state)
{
	struct verbs *v = *state;
	fixture_init(&v->fixture);
	arena_init(&v->arena, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	struct verbs *v = *state;
	loan_return(&v->loan, ERR_INTERNAL); /* where an assert jumped past it */
	fixture_release(&v->fixture);
	arena_release(&v->arena);
	return 0;
}

static void keeps_the_promise(void **state)
{
	struct verbs *v = *state;
	if (v->in_memory) {
		const struct store_options o = {
		    .url = "sqlite::memory:", .clock = &v->fixture.clock.clock, .queue_max = 10, .busy_timeout_ms = 1000};
		assert_int_equal(store_open(&o, &v->fixture.store), OK);
	} else {
		assert_int_equal(fixture_open(&v->fixture, 1000, false), OK);
	}
	struct store_tx *tx = loan_take(&v->loan, v->fixture.store);
	assert_int_equal(v->asked->test(tx, &v->arena), OK);
	assert_int_equal(loan_return(&v->loan, OK), OK);
}

int promises_keep(const struct promise *promises, size_t count)
{
	static struct verbs verbs[2 * PROMISES_MAX];
	struct CMUnitTest tests[2 * PROMISES_MAX] = {0};
	assert_true(count <= PROMISES_MAX);
	if (!crypto_init())
		return 1;
	for (size_t i = 0; i < 2 * count; i++) {
		struct verbs *v = &verbs[i];
		v->asked = &promises[i / 2];
		v->in_memory = i % 2;
		snprintf(v->name, sizeof(v->name), "%s (%s)", v->asked->name, v->in_memory ? "memory" : "file");
		tests[i] = (struct CMUnitTest){v->name, keeps_the_promise, set_up, tear_down, v};
	}
	return _cmocka_run_group_tests("promises", tests, 2 * count, NULL, NULL);
}
