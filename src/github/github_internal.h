/* github_internal.h - what the files of this door share. Locks: parts->lock is a leaf, nothing is called while it is
 * held but arming a timer. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "base/metrics.h"
#include "github/apply.h"

struct github_parts {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t idle;
	unsigned busy; /* jobs and calls that must end before github_stop() may */
	bool stopping;
	struct timer due_timer;
	int64_t due_mono; /* when it fires; INT64_MAX: not set */
	bool due_running;
	struct metric *accepted, *duplicate, *stale, *refused, *other;
};

/* Counts what runs in the background. False: it is stopping, and nothing was counted. */
bool github_busy_begin(struct github *g);
void github_busy_end(struct github *g);

/* due.c: what happens by time alone happens no later than that. Any thread. */
void github_due_by(struct github *g, int64_t wall_ms);
enum err github_due_start(struct github *g);
