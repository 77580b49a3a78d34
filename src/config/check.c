/* check.c - what settings must satisfy beyond their type, alone or together. See settings.h.
 *
 * One function a rule; each tells its own problem. Opening files and sockets is not checked here: whoever uses
 * them says what is wrong with them. */
#include <stdio.h>
#include <string.h>

#include "base/b64.h"
#include "base/mailbox.h"
#include "base/secret.h"
#include "config/settings.h"

struct check {
	const struct config *config;
	problem_fn *tell;
	void *arg;
	size_t problems;
};

static void tell(struct check *k, const char *place, const char *text)
{
	struct problem p = {0};
	(void)snprintf(p.place, sizeof(p.place), "%s", place);
	(void)snprintf(p.text, sizeof(p.text), "%s", text);
	k->problems++;
	k->tell(k->arg, &p);
}

static void url_secure(struct check *k, const char *name, const char *url)
{
	if (!k->config->allow_insecure_hosts && !str_starts(str_of(url), STR("https://")))
		tell(k, name, "is not https, which only LICGATE_ALLOW_INSECURE_HOSTS=1 allows");
}

static void urls_secure(struct check *k)
{
	const struct config *c = k->config;
	url_secure(k, "LICGATE_BASE_URL", c->base_url);
	for (size_t i = 0; c->allowed_base_urls[i]; i++)
		url_secure(k, "LICGATE_ALLOWED_BASE_URLS", c->allowed_base_urls[i]);
	for (size_t i = 0; c->install_keys_url[i]; i++)
		url_secure(k, "LICGATE_INSTALL_KEYS_URL", c->install_keys_url[i]);
}

static void forge_known(struct check *k)
{
	const struct config *c = k->config;
	const struct str app = str_of(c->forge_app_id), prefix = STR("ari:cloud:ecosystem::app/");
	if (!c->forge_app_id)
		return;
	if (!str_starts(app, prefix) || app.len == prefix.len || !str_printable(app))
		tell(k, "LICGATE_FORGE_APP_ID", "is not the app's ARI: write it as ari:cloud:ecosystem::app/ and its id");
	url_secure(k, "LICGATE_FORGE_JWKS_URL", c->forge_jwks_url);
	url_secure(k, "LICGATE_FORGE_LICENSE_URL", c->forge_license_url);
}

/* What is tracked is what is passed on; keys travel in a header, with a colon behind them. */
static void segment_whole(struct check *k)
{
	const struct config *c = k->config;
	const struct {
		const char *name, *key;
	} keys[] = {{"LICGATE_SEGMENT_WRITE_KEY", c->segment_write_key}, {"LICGATE_SEGMENT_FORWARD", c->segment_forward}};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].key &&
		    (strlen(keys[i].key) > 200 || !str_printable(str_of(keys[i].key)) || strchr(keys[i].key, ':')))
			tell(k, keys[i].name, "is no write key: it is over 200 characters, or has a colon or a control character");
	if (!c->segment_forward)
		return;
	if (!c->segment_write_key)
		tell(k, "LICGATE_SEGMENT_WRITE_KEY",
		     "is not set, but LICGATE_SEGMENT_FORWARD is: nothing is tracked to pass on");
	url_secure(k, "LICGATE_SEGMENT_URL", c->segment_url);
}

static void tls_whole(struct check *k)
{
	const struct config *c = k->config;
	if (c->tls_cert && !c->tls_key)
		tell(k, "LICGATE_TLS_KEY", "is not set, but LICGATE_TLS_CERT is: set both or neither");
	if (c->tls_key && !c->tls_cert)
		tell(k, "LICGATE_TLS_CERT", "is not set, but LICGATE_TLS_KEY is: set both or neither");
}

static void admin_token_sendable(struct check *k)
{
	const char *token = k->config->admin_token;
	if (!token)
		return;
	/* It travels in a header. */
	for (const char *c = token; *c; c++) {
		if (*c > ' ' && *c <= '~')
			continue;
		tell(k, "LICGATE_ADMIN_TOKEN", "has a blank or a character that is not ASCII");
		break;
	}
}

/* What events/sign.c takes: "whsec_" and the base64 of 24 to 64 bytes. */
static bool signing_secret(struct str text)
{
	enum { KEY_MIN = 24, KEY_MAX = 64 };
	const struct str prefix = STR("whsec_");
	uint8_t bytes[KEY_MAX + 8];
	size_t len = 0;
	if (!str_starts(text, prefix) || text.len > prefix.len + (KEY_MAX + 2) / 3 * 4 ||
	    !b64_decode((struct str){text.ptr + prefix.len, text.len - prefix.len}, bytes, &len))
		len = 0;
	wipe(bytes, sizeof(bytes));
	return len >= KEY_MIN && len <= KEY_MAX;
}

static void events_whole(struct check *k)
{
	const struct config *c = k->config;
	if (c->events_url)
		url_secure(k, "LICGATE_EVENTS_URL", c->events_url);
	if (c->events_url && !c->events_secret)
		tell(k, "LICGATE_EVENTS_SECRET", "is not set, but LICGATE_EVENTS_URL is: nothing is sent unsigned");
	if (c->events_secret && !c->events_url)
		tell(k, "LICGATE_EVENTS_URL", "is not set, but LICGATE_EVENTS_SECRET is: set both or neither");
	if (c->events_secret && !signing_secret(str_of(c->events_secret)))
		tell(k, "LICGATE_EVENTS_SECRET", "is not whsec_ and the base64 of 24 to 64 bytes");
}

static void both_or_neither(struct check *k, const char *name, const char *value, const char *other_name,
                            const char *other)
{
	char text[160];
	if (!other || value)
		return;
	(void)snprintf(text, sizeof(text), "is not set, but %s is: set both or neither", other_name);
	tell(k, name, text);
}

static void github_whole(struct check *k)
{
	static const char id[] = "LICGATE_GITHUB_CLIENT_ID", secret[] = "LICGATE_GITHUB_CLIENT_SECRET",
	                  app[] = "LICGATE_GITHUB_APP_ID", key[] = "LICGATE_GITHUB_APP_KEY";
	const struct config *c = k->config;
	url_secure(k, "LICGATE_GITHUB_URL", c->github_url);
	url_secure(k, "LICGATE_GITHUB_API_URL", c->github_api_url);
	both_or_neither(k, secret, c->github_client_secret, id, c->github_client_id);
	both_or_neither(k, id, c->github_client_id, secret, c->github_client_secret);
	both_or_neither(k, key, c->github_app_key, app, c->github_app_id);
	both_or_neither(k, app, c->github_app_id, key, c->github_app_key);
}

static void database_known(struct check *k)
{
	struct str database = str_of(k->config->database);
	if (!str_starts(database, STR("sqlite:")) || database.len == strlen("sqlite:"))
		tell(k, "LICGATE_DATABASE", "is not sqlite:FILE");
}

static void listeners_apart(struct check *k)
{
	const struct config *c = k->config;
	if (strcmp(c->listen, c->admin_listen) == 0 && !str_ends(str_of(c->listen), STR(":0")))
		tell(k, "LICGATE_ADMIN_LISTEN", "is the address of LICGATE_LISTEN: the admin API needs one of its own");
}

/* Whether the templates can be read is told by who loads them. */
static void mail_whole(struct check *k)
{
	const struct config *c = k->config;
	const struct str url = str_of(c->smtp_url);
	struct mailbox from;
	if (url.len && !str_starts(url, STR("smtp://")) && !str_starts(url, STR("smtps://")))
		tell(k, "LICGATE_SMTP_URL", "is not smtp://HOST[:PORT] or smtps://HOST[:PORT]");
	if (c->mail_from && !mailbox_parse(str_of(c->mail_from), &from))
		tell(k, "LICGATE_MAIL_FROM", "is not an address such as Vendor <billing@example.com>");
	if (!c->mail_welcome && !c->mail_expired && c->mail_ending_days == 0)
		return;
	if (!url.len)
		tell(k, "LICGATE_SMTP_URL", "is not set, but a mail template is on: LICGATE_MAIL_WELCOME, _ENDING or _EXPIRED");
	if (!c->mail_from)
		tell(k, "LICGATE_MAIL_FROM", "is not set, but a mail template is on: say who the mail is from");
}

static void marketplace_whole(struct check *k)
{
	const struct config *c = k->config;
	if (c->marketplace_token && !c->marketplace_user)
		tell(k, "LICGATE_MARKETPLACE_USER",
		     "is not set, but LICGATE_MARKETPLACE_TOKEN is: set the e-mail it belongs to");
	if (c->marketplace_token && !c->marketplace_developer_id)
		tell(k, "LICGATE_MARKETPLACE_DEVELOPER_ID",
		     "is not set, but LICGATE_MARKETPLACE_TOKEN is: set the developer space, or the vendor's number of API 2");
	if (c->marketplace_token)
		url_secure(k, "LICGATE_MARKETPLACE_URL", c->marketplace_url);
	if (c->marketplace_user && strchr(c->marketplace_user, ':'))
		tell(k, "LICGATE_MARKETPLACE_USER", "has a colon, which no user name of HTTP may have");
}

static enum err secret_keys_parse(struct check *k)
{
	struct problem p = {0};
	struct keyring *keys = NULL;
	enum err err = keyring_parse(str_of(k->config->secret_keys), &p, &keys);
	keyring_free(keys);
	if (err != ERR_INVALID)
		return err;
	tell(k, "LICGATE_SECRET_KEYS", p.text);
	return OK;
}

enum err config_check(const struct config *c, problem_fn *tell_problem, void *arg)
{
	struct check k = {.config = c, .tell = tell_problem, .arg = arg};
	urls_secure(&k);
	forge_known(&k);
	segment_whole(&k);
	tls_whole(&k);
	admin_token_sendable(&k);
	database_known(&k);
	listeners_apart(&k);
	marketplace_whole(&k);
	events_whole(&k);
	mail_whole(&k);
	github_whole(&k);
	enum err err = secret_keys_parse(&k);
	if (err != OK)
		return err;
	return k.problems > 0 ? ERR_INVALID : OK;
}
