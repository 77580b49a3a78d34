/* configure.c - /api/v1/configure and /api/v1/seats/KEY: what a tenant's administrators may see and set.
 *
 * Who holds seats is read by the store's writer between two groups of writes: a public worker never reads, and an
 * administrator's page is rare. A choice is in force when it is durable; the answer shows it as it is then. Context
 * tokens, administrators alone (admin_only.h). */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "connect/admin_only.h"
#include "connect/json_body.h"
#include "connect/seat_reply.h"
#include "events/request_write.h"
#include "license/choices.h"
#include "token/token.h"

enum { HOLDERS_MAX = 200, ANSWER_MAX = 1024 * 1024 };

struct configure {
	struct request_write write;
	struct connect *c;
	const struct tenant *tenant; /* a reference */
	char *after;                 /* holders behind this account */
	json_t *wanted;              /* checked: feature -> verdict; NULL: only shown */
	struct choices *choices;     /* as they are with it */
	int64_t at;
	struct user_row *holders; /* in the write's arena */
	size_t holder_count;
};

static enum err put_choices(struct configure *k, struct store_tx *tx)
{
	const char *feature;
	json_t *value;
	enum err err = OK;
	json_object_foreach(k->wanted, feature, value)
	{
		const struct choice_row row = {k->tenant->client_key.ptr, feature, json_string_value(value), k->at};
		if (err == OK)
			err = store_choice_put(tx, &row);
	}
	struct choice_row *rows = NULL;
	size_t count = 0;
	if (err == OK)
		err = store_choice_list(tx, k->tenant->client_key, &k->write.arena, &rows, &count);
	if (err != OK)
		return err;
	free(k->choices); /* of a run before this one */
	k->choices = choices_new(rows, count);
	return k->choices ? OK : ERR_NOMEM;
}

static enum err run(struct request_write *w, struct store_tx *tx)
{
	struct configure *k = (struct configure *)w;
	enum err err = k->wanted ? put_choices(k, tx) : OK;
	if (err == OK)
		err = store_seat_list(tx, k->tenant->client_key, str_of(k->after), HOLDERS_MAX + 1, &w->arena, &k->holders,
		                      &k->holder_count);
	return err;
}

static enum err committed(struct request_write *w)
{
	struct configure *k = (struct configure *)w;
	if (k->wanted) {
		tenant_choices_set(k->tenant, TAKE(k->choices));
		log_event(LOG_INFO, "choices.set", LF_STR("tenant", k->tenant->client_key),
		          LF_INT("count", json_object_size(k->wanted)));
	}
	return OK;
}

static void write_seats(struct jsonw *w, const struct configure *k)
{
	size_t count = k->holder_count < HOLDERS_MAX ? k->holder_count : HOLDERS_MAX;
	jw_key(w, "seats");
	jw_obj(w);
	license_seats(w, k->tenant);
	jw_key(w, "holders");
	jw_arr(w);
	for (size_t i = 0; i < count; i++) {
		jw_obj(w);
		jw_kz(w, "account_id", k->holders[i].account_id);
		jw_ktime(w, "seat_at", k->holders[i].seat_at);
		jw_ktime(w, "last_seen_at", k->holders[i].last_seen);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	if (k->holder_count > HOLDERS_MAX)
		jw_kz(w, "next", k->holders[HOLDERS_MAX - 1].account_id);
	jw_end_obj(w);
}

static void write_choices(struct jsonw *w, const struct features *features, const struct tenant *tenant)
{
	jw_key(w, "choices");
	jw_arr(w);
	for (size_t i = 0; i < features_count(features); i++) {
		const struct feature *f = features_at(features, i);
		if (!f->choices)
			continue;
		jw_obj(w);
		jw_kz(w, "feature", f->name);
		jw_kz(w, "value", verdict_name(tenant_choice(tenant, f)));
		jw_key(w, "options");
		jw_arr(w);
		for (int v = VERDICT_ALLOW; v >= VERDICT_DENY; v--)
			if (f->choices & 1u << v)
				jw_z(w, verdict_name((enum verdict)v));
		jw_end_arr(w);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void answer(struct request_write *write, struct request *req)
{
	const struct configure *k = (struct configure *)write;
	struct buf json = BUF_INIT(ANSWER_MAX);
	struct jsonw w = jsonw(&json);
	jw_obj(&w);
	write_seats(&w, k);
	write_choices(&w, k->c->features, k->tenant);
	jw_end_obj(&w);
	if (json.err == OK) {
		reply_json(req, 200, &json);
		return;
	}
	buf_release(&json);
	reply_err(req, ERR_NOMEM);
}

static void configure_free(struct request_write *w)
{
	struct configure *k = (struct configure *)w;
	tenant_unref(k->tenant);
	json_decref(k->wanted);
	free(k->choices);
	free(k->after);
	arena_release(&w->arena);
	free(k);
}

/* Takes a reference to wanted, which may be NULL. */
static void start(struct request *req, struct connect *c, json_t *wanted)
{
	size_t count = 0;
	const struct str after = query_get(&req->arena, req->query, "after", &count);
	struct configure *k = count == SIZE_MAX ? NULL : calloc(1, sizeof(*k));
	if (!k || !(k->after = str_dup(count ? after : STR("")))) {
		free(k);
		reply_err(req, ERR_NOMEM);
		return;
	}
	k->c = c;
	k->tenant = req->tenant;
	tenant_ref(k->tenant);
	k->wanted = json_incref(wanted);
	k->at = clock_wall_ms(c->clock);
	k->write.run = run;
	k->write.committed = committed;
	k->write.answer = answer;
	k->write.free = configure_free;
	request_write_start(&k->write, req, c->store);
}

static void not_admin(struct request *req, void *connect)
{
	(void)connect;
	req->code = token_code_name(TOKEN_NOT_ADMIN);
	reply_problem(req, 403, "not_admin", "Only administrators of the site may do this.", NULL, 0);
}

static void show(struct request *req, void *connect)
{
	start(req, connect, NULL);
}

void api_configure_get(struct request *req, void *connect)
{
	admin_only(req, connect, show, not_admin);
}

/* NULL, or what is wrong with it, for the caller. */
static const char *check(const struct features *features, const json_t *body, json_t **ret_wanted)
{
	json_t *choices = json_object_get(body, "choices");
	const char *name;
	json_t *value;
	if (!json_is_object(choices) || json_object_size(body) != 1)
		return "The body is not {\"choices\":{…}}.";
	json_object_foreach(choices, name, value)
	{
		const struct feature *f = features_find(features, str_of(name));
		enum verdict v;
		if (!f || !f->choices)
			return "A feature named there leaves no choice.";
		if (!verdict_parse(str_of(json_string_value(value)), &v) || !(f->choices & 1u << v))
			return "A value is none of its feature's options.";
	}
	*ret_wanted = choices;
	return NULL;
}

static void set(struct request *req, void *connect)
{
	const struct connect *c = connect;
	if (!json_body_required(req))
		return;
	__cleanup_json json_t *body = NULL;
	json_t *wanted = NULL;
	enum err err = json_read_object(req->body, &body);
	if (err == ERR_NOMEM) {
		reply_err(req, err);
		return;
	}
	const char *wrong = err == OK ? check(c->features, body, &wanted) : "The body is not one JSON object.";
	if (wrong) {
		req->code = "bad_choices";
		reply_problem(req, 400, "bad_choices", wrong, NULL, 0);
		return;
	}
	start(req, connect, wanted);
}

void api_configure_put(struct request *req, void *connect)
{
	admin_only(req, connect, set, not_admin);
}

static void free_seat(struct request *req, void *connect)
{
	const struct connect *c = connect;
	seat_free_reply(req, c->lookups, req->params.part[0], "tenant_admin");
}

void api_seat_delete(struct request *req, void *connect)
{
	admin_only(req, connect, free_seat, not_admin);
}
