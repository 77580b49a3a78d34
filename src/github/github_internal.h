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
	char *jwt; /* of the App; NULL: none yet */
	int64_t jwt_until_mono;
	struct github_round *round; /* reconcile.c: the one under way */
	struct timer night;
	int64_t night_at; /* wall ms; of the timer and its round alone */
	unsigned night_failures;
	/* due.c, of the writer's thread: changes up to seen_at are known here; feed_id: a walk over them goes on there */
	int64_t seen_at;
	char feed_id[GITHUB_KEY_SIZE];
	struct metric *drift, *sync_ok, *sync_failed, *revoked, *revoke_failed;
	struct metric *accepted, *duplicate, *stale, *refused, *other;
};

enum err github_parts_new(struct github *g);

/* Counts what runs in the background. False: it is stopping, and nothing was counted. */
bool github_busy_begin(struct github *g);
void github_busy_end(struct github *g);

/* github.c: tells the core what the row says where it knows otherwise. */
enum err github_tell_again(struct github *g, struct arena *a, const struct github_account_row *row);
/* due.c: what happens by time alone happens no later than that. Any thread. */
void github_due_by(struct github *g, int64_t wall_ms);
enum err github_due_start(struct github *g);
