/* readers.c - read connections, made when they are first needed and kept with their prepared statements.
 *
 * In WAL mode a reader sees one moment and neither waits for the writer nor makes it wait. A connection that failed is
 * closed and made anew by the next read: that is how the pool heals. Thread rule: `lock` guards the pool; a
 * connection taken from it belongs to its taker. */
#include "store/readers.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"

enum { READERS_MAX = 4 };

struct readers {
	const struct sql_backend *sql;
	const struct sql_target *target;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	struct sql_conn *idle[READERS_MAX];
	unsigned idle_count;
	unsigned taken; /* in use, or being made */
};

enum err readers_new(const struct sql_backend *sql, const struct sql_target *target, struct readers **ret)
{
	struct readers *r = calloc(1, sizeof(*r));
	if (!r)
		return ERR_NOMEM;
	r->sql = sql;
	r->target = target;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->freed, NULL);
	*ret = r;
	return OK;
}

void readers_free(struct readers *r)
{
	if (!r)
		return;
	assert(r->taken == 0);
	for (unsigned i = 0; i < r->idle_count; i++)
		r->sql->close(r->idle[i]);
	pthread_cond_destroy(&r->freed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* OK with NULL: the taker is to make one. */
static enum err take(struct readers *r, struct sql_conn **ret)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (r->target->busy_timeout_ms + 999) / 1000;
	enum err e = OK;
	pthread_mutex_lock(&r->lock);
	while (r->taken == READERS_MAX && e == OK)
		if (pthread_cond_clockwait(&r->freed, &r->lock, CLOCK_MONOTONIC, &until) != 0)
			e = ERR_BUSY;
	if (r->taken < READERS_MAX) {
		e = OK;
		r->taken++;
		*ret = r->idle_count ? r->idle[--r->idle_count] : NULL;
	}
	pthread_mutex_unlock(&r->lock);
	return e;
}

/* conn may be NULL: it failed. */
static void give_back(struct readers *r, struct sql_conn *conn)
{
	pthread_mutex_lock(&r->lock);
	r->taken--;
	if (conn)
		r->idle[r->idle_count++] = conn;
	pthread_cond_signal(&r->freed);
	pthread_mutex_unlock(&r->lock);
}

enum err readers_try(struct readers *r, struct problem *ret_problem)
{
	struct sql_conn *conn = NULL;
	enum err e = take(r, &conn);
	if (e != OK)
		return e;
	if (!conn)
		e = r->sql->open(r->target, SQL_READER, ret_problem, &conn);
	give_back(r, conn);
	return e;
}

enum err read_on(const struct sql_backend *sql, struct sql_conn *conn, int64_t wait_ms,
                 enum err (*fn)(struct store_tx *, void *arg), void *arg, bool *ret_usable)
{
	struct store_tx tx = {.sql = sql, .conn = conn};
	enum err e = sql->begin(conn, false, wait_ms);
	if (e == OK)
		e = fn(&tx, arg);
	if (tx.failed != OK)
		e = tx.failed;
	*ret_usable = sql->rollback(conn);
	return e;
}

enum err readers_read(struct readers *r, enum err (*fn)(struct store_tx *, void *arg), void *arg)
{
	struct sql_conn *conn = NULL;
	struct problem problem;
	bool usable = false;
	enum err e = take(r, &conn);
	if (e != OK)
		return e;
	if (!conn)
		e = r->sql->open(r->target, SQL_READER, &problem, &conn);
	if (e == OK)
		e = read_on(r->sql, conn, r->target->busy_timeout_ms, fn, arg, &usable);
	if (!usable) {
		r->sql->close(conn);
		conn = NULL;
	}
	give_back(r, conn);
	return e;
}
