/* journal.c - what the operator reads back: events, feedback, refused requests.
 *
 * Read on the admin listener's own threads, a bounded page at a time. CSV gives all rows: it walks the same pages. */
#include <string.h>

#include "admin/csv.h"
#include "admin/params.h"
#include "admin/parts.h"
#include "base/cleanup.h"

enum { PAGE_ARENA_MAX = 64 * 1024 * 1024, JSON_MAX = 64 * 1024 * 1024, CSV_MAX = 512 * 1024 * 1024 };

/* ---- events ---- */

struct events {
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

static void events_reply_json(struct request *req, const struct admin *a, struct events *e)
{
	__cleanup_buf struct buf json = BUF_INIT(JSON_MAX);
	struct jsonw w = jsonw(&json);
	enum err err = store_read(a->connect->store, events_read, e);
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

static void events_reply_csv(struct request *req, const struct admin *a, struct events *e)
{
	__cleanup_buf struct buf out = BUF_INIT(CSV_MAX);
	struct csv c = csv(&out);
	char at[TIME_TEXT_SIZE];
	enum err err = OK;
	csv_header(&c, "seq,id,type,tenant,at,event");
	e->limit = LIST_LIMIT_MAX;
	do {
		arena_release(e->arena);
		arena_init(e->arena, PAGE_ARENA_MAX);
		err = store_read(a->connect->store, events_read, e);
		for (size_t i = 0; err == OK && i < e->count; i++) {
			const struct event_row *row = &e->at[i];
			time_text(row->at, at);
			csv_int(&c, row->seq);
			csv_z(&c, row->id);
			csv_z(&c, row->type);
			csv_z(&c, row->tenant);
			csv_z(&c, at);
			csv_z(&c, row->json);
			csv_end_row(&c);
			e->after = row->seq;
		}
	} while (err == OK && out.err == OK && e->count == e->limit);
	if (err != OK)
		reply_err(req, err);
	else
		reply_csv(req, "events", &out);
}

static void events_reply(struct request *req, const struct admin *a, const struct list_params *p, struct str tenant)
{
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, PAGE_ARENA_MAX);
	struct events e = {.after = p->after, .type = p->type, .tenant = tenant, .limit = p->limit, .arena = &arena};
	if (p->csv)
		events_reply_csv(req, a, &e);
	else
		events_reply_json(req, a, &e);
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

static void feedback_reply_json(struct request *req, const struct admin *a, struct feedback *f)
{
	__cleanup_buf struct buf json = BUF_INIT(JSON_MAX);
	struct jsonw w = jsonw(&json);
	size_t limit = f->limit++; /* one more tells whether there is a next page */
	enum err err = store_read(a->connect->store, feedback_read, f);
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
	if (err == OK && f->count > limit) {
		char cursor[24];
		snprintf(cursor, sizeof(cursor), "%lld", (long long)f->at[limit - 1].id);
		jw_kz(&w, "next", cursor);
	}
	jw_end_obj(&w);
	reply_json_or_err(req, err, &json);
}

static void feedback_reply_csv(struct request *req, const struct admin *a, struct feedback *f)
{
	__cleanup_buf struct buf out = BUF_INIT(CSV_MAX);
	struct csv c = csv(&out);
	enum err err = OK;
	csv_header(&c, "id,tenant,account_id,message,at");
	f->before = 0;
	f->limit = LIST_LIMIT_MAX;
	do {
		arena_release(f->arena);
		arena_init(f->arena, PAGE_ARENA_MAX);
		err = store_read(a->connect->store, feedback_read, f);
		for (size_t i = 0; err == OK && i < f->count; i++) {
			csv_int(&c, f->at[i].id);
			csv_z(&c, f->at[i].client_key);
			csv_z(&c, f->at[i].account_id);
			csv_z(&c, f->at[i].message);
			csv_time(&c, f->at[i].at);
			csv_end_row(&c);
			f->before = f->at[i].id;
		}
	} while (err == OK && out.err == OK && f->count == f->limit);
	if (err != OK)
		reply_err(req, err);
	else
		reply_csv(req, "feedback", &out);
}

/* Decimal, not negative; empty gives 0. False: answered 400. */
static bool number_cursor(struct request *req, struct str cursor, int64_t *ret)
{
	int64_t n = 0;
	if (cursor.len > 0 && (str_to_int64(cursor, &n) != OK || n < 0)) {
		reply_problem(req, 400, "bad_request", "cursor: not one of ours", NULL, 0);
		return false;
	}
	*ret = n;
	return true;
}

void admin_feedback(struct request *req, void *room)
{
	struct list_params p;
	struct feedback f = {0};
	if (!list_params_read(req, &p) || !number_cursor(req, p.cursor, &f.before))
		return;
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, PAGE_ARENA_MAX);
	f.limit = p.limit;
	f.arena = &arena;
	if (p.csv)
		feedback_reply_csv(req, room, &f);
	else
		feedback_reply_json(req, room, &f);
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
	if (!list_params_read(req, &p) || !number_cursor(req, p.cursor, &skip))
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
	if (err == OK && i < count) {
		char cursor[24];
		snprintf(cursor, sizeof(cursor), "%zu", i);
		jw_kz(&w, "next", cursor);
	}
	jw_end_obj(&w);
	reply_json_or_err(req, err, &out);
}
