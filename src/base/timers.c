/* timers.c - a binary heap of timers and the thread that empties it. See timers.h.
 *
 * The lock guards the heap and is never held while a function runs. The thread sleeps on a condition variable of the
 * monotonic clock and is woken only for a timer earlier than what it sleeps for: deadlines of requests are almost
 * always later than those already set, so arming one costs no system call.
 *
 * Cancelling: `running` names the timer whose function is being called. Whoever waits for its end counts in
 * `waiters`; the thread lets all of them look before it calls the next function, so that a function which sets its
 * own timer again cannot slip past them. After the call, `running` is only compared, as the timer may be freed. */
#include "base/timers.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"

struct timers {
	const struct clock *clock;
	pthread_mutex_t lock;
	pthread_cond_t earlier;  /* wakes the thread: an earlier timer, or stopping */
	pthread_cond_t finished; /* a call has ended, or a waiter has seen it */
	pthread_t thread;
	bool threaded, stopping;
	int64_t sleeps_until; /* of the thread; INT64_MIN while it is awake */
	pthread_t runner;     /* who is calling `running` */
	const struct timer *running;
	unsigned waiters;
	struct timer **heap;
	size_t count, cap;
	uint64_t next_order;
};

static bool before(const struct timer *a, const struct timer *b)
{
	return a->due_mono_ms != b->due_mono_ms ? a->due_mono_ms < b->due_mono_ms : a->order < b->order;
}

static void put(struct timers *t, size_t at, struct timer *timer)
{
	t->heap[at] = timer;
	timer->heap_index = at + 1;
}

static void sift(struct timers *t, size_t at, struct timer *timer)
{
	while (at > 0 && before(timer, t->heap[(at - 1) / 2])) {
		put(t, at, t->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * at + 1;
		if (child + 1 < t->count && before(t->heap[child + 1], t->heap[child]))
			child++;
		if (child >= t->count || !before(t->heap[child], timer))
			break;
		put(t, at, t->heap[child]);
		at = child;
	}
	put(t, at, timer);
}

static bool take_out(struct timers *t, struct timer *timer)
{
	if (timer->heap_index == 0)
		return false;
	size_t at = timer->heap_index - 1;
	assert(at < t->count && t->heap[at] == timer);
	struct timer *last = t->heap[--t->count];
	timer->heap_index = 0;
	if (last != timer)
		sift(t, at, last);
	return true;
}

/* Calls the first timer if it is due at now; the lock is open meanwhile. */
static bool run_first(struct timers *t, int64_t now)
{
	if (t->count == 0 || t->heap[0]->due_mono_ms > now)
		return false;
	struct timer *timer = t->heap[0];
	timer_fn *fn = timer->fn;
	void *arg = timer->arg;
	(void)take_out(t, timer);
	t->running = timer;
	t->runner = pthread_self();
	pthread_mutex_unlock(&t->lock);
	fn(arg);
	pthread_mutex_lock(&t->lock);
	t->running = NULL;
	pthread_cond_broadcast(&t->finished);
	while (t->waiters > 0)
		pthread_cond_wait(&t->finished, &t->lock);
	return true;
}

static void sleep_until(struct timers *t, int64_t due)
{
	t->sleeps_until = due;
	if (due == INT64_MAX) {
		pthread_cond_wait(&t->earlier, &t->lock);
	} else {
		struct timespec until;
		until.tv_sec = (time_t)(due / 1000);
		until.tv_nsec = (long)(due % 1000) * 1000000;
		(void)pthread_cond_timedwait(&t->earlier, &t->lock, &until);
	}
	t->sleeps_until = INT64_MIN;
}

static void *run_thread(void *arg)
{
	struct timers *t = arg;
	pthread_mutex_lock(&t->lock);
	while (!t->stopping) {
		if (!run_first(t, clock_mono_ms(t->clock)))
			sleep_until(t, t->count ? t->heap[0]->due_mono_ms : INT64_MAX);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

enum err timers_new(const struct clock *clock, bool threaded, struct timers **ret)
{
	/* The thread sleeps on the system's clock, so another one would never wake it in time. */
	assert(!threaded || clock == &clock_system);
	__cleanup_free struct timers *t = calloc(1, sizeof(*t));
	if (!t)
		return ERR_NOMEM;
	t->clock = clock;
	t->threaded = threaded;
	t->sleeps_until = INT64_MIN;
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->earlier, &monotonic);
	pthread_cond_init(&t->finished, NULL);
	pthread_condattr_destroy(&monotonic);
	if (threaded && pthread_create(&t->thread, NULL, run_thread, t) != 0)
		return ERR_NOMEM;
	*ret = TAKE(t);
	return OK;
}

void timers_free(struct timers *t)
{
	if (!t)
		return;
	if (t->threaded) {
		pthread_mutex_lock(&t->lock);
		t->stopping = true;
		pthread_cond_signal(&t->earlier);
		pthread_mutex_unlock(&t->lock);
		pthread_join(t->thread, NULL);
	}
	for (size_t i = 0; i < t->count; i++)
		t->heap[i]->heap_index = 0;
	pthread_cond_destroy(&t->finished);
	pthread_cond_destroy(&t->earlier);
	pthread_mutex_destroy(&t->lock);
	free(t->heap);
	free(t);
}

static bool grow(struct timers *t)
{
	if (t->count < t->cap)
		return true;
	size_t cap = t->cap ? t->cap * 2 : 64;
	struct timer **heap = reallocarray(t->heap, cap, sizeof(struct timer *));
	if (!heap)
		return false;
	t->heap = heap;
	t->cap = cap;
	return true;
}

enum err timer_set(struct timers *t, struct timer *timer, int64_t delay_ms, timer_fn *fn, void *arg)
{
	int64_t now = clock_mono_ms(t->clock);
	delay_ms = delay_ms < 0 ? 0 : delay_ms;
	pthread_mutex_lock(&t->lock);
	(void)take_out(t, timer);
	if (!grow(t)) {
		pthread_mutex_unlock(&t->lock);
		return ERR_NOMEM;
	}
	if (__builtin_add_overflow(now, delay_ms, &timer->due_mono_ms))
		timer->due_mono_ms = INT64_MAX;
	timer->order = t->next_order++;
	timer->fn = fn;
	timer->arg = arg;
	sift(t, t->count++, timer);
	if (timer->due_mono_ms < t->sleeps_until)
		pthread_cond_signal(&t->earlier);
	pthread_mutex_unlock(&t->lock);
	return OK;
}

bool timer_cancel(struct timers *t, struct timer *timer)
{
	pthread_mutex_lock(&t->lock);
	bool was_pending = take_out(t, timer);
	pthread_mutex_unlock(&t->lock);
	return was_pending;
}

void timer_cancel_wait(struct timers *t, struct timer *timer)
{
	assert(timer);
	pthread_mutex_lock(&t->lock);
	assert(!t->running || !pthread_equal(t->runner, pthread_self()));
	t->waiters++;
	while (t->running == timer)
		pthread_cond_wait(&t->finished, &t->lock);
	t->waiters--;
	(void)take_out(t, timer);
	if (t->waiters == 0)
		pthread_cond_broadcast(&t->finished);
	pthread_mutex_unlock(&t->lock);
}

void timers_run(struct timers *t)
{
	int64_t now = clock_mono_ms(t->clock);
	pthread_mutex_lock(&t->lock);
	while (run_first(t, now))
		;
	pthread_mutex_unlock(&t->lock);
}
