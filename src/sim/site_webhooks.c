/* site_webhooks.c - people who come, change and go, and other webhooks an app's descriptor asks for; and AP.request.
 *
 * Source of the shape: Jira's webhooks to Connect apps: HS256 with the site's secret, the qsh of the webhook's URL,
 * X-Atlassian-Webhook-Identifier the same on each repetition. What happens to a user happens whether an app asked to be
 * told or not; a webhook nobody asked for, or for an app that is not enabled, is not sent. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "sim/sim_parts.h"

enum { BODY_MAX = 16 * 1024, URL_MAX_BYTES = 8 * 1024, ANSWER_MAX = 64 * 1024, RESOURCE_MAX = 64 * 1024 };

struct delivery {
	struct sim *sim;
	struct site *site;
	struct request *req;
	char *url, *token; /* in the request's arena */
	char identifier[UUID_TEXT_LEN + 1];
	int status;
	const char *note;
};

/* ---- what is asked ---- */

struct news {
	struct str event, account_id, name, identifier;
};

static const char *news_read(const json_t *body, struct news *n)
{
	if (json_get_str(body, "event", &n->event) != JSON_GOT || n->event.len == 0)
		return "event: the name of a webhook, such as user_created";
	if (json_get_str(body, "account_id", &n->account_id) == JSON_BAD_TYPE || n->account_id.len > SITE_ACCOUNT_MAX)
		return "account_id: text of 1 to 128 bytes";
	if (json_get_str(body, "name", &n->name) == JSON_BAD_TYPE)
		return "name: text";
	if (json_get_str(body, "identifier", &n->identifier) == JSON_BAD_TYPE || n->identifier.len > UUID_TEXT_LEN ||
	    !str_printable(n->identifier))
		return "identifier: of the webhook that is to be repeated";
	return NULL;
}

/* What happens at the site itself. Lock held. NULL: out of memory. */
static const struct site_account *happen(struct site *site, const struct news *n, int64_t wall_ms)
{
	struct site_account *account = site_accounts_user(&site->accounts);
	if (!str_starts(n->event, STR("user_")))
		return account;
	if (n->account_id.len > 0)
		account = site_accounts_put(&site->accounts, n->account_id, wall_ms);
	if (!account)
		return NULL;
	account->updated_at = wall_ms;
	account->deleted = str_eqz(n->event, "user_deleted");
	if (n->name.len > 0)
		site_account_rename(account, n->name);
	return account;
}

static void body_write(struct sim *s, const struct news *n, const struct site_account *account, struct buf *out)
{
	struct jsonw w = jsonw(out);
	jw_obj(&w);
	jw_kint(&w, "timestamp", clock_wall_ms(s->clock));
	jw_kstr(&w, "webhookEvent", n->event);
	jw_key(&w, "user");
	jw_obj(&w);
	jw_kz(&w, "accountId", account->id);
	jw_kz(&w, "accountType", "atlassian");
	jw_kz(&w, "displayName", account->name);
	jw_kbool(&w, "active", !account->deleted);
	jw_end_obj(&w);
	if (str_starts(n->event, STR("jira:issue_")) || str_starts(n->event, STR("comment_"))) {
		jw_key(&w, "issue");
		jw_obj(&w);
		jw_kz(&w, "id", "10001");
		jw_kz(&w, "key", "DEMO-1");
		jw_key(&w, "fields");
		jw_obj(&w);
		jw_kz(&w, "summary", SIM_ISSUE_SUMMARY);
		jw_end_obj(&w);
		jw_end_obj(&w);
	}
	jw_end_obj(&w);
}

/* ---- the call ---- */

static void delivered_reply(struct request *req, void *room)
{
	(void)room;
	const struct delivery *d = req->state;
	__cleanup_buf struct buf json = BUF_INIT(SIM_ANSWER_MAX);
	struct jsonw w = jsonw(&json);
	jw_obj(&w);
	jw_kint(&w, "status", d->status);
	jw_kz(&w, "identifier", d->identifier);
	if (d->note)
		jw_kz(&w, "note", d->note);
	jw_end_obj(&w);
	sim_reply(req, callback_accepted(CALLBACK_ENABLED, d->status) ? 200 : 502, &json);
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct delivery *d = arg;
	d->status = answer->status;
	d->note = answer->err != OK ? err_text(answer->err) : NULL;
	struct sim_log_entry e = {.at = clock_wall_ms(d->sim->clock),
	                          .direction = "out",
	                          .method = "POST",
	                          .status = d->status,
	                          .note = d->note,
	                          .took_ms = answer->duration_ms};
	pthread_mutex_lock(&d->sim->lock);
	sim_log_add(&d->site->log, &e, str_of(d->url), str_of(d->token));
	sim_unlock(d->sim);
	request_wake(d->req);
}

static enum err send(struct delivery *d, const struct token_subject *subject, struct str body)
{
	__cleanup_free char *token = token_for_app(d->sim, subject, &d->site->app, "POST", str_of(d->url), false);
	d->token = token ? arena_strz(&d->req->arena, str_of(token)) : NULL;
	char *authorization = d->token ? arena_printf(&d->req->arena, "JWT %s", d->token) : NULL;
	if (!authorization)
		return ERR_NOMEM;
	const struct http_header headers[] = {{"Authorization", authorization},
	                                      {"Content-Type", "application/json"},
	                                      {"X-Atlassian-Webhook-Identifier", d->identifier}};
	const struct http_call call = {.method = "POST",
	                               .url = d->url,
	                               .headers = headers,
	                               .header_count = 3,
	                               .body = body,
	                               .answer_max = ANSWER_MAX,
	                               .done = on_answer,
	                               .arg = d};
	request_wait(d->req, delivered_reply);
	enum err err = http_client_call(d->sim->client, &call);
	if (err != OK) {
		d->note = "the call could not be sent";
		request_wake(d->req);
	}
	return OK;
}

static void reply_not_sent(struct request *req, const char *why)
{
	__cleanup_buf struct buf json = BUF_INIT(SIM_ANSWER_MAX);
	struct jsonw w = jsonw(&json);
	jw_obj(&w);
	jw_kint(&w, "status", 0);
	jw_kz(&w, "note", why);
	jw_end_obj(&w);
	sim_reply(req, 200, &json);
}

/* Lock held. NULL: d->url is where it goes; else why nothing is sent. */
static const char *destination(struct delivery *d, const struct news *n)
{
	struct str relative, url = {0};
	__cleanup_buf struct buf filled = BUF_INIT(URL_MAX_BYTES);
	if (d->site->status != SITE_ENABLED)
		return "the app is not enabled in this site: nothing was sent";
	if (!remote_app_webhook(&d->site->app, n->event, &relative))
		return "the app's descriptor asks for no such webhook: nothing was sent";
	if (!remote_app_url(&d->site->app, relative, &d->req->arena, &url) || url.len == 0)
		return "the webhook's URL leads away from the app: nothing was sent";
	sim_fill_url(&filled, d->req, url);
	d->url = filled.err == OK ? arena_strz(&d->req->arena, buf_text(&filled)) : NULL;
	return d->url ? NULL : "the webhook's URL is too long";
}

/* {"event":"user_created","account_id":…,"name":…,"identifier":…}; all but event optional. */
void sim_webhook_post(struct request *req, void *room)
{
	struct sim *s = room;
	__cleanup_json json_t *body = NULL;
	__cleanup_buf struct buf text = BUF_INIT(BODY_MAX);
	struct news n = {0};
	if (!sim_same_origin(req) || !sim_body(req, &body))
		return;
	const char *wrong = news_read(body, &n);
	struct delivery *d = arena_zalloc(&req->arena, sizeof(*d));
	if (wrong || !d) {
		if (wrong)
			sim_bad(req, wrong);
		else
			reply_err(req, ERR_NOMEM);
		return;
	}
	*d = (struct delivery){.sim = s, .req = req};
	if (n.identifier.len > 0)
		memcpy(d->identifier, n.identifier.ptr, n.identifier.len);
	else if (!uuid_text(d->identifier)) {
		reply_err(req, ERR_INTERNAL);
		return;
	}
	d->site = sim_enter(req, s);
	if (!d->site)
		return;
	const struct site_account *account = happen(d->site, &n, clock_wall_ms(s->clock));
	const char *why = destination(d, &n);
	struct token_subject subject = token_subject(d->site, false);
	if (account)
		body_write(s, &n, account, &text);
	sim_unlock(s);
	req->state = d;
	if (!account || text.err != OK)
		reply_err(req, ERR_NOMEM);
	else if (why)
		reply_not_sent(req, why);
	else if (send(d, &subject, buf_text(&text)) != OK)
		reply_err(req, ERR_NOMEM);
	wipe(&subject, sizeof(subject));
}

/* ---- AP.request ---- */

/* {"method":"GET","url":"/rest/api/3/myself"} as the user who looks at the page -> {"status":200,"body":…} */
void sim_bridge_request(struct request *req, void *room)
{
	struct sim *s = room;
	__cleanup_json json_t *body = NULL;
	struct str method = STR("GET"), url = {0}, path = {0};
	if (!sim_same_origin(req) || !sim_body(req, &body))
		return;
	if (json_get_str(body, "method", &method) == JSON_BAD_TYPE || method_of(method) == METHOD_OTHER ||
	    json_get_str(body, "url", &url) != JSON_GOT || !str_starts(url, STR("/")) || !str_printable(url)) {
		sim_bad(req, "method and url: a resource of this site, such as /rest/api/3/myself");
		return;
	}
	struct site *site = sim_enter(req, s);
	if (!site)
		return;
	struct str rest = url;
	str_split(&rest, '?', &path);
	const struct rest_ask ask = {.method = method_text(method_of(method)).ptr,
	                             .address = sim_address(s),
	                             .path = path,
	                             .query = rest,
	                             .as = site_accounts_user(&site->accounts),
	                             .arena = &req->arena};
	__cleanup_buf struct buf answer = BUF_INIT(RESOURCE_MAX), json = BUF_INIT(SIM_ANSWER_MAX);
	struct jsonw inner = jsonw(&answer), w = jsonw(&json);
	bool broken = site->fault != FAULT_NONE;
	int status = broken ? 503 : rest_answer(site, &ask, &inner);
	char *whole = arena_printf(&req->arena, "http://%s/sites/%s%.*s", sim_address(s), site->name, STR_ARG(url));
	const struct sim_log_entry e = {.at = clock_wall_ms(s->clock),
	                                .direction = "in",
	                                .method = ask.method,
	                                .status = status,
	                                .verdict = broken          ? "fault"
	                                           : status == 200 ? "answered"
	                                                           : "refused",
	                                .note = "AP.request of the page, as its user"};
	sim_log_add(&site->log, &e, str_of(whole), (struct str){0});
	sim_unlock(s);
	jw_obj(&w);
	jw_kint(&w, "status", status);
	jw_key(&w, "body");
	if (answer.len > 0 && answer.err == OK)
		jw_raw(&w, buf_text(&answer));
	else
		jw_null(&w);
	jw_end_obj(&w);
	sim_reply(req, 200, &json);
}
