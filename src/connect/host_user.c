/* host_user.c - acting as a user: the JWT bearer grant of Atlassian's authorization server.
 *
 * An assertion signed with the tenant's secret says which user of which site; the server answers with an access token,
 * kept until a minute before its end. One grant under way per tenant and account. No scope is asked for, which gives
 * those of the app (it needs ACT_AS_USER in its descriptor). */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/secret.h"
#include "connect/host_internal.h"
#include "token/token.h"

enum {
	ASSERTION_LIFE_S = 60,
	TOKEN_SPARE_S = 60,      /* not used so close to its end */
	TOKEN_LIFE_MAX_S = 3600, /* whatever the server says */
	FAILURE_KEPT_MS = 10 * 1000,
	TOKEN_ANSWER_MAX = 64 * 1024,
	FORM_MAX = 16 * 1024,
};

/* A call that waits for its token. */
struct user_call {
	struct host *host;
	const struct tenant *tenant; /* a reference */
	char *method, *path, *body;
	void (*done)(void *arg, const struct http_answer *answer);
	void *arg;
};

struct grant {
	struct host *host;
	struct buf key;
};

static void user_call_free(struct user_call *u)
{
	if (!u)
		return;
	tenant_unref(u->tenant);
	free(u->method);
	free(u->path);
	free(u->body);
	free(u);
}

static void cleanup_user_call(struct user_call **u)
{
	user_call_free(*u);
}

static void grant_free(struct grant *g)
{
	if (!g)
		return;
	buf_release(&g->key);
	free(g);
}

static void cleanup_grant(struct grant **g)
{
	grant_free(*g);
}

static struct user_call *user_call_new(struct host *h, const struct tenant *tenant, const struct host_call *call)
{
	__cleanup(cleanup_user_call) struct user_call *u = calloc(1, sizeof *u);

	if (!u)
		return NULL;
	u->host = h;
	u->done = call->done;
	u->arg = call->arg;
	u->method = str_dup(str_of(call->method));
	u->path = str_dup(call->path);
	u->body = str_dup(call->body);
	tenant_ref(tenant);
	u->tenant = tenant;
	return u->method && u->path && u->body ? TAKE(u) : NULL;
}

/* value: code is an enum err, text the access token. */
static enum err call_with_token(const struct user_call *u, const struct kept_value *value)
{
	__cleanup(buf_wipe) struct buf authorization = BUF_INIT(FORM_MAX);

	if (!value)
		return ERR_NOMEM;
	if (value->code != OK)
		return (enum err)value->code;
	const struct app_call call = {.method = u->method,
	                              .path = str_of(u->path),
	                              .body = str_of(u->body),
	                              .answer_max = HOST_ANSWER_MAX,
	                              .done = u->done,
	                              .arg = u->arg};
	buf_z(&authorization, "Bearer ");
	buf_str(&authorization, (struct str){value->text, value->len});
	if (authorization.err != OK)
		return authorization.err;
	return host_call_with(u->host, u->tenant, &call, authorization.data);
}

static void on_token(void *user_call, const struct kept_value *value)
{
	struct user_call *u = user_call;
	enum err err = call_with_token(u, value);

	if (err != OK)
		host_no_answer(u->done, u->arg, err);
	user_call_free(u);
}

static void end_grant(struct grant *g, enum err err, struct str token, int64_t ttl_ms)
{
	kept_answer(g->host->tokens, buf_text(&g->key), kept_value_new((int)err, NULL, token), ttl_ms);
	grant_free(g);
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	__cleanup_json json_t *body = NULL;
	struct grant *g = arg;
	struct str token;
	int64_t life_s = 0;

	if (answer->err == OK && answer->status == 200 && json_read_object(answer->body, &body) == OK &&
	    json_get_str(body, "access_token", &token) == JSON_GOT && token.len && str_printable(token)) {
		if (json_get_int(body, "expires_in", &life_s) != JSON_GOT || life_s < TOKEN_SPARE_S)
			life_s = TOKEN_SPARE_S;
		if (life_s > TOKEN_LIFE_MAX_S)
			life_s = TOKEN_LIFE_MAX_S;
		end_grant(g, OK, token, (life_s - TOKEN_SPARE_S) * 1000);
		return;
	}
	log_event(LOG_WARN, "host.user_token_failed", LF_Z("error", err_name(answer->err)),
	          LF_INT("status", answer->status));
	end_grant(g, answer->err != OK ? answer->err : ERR_UPSTREAM, (struct str){0}, FAILURE_KEPT_MS);
}

static enum err write_assertion(const struct host *h, const struct tenant *tenant, struct str account_id,
                                struct buf *out)
{
	__cleanup(buf_release) struct buf claims = BUF_INIT(8192), iss = BUF_INIT(1024), sub = BUF_INIT(1024);
	struct jsonw w = jsonw(&claims);
	int64_t now_s = clock_wall_ms(h->clock) / 1000;
	char *token = NULL;

	buf_z(&iss, "urn:atlassian:connect:clientid:");
	buf_str(&iss, tenant->oauth_client_id);
	buf_z(&sub, "urn:atlassian:connect:useraccountid:");
	buf_str(&sub, account_id);
	if (iss.err != OK || sub.err != OK)
		return iss.err != OK ? iss.err : sub.err;
	jw_obj(&w);
	jw_kstr(&w, "iss", buf_text(&iss));
	jw_kstr(&w, "sub", buf_text(&sub));
	jw_kstr(&w, "tnt", tenant->base_url);
	jw_kz(&w, "aud", h->authorization_server);
	jw_kint(&w, "iat", now_s);
	jw_kint(&w, "exp", now_s + ASSERTION_LIFE_S);
	jw_end_obj(&w);
	if (claims.err != OK)
		return claims.err;
	enum err err = token_mint_hs256(tenant->shared_secret, buf_text(&claims), &token);
	if (err != OK)
		return err;
	buf_z(out, token); /* base64url and dots: nothing to encode in a form */
	wipe(token, strlen(token));
	free(token);
	return out->err;
}

static enum err ask_grant(struct grant *g, const struct tenant *tenant, struct str account_id)
{
	__cleanup(buf_wipe) struct buf form = BUF_INIT(FORM_MAX);
	__cleanup(buf_release) struct buf url = BUF_INIT(1024);
	const struct http_header headers[] = {{"Content-Type", "application/x-www-form-urlencoded"},
	                                      {"Accept", "application/json"}};

	buf_z(&url, g->host->authorization_server);
	buf_z(&url, "/oauth2/token");
	buf_z(&form, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
	enum err err = write_assertion(g->host, tenant, account_id, &form);
	if (err == OK)
		err = url.err;
	if (err != OK)
		return err;
	const struct http_call call = {.method = "POST",
	                               .url = url.data,
	                               .headers = headers,
	                               .header_count = 2,
	                               .body = buf_text(&form),
	                               .answer_max = TOKEN_ANSWER_MAX,
	                               .timeout_ms = g->host->timeout_ms,
	                               .done = on_answer,
	                               .arg = g};
	return http_client_call(g->host->client, &call);
}

enum err host_call_user(struct host *h, const struct tenant *tenant, const struct host_call *call)
{
	__cleanup(cleanup_grant) struct grant *g = calloc(1, sizeof *g);
	__cleanup(cleanup_user_call) struct user_call *u = user_call_new(h, tenant, call);
	struct kept_value *value = NULL;

	if (!g || !u)
		return ERR_NOMEM;
	if (tenant->oauth_client_id.len == 0)
		return ERR_INVALID;
	g->host = h;
	g->key = BUF_INIT(4096);
	host_key_add(&g->key, tenant->client_key);
	host_key_add(&g->key, tenant->oauth_client_id); /* a new one comes with a new install */
	host_key_add(&g->key, call->account_id);
	if (g->key.err != OK)
		return g->key.err;
	switch (kept_get(h->tokens, buf_text(&g->key), on_token, u, &value)) {
	case KEPT_NOW: {
		enum err err = call_with_token(u, value);
		kept_value_unref(value);
		return err;
	}
	case KEPT_REFUSED:
		return ERR_FULL;
	case KEPT_WAIT:
		u = NULL; /* on_token frees it */
		return OK;
	case KEPT_ASK: {
		struct grant *asked = TAKE(g);
		struct str account_id = call->account_id;
		u = NULL;
		enum err err = ask_grant(asked, tenant, account_id);
		if (err != OK)
			end_grant(asked, err, (struct str){0}, FAILURE_KEPT_MS); /* tells this call too */
		return OK;
	}
	}
	return ERR_INTERNAL;
}
