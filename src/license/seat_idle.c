/* seat_idle.c - frees seats whose accounts were not seen for LICGATE_SEAT_IDLE_DAYS.
 *
 * Once an hour, a bounded number in one write job; where there are more, the next follows a second later. Last sight is
 * stored at most an hour late, which days do not feel. The timer thread only queues the job. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "license/lookup_internal.h"

enum {
	IDLE_FIRST_MS = 2000,
	IDLE_EVERY_MS = 3600 * 1000,
	IDLE_AGAIN_MS = 1000,
	IDLE_BATCH = 256,
	IDLE_ARENA_MAX = 1024 * 1024,
};

struct idle_job {
	struct store_job job; /* first: the store hands it back */
	struct lookups *l;
	size_t count;
};

static void idle_due(void *lookups);

static enum err free_seat(struct lookups *l, struct store_tx *tx, struct user_row *row, int64_t now)
{
	const struct tenant *tenant = tenants_find(l->o.tenants, str_of(row->client_key));
	enum err err = OK;
	if (tenant) {
		err = seat_leave(l, tx, tenant, row, "idle", now);
		if (err == OK)
			err = store_user_put(tx, row);
	}
	tenant_unref(tenant);
	return err;
}

static enum err idle_run(struct store_job *job, struct store_tx *tx)
{
	struct idle_job *j = (struct idle_job *)job;
	const int64_t now = clock_wall_ms(j->l->o.clock);
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, IDLE_ARENA_MAX);
	struct user_row *rows = NULL;
	enum err err = store_seats_idle(tx, now - j->l->o.seat_idle_ms, IDLE_BATCH, &arena, &rows, &j->count);
	for (size_t i = 0; err == OK && i < j->count; i++)
		err = free_seat(j->l, tx, &rows[i], now);
	return err;
}

static void idle_done(struct store_job *job, enum err err)
{
	struct idle_job *j = (struct idle_job *)job;
	struct lookups *l = j->l;
	if (err != OK)
		log_event(LOG_ERROR, "seats.idle_not_freed", LF_Z("error", err_name(err)));
	else if (j->count > 0)
		log_event(LOG_INFO, "seats.idle_freed", LF_INT("count", j->count));
	if (err == OK && j->count == IDLE_BATCH && !l->stopping)
		(void)timer_set(l->o.timers, &l->idle_seats, IDLE_AGAIN_MS, idle_due, l);
	free(j);
	busy_end(l);
}

static void idle_due(void *lookups)
{
	struct lookups *l = lookups;
	/* Takes the place this very call has left in the heap: it does not fail. */
	(void)timer_set(l->o.timers, &l->idle_seats, IDLE_EVERY_MS, idle_due, l);
	struct idle_job *j = calloc(1, sizeof *j);
	if (!j)
		return;
	*j = (struct idle_job){.job = {.run = idle_run, .done = idle_done}, .l = l};
	if (job_submit(l, &j->job) != OK)
		free(j);
}

enum err seat_idle_start(struct lookups *l)
{
	return l->o.seat_idle_ms > 0 ? timer_set(l->o.timers, &l->idle_seats, IDLE_FIRST_MS, idle_due, l) : OK;
}
