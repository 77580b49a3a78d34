/* site_tokens.c - the tokens a Jira site sends: what each kind claims.
 *
 * Installed and uninstalled: RS256 with the key host's key and the app's base URL as audience. Everything else: HS256
 * with the site's shared secret and no audience. A context token is bound to no request, all others to one URL. A Forge
 * token is RS256 with a key of its own, for one app, and lives some seconds. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sim/sim_parts.h"
#include "token/qsh.h"
#include "token/token.h"

enum { PAGE_LIFE_S = 180, CONTEXT_LIFE_S = 15 * 60, CLAIMS_MAX = 4096, QSH_ARENA_MAX = 1024 * 1024 };

struct token_subject token_subject(const struct site *s, bool pending)
{
	const struct site_identity *id = pending ? &s->pending : &s->now;
	struct token_subject t = {.licensed = site_license_valid(&s->license)};
	memcpy(t.client_key, id->client_key, sizeof(t.client_key));
	memcpy(t.secret, id->secret, sizeof(t.secret));
	memcpy(t.account_id, site_accounts_user(&s->accounts)->id, sizeof(t.account_id));
	return t;
}

static bool qsh_of(const struct remote_app *app, const char *method, struct str url, char out[static QSH_LEN])
{
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, QSH_ARENA_MAX);
	return qsh_compute(&arena, str_of(method), url_target(url), app->base_path, out);
}

static void claims_begin(struct jsonw *w, const struct sim *s, const struct token_subject *t, int64_t life_s)
{
	int64_t now_s = clock_wall_ms(s->clock) / 1000;
	jw_obj(w);
	jw_kz(w, "iss", t->client_key);
	jw_kint(w, "iat", now_s);
	jw_kint(w, "exp", now_s + life_s);
}

static void claims_user(struct jsonw *w, const struct token_subject *t)
{
	jw_kz(w, "sub", t->account_id);
	jw_key(w, "context");
	jw_obj(w);
	jw_key(w, "license");
	jw_obj(w);
	jw_kbool(w, "active", t->licensed);
	jw_end_obj(w);
	jw_key(w, "user");
	jw_obj(w);
	jw_kz(w, "accountId", t->account_id);
	jw_end_obj(w);
	jw_end_obj(w);
}

static char *sign_hs256(const struct token_subject *t, struct jsonw *w)
{
	char *token = NULL;
	jw_end_obj(w);
	if (w->out->err != OK || token_mint_hs256(str_of(t->secret), buf_text(w->out), &token) != OK)
		return NULL;
	return token;
}

char *token_for_install(const struct sim *s, const struct token_subject *t, const struct remote_app *app,
                        const char *method, struct str url)
{
	__cleanup_buf struct buf claims = BUF_INIT(CLAIMS_MAX);
	struct jsonw w = jsonw(&claims);
	char qsh[QSH_LEN];
	char *token = NULL;
	if (!qsh_of(app, method, url, qsh))
		return NULL;
	claims_begin(&w, s, t, PAGE_LIFE_S);
	jw_kstr(&w, "aud", app->base_url);
	jw_kstr(&w, "qsh", (struct str){qsh, QSH_LEN});
	jw_end_obj(&w);
	if (claims.err != OK ||
	    token_mint_rs256(str_of(s->key.private_pem), str_of(s->key.kid), buf_text(&claims), &token) != OK)
		return NULL;
	return token;
}

char *token_for_app(const struct sim *s, const struct token_subject *t, const struct remote_app *app,
                    const char *method, struct str url, bool with_user)
{
	__cleanup_buf struct buf claims = BUF_INIT(CLAIMS_MAX);
	struct jsonw w = jsonw(&claims);
	char qsh[QSH_LEN];
	if (!qsh_of(app, method, url, qsh))
		return NULL;
	claims_begin(&w, s, t, PAGE_LIFE_S);
	jw_kstr(&w, "qsh", (struct str){qsh, QSH_LEN});
	if (with_user)
		claims_user(&w, t);
	return sign_hs256(t, &w);
}

char *token_for_context(const struct sim *s, const struct token_subject *t)
{
	__cleanup_buf struct buf claims = BUF_INIT(CLAIMS_MAX);
	struct jsonw w = jsonw(&claims);
	claims_begin(&w, s, t, CONTEXT_LIFE_S);
	jw_kz(&w, "qsh", "context-qsh");
	claims_user(&w, t);
	return sign_hs256(t, &w);
}

enum { FORGE_LIFE_S = 25 };

static void forge_app(struct jsonw *w, const struct forge_subject *t)
{
	char id[UUID_TEXT_LEN + 64], api[UUID_TEXT_LEN + 64], version[24];
	snprintf(id, sizeof(id), FORGE_INSTALLATION_PREFIX "%s", t->forge.installation);
	snprintf(api, sizeof(api), "https://api.atlassian.com/ex/jira/%s", t->forge.cloud_id);
	snprintf(version, sizeof(version), "%d.0.0", t->forge.major);
	jw_key(w, "app");
	jw_obj(w);
	jw_kz(w, "id", SIM_FORGE_APP_ID);
	jw_kz(w, "appVersion", version);
	jw_kz(w, "installationId", id);
	jw_kz(w, "apiBaseUrl", api);
	jw_key(w, "environment");
	jw_obj(w);
	jw_kz(w, "type", t->forge.environment);
	jw_end_obj(w);
	jw_key(w, "installation");
	jw_obj(w);
	jw_kz(w, "id", id);
	jw_key(w, "contexts");
	jw_arr(w);
	jw_obj(w);
	jw_kz(w, "name", "Jira");
	jw_kz(w, "apiBaseUrl", api);
	jw_end_obj(w);
	jw_end_arr(w);
	jw_end_obj(w);
	if (t->license.len) {
		jw_key(w, "license");
		jw_raw(w, buf_text(&t->license));
	}
	jw_end_obj(w);
}

char *token_for_forge(const struct sim *s, const struct forge_subject *t, const char *base_url, bool person)
{
	__cleanup_buf struct buf claims = BUF_INIT(CLAIMS_MAX);
	struct jsonw w = jsonw(&claims);
	char kid[SIM_KID_LEN + 64], jti[UUID_TEXT_LEN + 1], *token = NULL;
	const int64_t now_s = clock_wall_ms(s->clock) / 1000;
	snprintf(kid, sizeof(kid), "forge/invocation-token/%s", s->forge_key.kid);
	if (!uuid_text(jti))
		return NULL;
	jw_obj(&w);
	jw_kz(&w, "iss", "forge/invocation-token");
	jw_kz(&w, "aud", SIM_FORGE_APP_ID);
	jw_kint(&w, "iat", now_s);
	jw_kint(&w, "nbf", now_s);
	jw_kint(&w, "exp", now_s + FORGE_LIFE_S);
	jw_kz(&w, "jti", jti);
	forge_app(&w, t);
	if (person) {
		jw_kz(&w, "principal", t->account_id);
		jw_key(&w, "context");
		jw_obj(&w);
		jw_kz(&w, "cloudId", t->forge.cloud_id);
		jw_kz(&w, "siteUrl", base_url);
		jw_kz(&w, "moduleKey", "simulated-page");
		jw_end_obj(&w);
	}
	jw_end_obj(&w);
	if (claims.err != OK ||
	    token_mint_rs256(str_of(s->forge_key.private_pem), str_of(kid), buf_text(&claims), &token) != OK)
		return NULL;
	return token;
}
