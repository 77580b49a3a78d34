/* authz.c - forward authentication. See authz.h.
 *
 * One flow for every proxy, which differ in where they put the original request alone:
 *   nginx    X-Original-Method, X-Original-URL (set by the operator)
 *   forward  X-Forwarded-Method, X-Forwarded-Uri (Traefik, Caddy)
 *   envoy    the method of the call itself, path = /authz/envoy + original; the demand, which has no place in that
 *            URL, comes in the header X-Licgate-Policy that the operator lets Envoy add
 * All of it is believed from a trusted proxy only. 401 and 403 are the only refusals, because nginx turns any other
 * status into a 500. Rules: "Forward authentication" of the contract. */
#include "authz/authz.h"

#include <stdio.h>

#include "authz/demand.h"
#include "authz/original.h"
#include "base/log.h"
#include "connect/gate.h"
#include "forge/forge.h"
#include "token/token.h"

enum proxy { PROXY_NGINX, PROXY_FORWARD, PROXY_ENVOY };
static const struct {
	const char *method_header, *url_header; /* NULL: the call itself */
} PROXIES[] = {
    [PROXY_NGINX] = {"X-Original-Method", "X-Original-URL"},
    [PROXY_FORWARD] = {"X-Forwarded-Method", "X-Forwarded-Uri"},
    [PROXY_ENVOY] = {NULL, NULL},
};
#define ENVOY_PREFIX "/authz/envoy"
#define POLICY_HEADER "X-Licgate-Policy"

/* Kept in the request's arena while the request waits. */
struct ask {
	struct demand demand;
	struct original original;
};

static void deny(struct request *req, const char *code)
{
	const struct header header = {"X-Connect-Deny", str_of(code)};
	req->code = code;
	reply_problem(req, 403, code, NULL, &header, 1);
}

/* A header that is there once; a second one may be the client's. */
static bool one_header(const struct request *req, const char *name, struct str *ret)
{
	*ret = request_header(req, name);
	return request_header_count(req, name) == 1 && ret->len > 0;
}

static bool read_original(struct request *req, enum proxy proxy, struct original *ret)
{
	if (proxy == PROXY_ENVOY) {
		const size_t prefix = sizeof(ENVOY_PREFIX) - 1;
		struct str path = {req->local_path.ptr + prefix, req->local_path.len - prefix};
		return original_join(&req->arena, req->method_name, path, req->query, ret);
	}
	struct str method, url;
	return one_header(req, PROXIES[proxy].method_header, &method) && one_header(req, PROXIES[proxy].url_header, &url) &&
	       original_parse(method, url, ret);
}

static const char *read_demand(struct request *req, const struct connect *c, enum proxy proxy, struct demand *ret)
{
	struct str policy = req->query;
	if (proxy == PROXY_ENVOY) {
		if (request_header_count(req, POLICY_HEADER) > 1)
			return "bad_policy";
		policy = request_header(req, POLICY_HEADER);
	}
	const char *wrong = demand_parse(&req->arena, policy, c->features, ret);
	if (wrong)
		log_event(LOG_WARN, "authz.policy", LF_Z("code", wrong), LF_Z("route", req->route->pattern),
		          LF_Z("do", "mend the proxy's configuration: every request there is refused"));
	return wrong;
}

/* Printable ASCII, so that no proxy and no app reads anything else out of it. */
static struct str header_safe(struct str value)
{
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e)
			return (struct str){NULL, 0};
	return value;
}

static void add(struct header *headers, size_t *count, const char *name, struct str value)
{
	value = header_safe(value);
	if (value.len)
		headers[(*count)++] = (struct header){name, value};
}

/* The person that calls, whichever token says so; empty for none. */
static struct str account_of(const struct request *req)
{
	return req->fit ? req->fit->account_id : req->claims->account_id;
}

static void allow(struct request *req, const struct license_decision *d, enum verdict verdict)
{
	struct header headers[8];
	size_t count = 0;
	char age[24];
	snprintf(age, sizeof(age), "%lld", (long long)d->age_s);
	add(headers, &count, "X-Connect-Client-Key", req->tenant->client_key);
	add(headers, &count, "X-Connect-Account-Id", account_of(req));
	add(headers, &count, "X-Connect-Base-Url", req->tenant->base_url);
	add(headers, &count, "X-Connect-Verdict", str_of(verdict_name(verdict)));
	if (d->state != STATE_UNKNOWN) {
		add(headers, &count, "X-Connect-License", str_of(license_state_name(d->state)));
		add(headers, &count, "X-Connect-License-Source", str_of(license_source_name(d->source)));
		add(headers, &count, "X-Connect-License-Age", str_of(age));
		add(headers, &count, "X-Connect-Edition", str_of(edition_name(d->edition)));
	}
	reply(req, 200, NULL, STR(""), headers, count);
}

/* The strictest of what was asked for; without a demand a token is enough. */
static struct ruling rule(struct request *req, struct connect *c, const struct demand *demand,
                          const struct license_decision *d)
{
	struct ruling r = {VERDICT_ALLOW, CODE_VALID};
	if (demand->required)
		r = policy_rule(&demand_any_license, d, req->tenant->first_installed_at, true);
	if (r.verdict == VERDICT_ALLOW && demand->feature)
		r = feature_use(c->lookups, demand->feature, req->tenant, d, account_of(req));
	return r;
}

/* False: the request waits, and `again` runs. */
static bool decision(struct request *req, struct connect *c, handler_fn *again, struct license_decision *ret)
{
	const struct ask *ask = req->state;
	if (req->fit) {
		bool wait = false;
		*ret = forge_decide(c->forge, req, again ? &wait : NULL);
		if (wait)
			gate_wait(c, req, req->tenant, again);
		return !wait;
	}
	/* lic counts where the token covers the query it stands in. */
	const bool covered = !ask->demand.context && !req->claims->is_context;
	struct request_signal sig = auth_signal(&req->arena, req->claims, covered ? ask->original.query : STR(""));
	return gate_decide(c, req, req->tenant, &sig, again, ret);
}

static void decide(struct request *req, struct connect *c, handler_fn *again)
{
	const struct ask *ask = req->state;
	struct license_decision d;
	if (!decision(req, c, again, &d))
		return;
	struct ruling r = rule(req, c, &ask->demand, &d);
	if (r.verdict == VERDICT_DENY || (r.verdict == VERDICT_READ_ONLY && !gate_method_reads(ask->original.method)))
		deny(req, policy_code_name(r.code));
	else
		allow(req, &d, r.verdict);
}

static void waited(struct request *req, void *connect)
{
	decide(req, connect, NULL);
}

/* Finds and verifies the token of the original request; sets claims and tenant. */
static enum token_code verify(struct request *req, struct connect *c, const struct ask *ask)
{
	struct str token = STR("");
	enum token_code code = token_find(&req->arena, request_header(req, "Authorization"), ask->original.query, &token);
	if (code != TOKEN_OK) {
		const struct failure f = {.at = clock_wall_ms(c->clock),
		                          .route = req->route->pattern,
		                          .code = token_code_name(code),
		                          .text = token_code_text(code),
		                          .request_id = req->id};
		failures_add(c->failures, &f);
		return code;
	}
	return auth_verify_for(c, &req->arena, ask->original.method, ask->original.target, token, ask->demand.context,
	                       req->route->pattern, req->id, &req->claims, &req->tenant);
}

static void refuse_token(struct request *req, enum token_code code)
{
	if (code == TOKEN_NO_MEMORY) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	req->code = token_code_name(code);
	reply_unauthorized(req);
}

/* ---- a Forge token: what has to be waited for is waited for there ---- */

static void forge_tenant_found(struct request *req, void *connect, enum token_code code)
{
	if (code == TOKEN_OK)
		decide(req, connect, waited);
	else if (code != TOKEN_NO_MEMORY) /* that one is answered */
		refuse_token(req, code);
}

static void forge_verified(struct request *req, void *connect, enum token_code code)
{
	struct connect *c = connect;
	if (code == TOKEN_OK)
		forge_find_tenant(c->forge, req, forge_tenant_found, c);
	else
		refuse_token(req, code);
}

static void authorize(struct request *req, struct connect *c, enum proxy proxy)
{
	if (!config_trusts(c->config, req->peer)) {
		deny(req, "untrusted_proxy");
		return;
	}
	struct ask *ask = arena_zalloc(&req->arena, sizeof(*ask));
	if (!ask) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	const char *wrong = read_demand(req, c, proxy, &ask->demand);
	if (!wrong && !read_original(req, proxy, &ask->original))
		wrong = "bad_forwarded_request";
	if (wrong) {
		deny(req, wrong);
		return;
	}
	if (ask->demand.forge) {
		req->state = ask;
		forge_verify(c->forge, req, forge_verified, c);
		return;
	}
	enum token_code code = verify(req, c, ask);
	if (code != TOKEN_OK) {
		refuse_token(req, code);
		return;
	}
	user_seen(c->lookups, req->tenant, req->claims->account_id);
	request_hold_tenant(req, req->tenant);
	req->state = ask;
	decide(req, c, waited);
}

void authz_nginx(struct request *req, void *connect)
{
	authorize(req, connect, PROXY_NGINX);
}

void authz_forward(struct request *req, void *connect)
{
	authorize(req, connect, PROXY_FORWARD);
}

void authz_envoy(struct request *req, void *connect)
{
	authorize(req, connect, PROXY_ENVOY);
}
