/* library.c - include/licgate/licgate.h over the composition root: the same verification, decision and policy as the
 * server's own routes, for a program that serves its requests itself. */
#include "licgate/licgate.h"

#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "base/cleanup.h"
#include "base/secret.h"
#include "connect/gate.h"

struct licgate {
	struct config *config;
	struct app *app;
};

enum { ASK_ARENA_MAX = 256 * 1024 };

int licgate_start(char *const settings[], struct licgate **ret)
{
	struct licgate *gate = calloc(1, sizeof *gate);
	if (!gate || !crypto_init() || config_load(settings, print_problem, NULL, &gate->config) != OK ||
	    app_start(gate->config, &gate->app) != OK) {
		if (gate)
			config_free(gate->config);
		free(gate);
		return -1;
	}
	*ret = gate;
	return 0;
}

void licgate_stop(struct licgate *gate)
{
	if (!gate)
		return;
	app_stop(gate->app);
	config_free(gate->config);
	free(gate);
}

const char *licgate_address(const struct licgate *gate)
{
	return app_public_address(gate->app);
}

static void refuse(struct licgate_answer *a, int status, const char *code)
{
	a->verdict = LICGATE_DENY;
	a->status = status;
	a->code = code;
}

/* Whole or not at all: a name that is cut is another one's. */
static bool copy(char *out, size_t size, struct str s)
{
	if (s.len >= size)
		return false;
	if (s.len > 0)
		memcpy(out, s.ptr, s.len);
	out[s.len] = '\0';
	return true;
}

static bool identify(struct licgate_answer *a, const struct claims *claims, const struct tenant *tenant)
{
	return copy(a->client_key, sizeof a->client_key, tenant->client_key) &&
	       copy(a->account_id, sizeof a->account_id, claims->account_id) &&
	       copy(a->base_url, sizeof a->base_url, tenant->base_url);
}

/* What the licence and the feature make of a request whose token is verified. */
static void rule(struct connect *c, struct arena *arena, const struct licgate_request *r, struct str query,
                 const struct claims *claims, const struct tenant *tenant, struct licgate_answer *a)
{
	const struct request_signal signal = auth_signal(arena, claims, claims->is_context ? STR("") : query);
	const struct license_decision d = lookups_decide(c->lookups, tenant, &signal, NULL);
	a->state = license_state_name(d.state);
	a->source = license_source_name(d.source);
	if (!r->feature) {
		a->verdict = LICGATE_ALLOW;
		a->status = 200;
		a->code = "VALID";
		return;
	}
	const struct feature *feature = features_find(c->features, str_of(r->feature));
	if (!feature) {
		refuse(a, 403, "unknown_feature");
		return;
	}
	const struct ruling ruling = feature_use(c->lookups, feature, tenant, &d, claims->account_id);
	a->code = policy_code_name(ruling.code);
	if (ruling.verdict == VERDICT_DENY ||
	    (ruling.verdict == VERDICT_READ_ONLY && !gate_method_reads(str_of(r->method)))) {
		refuse(a, 403, a->code);
		return;
	}
	a->verdict = ruling.verdict == VERDICT_ALLOW ? LICGATE_ALLOW : LICGATE_READ_ONLY;
	a->status = 200;
}

int licgate_ask(struct licgate *gate, const struct licgate_request *r, struct licgate_answer *ret)
{
	struct connect *c = app_connect(gate->app);
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, ASK_ARENA_MAX);
	*ret = (struct licgate_answer){.status = 401, .code = "OUT_OF_MEMORY", .state = "", .source = ""};

	struct str query = str_of(r->target), token;
	const size_t at = str_find(query, '?');
	query = at < query.len ? (struct str){query.ptr + at + 1, query.len - at - 1} : STR("");
	enum token_code code = token_find(&arena, str_of(r->authorization), query, &token);
	const struct claims *claims = NULL;
	const struct tenant *tenant = NULL;
	if (code == TOKEN_OK)
		code = auth_verify_for(c, &arena, str_of(r->method), str_of(r->target), token, r->context != 0, "licgate_ask",
		                       "", &claims, &tenant);
	if (code != TOKEN_OK) {
		refuse(ret, code == TOKEN_TWO || code == TOKEN_NOT_UTF8 ? 400 : 401, token_code_name(code));
		return code == TOKEN_NO_MEMORY ? -1 : 0;
	}
	user_seen(c->lookups, tenant, claims->account_id);
	if (identify(ret, claims, tenant))
		rule(c, &arena, r, query, claims, tenant, ret);
	else
		refuse(ret, 403, "name_too_long");
	tenant_unref(tenant);
	return 0;
}
