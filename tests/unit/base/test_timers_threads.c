/* Timers with their thread: waking, and the races between cancelling, running and setting again. Nothing sleeps: tests
 * wait on condition variables for what a function does. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/timers.h"

/* A door that a function can wait at, and that tells when it has been reached. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int reached;
	bool open;
};
#define GATE_INIT                                                                                                      \
	{                                                                                                                  \
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false                                                  \
	}

static void gate_reach(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->reached++;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static void gate_pass(struct gate *g)
{
	gate_reach(g);
	pthread_mutex_lock(&g->lock);
	while (!g->open)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static void gate_open(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->open = true;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static void gate_await(struct gate *g, int count)
{
	pthread_mutex_lock(&g->lock);
	while (g->reached < count)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static struct timers *timers;

static int setup(void **state)
{
	(void)state;
	return timers_new(&clock_system, true, &timers) == OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	timers_free(timers);
	return 0;
}

static void reach(void *gate)
{
	gate_reach(gate);
}

static void wait_at(void *gate)
{
	gate_pass(gate);
}

static void an_earlier_timer_wakes_the_thread(void **state)
{
	(void)state;
	struct gate gate = GATE_INIT;
	struct timer late = {0};
	struct timer soon = {0};
	assert_int_equal(timer_set(timers, &late, 3600000, reach, &gate), OK);
	assert_int_equal(timer_set(timers, &soon, 1, reach, &gate), OK);
	gate_await(&gate, 1);
	assert_true(timer_cancel(timers, &late));
	assert_int_equal(gate.reached, 1);
}

static void cancel_does_not_wait_for_a_running_call(void **state)
{
	(void)state;
	struct gate gate = GATE_INIT;
	struct timer timer = {0};
	assert_int_equal(timer_set(timers, &timer, 0, wait_at, &gate), OK);
	gate_await(&gate, 1);
	assert_false(timer_cancel(timers, &timer)); /* running: too late, but no dead end */
	gate_open(&gate);
	timer_cancel_wait(timers, &timer);
}

struct busy {
	struct timer timer;
	struct gate gate;
	atomic_bool ended;
	atomic_int runs;
};

static void set_itself_again(void *arg)
{
	struct busy *b = arg;
	b->runs++;
	gate_pass(&b->gate);
	(void)timer_set(timers, &b->timer, 0, set_itself_again, b);
	b->ended = true;
}

static void *open_gate(void *gate)
{
	gate_open(gate);
	return NULL;
}

/* The call is running while another thread waits for its end, and sets its timer again at once: the wait must see the
 * end and undo the setting, so that the memory may go. */
static void cancel_wait_outlasts_a_timer_that_sets_itself(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		struct busy *b = calloc(1, sizeof(*b));
		assert_non_null(b);
		b->gate = (struct gate)GATE_INIT;
		assert_int_equal(timer_set(timers, &b->timer, 0, set_itself_again, b), OK);
		gate_await(&b->gate, 1);
		pthread_t opener;
		assert_int_equal(pthread_create(&opener, NULL, open_gate, &b->gate), 0);
		timer_cancel_wait(timers, &b->timer);
		assert_true(b->ended);
		assert_int_equal(b->timer.heap_index, 0);
		pthread_join(opener, NULL);
		free(b);
	}
}

static void release_itself(void *arg)
{
	free(arg);
}

static void a_function_may_free_its_timer(void **state)
{
	(void)state;
	struct gate gate = GATE_INIT;
	struct timer after = {0};
	for (int i = 0; i < 50; i++) {
		struct busy *b = calloc(1, sizeof(*b));
		assert_non_null(b);
		assert_int_equal(timer_set(timers, &b->timer, 0, release_itself, b), OK);
	}
	assert_int_equal(timer_set(timers, &after, 1, reach, &gate), OK);
	gate_await(&gate, 1);
	timer_cancel_wait(timers, &after);
}

struct contender {
	struct timer timer;
	atomic_int ran;
	int set, cancelled;
};

static void count(void *arg)
{
	((struct contender *)arg)->ran++;
}

/* Each set timer either ran or was cancelled, never both and never neither. */
static void *set_and_cancel(void *arg)
{
	struct contender *c = arg;
	for (int i = 0; i < 3000; i++) {
		if (timer_set(timers, &c->timer, i % 3 == 0 ? 0 : 1, count, c) != OK)
			return NULL;
		c->set++;
		if (timer_cancel(timers, &c->timer)) {
			c->cancelled++;
			continue;
		}
		timer_cancel_wait(timers, &c->timer); /* else the next setting could overtake the call */
	}
	return NULL;
}

static void every_timer_runs_or_is_cancelled(void **state)
{
	(void)state;
	enum { THREADS = 4 };
	struct contender contenders[THREADS] = {0};
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, set_and_cancel, &contenders[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(contenders[i].set, 3000);
		assert_int_equal(contenders[i].ran + contenders[i].cancelled, contenders[i].set);
	}
}

static void free_leaves_pending_timers_unset(void **state)
{
	(void)state;
	struct gate gate = GATE_INIT;
	struct timer timer = {0};
	assert_int_equal(timer_set(timers, &timer, 3600000, reach, &gate), OK);
	timers_free(timers);
	assert_int_equal(timer.heap_index, 0);
	assert_int_equal(gate.reached, 0);
	assert_int_equal(timers_new(&clock_system, true, &timers), OK);
}

int main(void)
{
#define TIMER_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TIMER_TEST(an_earlier_timer_wakes_the_thread),
	    TIMER_TEST(cancel_does_not_wait_for_a_running_call),
	    TIMER_TEST(cancel_wait_outlasts_a_timer_that_sets_itself),
	    TIMER_TEST(a_function_may_free_its_timer),
	    TIMER_TEST(every_timer_runs_or_is_cancelled),
	    TIMER_TEST(free_leaves_pending_timers_unset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
