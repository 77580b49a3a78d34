/* pace.h - waiting that can be ended: one for a poller, shared by all it does. Thread-safe. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct pace {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool stopping, woken;
	int64_t second_ms; /* what counts as a second: 1000; tests take less */
};
void pace_init(struct pace *p);
void pace_release(struct pace *p);
void pace_stop(struct pace *p); /* for good */
void pace_wake(struct pace *p); /* ends one pace_rest */
bool pace_stopping(void *pace);
/* False: stopping. */
bool pace_wait(struct pace *p, int64_t ms);
/* The same, but pace_wake ends it early. */
bool pace_rest(struct pace *p, int64_t ms);
