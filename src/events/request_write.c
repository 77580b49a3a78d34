/* request_write.c - see request_write.h. The write wakes the request exactly once, on every path. */
#include "events/request_write.h"

#include <stddef.h>

#include "http/reply.h"

enum { ARENA_MAX = 256 * 1024 };

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

static void done(struct store_job *job, enum err err)
{
	struct request_write *w = write_of(job);
	w->err = err == OK && w->committed ? w->committed(w) : err;
	request_wake(w->req); /* w may be gone from here */
}

static void finish(struct request *req, void *room)
{
	(void)room;
	struct request_write *w = req->on_end_arg;
	if (w->err == ERR_NOT_FOUND && w->missing_code)
		reply_problem(req, 404, w->missing_code, w->missing, NULL, 0);
	else if (w->err != OK)
		reply_err(req, w->err);
	else if (w->answer)
		w->answer(w, req);
	else
		reply_empty(req, 204);
}

static void end(struct request *req, void *arg)
{
	struct request_write *w = arg;
	void (*outer_end)(struct request *, void *) = w->outer_end;
	void *outer_end_arg = w->outer_end_arg;
	w->free(w);
	if (outer_end)
		outer_end(req, outer_end_arg);
}

void request_write_start(struct request_write *w, struct request *req, struct store *store)
{
	w->req = req;
	w->job = (struct store_job){.run = run, .done = done};
	arena_init(&w->arena, ARENA_MAX);
	w->outer_end = req->on_end;
	w->outer_end_arg = req->on_end_arg;
	req->on_end = end;
	req->on_end_arg = w;
	request_wait(req, finish);
	enum err err = store_submit(store, &w->job);
	if (err != OK)
		done(&w->job, err);
}
