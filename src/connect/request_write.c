/* request_write.c - see request_write.h.
 *
 * A stopping server may wake the request before the write is done. So the write and the request each take a turn
 * when they are through: the later one frees, and a write whose request is gone wakes nobody. */
#include "connect/request_write.h"

#include <stddef.h>

#include "http/reply.h"

enum { ARENA_MAX = 256 * 1024 };
enum { TURN_NONE = 0, TURN_WRITTEN, TURN_LEFT };

static struct request_write *write_of(struct store_job *job)
{
	return (struct request_write *)(void *)((char *)job - offsetof(struct request_write, job));
}

static enum err run(struct store_job *job, struct store_tx *tx)
{
	struct request_write *w = write_of(job);
	arena_release(&w->arena);
	arena_init(&w->arena, ARENA_MAX);
	return w->run(w, tx);
}

static void written(struct request_write *w, enum err err)
{
	w->err = err;
	struct request *req = w->req;
	if (atomic_exchange(&w->turn, TURN_WRITTEN) == TURN_LEFT)
		w->free(w);
	else
		request_wake(req);
}

static void done(struct store_job *job, enum err err)
{
	struct request_write *w = write_of(job);
	if (err == OK && w->committed)
		err = w->committed(w);
	written(w, err);
}

static void finish(struct request *req, void *room)
{
	(void)room;
	struct request_write *w = req->state;
	req->state = NULL;
	if (atomic_exchange(&w->turn, TURN_LEFT) == TURN_NONE) {
		reply_err(req, ERR_STOPPING);
		return;
	}
	if (w->err != OK)
		reply_err(req, w->err);
	else if (w->answer)
		w->answer(w, req);
	else
		reply_empty(req, 204);
	w->free(w);
}

void request_write_start(struct request_write *w, struct request *req, struct store *store)
{
	w->req = req;
	w->job = (struct store_job){.run = run, .done = done};
	atomic_init(&w->turn, TURN_NONE);
	arena_init(&w->arena, ARENA_MAX);
	req->state = w;
	request_wait(req, finish);
	enum err err = store_submit(store, &w->job);
	if (err != OK)
		written(w, err);
}
