/* site_resources.c - what an app asks a Jira site: its licence, an account's permissions; and how a site fails at it.
 *
 * Each call must carry the app's own JWT: HS256 with the site's secret, iss the app's key, the qsh of this very request
 * relative to the site's base URL. While an install is under way its pending secret is good too. Faults come before
 * the token: a broken site does not look at it. A slow site lets the request wait on a timer, not on a thread. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sim/sim_parts.h"
#include "token/qsh.h"
#include "token/token.h"

enum { SLOW_MS = 30 * 1000, RESOURCE_MAX = 16 * 1024 };

/* Writes the JSON answer of a verified call, or nothing; returns the status. Lock held. */
typedef int resource_fn(struct sim *s, const struct site *site, struct request *req, struct jsonw *w);

struct slow {
	struct sim *sim;
	struct request *req;
	resource_fn *answer;
	struct timer timer;
	struct slow *next, **back; /* in sim->slow; back NULL: no longer */
};

/* ---- the log ---- */

/* Lock held. */
static void log_in(struct sim *s, struct site *site, struct request *req, int status, const char *verdict,
                   const char *note)
{
	struct str token = {0};
	char *url = arena_printf(&req->arena, "http://%s%.*s", sim_address(s), STR_ARG(req->target));
	struct sim_log_entry e = {.at = clock_wall_ms(s->clock), .direction = "in", .status = status, .note = note};
	e.method = method_text(req->method).ptr;
	e.verdict = verdict;
	if (token_find(&req->arena, request_header(req, "Authorization"), req->query, &token) != TOKEN_OK)
		token = (struct str){0};
	sim_log_add(&site->log, &e, str_of(url), token);
}

/* ---- the app's token ---- */

static enum token_code verify_with(const struct sim *s, const struct site_identity *id, const struct remote_app *app,
                                   const struct token_unverified *token, const char *qsh)
{
	const struct str audience = str_of(id->client_key);
	const struct token_rules rules = {
	    .now_s = clock_wall_ms(s->clock) / 1000, .audiences = &audience, .audience_count = 1, .qsh_expected = qsh};
	const struct claims *claims = NULL;
	enum token_code code = token_verify_hs256(token, str_of(id->secret), &rules, &claims);
	if (code != TOKEN_OK)
		return code;
	return str_eq(claims->iss, app->key) ? TOKEN_OK : TOKEN_UNKNOWN_TENANT;
}

/* Lock held. */
static enum token_code verify(struct sim *s, const struct site *site, struct request *req)
{
	struct token_unverified token;
	struct str text;
	char qsh[QSH_LEN];
	char *base_path = arena_printf(&req->arena, "/sites/%s", site->name);
	enum token_code code = token_find(&req->arena, request_header(req, "Authorization"), req->query, &text);
	if (code == TOKEN_OK)
		code = token_parse(&req->arena, text, TOKEN_HS256, &token);
	if (code != TOKEN_OK)
		return code;
	if (!base_path || !qsh_compute(&req->arena, req->method_name, req->target, str_of(base_path), qsh))
		return TOKEN_NO_MEMORY;
	code = TOKEN_TENANT_GONE;
	if (site->status != SITE_UNINSTALLED)
		code = verify_with(s, &site->now, &site->app, &token, qsh);
	if (code != TOKEN_OK && site->pending.secret[0])
		code = verify_with(s, &site->pending, &site->app, &token, qsh);
	return code;
}

/* ---- faults and the common way ---- */

static const char garbage_page[] = "<!DOCTYPE html><title>Log in</title><p>Please log in to continue.</p>";

/* Unlocks. logged: the entry is in the log already. */
static void answer_now(struct request *req, struct sim *s, struct site *site, resource_fn *answer, bool logged)
{
	__cleanup_buf struct buf json = BUF_INIT(RESOURCE_MAX);
	struct jsonw w = jsonw(&json);
	enum token_code code = verify(s, site, req);
	int status = code == TOKEN_OK ? answer(s, site, req, &w) : 401;
	if (!logged)
		log_in(s, site, req, status, code == TOKEN_OK ? "token_good" : "token_refused",
		       code == TOKEN_OK ? NULL : token_code_name(code));
	sim_unlock(s);
	if (status == 401)
		reply_unauthorized(req);
	else if (status == 204)
		reply_empty(req, status);
	else if (json.len > 0)
		sim_reply(req, status, &json);
	else
		reply_problem(req, status, "not_found", NULL, NULL, 0);
}

static void slow_unlink(struct slow *w)
{
	if (!w->back)
		return;
	*w->back = w->next;
	if (w->next)
		w->next->back = w->back;
	w->back = NULL;
}

static void slow_over(void *arg)
{
	struct slow *w = arg;
	struct request *req = w->req;
	pthread_mutex_lock(&w->sim->lock);
	slow_unlink(w);
	sim_unlock(w->sim);
	request_wake(req); /* w goes with the request */
}

void sim_slow_release(struct sim *s)
{
	pthread_mutex_lock(&s->lock);
	for (struct slow *w = s->slow, *next; w; w = next) {
		next = w->next;
		if (!timer_cancel(s->timers, &w->timer))
			continue; /* its time has come: it wakes the request itself */
		slow_unlink(w);
		request_wake(w->req);
	}
	sim_unlock(s);
}

static void slow_answer(struct request *req, void *room)
{
	const struct slow *w = req->state;
	struct site *site = sim_enter(req, room);
	if (site)
		answer_now(req, room, site, w->answer, true);
}

/* Lock held; unlocks. */
static void wait_slowly(struct request *req, struct sim *s, struct site *site, resource_fn *answer)
{
	struct slow *w = s->stopping ? NULL : arena_zalloc(&req->arena, sizeof(*w));
	log_in(s, site, req, 0, "fault", "slow: answered after 30 s");
	if (w) {
		*w = (struct slow){.sim = s, .req = req, .answer = answer, .next = s->slow, .back = &s->slow};
		req->state = w;
		request_wait(req, slow_answer);
		/* set under the lock: the timer's function takes it, so it cannot run before the list is right */
		if (timer_set(s->timers, &w->timer, SLOW_MS, slow_over, w) == OK) {
			if (s->slow)
				s->slow->back = &w->next;
			s->slow = w;
			sim_unlock(s);
			return;
		}
		w->back = NULL;
		sim_unlock(s);
		request_wake(req);
		return;
	}
	sim_unlock(s);
	reply_err(req, ERR_STOPPING);
}

static void enter(struct request *req, struct sim *s, resource_fn *answer)
{
	struct site *site = sim_enter(req, s);
	if (!site)
		return;
	switch (site->fault) {
	case FAULT_SLOW:
		wait_slowly(req, s, site, answer);
		return;
	case FAULT_ERROR:
		log_in(s, site, req, 503, "fault", "fault");
		sim_unlock(s);
		reply_problem(req, 503, "fault", "the simulated site is out of order", NULL, 0);
		return;
	case FAULT_GONE:
		log_in(s, site, req, 404, "fault", "fault");
		sim_unlock(s);
		reply_problem(req, 404, "fault", "the simulated site is gone", NULL, 0);
		return;
	case FAULT_GARBAGE:
		log_in(s, site, req, 200, "fault", "fault");
		sim_unlock(s);
		reply(req, 200, "text/html; charset=utf-8", str_of(garbage_page), NULL, 0);
		return;
	case FAULT_NONE:
	case FAULT_COUNT:
		break;
	}
	answer_now(req, s, site, answer, false);
}

/* ---- the licence ---- */

static void capability_write(const struct site_license *l, struct jsonw *w)
{
	const char *set = site_license_capability_set(l);
	if (set)
		jw_kz(w, "capabilitySet", set);
}

static int latest_write(struct sim *s, const struct site *site, struct request *req, struct jsonw *w)
{
	(void)s, (void)req;
	int64_t end_ms = site_told_ms(site, site->license.expires_at);
	const struct site_license *l = &site->license;
	char sen[32];
	snprintf(sen, sizeof(sen), "SEN-%.8s", site->entitlement);
	jw_obj(w);
	jw_kbool(w, "valid", site_license_valid(l));
	if (l->state != SITE_LICENSE_NONE) {
		bool soon = site_license_valid(l) && l->expires_at - site->clock.seen_ms < 7 * 86400000LL;
		jw_kbool(w, "evaluation", l->state == SITE_LICENSE_EVALUATION);
		jw_kbool(w, "nearlyExpired", soon);
		jw_kint(w, "maximumNumberOfUsers", l->users);
		jw_kint(w, "maintenanceExpiryDate", end_ms);
		jw_kint(w, "expiryDate", end_ms);
		jw_kz(w, "licenseType", l->type);
		jw_kz(w, "supportEntitlementNumber", sen);
		jw_kz(w, "organizationName", site->name);
		jw_kz(w, "contactEmail", "billing@example.test");
		jw_kbool(w, "enterprise", false);
		capability_write(l, w);
		if (l->state == SITE_LICENSE_CANCELLED) {
			jw_kbool(w, "cancelled", true);
			jw_kz(w, "status", "cancelled");
		}
	}
	jw_end_obj(w);
	return 200;
}

static void addon_license_write(const struct site *site, struct jsonw *w)
{
	const struct site_license *l = &site->license;
	char sen[32], number[32];
	snprintf(sen, sizeof(sen), "SEN-%.8s", site->entitlement);
	snprintf(number, sizeof(number), "E-%.8s", site->entitlement);
	jw_key(w, "license");
	jw_obj(w);
	jw_kbool(w, "active", site_license_valid(l));
	jw_kz(w, "type", l->type);
	jw_kbool(w, "evaluation", l->state == SITE_LICENSE_EVALUATION);
	jw_kz(w, "supportEntitlementNumber", sen);
	jw_kz(w, "entitlementId", site->entitlement);
	jw_kz(w, "entitlementNumber", number);
	capability_write(l, w);
	if (l->state == SITE_LICENSE_CANCELLED)
		jw_kbool(w, "cancelled", true);
	jw_end_obj(w);
}

static int addon_write(struct sim *s, const struct site *site, struct request *req, struct jsonw *w)
{
	(void)s;
	if (!str_eq(req->params.part[1], site->app.key))
		return 404;
	jw_obj(w);
	jw_kstr(w, "key", site->app.key);
	jw_kz(w, "version", "1.0.0");
	jw_kz(w, "state", site->status == SITE_DISABLED ? "DISABLED" : "ENABLED");
	if (site->status != SITE_DISABLED) {
		jw_key(w, "host");
		jw_raw(w,
		       STR("{\"product\":\"Jira\",\"contacts\":[{\"name\":\"Billing\",\"email\":\"billing@example.test\"}]}"));
		if (site->license.state != SITE_LICENSE_NONE)
			addon_license_write(site, w);
		jw_key(w, "links");
		jw_raw(w, STR("{}"));
	}
	jw_end_obj(w);
	return 200;
}

/* ---- accounts ---- */

/* Jira names the permissions that hold, of those it was asked about. */
static int permissions_write(struct sim *s, const struct site *site, struct request *req, struct jsonw *w)
{
	(void)s;
	__cleanup_json json_t *body = NULL;
	struct str account = {0};
	if (json_read_object(req->body, &body) != OK)
		return 400;
	json_get_str(body, "accountId", &account);
	const struct site_account *known = site_accounts_find(&site->accounts, account);
	bool admin = known && known->admin && !known->deleted;
	const json_t *asked = json_object_get(body, "globalPermissions");
	jw_obj(w);
	jw_key(w, "globalPermissions");
	jw_arr(w);
	for (size_t i = 0; admin && i < json_array_size(asked); i++) {
		const char *name = json_string_value(json_array_get(asked, i));
		if (name && !strcmp(name, "ADMINISTER"))
			jw_z(w, name);
	}
	jw_end_arr(w);
	jw_key(w, "projectPermissions");
	jw_arr(w);
	jw_end_arr(w);
	jw_end_obj(w);
	return 200;
}

/* Those the app holds that were deleted or have changed since it last looked; 204 where it is up to date. */
static int accounts_write(struct sim *s, const struct site *site, struct request *req, struct jsonw *w)
{
	(void)s;
	__cleanup_json json_t *body = NULL;
	if (json_read_object(req->body, &body) != OK)
		return 400;
	const json_t *asked = json_object_get(body, "accounts");
	size_t told = 0;
	for (size_t i = 0; i < json_array_size(asked); i++) {
		const json_t *one = json_array_get(asked, i);
		struct str id = {0}, text = {0};
		int64_t since = 0;
		if (json_get_str(one, "accountId", &id) != JSON_GOT)
			return 400;
		const struct site_account *known = site_accounts_find(&site->accounts, id);
		if (json_get_str(one, "updatedAt", &text) == JSON_GOT && time_parse(text, &since) != OK)
			return 400;
		if (!known || (!known->deleted && known->updated_at <= since))
			continue;
		if (told++ == 0) {
			jw_obj(w);
			jw_key(w, "accounts");
			jw_arr(w);
		}
		jw_obj(w);
		jw_kz(w, "accountId", known->id);
		jw_kz(w, "status", known->deleted ? "closed" : "updated");
		jw_end_obj(w);
	}
	if (told == 0)
		return 204;
	jw_end_arr(w);
	jw_end_obj(w);
	return 200;
}

/* ---- what Jira has beside ---- */

static int rest_write(struct sim *s, const struct site *site, struct request *req, struct jsonw *w)
{
	size_t prefix = sizeof("/sites/") - 1 + req->params.part[0].len;
	const struct rest_ask ask = {.method = method_text(req->method).ptr,
	                             .address = sim_address(s),
	                             .path = {req->local_path.ptr + prefix, req->local_path.len - prefix},
	                             .query = req->query,
	                             .arena = &req->arena};
	return rest_answer(site, &ask, w);
}

void sim_license_latest(struct request *req, void *room)
{
	enter(req, room, latest_write);
}

void sim_license_addon(struct request *req, void *room)
{
	enter(req, room, addon_write);
}

void sim_permissions(struct request *req, void *room)
{
	enter(req, room, permissions_write);
}

void sim_report_accounts(struct request *req, void *room)
{
	enter(req, room, accounts_write);
}

void sim_rest(struct request *req, void *room)
{
	enter(req, room, rest_write);
}
