/* deliveries.c - the admin API's outbox: what was, is and will be delivered, and once more.
 *
 * A replay of a range goes through the journal a piece at a time, so that other writes do not wait long for it. */
#include "store/deliveries.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "admin/params.h"
#include "admin/parts.h"
#include "base/cleanup.h"
#include "events/endpoint_body.h"
#include "store/endpoints.h"

enum {
	PAGE_ARENA_MAX = 16 * 1024 * 1024,
	JSON_MAX = 16 * 1024 * 1024,
	ENDPOINT_ID_MAX = 64,
	ATTEMPTS_MAX = 100,  /* the latest */
	REPLAY_PIECE = 1000, /* events of the journal */
	REPLAY_PIECES_MAX = 100,
};

/* ---- list ---- */

/* In the request's arena: a CSV is read on while it is sent. */
struct page {
	struct store *store;
	struct delivery_filter filter;
	struct arena *arena;
	struct delivery_row *at;
	size_t count;
};

static enum err page_read(struct store_tx *tx, void *arg)
{
	struct page *p = arg;
	return store_delivery_list(tx, &p->filter, p->arena, &p->at, &p->count);
}

/* status 0: nobody answered. */
static void write_answer(struct jsonw *w, const char *status_name, const char *error_name, int64_t status,
                         const char *error)
{
	jw_key(w, status_name);
	if (status)
		jw_int(w, status);
	else
		jw_null(w);
	jw_kz(w, error_name, error);
}

static void write_delivery(struct jsonw *w, const struct delivery_row *d)
{
	jw_obj(w);
	jw_kint(w, "id", d->id);
	jw_kz(w, "event", d->event);
	jw_kint(w, "seq", d->event_seq);
	jw_kz(w, "type", d->type);
	jw_kz(w, "tenant", d->tenant);
	jw_kz(w, "endpoint", d->endpoint);
	jw_kz(w, "status", d->status);
	jw_kint(w, "attempts", d->attempts);
	write_answer(w, "last_status", "last_error", d->last_status, d->last_error);
	jw_key(w, "duration_ms");
	if (d->last_attempt_at)
		jw_int(w, d->duration_ms);
	else
		jw_null(w);
	jw_ktime(w, "created_at", d->created_at);
	jw_ktime(w, "last_attempt_at", d->last_attempt_at);
	jw_ktime(w, "next_attempt_at", d->next_attempt_at);
	jw_ktime(w, "finished_at", d->finished_at);
	jw_end_obj(w);
}

static void reply_page(struct request *req, struct page *p)
{
	__cleanup(arena_release) struct arena arena;
	__cleanup_buf struct buf json = BUF_INIT(JSON_MAX);
	struct jsonw w = jsonw(&json);
	const size_t limit = p->filter.limit++; /* one more tells whether there is a next page */
	arena_init(&arena, PAGE_ARENA_MAX);
	p->arena = &arena;
	enum err err = store_read(p->store, page_read, p);
	jw_obj(&w);
	jw_key(&w, "deliveries");
	jw_arr(&w);
	for (size_t i = 0; err == OK && i < p->count && i < limit; i++)
		write_delivery(&w, &p->at[i]);
	jw_end_arr(&w);
	if (err == OK && p->count > limit)
		number_cursor_write(&w, p->at[limit - 1].id);
	jw_end_obj(&w);
	reply_json_or_err(req, err, &json);
}

static void csv_row(struct csv *c, const struct delivery_row *d)
{
	csv_int(c, d->id);
	csv_z(c, d->event);
	csv_int(c, d->event_seq);
	csv_z(c, d->type);
	csv_z(c, d->tenant);
	csv_z(c, d->endpoint);
	csv_z(c, d->status);
	csv_int(c, d->attempts);
	csv_int(c, d->last_status);
	csv_z(c, d->last_error);
	csv_int(c, d->duration_ms);
	csv_time(c, d->created_at);
	csv_time(c, d->last_attempt_at);
	csv_time(c, d->next_attempt_at);
	csv_time(c, d->finished_at);
	csv_end_row(c);
}

static enum err csv_rows(void *page, struct arena *memory, struct csv *c, bool *ret_more)
{
	struct page *p = page;
	p->arena = memory;
	enum err err = store_read(p->store, page_read, p);
	for (size_t i = 0; err == OK && i < p->count; i++) {
		csv_row(c, &p->at[i]);
		p->filter.before = p->at[i].id;
	}
	*ret_more = err == OK && p->count == p->filter.limit;
	return err;
}

static void reply_all(struct request *req, struct page *p)
{
	p->filter.before = 0;
	p->filter.limit = LIST_LIMIT_MAX;
	reply_csv_list(
	    req, &(struct csv_list){.name = "deliveries",
	                            .columns = "id,event,seq,type,tenant,endpoint,status,attempts,last_status,last_error,"
	                                       "duration_ms,created_at,last_attempt_at,next_attempt_at,finished_at",
	                            .rows = csv_rows,
	                            .state = p});
}

/* False: answered. */
static bool filter_read(struct request *req, const struct list_params *p, struct delivery_filter *ret)
{
	size_t count = 0;
	struct delivery_filter f = {.status = p->status, .type = p->type, .tenant = p->tenant, .limit = p->limit};
	f.endpoint = query_get(&req->arena, req->query, "endpoint", &count);
	const char *wrong = NULL;
	if (count > 1)
		wrong = "a parameter is there twice";
	else if (f.status.len > 0 && !str_eqz(f.status, "pending") && !str_eqz(f.status, "delivered") &&
	         !str_eqz(f.status, "dead"))
		wrong = "status: pending, delivered or dead";
	else if (f.type.len > 0 && !event_type_known(f.type))
		wrong = TYPE_WRONG;
	if (wrong) {
		reply_problem(req, 400, "bad_request", wrong, NULL, 0);
		return false;
	}
	if (!number_cursor_read(req, p->cursor, &f.before))
		return false;
	*ret = f;
	return true;
}

void admin_deliveries(struct request *req, void *room)
{
	struct list_params params;
	struct page *p = arena_zalloc(&req->arena, sizeof(*p));
	if (!p) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	p->store = ((const struct admin *)room)->connect->store;
	if (!list_params_read(req, &params) || !filter_read(req, &params, &p->filter))
		return;
	if (params.csv)
		reply_all(req, p);
	else
		reply_page(req, p);
}

/* ---- one ---- */

struct one {
	int64_t id;
	struct arena *arena;
	struct delivery_row row;
	struct delivery_attempt *attempts;
	size_t count;
};

static enum err one_read(struct store_tx *tx, void *arg)
{
	struct one *o = arg;
	enum err err = store_delivery_get(tx, o->id, o->arena, &o->row);
	return err == OK ? store_delivery_attempts(tx, o->id, ATTEMPTS_MAX, o->arena, &o->attempts, &o->count) : err;
}

static void write_attempt(struct jsonw *w, const struct delivery_attempt *a)
{
	jw_obj(w);
	jw_kint(w, "number", a->number);
	jw_ktime(w, "at", a->at);
	write_answer(w, "status", "error", a->status, a->error);
	jw_kint(w, "duration_ms", a->duration_ms);
	jw_end_obj(w);
}

static void no_such_delivery(struct request *req)
{
	reply_problem(req, 404, "no_such_delivery", "no delivery has this id", NULL, 0);
}

/* False: answered 404. */
static bool id_of_path(struct request *req, int64_t *ret)
{
	struct str text;
	if (segment_decode(&req->arena, req->params.part[0], &text) && str_to_int64(text, ret) == OK && *ret > 0)
		return true;
	no_such_delivery(req);
	return false;
}

void admin_delivery(struct request *req, void *room)
{
	__cleanup(arena_release) struct arena arena;
	__cleanup_buf struct buf json = BUF_INIT(JSON_MAX);
	struct jsonw w = jsonw(&json);
	struct one o = {.arena = &arena};
	arena_init(&arena, PAGE_ARENA_MAX);
	if (!id_of_path(req, &o.id))
		return;
	enum err err = store_read(((const struct admin *)room)->connect->store, one_read, &o);
	if (err == ERR_NOT_FOUND) {
		no_such_delivery(req);
		return;
	}
	jw_obj(&w);
	if (err == OK) {
		jw_key(&w, "delivery");
		write_delivery(&w, &o.row);
	}
	jw_key(&w, "attempts");
	jw_arr(&w);
	for (size_t i = 0; i < o.count; i++)
		write_attempt(&w, &o.attempts[i]);
	jw_end_arr(&w);
	jw_end_obj(&w);
	reply_json_or_err(req, err, &json);
}

/* ---- replay ---- */

struct replay {
	struct store_job job;
	struct request *req; /* in whose arena this lies: it waits until it is woken */
	struct store *store;
	const struct clock *clock;
	char endpoint[ENDPOINT_ID_MAX];
	int64_t delivery;       /* one alone; 0: a range */
	int64_t after, reached; /* seq */
	int64_t queued;
	int pieces;
	bool finished;
	enum err err;
};

static struct replay *replay_of(struct store_job *job)
{
	return (struct replay *)(void *)((char *)job - offsetof(struct replay, job));
}

static enum err replay_one(struct store_job *job, struct store_tx *tx)
{
	struct replay *r = replay_of(job);
	r->finished = true;
	r->queued = 1;
	return store_delivery_replay(tx, r->delivery, clock_wall_ms(r->clock));
}

static enum err endpoint_there(struct store_tx *tx, const char *id)
{
	__cleanup(arena_release) struct arena arena;
	struct endpoint_row row;
	arena_init(&arena, PAGE_ARENA_MAX);
	return store_endpoint_get(tx, str_of(id), &arena, &row);
}

static enum err replay_piece(struct store_job *job, struct store_tx *tx)
{
	struct replay *r = replay_of(job);
	int64_t count = 0;
	enum err err = endpoint_there(tx, r->endpoint);
	if (err == OK)
		err = store_events_range_end(tx, r->after, REPLAY_PIECE, &r->reached);
	if (err != OK)
		return err;
	r->finished = r->reached == r->after;
	const struct replaying range = {
	    .endpoint = r->endpoint, .after = r->after, .until = r->reached, .now = clock_wall_ms(r->clock)};
	if (!r->finished)
		err = store_deliveries_replay(tx, &range, &count);
	if (err == OK)
		r->queued += count;
	return err;
}

static void replay_done(struct store_job *job, enum err err)
{
	struct replay *r = replay_of(job);
	r->after = r->reached;
	if (err == OK && !r->finished && ++r->pieces < REPLAY_PIECES_MAX && (err = store_submit(r->store, &r->job)) == OK)
		return;
	r->err = err;
	request_wake(r->req);
}

static void replay_reply(struct request *req, void *room)
{
	(void)room;
	const struct replay *r = req->state;
	if (r->err == ERR_CONFLICT) {
		reply_problem(req, 409, "under_way", "it is being delivered now: wait for its end", NULL, 0);
		return;
	}
	if (r->err == ERR_NOT_FOUND) {
		if (r->delivery)
			no_such_delivery(req);
		else
			reply_problem(req, 404, NO_ENDPOINT_CODE, NO_ENDPOINT_TEXT, NULL, 0);
		return;
	}
	if (r->err != OK) {
		reply_err(req, r->err);
		return;
	}
	__cleanup_buf struct buf json = BUF_INIT(JSON_MAX);
	struct jsonw w = jsonw(&json);
	jw_obj(&w);
	jw_kint(&w, "queued", r->queued);
	if (!r->finished) /* go on from here */
		jw_kint(&w, "next", r->after);
	jw_end_obj(&w);
	if (json.err == OK)
		reply(req, 202, "application/json", buf_text(&json), NULL, 0);
	else
		reply_err(req, json.err);
}

/* Takes the request; NULL: answered. */
static struct replay *replay_new(struct request *req, const struct admin *a)
{
	struct replay *r = arena_zalloc(&req->arena, sizeof(*r));
	if (!r) {
		reply_err(req, ERR_NOMEM);
		return NULL;
	}
	r->req = req;
	r->store = a->connect->store;
	r->clock = a->connect->clock;
	req->state = r;
	return r;
}

static void replay_start(struct replay *r, enum err (*run)(struct store_job *, struct store_tx *))
{
	r->job = (struct store_job){.run = run, .done = replay_done};
	request_wait(r->req, replay_reply);
	enum err err = store_submit(r->store, &r->job);
	if (err != OK) {
		r->err = err;
		request_wake(r->req);
	}
}

void admin_delivery_replay(struct request *req, void *room)
{
	int64_t id;
	if (!id_of_path(req, &id))
		return;
	struct replay *r = replay_new(req, room);
	if (!r)
		return;
	r->delivery = id;
	replay_start(r, replay_one);
}

void admin_endpoint_replay(struct request *req, void *room)
{
	struct str id;
	int64_t after;
	if (!segment_decode(&req->arena, req->params.part[0], &id) || id.len == 0 || id.len >= ENDPOINT_ID_MAX ||
	    memchr(id.ptr, '\0', id.len)) {
		reply_problem(req, 404, NO_ENDPOINT_CODE, NO_ENDPOINT_TEXT, NULL, 0);
		return;
	}
	const char *wrong = NULL;
	enum err err = replay_body_read(req->body, &after, &wrong);
	if (err != OK) {
		if (wrong)
			reply_problem(req, 400, "bad_request", wrong, NULL, 0);
		else
			reply_err(req, err);
		return;
	}
	struct replay *r = replay_new(req, room);
	if (!r)
		return;
	memcpy(r->endpoint, id.ptr, id.len);
	r->after = r->reached = after;
	replay_start(r, replay_piece);
}
