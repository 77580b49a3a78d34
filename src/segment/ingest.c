/* ingest.c - see ingest.h.
 *
 * One job a request, however many events: 2,500 of them cost the writer some 15 ms. How many events may wait is
 * bounded, since the writer serves installs too: what is over the bound is answered 429 at once, and clients come
 * again. */
#include "segment/ingest.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/metrics.h"
#include "events/request_write.h"
#include "segment/forward.h"

enum {
	EVENTS_WAITING_MAX = 40000,        /* 16 full batches: about a quarter of a second of the writer's time */
	ROWS_MAX_BYTES = 16 * 1024 * 1024, /* of one batch, with what is passed on of it */
};

struct ingest {
	struct request_write write; /* first: see request_write.h */
	struct request *req;
	struct segment *s;
	struct arena rows;
	struct body body;
	int64_t now;
	size_t reserved;
	struct segment_added added;
};

const struct header allow_any_origin[1] = {{"Access-Control-Allow-Origin", {"*", 1}}};

bool ingest_reserve(struct segment *s, size_t count)
{
	const int64_t before = atomic_fetch_add(&s->events_waiting, (int64_t)count);
	if (before + (int64_t)count <= EVENTS_WAITING_MAX)
		return true;
	ingest_release(s, count);
	return false;
}

void ingest_release(struct segment *s, size_t count)
{
	atomic_fetch_sub(&s->events_waiting, (int64_t)count);
}

void ingest_count(struct segment *s, const struct segment_added *added)
{
	metric_add(s->fresh, (int64_t)added->fresh);
	metric_add(s->duplicates, (int64_t)added->duplicates);
	if (s->forward)
		forward_queued(s->forward, added);
}

static void ingest_free(struct request_write *w)
{
	ingest_drop((struct ingest *)w);
}

void ingest_drop(struct ingest *in)
{
	ingest_release(in->s, in->reserved);
	arena_release(&in->rows);
	arena_release(&in->write.arena);
	free(in);
}

static enum err ingest_run(struct request_write *w, struct store_tx *tx)
{
	struct ingest *in = (struct ingest *)w;
	const size_t room = in->s->forward ? forward_room(in->s->forward) : 0;
	return store_segment_add(tx, in->body.rows, in->body.count, in->now, room, &in->added);
}

static enum err ingest_committed(struct request_write *w)
{
	const struct ingest *in = (struct ingest *)w;
	ingest_count(in->s, &in->added);
	return OK;
}

static void ingest_answer(struct request_write *w, struct request *req)
{
	(void)w;
	reply(req, 200, "application/json", STR("{\"success\":true}"), allow_any_origin, 1);
}

struct ingest *ingest_new(struct request *req, struct segment *s)
{
	struct ingest *in = calloc(1, sizeof(*in));
	if (!in) {
		reply_err(req, ERR_NOMEM);
		return NULL;
	}
	in->req = req;
	in->s = s;
	in->now = clock_wall_ms(s->clock);
	arena_init(&in->rows, ROWS_MAX_BYTES);
	arena_init(&in->write.arena, 0);
	in->write.run = ingest_run;
	in->write.committed = ingest_committed;
	in->write.answer = ingest_answer;
	in->write.free = ingest_free;
	return in;
}

struct event_reader ingest_reader(struct ingest *in, const struct request *req)
{
	return (struct event_reader){.now = in->now, .once = req->id, .arena = &in->rows};
}

void ingest_start(struct ingest *in, const struct body *body)
{
	in->body = *body;
	if (body->count == 0) {
		ingest_answer(&in->write, in->req);
		ingest_drop(in);
		return;
	}
	if (!ingest_reserve(in->s, body->count)) {
		const struct header headers[] = {{"Retry-After", STR("1")}, allow_any_origin[0]};
		metric_inc(in->s->limited);
		reply_problem(in->req, 429, "too_many_events", "Too many events wait to be stored.", headers, 2);
		ingest_drop(in);
		return;
	}
	in->reserved = body->count;
	request_write_start(&in->write, in->req, in->s->store);
}
