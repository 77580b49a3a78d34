/* Timers with a clock that stands still until a test steps it: order, cancelling, setting from a function. */
#include "check.h"

#include "base/timers.h"

static struct clock_manual now;
static struct timers *timers;
static char ran[64]; /* names of the timers that ran, in order */

struct named {
	struct timer timer;
	char name;
};

static void note(void *arg)
{
	const struct named *n = arg;
	size_t len = strlen(ran);
	assert_true(len + 1 < sizeof(ran));
	ran[len] = n->name;
}

static int setup(void **state)
{
	(void)state;
	memset(ran, 0, sizeof(ran));
	clock_manual_init(&now, 1700000000000);
	return timers_new(&now.clock, false, &timers) == OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	timers_free(timers);
	return 0;
}

static void set(struct named *n, int64_t delay_ms)
{
	assert_int_equal(timer_set(timers, &n->timer, delay_ms, note, n), OK);
}

static void step(int64_t ms)
{
	clock_manual_step(&now, ms);
	timers_run(timers);
}

static void run_in_order_of_their_time(void **state)
{
	(void)state;
	struct named t[] = {{.name = 'c'}, {.name = 'a'}, {.name = 'b'}, {.name = 'd'}};
	set(&t[0], 30);
	set(&t[1], 10);
	set(&t[2], 20);
	set(&t[3], 30); /* the same time as c, but set later */
	timers_run(timers);
	assert_string_equal(ran, "");
	step(9);
	assert_string_equal(ran, "");
	step(1);
	assert_string_equal(ran, "a");
	step(100);
	assert_string_equal(ran, "abcd");
	step(100);
	assert_string_equal(ran, "abcd"); /* once each */
}

static void cancelled_and_moved_timers(void **state)
{
	(void)state;
	struct named a = {.name = 'a'};
	struct named b = {.name = 'b'};
	assert_false(timer_cancel(timers, &a.timer));
	set(&a, 10);
	set(&b, 10);
	assert_true(timer_cancel(timers, &a.timer));
	assert_false(timer_cancel(timers, &a.timer));
	set(&b, 50);
	step(20);
	assert_string_equal(ran, "");
	step(30);
	assert_string_equal(ran, "b");
	assert_false(timer_cancel(timers, &b.timer));
	set(&a, 5);
	timer_cancel_wait(timers, &a.timer);
	step(5);
	assert_string_equal(ran, "b");
	set(&a, -5); /* at once */
	step(0);
	assert_string_equal(ran, "ba");
	set(&a, INT64_MAX); /* never, but no overflow */
	step(1000000);
	assert_string_equal(ran, "ba");
}

static void the_wall_clock_does_not_matter(void **state)
{
	(void)state;
	struct named a = {.name = 'a'};
	set(&a, 1000);
	now.wall += 3600000;
	timers_run(timers);
	assert_string_equal(ran, "");
	now.wall -= 7200000;
	step(1000);
	assert_string_equal(ran, "a");
}

static struct named again = {.name = 'r'};
static struct named other = {.name = 'o'};

static void set_itself_and_cancel_other(void *arg)
{
	note(arg);
	(void)timer_cancel(timers, &other.timer);
	(void)timer_set(timers, &again.timer, 10, set_itself_and_cancel_other, arg);
}

static void functions_may_set_and_cancel(void **state)
{
	(void)state;
	assert_int_equal(timer_set(timers, &again.timer, 10, set_itself_and_cancel_other, &again), OK);
	set(&other, 10);
	step(10);
	assert_string_equal(ran, "r");
	step(9);
	assert_string_equal(ran, "r");
	step(1);
	assert_string_equal(ran, "rr");
	assert_true(timer_cancel(timers, &again.timer));
}

/* A plain sorted search over a thousand timers says what the heap must say. */
static void many_timers_keep_their_order(void **state)
{
	(void)state;
	enum { MANY = 1000 };
	static struct named many[MANY];
	static int64_t due[MANY];
	unsigned seed = 7;
	for (size_t i = 0; i < MANY; i++) {
		many[i] = (struct named){.name = 'm'};
		seed = seed * 1103515245 + 12345;
		due[i] = 1 + (seed >> 8) % 5000;
		set(&many[i], due[i]);
	}
	for (size_t i = 0; i < MANY; i += 3) {
		assert_true(timer_cancel(timers, &many[i].timer));
		due[i] = INT64_MAX;
	}
	for (int64_t at = 1; at <= 5000; at++) {
		memset(ran, 0, sizeof(ran));
		step(1);
		size_t wanted = 0;
		for (size_t i = 0; i < MANY; i++) {
			wanted += due[i] == at;
			assert_int_equal(many[i].timer.heap_index != 0, due[i] > at && due[i] != INT64_MAX);
		}
		assert_int_equal(strlen(ran), wanted);
	}
}

static void pending_timers_are_unset_by_free(void **state)
{
	(void)state;
	struct named a = {.name = 'a'};
	set(&a, 10);
	timers_free(timers);
	assert_int_equal(a.timer.heap_index, 0);
	assert_int_equal(timers_new(&now.clock, false, &timers), OK);
	set(&a, 10);
	step(10);
	assert_string_equal(ran, "a");
	timers_free(NULL);
}

int main(void)
{
#define TIMER_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TIMER_TEST(run_in_order_of_their_time),     TIMER_TEST(cancelled_and_moved_timers),
	    TIMER_TEST(the_wall_clock_does_not_matter), TIMER_TEST(functions_may_set_and_cancel),
	    TIMER_TEST(many_timers_keep_their_order),   TIMER_TEST(pending_timers_are_unset_by_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
