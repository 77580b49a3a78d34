/* site_api.c - the control API of the simulated sites: create, list, act, set licence, user and fault, read the log.
 *
 * Handlers that start something wait for it without a thread: the job lives in the request's arena and wakes it. */
#include <string.h>

#include "base/cleanup.h"
#include "sim/sim_parts.h"

void sim_sites_list(struct request *req, void *room)
{
	struct sim *s = room;
	__cleanup_buf struct buf json = BUF_INIT(SIM_ANSWER_MAX);
	struct jsonw w = jsonw(&json);
	jw_obj(&w);
	jw_key(&w, "sites");
	jw_arr(&w);
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->site_count; i++) {
		site_clock_run(s->sites[i], clock_wall_ms(s->clock), clock_mono_ms(s->clock));
		site_write(s->sites[i], sim_address(s), false, &w);
	}
	sim_unlock(s);
	jw_end_arr(&w);
	jw_end_obj(&w);
	sim_reply(req, 200, &json);
}

void sim_site_show(struct request *req, void *room)
{
	struct sim *s = room;
	__cleanup_buf struct buf json = BUF_INIT(SIM_ANSWER_MAX);
	struct jsonw w = jsonw(&json);
	struct site *site = sim_enter(req, s);
	if (!site)
		return;
	site_write(site, sim_address(s), true, &w);
	sim_unlock(s);
	sim_reply(req, 200, &json);
}

/* ---- create ---- */

static void creation_done(struct creation *c)
{
	request_wake(c->arg);
}

static void creation_reply(struct request *req, void *room)
{
	struct sim *s = room;
	struct creation *c = req->state;
	if (!c->site) {
		reply_problem(req, c->status, c->code, c->detail, NULL, 0);
		return;
	}
	__cleanup_buf struct buf json = BUF_INIT(SIM_ANSWER_MAX);
	struct jsonw w = jsonw(&json);
	pthread_mutex_lock(&s->lock);
	site_write(c->site, sim_address(s), true, &w);
	sim_unlock(s);
	sim_reply(req, c->status, &json);
}

void sim_sites_create(struct request *req, void *room)
{
	struct sim *s = room;
	__cleanup_json json_t *body = NULL;
	struct str name, descriptor;
	if (!sim_same_origin(req) || !sim_body(req, &body))
		return;
	if (json_get_str(body, "name", &name) != JSON_GOT || !site_name_ok(name)) {
		sim_bad(req, "name: 1 to 63 of a-z, 0-9 and -");
		return;
	}
	if (json_get_str(body, "descriptor", &descriptor) != JSON_GOT ||
	    !(str_starts(descriptor, STR("http://")) || str_starts(descriptor, STR("https://")))) {
		sim_bad(req, "descriptor: the http(s) URL of an app's atlassian-connect.json");
		return;
	}
	struct creation *c = arena_zalloc(&req->arena, sizeof(*c));
	if (!c) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	*c = (struct creation){.sim = s, .done = creation_done, .arg = req};
	memcpy(c->name, name.ptr, name.len);
	req->state = c;
	request_wait(req, creation_reply);
	sim_create(c, descriptor);
}

/* ---- actions ---- */

static void action_done(struct action *a)
{
	request_wake(a->arg);
}

static void action_reply(struct request *req, void *room)
{
	(void)room;
	const struct action *a = req->state;
	if (a->err == ERR_CONFLICT) {
		reply_problem(req, 409, "not_now", a->why, NULL, 0);
		return;
	}
	if (a->err != OK) {
		reply_err(req, a->err);
		return;
	}
	__cleanup_buf struct buf json = BUF_INIT(SIM_ANSWER_MAX);
	struct jsonw w = jsonw(&json);
	jw_obj(&w);
	jw_kint(&w, "status", a->status);
	if (a->note)
		jw_kz(&w, "note", a->note);
	jw_end_obj(&w);
	sim_reply(req, a->accepted ? 200 : 502, &json);
}

/* The body of a rename. False: answered. */
static bool rename_read(struct request *req, struct action *a)
{
	__cleanup_json json_t *body = NULL;
	struct str to;
	if (!sim_body(req, &body))
		return false;
	if (json_get_str(body, "to", &to) != JSON_GOT || !site_name_ok(to)) {
		sim_bad(req, "to: 1 to 63 of a-z, 0-9 and -");
		return false;
	}
	memcpy(a->to, to.ptr, to.len);
	return true;
}

static struct str last_segment(struct str path)
{
	struct str piece = {0};
	while (str_split(&path, '/', &piece))
		continue;
	return piece;
}

void sim_site_action(struct request *req, void *room)
{
	struct sim *s = room;
	if (!sim_same_origin(req))
		return;
	struct action *a = arena_zalloc(&req->arena, sizeof(*a));
	if (!a) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	*a = (struct action){.sim = s, .done = action_done, .arg = req};
	/* each route that leads here ends in the name of an action */
	if (!site_action_parse(last_segment(req->local_path), &a->kind)) {
		reply_err(req, ERR_NOT_FOUND);
		return;
	}
	if (a->kind == ACTION_RENAME && !rename_read(req, a))
		return;
	a->site = sim_enter(req, s);
	if (!a->site)
		return;
	sim_unlock(s);
	req->state = a;
	request_wait(req, action_reply);
	sim_act(a);
}

/* ---- settings of a site ---- */

/* Optional members: what is absent keeps its value, expires_at becomes the state's usual one. NULL: fine; else what is
 * wrong. */
static const char *license_read(const json_t *body, int64_t now_ms, struct site_license *l)
{
	struct str text, type;
	if (json_get_str(body, "state", &text) != JSON_GOT || !site_license_parse(text, &l->state))
		return "state: evaluation, active, expired, none, cancelled or suspended";
	enum json_get got = json_get_str(body, "expires_at", &text);
	l->expires_at = site_license_default_end(l->state, now_ms);
	if (got == JSON_BAD_TYPE || (got == JSON_GOT && time_parse(text, &l->expires_at) != OK))
		return "expires_at: an RFC 3339 time";
	if (json_get_int(body, "users", &l->users) == JSON_BAD_TYPE || l->users < -1)
		return "users: a number, -1 for unlimited";
	got = json_get_str(body, "edition", &text);
	if (got == JSON_BAD_TYPE || (got == JSON_GOT && !str_eqz(text, "standard") && !str_eqz(text, "advanced")))
		return "edition: standard, advanced or null";
	enum json_get type_got = json_get_str(body, "type", &type);
	const char *known = type_got == JSON_GOT ? site_license_type(type) : l->type;
	if (type_got == JSON_BAD_TYPE || !known)
		return "type: COMMERCIAL, ACADEMIC, COMMUNITY, DEVELOPER, DEMONSTRATION or STARTER";
	l->type = known;
	if (got == JSON_GOT)
		snprintf(l->edition, sizeof(l->edition), "%.*s", STR_ARG(text));
	else if (json_object_get(body, "edition")) /* null takes it away */
		l->edition[0] = '\0';
	return NULL;
}

void sim_license_put(struct request *req, void *room)
{
	struct sim *s = room;
	__cleanup_json json_t *body = NULL;
	if (!sim_same_origin(req) || !sim_body(req, &body))
		return;
	struct site *site = sim_enter(req, s);
	if (!site)
		return;
	struct site_license next = site->license;
	const char *wrong = license_read(body, site->clock.seen_ms, &next);
	if (!wrong) {
		site_script_stop(site); /* whoever sets a licence takes over */
		site->license = next;
	}
	sim_unlock(s);
	if (wrong)
		sim_bad(req, wrong);
	else
		sim_site_show(req, room);
}

/* account empty: the one who looks now. A new account is an administrator if the one before was, unless told. */
static bool user_put(struct site *site, struct str account, const bool *admin, int64_t wall_ms)
{
	bool before = site_accounts_user(&site->accounts)->admin;
	struct site_account *user = site_accounts_user(&site->accounts);
	if (account.len > 0) {
		bool known = site_accounts_find(&site->accounts, account) != NULL;
		user = site_accounts_put(&site->accounts, account, wall_ms);
		if (!user)
			return false;
		if (!known)
			user->admin = before;
		site_accounts_become(&site->accounts, user);
	}
	if (admin)
		user->admin = *admin;
	return true;
}

void sim_user_put(struct request *req, void *room)
{
	struct sim *s = room;
	__cleanup_json json_t *body = NULL;
	struct str account = {0};
	bool admin = false;
	if (!sim_same_origin(req) || !sim_body(req, &body))
		return;
	enum json_get got = json_get_str(body, "account_id", &account);
	if (got == JSON_BAD_TYPE || account.len > SITE_ACCOUNT_MAX || (got == JSON_GOT && account.len == 0)) {
		sim_bad(req, "account_id: text of 1 to 128 bytes");
		return;
	}
	enum json_get admin_got = json_get_bool(body, "admin", &admin);
	if (admin_got == JSON_BAD_TYPE) {
		sim_bad(req, "admin: true or false");
		return;
	}
	struct site *site = sim_enter(req, s);
	if (!site)
		return;
	bool done = user_put(site, account, admin_got == JSON_GOT ? &admin : NULL, clock_wall_ms(s->clock));
	sim_unlock(s);
	if (done)
		sim_site_show(req, room);
	else
		reply_err(req, ERR_NOMEM);
}

void sim_fault_put(struct request *req, void *room)
{
	struct sim *s = room;
	__cleanup_json json_t *body = NULL;
	struct str kind;
	enum site_fault fault;
	if (!sim_same_origin(req) || !sim_body(req, &body))
		return;
	if (json_get_str(body, "kind", &kind) != JSON_GOT || !site_fault_parse(kind, &fault)) {
		sim_bad(req, "kind: none, slow, error, gone or garbage");
		return;
	}
	struct site *site = sim_enter(req, s);
	if (!site)
		return;
	site->fault = fault;
	sim_unlock(s);
	sim_site_show(req, room);
}

void sim_site_log(struct request *req, void *room)
{
	struct sim *s = room;
	__cleanup_buf struct buf json = BUF_INIT(SIM_ANSWER_MAX);
	struct jsonw w = jsonw(&json);
	size_t count = 0;
	int64_t after = 0;
	struct str text = query_get(&req->arena, req->query, "after", &count);
	if (count > 0 && (count != 1 || str_to_int64(text, &after) != OK)) {
		sim_bad(req, "after: the seq of an entry");
		return;
	}
	struct site *site = sim_enter(req, s);
	if (!site)
		return;
	jw_obj(&w);
	jw_kint(&w, "last", site->log.seq);
	jw_key(&w, "entries");
	sim_log_write(&site->log, after, &w);
	sim_unlock(s);
	jw_end_obj(&w);
	sim_reply(req, 200, &json);
}
