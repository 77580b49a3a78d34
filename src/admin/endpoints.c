/* endpoints.c - the admin API's endpoints of outgoing events: list, add, remove, rotate, enable, test.
 *
 * A secret is in one answer, of the request that made it, and in no other. Changes are answered when they are durable.
 */
#include "events/endpoint_body.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "admin/csv.h"
#include "admin/params.h"
#include "admin/parts.h"
#include "base/cleanup.h"
#include "base/secret.h"
#include "events/request_write.h"
#include "store/deliveries.h"

enum { JSON_MAX = 4 * 1024 * 1024, LIST_ARENA_MAX = 4 * 1024 * 1024, ID_MAX = 64 };

/* ---- list ---- */

struct shown {
	const struct endpoint_row *row;
	int64_t pending, dead;
};

struct listing {
	struct arena *arena;
	struct shown *at;
	size_t count;
};

static enum err list_read(struct store_tx *tx, void *arg)
{
	struct listing *l = arg;
	struct endpoint_row *rows;
	enum err err = store_endpoint_list(tx, l->arena, &rows, &l->count);
	if (err == OK && !(l->at = arena_zalloc(l->arena, (l->count + 1) * sizeof(*l->at))))
		err = ERR_NOMEM;
	for (size_t i = 0; err == OK && i < l->count; i++) {
		l->at[i].row = &rows[i];
		err = store_delivery_count(tx, str_of(rows[i].id), "pending", &l->at[i].pending);
		if (err == OK)
			err = store_delivery_count(tx, str_of(rows[i].id), "dead", &l->at[i].dead);
	}
	return err;
}

static void write_types(struct jsonw *w, const struct endpoint_row *e)
{
	if (!e->types) {
		jw_null(w);
		return;
	}
	jw_arr(w);
	for (size_t i = 0; i < e->type_count; i++)
		jw_z(w, e->types[i]);
	jw_end_arr(w);
}

static void write_endpoint(struct jsonw *w, const struct shown *s, int64_t now)
{
	const struct endpoint_row *e = s->row;
	jw_obj(w);
	jw_kz(w, "id", e->id);
	jw_kz(w, "url", e->url);
	jw_key(w, "types");
	write_types(w, e);
	jw_kz(w, "source", e->setting ? "settings" : "admin");
	jw_kbool(w, "disabled", e->disabled_at != 0);
	if (e->disabled_at) {
		jw_kz(w, "disabled_reason", e->disabled_reason);
		jw_ktime(w, "disabled_at", e->disabled_at);
		jw_kint(w, "disabled_after", e->disabled_after);
	}
	jw_ktime(w, "created_at", e->created_at);
	jw_ktime(w, "previous_secret_until", e->previous_until > now ? e->previous_until : 0);
	jw_ktime(w, "held_until", e->held_until > now ? e->held_until : 0);
	jw_kint(w, "pending", s->pending);
	jw_kint(w, "dead", s->dead);
	jw_end_obj(w);
}

static void csv_types(struct csv *c, const struct endpoint_row *e)
{
	__cleanup_buf struct buf text = BUF_INIT(JSON_MAX);
	for (size_t i = 0; i < e->type_count; i++) {
		if (i > 0)
			buf_char(&text, ' ');
		buf_z(&text, e->types[i]);
	}
	csv_str(c, buf_text(&text));
}

static void list_csv(struct buf *out, const struct listing *l)
{
	struct csv c = csv(out);
	csv_header(&c, "id,url,types,source,disabled,disabled_reason,disabled_at,created_at,pending,dead");
	for (size_t i = 0; i < l->count; i++) {
		const struct endpoint_row *e = l->at[i].row;
		csv_z(&c, e->id);
		csv_z(&c, e->url);
		csv_types(&c, e);
		csv_z(&c, e->setting ? "settings" : "admin");
		csv_bool(&c, e->disabled_at != 0);
		csv_z(&c, e->disabled_reason);
		csv_time(&c, e->disabled_at);
		csv_time(&c, e->created_at);
		csv_int(&c, l->at[i].pending);
		csv_int(&c, l->at[i].dead);
		csv_end_row(&c);
	}
}

void admin_endpoints(struct request *req, void *room)
{
	const struct admin *a = room;
	struct list_params p;
	if (!list_params_read(req, &p))
		return;
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, LIST_ARENA_MAX);
	struct listing l = {.arena = &arena};
	enum err err = store_read(a->connect->store, list_read, &l);
	__cleanup_buf struct buf out = BUF_INIT(JSON_MAX);
	if (err == OK && p.csv) {
		list_csv(&out, &l);
		reply_csv(req, "endpoints", &out);
		return;
	}
	const int64_t now = clock_wall_ms(a->connect->clock);
	struct jsonw w = jsonw(&out);
	jw_obj(&w);
	jw_key(&w, "endpoints");
	jw_arr(&w);
	for (size_t i = 0; err == OK && i < l.count; i++)
		write_endpoint(&w, &l.at[i], now);
	jw_end_arr(&w);
	jw_key(&w, "event_types"); /* that an endpoint may ask for */
	jw_arr(&w);
	for (size_t i = 0; event_type_at(i); i++)
		jw_z(&w, event_type_at(i));
	jw_end_arr(&w);
	jw_end_obj(&w);
	reply_json_or_err(req, err, &out);
}

/* ---- changes ---- */

struct change {
	struct request_write write;
	const struct connect *c;
	char id[ID_MAX];
	struct new_endpoint wanted; /* of add: in the arena of the request */
	bool too_many;
	char new_id[ENDPOINT_ID_SIZE], secret[SIGNING_SECRET_SIZE], event[EVENT_ID_SIZE];
};

static void change_free(struct request_write *w)
{
	struct change *c = (struct change *)w;
	arena_release(&w->arena);
	wipe(c->secret, sizeof(c->secret));
	free(c);
}

/* NULL: answered. */
static struct change *change_new(struct request *req, const struct admin *a)
{
	struct change *c = calloc(1, sizeof(*c));
	if (!c) {
		reply_err(req, ERR_NOMEM);
		return NULL;
	}
	c->c = a->connect;
	c->write.free = change_free;
	return c;
}

/* Of the endpoint named in the path. NULL: answered. */
static struct change *change_of_path(struct request *req, const struct admin *a)
{
	struct str id;
	if (!segment_decode(&req->arena, req->params.part[0], &id) || id.len == 0 || id.len >= ID_MAX ||
	    memchr(id.ptr, '\0', id.len)) {
		reply_problem(req, 404, NO_ENDPOINT_CODE, NO_ENDPOINT_TEXT, NULL, 0);
		return NULL;
	}
	struct change *c = change_new(req, a);
	if (c) {
		memcpy(c->id, id.ptr, id.len);
		c->write.missing_code = NO_ENDPOINT_CODE;
		c->write.missing = NO_ENDPOINT_TEXT;
	}
	return c;
}

static void start(struct change *c, struct request *req, enum err (*run)(struct request_write *, struct store_tx *),
                  void (*answer)(struct request_write *, struct request *))
{
	c->write.run = run;
	c->write.answer = answer;
	request_write_start(&c->write, req, c->c->store);
}

static int64_t now_of(const struct change *c)
{
	return clock_wall_ms(c->c->clock);
}

/* {"id":…,"secret":…}: the one time it is shown. */
static void answer_secret(struct request *req, int status, const char *id, const char *secret)
{
	struct buf json = BUF_INIT(JSON_MAX);
	struct jsonw w = jsonw(&json);
	jw_obj(&w);
	jw_kz(&w, "id", id);
	jw_kz(&w, "secret", secret);
	jw_end_obj(&w);
	if (json.err == OK)
		reply(req, status, "application/json", buf_text(&json), NULL, 0);
	else
		reply_err(req, json.err);
	buf_wipe(&json);
}

/* ---- add ---- */

static enum err add_run(struct request_write *w, struct store_tx *tx)
{
	struct change *c = (struct change *)w;
	enum err err = endpoint_add(tx, c->c->keyring, &c->wanted, now_of(c), &w->arena, c->new_id, c->secret);
	c->too_many = err == ERR_FULL;
	return c->too_many ? OK : err; /* nothing was written */
}

static void add_answer(struct request_write *w, struct request *req)
{
	struct change *c = (struct change *)w;
	if (c->too_many)
		reply_problem(req, 409, "too_many_endpoints", "there are 50 endpoints: remove one", NULL, 0);
	else
		answer_secret(req, 201, c->new_id, c->secret);
}

void admin_endpoint_add(struct request *req, void *room)
{
	const struct admin *a = room;
	struct new_endpoint wanted = {0};
	const char *wrong = NULL;
	enum err err =
	    endpoint_body_read(req->body, a->connect->config->allow_insecure_hosts, &req->arena, &wanted, &wrong);
	if (err != OK) {
		if (wrong)
			reply_problem(req, 400, "bad_request", wrong, NULL, 0);
		else
			reply_err(req, err);
		return;
	}
	struct change *c = change_new(req, a);
	if (!c)
		return;
	c->wanted = wanted;
	start(c, req, add_run, add_answer);
}

/* ---- remove, rotate, enable, test ---- */

static enum err delete_run(struct request_write *w, struct store_tx *tx)
{
	return store_endpoint_delete(tx, str_of(((struct change *)w)->id));
}

void admin_endpoint_delete(struct request *req, void *room)
{
	const struct admin *a = room;
	struct change *c = change_of_path(req, a);
	if (!c)
		return;
	if (a->connect->config->events_url && strcmp(c->id, ENDPOINT_OF_SETTINGS) == 0) {
		change_free(&c->write);
		reply_problem(req, 409, "set_by_settings", "it comes from LICGATE_EVENTS_URL: take it out there", NULL, 0);
		return;
	}
	start(c, req, delete_run, NULL);
}

static enum err rotate_run(struct request_write *w, struct store_tx *tx)
{
	struct change *c = (struct change *)w;
	return endpoint_rotate(tx, c->c->keyring, str_of(c->id), now_of(c), &w->arena, c->secret);
}

static void rotate_answer(struct request_write *w, struct request *req)
{
	const struct change *c = (struct change *)w;
	answer_secret(req, 200, c->id, c->secret);
}

void admin_endpoint_rotate(struct request *req, void *room)
{
	struct change *c = change_of_path(req, room);
	if (c)
		start(c, req, rotate_run, rotate_answer);
}

static enum err enable_run(struct request_write *w, struct store_tx *tx)
{
	return store_endpoint_enable(tx, str_of(((struct change *)w)->id));
}

void admin_endpoint_enable(struct request *req, void *room)
{
	const struct admin *a = room;
	struct change *c = change_of_path(req, a);
	if (!c)
		return;
	if (!a->connect->config->events_url && strcmp(c->id, ENDPOINT_OF_SETTINGS) == 0) {
		change_free(&c->write);
		reply_problem(req, 409, "set_by_settings", "LICGATE_EVENTS_URL is not set any more", NULL, 0);
		return;
	}
	start(c, req, enable_run, NULL);
}

static enum err test_run(struct request_write *w, struct store_tx *tx)
{
	struct change *c = (struct change *)w;
	return endpoint_test(tx, str_of(c->id), now_of(c), &w->arena, c->event);
}

static void test_answer(struct request_write *w, struct request *req)
{
	const struct change *c = (struct change *)w;
	__cleanup_buf struct buf json = BUF_INIT(JSON_MAX);
	struct jsonw j = jsonw(&json);
	jw_obj(&j);
	jw_kz(&j, "event", c->event);
	jw_end_obj(&j);
	reply(req, 202, "application/json", buf_text(&json), NULL, 0);
}

void admin_endpoint_test(struct request *req, void *room)
{
	struct change *c = change_of_path(req, room);
	if (c)
		start(c, req, test_run, test_answer);
}
