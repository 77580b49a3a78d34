/* host.c - signing a call with our JWT and sending it to the tenant's base URL.
 *
 * Claims of the JWT: iss = app key, iat, exp = +180 s, qsh of the call, aud = [clientKey]. The qsh's path is what
 * follows the base URL, so a base URL with a path (Confluence's /wiki) is not part of it (reference: Connect, "Calling
 * the host"). */
#include "connect/host_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/jsonw.h"
#include "base/secret.h"
#include "token/qsh.h"
#include "token/token.h"

enum { JWT_LIFE_S = 180, KEPT_MAX = 10000, IN_FLIGHT_MAX = 1000, ARENA_MAX = 64 * 1024 };

static const char atlassian_authorization_server[] = "https://oauth-2-authorization-server.services.atlassian.com";

enum err host_new(const struct host_options *o, struct host **ret)
{
	struct host *h = calloc(1, sizeof *h);
	const struct kept_options kept = {.clock = o->clock, .max = KEPT_MAX, .in_flight_max = IN_FLIGHT_MAX};
	const char *server = o->authorization_server ? o->authorization_server : atlassian_authorization_server;

	if (!h)
		return ERR_NOMEM;
	h->clock = o->clock;
	h->client = o->client;
	h->timeout_ms = o->timeout_ms;
	h->app_key = str_dup(str_of(o->app_key));
	h->authorization_server = str_dup(str_of(server));
	enum err err = h->app_key && h->authorization_server ? OK : ERR_NOMEM;
	if (err == OK)
		err = kept_new(&kept, &h->tokens);
	if (err == OK)
		err = kept_new(&kept, &h->admins);
	if (err != OK) {
		host_free(h);
		return err;
	}
	*ret = h;
	return OK;
}

void host_free(struct host *h)
{
	if (!h)
		return;
	kept_free(h->tokens);
	kept_free(h->admins);
	free(h->app_key);
	free(h->authorization_server);
	free(h);
}

void host_key_add(struct buf *key, struct str part)
{
	buf_int(key, (int64_t)part.len);
	buf_char(key, ':');
	buf_str(key, part);
}

static struct str no_header(const struct http_answer *answer, const char *name)
{
	(void)answer;
	(void)name;
	return (struct str){0};
}

void host_no_answer(void (*done)(void *arg, const struct http_answer *answer), void *arg, enum err err)
{
	const struct http_answer answer = {.err = err, .retry_after_s = -1, .max_age_s = -1, .header = no_header};

	done(arg, &answer);
}

static void release_arena(struct arena *a)
{
	arena_release(a);
}

static enum err sign(const struct host *h, const struct tenant *tenant, const struct app_call *call, struct buf *out)
{
	__cleanup(release_arena) struct arena a;
	__cleanup(buf_release) struct buf claims = BUF_INIT(8192);
	char qsh[QSH_LEN];
	char *token = NULL;
	int64_t now_s = clock_wall_ms(h->clock) / 1000;

	arena_init(&a, ARENA_MAX);
	if (!qsh_compute(&a, str_of(call->method), call->path, (struct str){"", 0}, qsh))
		return ERR_NOMEM;
	struct jsonw w = jsonw(&claims);
	jw_obj(&w);
	jw_kz(&w, "iss", h->app_key);
	jw_kint(&w, "iat", now_s);
	jw_kint(&w, "exp", now_s + JWT_LIFE_S);
	jw_kstr(&w, "qsh", (struct str){qsh, QSH_LEN});
	jw_key(&w, "aud");
	jw_arr(&w);
	jw_str(&w, tenant->client_key);
	jw_end_arr(&w);
	jw_end_obj(&w);
	if (claims.err != OK)
		return claims.err;
	enum err err = token_mint_hs256(tenant->shared_secret, buf_text(&claims), &token);
	if (err != OK)
		return err;
	buf_z(out, "JWT ");
	buf_z(out, token);
	wipe(token, strlen(token));
	free(token);
	return out->err;
}

enum err host_call_with(struct host *h, const struct tenant *tenant, const struct app_call *call,
                        const char *authorization)
{
	__cleanup(buf_release) struct buf url = BUF_INIT(8192);
	const struct http_header headers[] = {
	    {"Authorization", authorization}, {"Accept", "application/json"}, {"Content-Type", "application/json"}};

	if (call->path.len == 0 || call->path.ptr[0] != '/')
		return ERR_INVALID;
	buf_str(&url, str_trim_end(tenant->base_url, '/'));
	buf_str(&url, call->path);
	if (url.err != OK)
		return url.err == ERR_TOO_LARGE ? ERR_INVALID : url.err;
	const struct http_call http = {.method = call->method,
	                               .url = url.data,
	                               .headers = headers,
	                               .header_count = call->body.len ? 3 : 2,
	                               .body = call->body,
	                               .answer_max = call->answer_max,
	                               .timeout_ms = h->timeout_ms,
	                               .done = call->done,
	                               .arg = call->arg};
	return http_client_call(h->client, &http);
}

enum err host_call_app(struct host *h, const struct tenant *tenant, const struct app_call *call)
{
	__cleanup(buf_wipe) struct buf authorization = BUF_INIT(8192);
	enum err err = sign(h, tenant, call, &authorization);

	return err == OK ? host_call_with(h, tenant, call, authorization.data) : err;
}

enum err host_call(struct host *h, const struct tenant *tenant, const struct host_call *call)
{
	const struct app_call app = {.method = call->method,
	                             .path = call->path,
	                             .body = call->body,
	                             .answer_max = HOST_ANSWER_MAX,
	                             .done = call->done,
	                             .arg = call->arg};

	return call->account_id.len ? host_call_user(h, tenant, call) : host_call_app(h, tenant, &app);
}
