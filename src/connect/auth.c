/* Authenticators of pages and context routes, and the verification they share with forward authentication. Runs on the
 * request's worker, never waits. An unknown tenant costs the same work as a bad signature and gets the same answer;
 * what was wrong is for the operator (failures.h). Rules: docs/security.md. */
#include <string.h>

#include "base/cleanup.h"
#include "base/form.h"
#include "connect/auth_internal.h"
#include "connect/descriptor.h"
#include "license/tenants.h"

struct str auth_base_path(const struct connect *c)
{
	return str_of(c->config->base_path);
}

struct token_rules auth_rules(const struct connect *c)
{
	return (struct token_rules){.now_s = clock_wall_ms(c->clock) / 1000,
	                            .audiences = c->audiences,
	                            .audience_count = c->audience_count,
	                            .app_key = str_of(c->descriptor->key)};
}

static char *text_in(struct arena *a, struct str s)
{
	return s.ptr ? arena_strz(a, s) : NULL;
}

void auth_record(const struct attempt *at, enum token_code code)
{
	char qsh[QSH_LEN];
	struct str canonical = {NULL, 0}, computed = {NULL, 0};
	struct failure e = {.at = clock_wall_ms(at->connect->clock),
	                    .route = at->route,
	                    .code = token_code_name(code),
	                    .text = token_code_text(code)};
	e.request_id = text_in(at->arena, str_of(at->request_id));
	if (at->token) {
		e.tenant = text_in(at->arena, at->token->iss);
		e.received_qsh = text_in(at->arena, at->token->qsh);
	}
	if (at->qsh_compared && qsh_canonical(at->arena, at->method, at->target, auth_base_path(at->connect), &canonical) &&
	    qsh_compute(at->arena, at->method, at->target, auth_base_path(at->connect), qsh))
		computed = (struct str){qsh, QSH_LEN};
	e.computed_canonical = text_in(at->arena, canonical);
	e.computed_qsh = text_in(at->arena, computed);
	failures_add(at->connect->failures, &e);
}

/* The signature and the claims against the tenant of iss. Which tenants exist must not show in the time this takes, so
 * a made-up secret stands in for a missing one. */
static enum token_code verify_for_tenant(const struct token_unverified *t, const struct tenant *tenant,
                                         const struct token_rules *rules, const struct claims **ret_claims)
{
	bool usable = tenant && tenant->shared_secret.len > 0;
	struct str secret = usable ? tenant->shared_secret : STR("no tenant has this secret, it only takes its time");
	const struct claims *claims;
	enum token_code code = token_verify_hs256(t, secret, rules, &claims);
	if (!tenant)
		return TOKEN_UNKNOWN_TENANT;
	if (!usable)
		return TOKEN_NO_SECRET;
	if (code == TOKEN_OK && tenant->status == TENANT_UNINSTALLED)
		return TOKEN_TENANT_GONE;
	if (code == TOKEN_OK)
		*ret_claims = claims;
	return code;
}

static void unref_tenant(const struct tenant **tenant)
{
	tenant_unref(*tenant);
}

static enum token_code verify(struct attempt *at, struct str token, bool context_allowed, struct token_unverified *t,
                              const struct claims **ret_claims, const struct tenant **ret_tenant)
{
	struct connect *c = at->connect;
	if (!qsh_target_utf8(at->target))
		return TOKEN_NOT_UTF8;
	enum token_code code = token_parse(at->arena, token, TOKEN_HS256, t);
	at->token = t;
	if (code != TOKEN_OK)
		return code;
	struct token_rules rules = auth_rules(c);
	char qsh[QSH_LEN];
	rules.context_allowed = context_allowed;
	if (!t->asks_context) {
		at->qsh_compared = true;
		if (!qsh_compute(at->arena, at->method, at->target, auth_base_path(c), qsh))
			return TOKEN_NO_MEMORY;
		rules.qsh_expected = qsh;
	}
	__cleanup(unref_tenant) const struct tenant *tenant = tenants_find(c->tenants, t->iss);
	code = verify_for_tenant(t, tenant, &rules, ret_claims);
	if (code == TOKEN_OK)
		*ret_tenant = TAKE(tenant);
	return code;
}

enum token_code auth_verify_for(struct connect *c, struct arena *a, struct str method, struct str target,
                                struct str token, bool context_allowed, const char *route, const char *request_id,
                                const struct claims **ret_claims, const struct tenant **ret_tenant)
{
	struct attempt at = {
	    .connect = c, .arena = a, .method = method, .target = target, .route = route, .request_id = request_id};
	struct token_unverified t;
	enum token_code code = verify(&at, token, context_allowed, &t, ret_claims, ret_tenant);
	if (code != TOKEN_OK) {
		auth_record(&at, code);
		return code;
	}
	tenant_seen(*ret_tenant, clock_wall_ms(c->clock));
	return TOKEN_OK;
}

void auth_refuse(struct request *req, enum token_code code)
{
	req->code = token_code_name(code);
	if (code == TOKEN_NO_MEMORY)
		reply_err(req, ERR_NOMEM);
	else if (code == TOKEN_KEYS_UNAVAILABLE)
		reply_unavailable(req, "key_host_unavailable", 30);
	else if (code == TOKEN_TWO)
		reply_problem(req, 400, "two_tokens", "The request has more than one token.", NULL, 0);
	else if (code == TOKEN_NOT_UTF8)
		reply_problem(req, 400, "not_utf8", "The request's path or query is not UTF-8.", NULL, 0);
	else
		reply_unauthorized(req);
}

bool auth_find_token(struct request *req, struct connect *c, struct str *ret_token)
{
	enum token_code code = token_find(&req->arena, request_header(req, "Authorization"), req->query, ret_token);
	if (code == TOKEN_OK)
		return true;
	struct attempt at = {.connect = c, .arena = &req->arena, .route = req->route->pattern, .request_id = req->id};
	auth_record(&at, code);
	auth_refuse(req, code);
	return false;
}

static void release_tenant(struct request *req, void *arg)
{
	(void)arg;
	tenant_unref(req->tenant);
	req->tenant = NULL;
}

void request_hold_tenant(struct request *req, const struct tenant *tenant)
{
	req->tenant = tenant;
	req->on_end = release_tenant;
}

static void authenticate(struct request *req, struct connect *c, bool context_allowed)
{
	struct str token;
	if (!auth_find_token(req, c, &token))
		return;
	enum token_code code = auth_verify_for(c, &req->arena, req->method_name, req->target, token, context_allowed,
	                                       req->route->pattern, req->id, &req->claims, &req->tenant);
	if (code != TOKEN_OK) {
		auth_refuse(req, code);
		return;
	}
	request_hold_tenant(req, req->tenant);
	request_authorized(req);
}

void auth_page(struct request *req, void *connect)
{
	authenticate(req, connect, false);
}

void auth_context(struct request *req, void *connect)
{
	authenticate(req, connect, true);
}

static enum signal lic_signal(struct str value)
{
	if (str_eq(value, STR("active")))
		return SIGNAL_LICENSED;
	if (str_eq(value, STR("expired")))
		return SIGNAL_EXPIRED;
	return str_eq(value, STR("none")) ? SIGNAL_NOT_LICENSED : SIGNAL_AMBIGUOUS;
}

struct request_signal auth_signal(struct arena *a, const struct claims *claims, struct str signed_query)
{
	struct request_signal s = {0};
	struct str name, raw, value;
	size_t lics = 0, sets = 0;
	while (form_next(&signed_query, &name, &raw)) {
		bool lic = form_is(name, "lic"), set = form_is(name, "capSet");
		if (!lic && !set)
			continue;
		/* without memory the value is another value: never a licence */
		if (!form_decode(a, raw, &value))
			value = STR("");
		if (lic)
			s.lic = ++lics == 1 ? lic_signal(value) : SIGNAL_AMBIGUOUS;
		else
			s.edition = ++sets == 1 ? edition_of_capability_set(value) : EDITION_NONE;
	}
	if (claims->has_license)
		s.claim = claims->license_active ? SIGNAL_LICENSED : SIGNAL_NOT_LICENSED;
	return s;
}
