/* license_route.c - POST /forge/v1/license: the licence answer for whoever calls, and what its licence is.
 *
 * In PRODUCTION the token's licence is this request's signal; a token without one (a free app, or a call that carries
 * none) falls through to what is known. Every other environment has no licence: the features file rules. */
#include "base/log.h"
#include "forge/visit.h"
#include "license/lookup.h"

enum { ANSWER_MAX = 64 * 1024 };

static struct request_signal signal_of(const struct fit *f)
{
	struct request_signal sig = {0};
	if (!f->has_license)
		return sig;
	sig.forge_ends_at = f->license_evaluation && f->trial_end ? f->trial_end : f->subscription_end;
	if (!f->license_active)
		sig.forge = SIGNAL_NOT_LICENSED;
	else
		sig.forge = f->license_evaluation ? SIGNAL_EVALUATION : SIGNAL_LICENSED;
	return sig;
}

struct license_decision forge_decide(struct forge *f, const struct request *req, bool *ret_wait)
{
	const struct fit *fit = req->fit;
	if (str_eqz(fit->environment, "PRODUCTION")) {
		const struct request_signal sig = signal_of(fit);
		return lookups_decide(f->lookups, req->tenant, &sig, ret_wait);
	}
	struct license_decision d = lookups_state(f->lookups, req->tenant);
	if (ret_wait)
		*ret_wait = false;
	if (d.source == SOURCE_OVERRIDE)
		return d;
	return (struct license_decision){.state = STATE_NONE,
	                                 .source = SOURCE_FORGE,
	                                 .reason = "forge_environment",
	                                 .ruled = true,
	                                 .rule = features_forge_environment(f->o.features, fit->environment)};
}

static void answer(struct request *req, struct forge *f, handler_fn *again);

static void waited(struct request *req, void *forge)
{
	answer(req, forge, NULL);
}

static void wake(void *req)
{
	request_wake(req);
}

static void answer(struct request *req, struct forge *f, handler_fn *again)
{
	bool wait = false;
	const struct license_decision d = forge_decide(f, req, again ? &wait : NULL);
	if (wait) {
		request_wait(req, again);
		if (!lookups_wait(f->lookups, req->tenant, wake, req))
			request_wake(req);
		return;
	}
	__cleanup_buf struct buf json = BUF_INIT(ANSWER_MAX);
	struct jsonw w = jsonw(&json);
	license_answer(&w, f->lookups, f->o.features, req->tenant, &d, req->fit->account_id);
	log_event(LOG_DEBUG, "forge.call", LF_STR("tenant", req->tenant->client_key),
	          LF_STR("environment", req->fit->environment), LF_Z("state", license_state_name(d.state)),
	          LF_STR("trace_id", visit_trace(req, "x-b3-traceid")), LF_STR("span_id", visit_trace(req, "x-b3-spanid")),
	          LF_Z("request_id", req->id));
	if (json.err != OK)
		reply_err(req, json.err);
	else
		reply_json(req, 200, &json);
}

static void found(struct request *req, void *forge, enum token_code code)
{
	if (code == TOKEN_OK)
		answer(req, forge, waited);
	else if (code == TOKEN_TENANT_GONE)
		forge_refuse(req, code);
}

void forge_license_post(struct request *req, void *forge)
{
	forge_find_tenant(forge, req, found, forge);
}
