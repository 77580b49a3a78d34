/* license_call.c - asks Forge's licence resource with the token that the installation's last call lent. See forge.h.
 *
 * The look-ups (license/lookup.c) decide when; the limits are kept here (system_tokens.h). Too soon, what the last call
 * found is told again, with the time until the next as its age to live, so that a licence does not look stale where the
 * platform forbids to ask. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/metrics.h"
#include "forge/license_body.h"
#include "forge/visit.h"

enum { LICENSE_ANSWER_MAX = 64 * 1024, BLOCK_MAX_S = 3600 };

struct call {
	struct forge *f;
	const struct tenant *tenant; /* a reference */
	license_fetched_fn *done;
	void *arg;
};

static void finish(struct call *c, const struct license_facts *facts, const char *failure)
{
	static const char *const help = "Calls of Forge's licence resource by result.";
	license_fetched_fn *done = c->done;
	void *arg = c->arg;
	metric_inc(
	    metric_counter("licgate_forge_license_calls_total", help, facts ? "result=\"ok\"" : "result=\"failed\""));
	tenant_unref(c->tenant);
	free(c);
	done(arg, facts, failure);
}

static const char *read_answer(struct call *c, const struct http_answer *answer, struct license_facts *facts,
                               json_t **ret_json)
{
	struct system_tokens *tokens = c->f->tokens;
	if (answer->err != OK)
		return answer->err == ERR_TIMEOUT ? "timeout" : "no_answer";
	if (answer->status == 429) {
		int64_t wait_s = answer->retry_after_s;
		if (wait_s < 0 || wait_s > BLOCK_MAX_S)
			wait_s = wait_s < 0 ? LICENSE_CALL_EVERY_MS / 1000 : BLOCK_MAX_S;
		system_tokens_block(tokens, c->tenant->client_key, wait_s * 1000);
		return "status_429";
	}
	if (answer->status != 200)
		return answer->status == 401 || answer->status == 403 ? "status_401" : "status_other";
	const char *wrong = license_body_read(answer->body, c->f->app_id, facts, ret_json);
	if (!wrong) {
		const struct found_license found = {facts->valid, facts->evaluation, facts->edition, facts->expires_at};
		system_tokens_found(tokens, c->tenant->client_key, &found);
	}
	return wrong;
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct call *c = arg;
	struct license_facts facts;
	__cleanup_json json_t *json = NULL;
	const char *failure = read_answer(c, answer, &facts, &json);
	finish(c, failure ? NULL : &facts, failure);
}

static enum err ask(struct forge *f, struct call *c, const char *token)
{
	__cleanup(buf_wipe) struct buf bearer = BUF_INIT(SYSTEM_TOKEN_MAX_BYTES + 16);
	buf_z(&bearer, "Bearer ");
	buf_z(&bearer, token);
	if (bearer.err != OK)
		return bearer.err;
	const struct http_header headers[] = {{"Authorization", bearer.data}, {"Accept", "application/json"}};
	const struct http_call call = {.method = "GET",
	                               .url = f->o.config->forge_license_url,
	                               .headers = headers,
	                               .header_count = 2,
	                               .answer_max = LICENSE_ANSWER_MAX,
	                               .timeout_ms = f->o.config->upstream_timeout_s * 1000,
	                               .done = on_answer,
	                               .arg = c};
	return http_client_call(f->o.client, &call);
}

/* What is known goes out at once. */
static enum err tell_again(const struct found_license *found, int64_t wait_ms, license_fetched_fn *done, void *arg)
{
	const struct license_facts facts = {.valid = found->valid,
	                                    .evaluation = found->evaluation,
	                                    .edition = found->edition,
	                                    .expires_at = found->expires_at,
	                                    .max_age_s = wait_ms / 1000 + 1};
	done(arg, &facts, NULL);
	return OK;
}

enum err forge_license_fetch(struct forge *f, const struct tenant *tenant, license_fetched_fn *done, void *arg)
{
	__cleanup(buf_wipe) struct buf token = BUF_INIT(SYSTEM_TOKEN_MAX_BYTES + 1);
	struct found_license found = {0};
	int64_t wait_ms = 0;
	switch (system_tokens_call(f->tokens, tenant->client_key, &token, &found, &wait_ms)) {
	case CALL_NO_TOKEN:
		done(arg, NULL, "no_system_token");
		return OK;
	case CALL_LIMITED:
		done(arg, NULL, "rate_limited");
		return OK;
	case CALL_KNOWN:
		return tell_again(&found, wait_ms, done, arg);
	case CALL_NOW:
		break;
	}
	struct call *c = calloc(1, sizeof(*c));
	if (!c)
		return ERR_NOMEM;
	*c = (struct call){.f = f, .tenant = tenant, .done = done, .arg = arg};
	tenant_ref(tenant);
	enum err err = token.err == OK ? ask(f, c, token.data) : token.err;
	if (err != OK) {
		tenant_unref(tenant);
		free(c);
	}
	return err;
}
