/* test_live.c - the set of seats of one tenant by itself: it holds what was put in, and it is bounded. */
#include "test.h"

#include <stdlib.h>

#include "base/secret.h"
#include "license/live.h"

enum { SEATS_AT_LEAST = 1 << 20, SEATS_AT_MOST = 1 << 21 };

static struct seat_id id_of(uint64_t n)
{
	return (struct seat_id){{n * 2 + 1, n}}; /* the first half of an id is never 0 */
}

static void test_a_seat_is_there_until_it_is_freed(void **state)
{
	struct live *live = live_new();
	(void)state;
	assert_non_null(live);
	assert_false(seats_has(live, id_of(1)));
	seats_remove(live, id_of(1)); /* of nobody: nothing happens */
	assert_null(live->seats);
	assert_true(seats_add(live, id_of(1)));
	assert_true(seats_add(live, id_of(1)));
	assert_int_equal(live->seats->count, 1);
	seats_remove(live, id_of(2));
	assert_int_equal(live->seats->count, 1);
	seats_remove(live, id_of(1));
	assert_false(seats_has(live, id_of(1)));
	assert_int_equal(live->seats->count, 0);
	live_unref(live);
}

/* Ids that fall on one slot, and whose one half is the same, are still told apart, whichever of them goes. */
static void test_collisions(void **state)
{
	static const struct seat_id ids[] = {{{1, 8}}, {{3, 8}}, {{1, 16}}, {{3, 16}}, {{5, 8}}};
	(void)state;
	for (size_t gone = 0; gone < 5; gone++) {
		struct live *live = live_new();
		assert_non_null(live);
		for (size_t i = 0; i < 5; i++)
			assert_true(seats_add(live, ids[i]));
		seats_remove(live, ids[gone]);
		for (size_t i = 0; i < 5; i++)
			assert_int_equal(seats_has(live, ids[i]), i != gone);
		live_unref(live);
	}
}

static void test_seats_are_bounded(void **state)
{
	struct live *live = live_new();
	uint64_t n = 0;
	(void)state;
	assert_non_null(live);
	while (seats_add(live, id_of(n)))
		n++;
	assert_in_range(n, SEATS_AT_LEAST, SEATS_AT_MOST);
	assert_true(seats_has(live, id_of(0)) && seats_has(live, id_of(n - 1)));
	assert_false(seats_has(live, id_of(n)));
	assert_true(seats_add(live, id_of(0))); /* has one already */
	live_unref(live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_seat_is_there_until_it_is_freed),
	    cmocka_unit_test(test_collisions),
	    cmocka_unit_test(test_seats_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
