/* verify.c - from an Authorization header to a verified token and its tenant. See forge.h.
 *
 * Runs on the request's worker and never blocks: a key that is not kept, or an installation that is new, is waited for
 * without a thread. Everything is in the request's arena, which lives until the request was woken. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "forge/follow.h"
#include "license/join.h"

struct visit *visit_of(const struct request *req)
{
	return req->on_end_arg;
}

static void visit_end(struct request *req, void *arg)
{
	struct visit *v = arg;
	tenant_unref(req->tenant);
	req->tenant = NULL;
	req->fit = NULL;
	jwks_key_unref(v->key);
	follow_free(v->follow);
}

struct str visit_trace(const struct request *req, const char *header)
{
	struct str id = request_header(req, header);
	if (id.len > 32)
		return (struct str){NULL, 0};
	for (size_t i = 0; i < id.len; i++) {
		const char c = (char)(id.ptr[i] | 0x20);
		if (!(id.ptr[i] >= '0' && id.ptr[i] <= '9') && !(c >= 'a' && c <= 'f'))
			return (struct str){NULL, 0};
	}
	return id;
}

/* Keeps a refusal for the operator and tells the caller of this room. */
static void refused(struct visit *v, enum token_code code)
{
	struct forge *f = v->f;
	struct request *req = v->req;
	const struct str id = fit_claimed_installation(&v->token);
	const char *key = id.len ? arena_printf(&req->arena, FORGE_TENANT_PREFIX "%.*s", STR_ARG(id)) : NULL;
	const struct forge_refusal r = {.route = req->route->pattern,
	                                .request_id = req->id,
	                                .code = code,
	                                .tenant = key ? str_of(key) : (struct str){NULL, 0}};
	const struct str trace = visit_trace(req, "x-b3-traceid");
	f->o.refused(f->o.refused_arg, &r);
	if (trace.len)
		log_event(LOG_INFO, "forge.refused", LF_Z("code", token_code_name(code)), LF_STR("trace_id", trace),
		          LF_STR("span_id", visit_trace(req, "x-b3-spanid")), LF_Z("request_id", req->id));
	v->then(req, v->then_arg, code);
}

static enum token_code key_code(enum jwks_status status)
{
	switch (status) {
	case JWKS_UNKNOWN:
		return TOKEN_UNKNOWN_KID;
	case JWKS_WEAK:
		return TOKEN_WEAK_KEY;
	case JWKS_FOUND:
		return TOKEN_OK;
	case JWKS_UNAVAILABLE:
		break;
	}
	return TOKEN_KEYS_UNAVAILABLE;
}

static void judge(struct visit *v)
{
	struct forge *f = v->f;
	enum token_code code = key_code(v->status);
	if (code == TOKEN_OK)
		code = fit_verify(&v->token, jwks_key_rsa(v->key), f->app_id, clock_wall_ms(f->o.clock) / 1000, &v->req->fit);
	if (code == TOKEN_OK)
		v->then(v->req, v->then_arg, TOKEN_OK);
	else
		refused(v, code);
}

/* Worker. */
static void key_came(struct request *req, void *room)
{
	(void)room;
	judge(visit_of(req));
}

/* Client thread: nothing of the request may be touched once it was woken. */
static void key_answer(void *arg, enum jwks_status status, struct jwks_key *key)
{
	struct visit *v = arg;
	v->status = status;
	v->key = key;
	request_wake(v->req);
}

static void with_key(struct visit *v)
{
	struct forge *f = v->f;
	const struct str kid = v->token.token.kid;
	if (jwks_get(f->keys, kid, &v->status, &v->key, NULL, NULL)) {
		judge(v);
		return;
	}
	request_wait(v->req, key_came);
	struct jwks_key *key;
	enum jwks_status status;
	if (jwks_get(f->keys, kid, &status, &key, key_answer, v))
		key_answer(v, status, key);
}

void forge_verify(struct forge *f, struct request *req, forge_fn *then, void *arg)
{
	struct visit *v = f ? arena_zalloc(&req->arena, sizeof(*v)) : NULL;
	struct str token;
	if (!v) {
		then(req, arg, f ? TOKEN_NO_MEMORY : TOKEN_MISSING);
		return;
	}
	v->f = f;
	v->req = req;
	v->then = then;
	v->then_arg = arg;
	req->on_end = visit_end;
	req->on_end_arg = v;
	enum token_code code = fit_find(request_header(req, "Authorization"), &token);
	if (code == TOKEN_OK)
		code = fit_parse(&req->arena, token, &v->token);
	if (code == TOKEN_OK)
		with_key(v);
	else
		refused(v, code);
}

/* ---- the tenant ---- */

static void keep_system_token(struct forge *f, const struct request *req)
{
	/* With Connect's secret the licence is looked up there; other environments have none to look up. */
	if (req->tenant->shared_secret.len > 0 || !str_eqz(req->fit->environment, "PRODUCTION"))
		return;
	const struct str token = request_header(req, "x-forge-oauth-system");
	const int64_t until = system_tokens_put(f->tokens, req->tenant->client_key, token);
	if (until > 0)
		lookups_fetchable(req->tenant, until);
}

struct seen_job {
	struct store_job job;
	struct forge *f;
	int64_t at;
	char installation_id[];
};

static enum err store_seen(struct store_job *job, struct store_tx *tx)
{
	struct seen_job *j = (struct seen_job *)(void *)job;
	enum err err = store_forge_seen(tx, str_of(j->installation_id), j->at);
	return err == ERR_NOT_FOUND ? OK : err;
}

static void seen_done(struct store_job *job, enum err err)
{
	struct seen_job *j = (struct seen_job *)(void *)job;
	struct forge *f = j->f;
	(void)err; /* the next sight is stored */
	free(j);
	pthread_mutex_lock(&f->lock);
	f->busy--;
	pthread_cond_broadcast(&f->idle);
	pthread_mutex_unlock(&f->lock);
}

static void seen(struct forge *f, const struct request *req)
{
	const int64_t now = clock_wall_ms(f->o.clock);
	const struct str id = req->fit->installation_id;
	tenant_seen_elsewhere(req->tenant, now);
	if (!installs_seen(f->installs, id, now))
		return;
	struct seen_job *j = calloc(1, sizeof(*j) + id.len + 1);
	if (!j)
		return;
	j->job = (struct store_job){.run = store_seen, .done = seen_done};
	j->f = f;
	j->at = now;
	memcpy(j->installation_id, id.ptr, id.len);
	pthread_mutex_lock(&f->lock);
	f->busy++;
	pthread_mutex_unlock(&f->lock);
	enum err err = store_submit(f->o.store, &j->job);
	if (err != OK)
		seen_done(&j->job, err);
}

static void found(struct visit *v)
{
	struct forge *f = v->f;
	struct request *req = v->req;
	metric_inc(f->calls);
	seen(f, req);
	keep_system_token(f, req);
	if (req->fit->account_id.len)
		user_seen(f->lookups, req->tenant, req->fit->account_id);
	v->then(req, v->then_arg, TOKEN_OK);
}

/* Worker: the store has said whose installation it is. */
static void followed(struct request *req, void *room)
{
	(void)room;
	struct visit *v = visit_of(req);
	const struct follow *w = v->follow;
	enum err err = w->err;
	if (err == OK && !w->gone) {
		req->tenant = tenants_find(v->f->o.tenants, str_of(w->row.client_key));
		if (req->tenant) {
			found(v);
			return;
		}
		err = ERR_BUSY; /* purged this very moment */
	}
	if (err == OK) {
		refused(v, TOKEN_TENANT_GONE);
		return;
	}
	reply_err(req, err);
	v->then(req, v->then_arg, TOKEN_NO_MEMORY);
}

void forge_find_tenant(struct forge *f, struct request *req, forge_fn *then, void *arg)
{
	struct visit *v = visit_of(req);
	struct str key;
	v->then = then;
	v->then_arg = arg;
	if (installs_current(f->installs, req->fit, &req->arena, &key)) {
		req->tenant = tenants_find(f->o.tenants, key);
		if (req->tenant && req->tenant->status != TENANT_UNINSTALLED) {
			found(v);
			return;
		}
		tenant_unref(req->tenant);
		req->tenant = NULL;
	}
	follow_start(f, req, FOLLOW_CALL, STR(""), followed);
}

void forge_refuse(struct request *req, enum token_code code)
{
	static const struct header bearer = {"WWW-Authenticate", {"Bearer", 6}}; /* RFC 6750, 3 */
	req->code = token_code_name(code);
	if (code == TOKEN_NO_MEMORY)
		reply_err(req, ERR_NOMEM);
	else if (code == TOKEN_KEYS_UNAVAILABLE)
		reply_unavailable(req, "key_host_unavailable", 30);
	else
		reply_problem(req, 401, "unauthorized", NULL, &bearer, 1);
}

static void authenticated(struct request *req, void *arg, enum token_code code)
{
	(void)arg;
	if (code == TOKEN_OK)
		request_authorized(req);
	else
		forge_refuse(req, code);
}

void auth_forge(struct request *req, void *forge)
{
	if (!forge)
		reply_err(req, ERR_NOT_FOUND);
	else
		forge_verify(forge, req, authenticated, NULL);
}
