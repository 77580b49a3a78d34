/* journal.c - what the operator reads back: events, feedback, refused requests.
 *
 * Read on the admin listener's own threads, a bounded page at a time. CSV gives all rows: it walks the same pages. */
#include <string.h>

#include "admin/params.h"
#include "admin/parts.h"
#include "base/cleanup.h"
#include "events/journal.h"

enum { PAGE_ARENA_MAX = 64 * 1024 * 1024, JSON_MAX = 64 * 1024 * 1024 };

/* ---- events ---- */

/* In the request's arena, as all of these: a CSV is read on while it is sent. */
struct events {
	struct store *store;
	int64_t after;
	struct str type, tenant;
	size_t limit;
	struct arena *arena;
	struct event_row *at;
	size_t count;
};

static enum err events_read(struct store_tx *tx, void *arg)
{
	struct events *e = arg;
	return store_event_list(tx, e->after, e->type, e->tenant, e->limit, e->arena, &e->at, &e->count);
}

static void event_write(struct jsonw *w, const struct event_row *row)
{
	/* the stored text is an object with members: seq goes in front of them */
	__cleanup_buf struct buf text = BUF_INIT(JSON_MAX);
	buf_z(&text, "{\"seq\":");
	buf_int(&text, row->seq);
	buf_char(&text, ',');
	buf_z(&text, row->json + 1);
	if (text.err == OK)
		jw_raw(w, buf_text(&text));
	else
		w->out->err = text.err;
}

static void events_reply_json(struct request *req, struct events *e)
{
	__cleanup(arena_release) struct arena arena;
	__cleanup_buf struct buf json = BUF_INIT(JSON_MAX);
	struct jsonw w = jsonw(&json);
	arena_init(&arena, PAGE_ARENA_MAX);
	e->arena = &arena;
	enum err err = store_read(e->store, events_read, e);
	jw_obj(&w);
	jw_key(&w, "events");
	jw_arr(&w);
	for (size_t i = 0; err == OK && i < e->count; i++)
		event_write(&w, &e->at[i]);
	jw_end_arr(&w);
	/* always there: a reader waits for more with it */
	jw_kint(&w, "next", err == OK && e->count > 0 ? e->at[e->count - 1].seq : e->after);
	jw_end_obj(&w);
	reply_json_or_err(req, err, &json);
}

static enum err events_csv(void *events, struct arena *memory, struct csv *c, bool *ret_more)
{
	struct events *e = events;
	char at[TIME_TEXT_SIZE];
	e->arena = memory;
	enum err err = store_read(e->store, events_read, e);
	for (size_t i = 0; err == OK && i < e->count; i++) {
		const struct event_row *row = &e->at[i];
		time_text(row->at, at);
		csv_int(c, row->seq);
		csv_z(c, row->id);
		csv_z(c, row->type);
		csv_z(c, row->tenant);
		csv_z(c, at);
		csv_z(c, row->json);
		csv_end_row(c);
		e->after = row->seq;
	}
	*ret_more = err == OK && e->count == e->limit;
	return err;
}

static void events_reply(struct request *req, const struct admin *a, const struct list_params *p, struct str tenant)
{
	if (p->type.len > 0 && !event_type_known(p->type)) {
		reply_problem(req, 400, "bad_request", TYPE_WRONG, NULL, 0);
		return;
	}
	struct events *e = arena_alloc(&req->arena, sizeof(*e));
	if (!e) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	*e = (struct events){.store = a->connect->store,
	                     .after = p->after,
	                     .type = p->type,
	                     .tenant = tenant,
	                     .limit = p->csv ? LIST_LIMIT_MAX : p->limit};
	if (p->csv)
		reply_csv_list(req, &(struct csv_list){"events", "seq,id,type,tenant,at,event", events_csv, e});
	else
		events_reply_json(req, e);
}

void admin_events(struct request *req, void *room)
{
	struct list_params p;
	if (list_params_read(req, &p))
		events_reply(req, room, &p, p.tenant);
}

/* Also of a tenant that is erased: its events stay. */
void admin_tenant_events(struct request *req, void *room)
{
	struct list_params p;
	struct str key;
	if (!list_params_read(req, &p))
		return;
	if (!segment_decode(&req->arena, req->params.part[0], &key) || key.len == 0)
		reply_problem(req, 404, "no_such_tenant", "no tenant has this clientKey", NULL, 0);
	else
		events_reply(req, room, &p, key);
}

/* ---- feedback ---- */

struct feedback {
	struct store *store;
	int64_t before;
	size_t limit;
	struct arena *arena;
	struct feedback_row *at;
	size_t count;
};

static enum err feedback_read(struct store_tx *tx, void *arg)
{
	struct feedback *f = arg;
	return store_feedback_list(tx, f->before, f->limit, f->arena, &f->at, &f->count);
}

static void feedback_reply_json(struct request *req, struct feedback *f)
{
	__cleanup(arena_release) struct arena arena;
	__cleanup_buf struct buf json = BUF_INIT(JSON_MAX);
	struct jsonw w = jsonw(&json);
	size_t limit = f->limit++; /* one more tells whether there is a next page */
	arena_init(&arena, PAGE_ARENA_MAX);
	f->arena = &arena;
	enum err err = store_read(f->store, feedback_read, f);
	jw_obj(&w);
	jw_key(&w, "feedback");
	jw_arr(&w);
	for (size_t i = 0; err == OK && i < f->count && i < limit; i++) {
		jw_obj(&w);
		jw_kint(&w, "id", f->at[i].id);
		jw_kz(&w, "tenant", f->at[i].client_key);
		jw_kz(&w, "account_id", f->at[i].account_id);
		jw_kz(&w, "message", f->at[i].message);
		jw_ktime(&w, "at", f->at[i].at);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	if (err == OK && f->count > limit)
		number_cursor_write(&w, f->at[limit - 1].id);
	jw_end_obj(&w);
	reply_json_or_err(req, err, &json);
}

static enum err feedback_csv(void *feedback, struct arena *memory, struct csv *c, bool *ret_more)
{
	struct feedback *f = feedback;
	f->arena = memory;
	enum err err = store_read(f->store, feedback_read, f);
	for (size_t i = 0; err == OK && i < f->count; i++) {
		csv_int(c, f->at[i].id);
		csv_z(c, f->at[i].client_key);
		csv_z(c, f->at[i].account_id);
		csv_z(c, f->at[i].message);
		csv_time(c, f->at[i].at);
		csv_end_row(c);
		f->before = f->at[i].id;
	}
	*ret_more = err == OK && f->count == f->limit;
	return err;
}

void admin_feedback(struct request *req, void *room)
{
	struct list_params p;
	struct feedback *f = arena_zalloc(&req->arena, sizeof(*f));
	if (!f) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	f->store = ((const struct admin *)room)->connect->store;
	if (!list_params_read(req, &p) || !number_cursor_read(req, p.cursor, &f->before))
		return;
	if (p.csv) {
		f->before = 0;
		f->limit = LIST_LIMIT_MAX;
		reply_csv_list(req, &(struct csv_list){"feedback", "id,tenant,account_id,message,at", feedback_csv, f});
		return;
	}
	f->limit = p.limit;
	feedback_reply_json(req, f);
}

/* ---- refused requests ---- */

static void failure_write(struct jsonw *w, const struct failure *f)
{
	jw_obj(w);
	jw_ktime(w, "at", f->at);
	jw_kz(w, "route", f->route);
	jw_kz(w, "code", f->code);
	jw_kz(w, "text", f->text);
	jw_kz(w, "tenant", f->tenant);
	jw_kz(w, "request_id", f->request_id);
	jw_kz(w, "computed_canonical", f->computed_canonical);
	jw_kz(w, "computed_qsh", f->computed_qsh);
	jw_kz(w, "received_qsh", f->received_qsh);
	jw_end_obj(w);
}

static void failures_csv(struct buf *out, const struct failure *at, size_t count)
{
	struct csv c = csv(out);
	csv_header(&c, "at,route,code,text,tenant,request_id,computed_canonical,computed_qsh,received_qsh");
	for (size_t i = 0; i < count; i++) {
		csv_time(&c, at[i].at);
		csv_z(&c, at[i].route);
		csv_z(&c, at[i].code);
		csv_z(&c, at[i].text);
		csv_z(&c, at[i].tenant);
		csv_z(&c, at[i].request_id);
		csv_z(&c, at[i].computed_canonical);
		csv_z(&c, at[i].computed_qsh);
		csv_z(&c, at[i].received_qsh);
		csv_end_row(&c);
	}
}

/* Newest first. The cursor is a number of entries to skip: new refusals in between move the page. */
void admin_failures(struct request *req, void *room)
{
	const struct admin *a = room;
	struct list_params p;
	struct failure *at = NULL;
	size_t count = 0;
	int64_t skip = 0;
	if (!list_params_read(req, &p) || !number_cursor_read(req, p.cursor, &skip))
		return;
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, PAGE_ARENA_MAX);
	enum err err = failures_list(a->connect->failures, &arena, &at, &count);
	__cleanup_buf struct buf out = BUF_INIT(JSON_MAX);
	if (err == OK && p.csv) {
		failures_csv(&out, at, count);
		reply_csv(req, "auth-failures", &out);
		return;
	}
	struct jsonw w = jsonw(&out);
	size_t i = err == OK && (size_t)skip < count ? (size_t)skip : count, end = i + p.limit;
	jw_obj(&w);
	jw_key(&w, "failures");
	jw_arr(&w);
	for (; err == OK && i < count && i < end; i++)
		failure_write(&w, &at[i]);
	jw_end_arr(&w);
	if (err == OK && i < count)
		number_cursor_write(&w, (int64_t)i);
	jw_end_obj(&w);
	reply_json_or_err(req, err, &out);
}
