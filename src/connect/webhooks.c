/* webhooks.c - POST /webhooks/NAME: what the host tells us between page loads.
 *
 * Duplicates are dropped durably by the identifier that stays the same over the host's retries: identifier and effect
 * are one transaction, so a webhook is neither lost nor done twice. user_created, user_updated and user_deleted keep
 * the list of accounts; every other webhook is acknowledged, so that a vendor's descriptor may name more than this
 * server uses. Rule: "Webhooks from Jira" of the Connect protocol. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "connect/connect.h"
#include "connect/json_body.h"
#include "connect/webhook_body.h"
#include "events/request_write.h"
#include "license/users.h"
#include "token/token.h"

struct webhook {
	struct request_write write;
	struct connect *c;
	enum webhook_effect effect;
	const struct tenant *tenant;   /* a reference */
	char *identifier, *account_id; /* identifier "": not sent */
	int64_t at;
};

static enum err apply(struct webhook *h, struct store_tx *tx)
{
	/* A host that sends no identifier cannot be told apart from itself: then every call is an event of its own. */
	const char *once = h->identifier;
	if (!*once)
		once = arena_printf(&h->write.arena, "%s %lld", h->account_id, (long long)h->at);
	if (!once)
		return ERR_NOMEM;
	const struct user_news news = {.tenant = h->tenant,
	                               .account_id = str_of(h->account_id),
	                               .source = "webhook",
	                               .once = str_of(once),
	                               .at = h->at};
	switch (h->effect) {
	case WEBHOOK_USER_ADDED:
		return user_added(tx, &news);
	case WEBHOOK_USER_UPDATED:
	case WEBHOOK_USER_DEACTIVATED:
		return user_updated(h->c->lookups, tx, &news, h->effect == WEBHOOK_USER_DEACTIVATED);
	case WEBHOOK_USER_REMOVED:
		return user_left(h->c->lookups, tx, &news);
	case WEBHOOK_NOTHING:
	default:
		return OK;
	}
}

static enum err webhook_run(struct request_write *w, struct store_tx *tx)
{
	struct webhook *h = (struct webhook *)w;
	if (*h->identifier) {
		enum err err = store_webhook_seen(tx, h->tenant->client_key, str_of(h->identifier), h->at);
		if (err == ERR_CONFLICT)
			return OK;
		if (err != OK)
			return err;
	}
	return apply(h, tx);
}

static void webhook_free(struct request_write *w)
{
	struct webhook *h = (struct webhook *)w;
	tenant_unref(h->tenant);
	free(h->identifier);
	free(h->account_id);
	arena_release(&w->arena);
	free(h);
}

static void store_webhook(struct request *req, struct connect *c, enum webhook_effect effect, struct str identifier,
                          struct str account_id)
{
	struct webhook *h = calloc(1, sizeof(*h));
	if (!h) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	h->c = c;
	h->effect = effect;
	h->at = clock_wall_ms(c->clock);
	h->tenant = req->tenant;
	tenant_ref(h->tenant);
	h->identifier = str_dup(identifier);
	h->account_id = str_dup(account_id);
	h->write.run = webhook_run;
	h->write.free = webhook_free;
	if (!h->identifier || !h->account_id) {
		webhook_free(&h->write);
		reply_err(req, ERR_NOMEM);
		return;
	}
	request_write_start(&h->write, req, c->store);
}

static void refuse(struct request *req, const char *code, const char *detail)
{
	req->code = code;
	reply_problem(req, 400, code, detail, NULL, 0);
}

void webhook_receive(struct request *req, void *connect)
{
	struct connect *c = connect;
	if (!json_body_required(req))
		return;
	struct str identifier = request_header(req, "X-Atlassian-Webhook-Identifier");
	if (identifier.len > WEBHOOK_IDENTIFIER_MAX || request_header_count(req, "X-Atlassian-Webhook-Identifier") > 1) {
		refuse(req, "bad_identifier", "X-Atlassian-Webhook-Identifier is too long or sent twice.");
		return;
	}
	__cleanup_json json_t *body = NULL;
	enum err err = json_read_object(req->body, &body);
	if (err == ERR_NOMEM) {
		reply_err(req, err);
		return;
	}
	if (err != OK) {
		refuse(req, "not_an_object", "The body is not one JSON object.");
		return;
	}
	struct str account_id = STR("");
	enum webhook_effect effect = webhook_effect_of(req->params.part[0], body, &account_id);
	log_event(LOG_DEBUG, "webhook", LF_STR("tenant", req->claims->iss), LF_STR("name", req->params.part[0]));
	if (effect == WEBHOOK_NOTHING && identifier.len == 0)
		reply_empty(req, 204);
	else
		store_webhook(req, c, effect, identifier, account_id);
}
