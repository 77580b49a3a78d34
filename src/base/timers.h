/* timers.h - one thread that calls functions when their time has come.
 *
 * For deadlines of waiting requests, background refreshes and sweeps: nobody sleeps. Functions run on the timer
 * thread and must not block; long work goes to the store's or the HTTP client's thread. With a manual clock
 * (threaded = false) a test calls timers_run() itself.
 *
 * A function may set or cancel any timer, its own too, and may free the timer it was called for. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct timers;
typedef void timer_fn(void *arg);

/* Embedded by the owner, zeroed before first use; must outlive its time or be cancelled. */
struct timer {
	timer_fn *fn;
	void *arg;
	int64_t due_mono_ms;
	uint64_t order;    /* among timers due at the same time, the first set runs first */
	size_t heap_index; /* 0 = not set; else place in the heap, plus one */
};

enum err timers_new(const struct clock *clock, bool threaded, struct timers **ret);
void timers_free(struct timers *t); /* stops the thread; pending timers never run, but are left unset */
/* (Re)arms: fn(arg) runs once, delay_ms from now. ERR_NOMEM leaves it unset. Any thread. */
enum err timer_set(struct timers *t, struct timer *timer, int64_t delay_ms, timer_fn *fn, void *arg);
/* True if it was pending and now never runs. False: not set, or already running (on the timer thread). */
bool timer_cancel(struct timers *t, struct timer *timer);
/* Like timer_cancel, but also waits until a running call has ended, and undoes what that call set: afterwards the timer
 * may be freed. Not from a timer function. */
void timer_cancel_wait(struct timers *t, struct timer *timer);
/* Runs what is due now; for tests with a manual clock. */
void timers_run(struct timers *t);
