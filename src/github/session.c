/* session.c - see session.h: the account page, members, signing out, and the licence answer of a signed-in person. */
#include "github/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "base/form.h"
#include "base/jsonw.h"
#include "base/secret.h"
#include "github/entitlement.h"

enum { MEMBERS_MAX = 500, LOGIN_MAX = 39, JSON_MAX = 256 * 1024 };
const char github_session_cookie[] = "licgate_github", github_setup_cookie[] = "licgate_github_setup";

void github_session_hash(struct str cookie_value, char ret[static GITHUB_HASH_SIZE])
{
	uint8_t hash[32];
	sha256(cookie_value.ptr, cookie_value.len, hash);
	hex_encode(ret, hash, sizeof(hash));
	ret[GITHUB_HASH_SIZE - 1] = '\0';
}

char *github_cookie(const struct github *g, struct arena *a, const char *name, const char *path, const char *value,
                    int64_t max_age_s)
{
	const bool secure = str_starts(str_of(g->config->base_url), STR("https://"));
	return arena_printf(a, "%s=%s; Path=%s%s; Max-Age=%lld; HttpOnly; SameSite=Lax%s", name, value,
	                    g->config->base_path, path, (long long)max_age_s, secure ? "; Secure" : "");
}

struct str github_cookie_of(const struct request *req, const char *name)
{
	struct str rest = request_header(req, "Cookie"), piece, found = STR("");
	size_t count = 0;
	if (request_header_count(req, "Cookie") != 1)
		return found;
	while (str_split(&rest, ';', &piece)) {
		piece = str_trim(piece);
		const size_t at = str_find(piece, '=');
		if (at == piece.len || !str_eqz((struct str){piece.ptr, at}, name))
			continue;
		found = (struct str){piece.ptr + at + 1, piece.len - at - 1};
		count++;
	}
	return count == 1 ? found : STR("");
}

/* ---- what a person sees ---- */

static enum err see(struct store_tx *tx, struct arena *a, const struct github_person_row *person, struct github_seen *s,
                    bool *ret_seen)
{
	struct github_account_row *account = arena_zalloc(a, sizeof(*account));
	struct github_plan_row plan;
	struct github_person_row *people = NULL;
	*ret_seen = false;
	if (!account)
		return ERR_NOMEM;
	enum err err = store_github_account_get(tx, str_of(person->account_id), a, account);
	if (err != OK)
		return err == ERR_NOT_FOUND ? OK : err;
	*s = (struct github_seen){.account = account, .owner = strcmp(person->role, "owner") == 0};
	err = store_github_plan_get(tx, account->now.plan_id, a, &plan);
	if (err == OK)
		s->plan_number = plan.number;
	else if (err != ERR_NOT_FOUND)
		return err;
	err =
	    s->owner ? store_github_people(tx, str_of(person->account_id), MEMBERS_MAX, a, &people, &s->people_count) : OK;
	s->people = people;
	*ret_seen = err == OK;
	return err;
}

enum err github_view_read(struct github *g, struct store_tx *tx, struct arena *a, const char *user_id,
                          struct github_view *ret)
{
	struct github_user_row user;
	struct github_person_row *persons = NULL;
	size_t count = 0;
	(void)g;
	*ret = (struct github_view){0};
	enum err err = store_github_user_get(tx, str_of(user_id), a, &user);
	if (err == OK)
		err = store_github_person_of(tx, str_of(user_id), GITHUB_ACCOUNTS_SHOWN, a, &persons, &count);
	if (err != OK)
		return err;
	ret->login = user.login;
	ret->at = arena_zalloc(a, (count + 1) * sizeof(*ret->at));
	if (!ret->at)
		return ERR_NOMEM;
	for (size_t i = 0; err == OK && i < count; i++) {
		bool seen;
		err = see(tx, a, &persons[i], &ret->at[ret->count], &seen);
		ret->count += err == OK && seen;
	}
	return err;
}

void github_seats(struct github *g, const char *user_id, struct github_view *view)
{
	for (size_t i = 0; i < view->count; i++) {
		struct github_seen *s = &view->at[i];
		char key[64];
		(void)snprintf(key, sizeof(key), "github:%s", s->account->account_id);
		const struct tenant *tenant = tenants_find(g->tenants, str_of(key));
		if (tenant && entitlement_live(s->account)) {
			user_seen(g->lookups, tenant, str_of(user_id));
			if (github_is_per_unit(&s->account->now))
				s->seat = seat_take(g->lookups, tenant, str_of(user_id), OVERAGE_NONE);
		}
		tenant_unref(tenant);
	}
}

/* ---- visits ---- */

enum visit_kind { VISIT_PAGE, VISIT_LICENSE, VISIT_MEMBERS, VISIT_SIGN_OUT };

struct visit {
	struct request_write write;
	struct github *g;
	enum visit_kind kind;
	char hash[GITHUB_HASH_SIZE];
	char account[32], login[LOGIN_MAX + 1]; /* asked for; "": none */
	bool adds, signed_in, allowed;
	const char *user_id, *removed; /* removed: the member's user id, where there is one */
	struct github_view view;
};

/* Of an account the person owns, at most so many. */
static enum err change_members(struct visit *v, struct store_tx *tx)
{
	const struct github_seen *owned = NULL;
	for (size_t i = 0; i < v->view.count; i++)
		if (v->view.at[i].owner && strcmp(v->view.at[i].account->account_id, v->account) == 0)
			owned = &v->view.at[i];
	v->allowed = owned && entitlement_live(owned->account);
	if (!v->allowed)
		return OK;
	for (size_t i = 0; i < owned->people_count && !v->adds; i++)
		if (strcmp(owned->people[i].login, v->login) == 0 && strcmp(owned->people[i].role, "member") == 0)
			v->removed = owned->people[i].user_id;
	if (!v->adds) {
		enum err err = store_github_person_delete(tx, str_of(v->account), str_of(v->login));
		return err == ERR_NOT_FOUND ? OK : err;
	}
	if (owned->people_count >= MEMBERS_MAX)
		return ERR_FULL;
	for (size_t i = 0; i < owned->people_count; i++)
		if (strcmp(owned->people[i].login, v->login) == 0)
			return OK;
	const struct github_person_row row = {
	    .account_id = v->account, .login = v->login, .role = "member", .added_at = clock_wall_ms(v->g->clock)};
	return store_github_person_put(tx, &row);
}

static enum err visit_run(struct request_write *w, struct store_tx *tx)
{
	struct visit *v = (struct visit *)w;
	v->signed_in = v->allowed = false;
	v->removed = NULL;
	enum err err = store_github_session_get(tx, str_of(v->hash), clock_wall_ms(v->g->clock), &w->arena, &v->user_id);
	if (err == ERR_NOT_FOUND)
		return OK;
	if (err == OK && v->kind == VISIT_SIGN_OUT)
		return store_github_session_delete(tx, str_of(v->hash));
	if (err == OK)
		err = github_view_read(v->g, tx, &w->arena, v->user_id, &v->view);
	v->signed_in = err == OK;
	if (err == OK && v->kind == VISIT_MEMBERS)
		err = change_members(v, tx);
	return err;
}

static void see_other(struct request *req, const struct github *g, const char *cookie)
{
	const char *to = arena_printf(&req->arena, "%s/github/account", g->config->base_url);
	const struct header headers[] = {{"Location", str_of(to)}, {"Set-Cookie", str_of(cookie)}};
	if (to)
		reply(req, 303, NULL, STR(""), headers, cookie ? 2 : 1);
	else
		reply_err(req, ERR_NOMEM);
}

/* The account asked for; without one the first whose purchase goes on, else the first. */
static const struct github_seen *chosen(const struct visit *v)
{
	const struct github_seen *best = NULL;
	for (size_t i = 0; i < v->view.count; i++) {
		const struct github_seen *s = &v->view.at[i];
		if (*v->account) {
			if (strcmp(s->account->account_id, v->account) == 0)
				return s;
		} else if (!best || (entitlement_live(s->account) && !entitlement_live(best->account))) {
			best = s;
		}
	}
	return best;
}

static void answer_license(struct visit *v, struct request *req)
{
	struct github *g = v->g;
	const struct github_seen *s = chosen(v);
	char key[64] = "";
	if (s)
		(void)snprintf(key, sizeof(key), "github:%s", s->account->account_id);
	const struct tenant *tenant = s ? tenants_find(g->tenants, str_of(key)) : NULL;
	if (!tenant) {
		req->code = "no_purchase";
		reply_problem(req, 403, "no_purchase", "No purchase of yours has this account.", NULL, 0);
		return;
	}
	const struct request_signal none = {.lic = SIGNAL_ABSENT};
	const struct license_decision d = lookups_decide(g->lookups, tenant, &none, NULL);
	const struct str user_id = str_of(v->user_id);
	tenant_seen(tenant, clock_wall_ms(g->clock));
	user_seen(g->lookups, tenant, user_id);
	if (entitlement_live(s->account) && github_is_per_unit(&s->account->now))
		(void)seat_take(g->lookups, tenant, user_id, OVERAGE_NONE);
	__cleanup_buf struct buf json = BUF_INIT(JSON_MAX);
	struct jsonw w = jsonw(&json);
	license_answer(&w, g->lookups, g->features, tenant, &d, user_id);
	tenant_unref(tenant);
	if (json.err == OK)
		reply_json(req, 200, &json);
	else
		reply_err(req, json.err);
}

/* Of a member who was taken out: the next one to come gets it. */
static void free_seat(const struct visit *v)
{
	char key[64];
	(void)snprintf(key, sizeof(key), "github:%s", v->account);
	const struct tenant *tenant = v->removed ? tenants_find(v->g->tenants, str_of(key)) : NULL;
	if (tenant)
		(void)seat_free(v->g->lookups, tenant, str_of(v->removed), "tenant_admin", NULL, NULL);
	tenant_unref(tenant);
}

static void visit_answer(struct request_write *w, struct request *req)
{
	struct visit *v = (struct visit *)w;
	if (v->kind == VISIT_SIGN_OUT) {
		see_other(req, v->g, github_cookie(v->g, &req->arena, github_session_cookie, "/", "", 0));
	} else if (!v->signed_in && v->kind == VISIT_LICENSE) {
		req->code = "signed_out";
		reply_unauthorized(req);
	} else if (!v->signed_in) {
		github_page_trouble(req, v->g, GITHUB_TROUBLE_SIGNED_OUT, NULL);
	} else if (v->kind == VISIT_LICENSE) {
		answer_license(v, req);
	} else if (v->kind == VISIT_MEMBERS) {
		free_seat(v);
		if (v->allowed)
			see_other(req, v->g, NULL);
		else
			reply_problem(req, 403, "not_owner", "Only an owner of the account picks its members.", NULL, 0);
	} else if (v->view.count == 0) {
		github_page_trouble(req, v->g, GITHUB_TROUBLE_NO_PURCHASE, NULL);
	} else {
		github_seats(v->g, v->user_id, &v->view);
		github_page_account(req, v->g, &v->view, NULL);
	}
}

static void visit_free(struct request_write *w)
{
	arena_release(&w->arena);
	free(w);
}

static struct visit *visit_new(struct request *req, struct github *g, enum visit_kind kind)
{
	const struct str cookie = github_cookie_of(req, github_session_cookie);
	if (!github_signs_in(g->config)) {
		reply_problem(req, 404, "not_found", NULL, NULL, 0);
		return NULL;
	}
	struct visit *v = calloc(1, sizeof(*v));
	if (!v) {
		reply_err(req, ERR_NOMEM);
		return NULL;
	}
	v->g = g;
	v->kind = kind;
	v->write = (struct request_write){.run = visit_run, .answer = visit_answer, .free = visit_free};
	arena_init(&v->write.arena, 0);
	github_session_hash(cookie, v->hash);
	return v;
}

void github_account(struct request *req, void *github)
{
	struct github *g = github;
	struct visit *v = visit_new(req, g, VISIT_PAGE);
	if (v)
		request_write_start(&v->write, req, g->store);
}

void github_license(struct request *req, void *github)
{
	struct github *g = github;
	size_t count = 0;
	struct str account = query_get(&req->arena, req->query, "account", &count);
	struct visit *v = visit_new(req, g, VISIT_LICENSE);
	if (!v)
		return;
	if (str_starts(account, STR("github:")))
		account = (struct str){account.ptr + 7, account.len - 7};
	if (count > 1 || (count == 1 && (account.len == 0 || account.len >= sizeof(v->account)))) {
		visit_free(&v->write);
		reply_problem(req, 400, "bad_request", "account: the number of one of your accounts", NULL, 0);
		return;
	}
	if (count == 1)
		memcpy(v->account, account.ptr, account.len);
	request_write_start(&v->write, req, g->store);
}

/* The cookie is SameSite=Lax, so that another site's form does not bring it; a browser that says where a form comes
 * from must say that it is ours. */
static bool own_form(const struct request *req, const struct github *g)
{
	const struct str origin = request_header(req, "Origin"), site = request_header(req, "Sec-Fetch-Site");
	return (!origin.ptr || str_eqz(origin, g->config->base_origin)) && (!site.ptr || str_eqz(site, "same-origin"));
}

static bool foreign_form(struct request *req, const struct github *g)
{
	if (own_form(req, g))
		return false;
	req->code = "foreign_form";
	reply_problem(req, 403, "foreign_form", "The form is not of this server.", NULL, 0);
	return true;
}

void github_sign_out(struct request *req, void *github)
{
	struct github *g = github;
	if (foreign_form(req, g))
		return;
	struct visit *v = visit_new(req, g, VISIT_SIGN_OUT);
	if (v)
		request_write_start(&v->write, req, g->store);
}

/* GitHub's rule: letters, digits, single hyphens inside. Lower case, as logins ignore case. */
static bool take_login(struct str s, char ret[static LOGIN_MAX + 1])
{
	if (s.len == 0 || s.len > LOGIN_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c | 0x20);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
		ret[i] = c;
	}
	ret[s.len] = '\0';
	return true;
}

void github_members(struct request *req, void *github)
{
	struct github *g = github;
	size_t accounts = 0, logins = 0, actions = 0;
	if (foreign_form(req, g))
		return;
	const struct str account = query_get(&req->arena, req->body, "account", &accounts),
	                 login = query_get(&req->arena, req->body, "login", &logins),
	                 action = query_get(&req->arena, req->body, "do", &actions);
	struct visit *v = visit_new(req, g, VISIT_MEMBERS);
	if (!v)
		return;
	v->adds = str_eqz(action, "add");
	if (accounts != 1 || logins != 1 || actions != 1 || account.len >= sizeof(v->account) ||
	    !take_login(str_trim(login), v->login) || (!v->adds && !str_eqz(action, "remove"))) {
		visit_free(&v->write);
		reply_problem(req, 400, "bad_request", "account, login and do=add or do=remove are needed", NULL, 0);
		return;
	}
	memcpy(v->account, account.ptr, account.len);
	request_write_start(&v->write, req, g->store);
}
