/* webhook.c - POST /github/webhook: every event of the Marketplace listing, signed, once.
 *
 * GitHub never sends one of these again by itself, so that a delivery is acknowledged only when it is stored, and
 * whatever can be understood is taken: answers other than 2xx are for what is no delivery of GitHub's, and for trouble
 * of our own. A delivery's id and its effect are one transaction. Rule: "Validating webhook deliveries" and "Webhook
 * events for the Marketplace" of GitHub's documentation. */
#include "github/webhook.h"

#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "base/form.h"
#include "base/log.h"
#include "events/request_write.h"
#include "github/github_internal.h"

enum { DELIVERY_MAX = 128, NEWS_MAX = 256 * 1024, HEX_LEN = 64 };

bool github_signature_ok(struct str secret, struct str body, struct str signature)
{
	static const struct str prefix = {"sha256=", 7};
	uint8_t mac[32];
	char hex[HEX_LEN];
	if (secret.len == 0 || signature.len != prefix.len + HEX_LEN || !str_starts(signature, prefix) ||
	    !hmac_sha256(secret, body, mac))
		return false;
	hex_encode(hex, mac, sizeof(mac));
	return bytes_equal(hex, signature.ptr + prefix.len, HEX_LEN);
}

struct delivery {
	struct request_write write;
	struct github *g;
	struct arena arena; /* of the news: lives as long as this */
	struct github_news news;
	char *used; /* what marks this delivery as seen */
	bool duplicate;
	struct github_applied applied;
};

static enum err delivery_run(struct request_write *w, struct store_tx *tx)
{
	struct delivery *d = (struct delivery *)w;
	d->applied = (struct github_applied){0};
	enum err err = store_github_use(tx, str_of(d->used), clock_wall_ms(d->g->clock));
	d->duplicate = err == ERR_CONFLICT;
	if (err != OK)
		return d->duplicate ? OK : err;
	return github_apply(d->g, tx, &w->arena, &d->news, &d->applied);
}

static enum err delivery_committed(struct request_write *w)
{
	struct delivery *d = (struct delivery *)w;
	return github_committed(d->g, &d->applied);
}

static void delivery_answer(struct request_write *w, struct request *req)
{
	struct delivery *d = (struct delivery *)w;
	struct github_parts *parts = d->g->parts;
	metric_inc(d->duplicate ? parts->duplicate : d->applied.stale ? parts->stale : parts->accepted);
	if (!d->duplicate)
		log_event(LOG_INFO, "github.webhook", LF_Z("account", d->news.account_id),
		          LF_Z("result", d->applied.stale     ? "older"
		                         : d->applied.changed ? "changed"
		                                              : "nothing new"));
	reply_empty(req, 204);
}

static void delivery_free(struct request_write *w)
{
	struct delivery *d = (struct delivery *)w;
	free(d->used);
	arena_release(&d->arena);
	arena_release(&w->arena);
	free(d);
}

static void refuse(struct request *req, struct github *g, int status, const char *code, const char *detail)
{
	metric_inc(g->parts->refused);
	req->code = code;
	log_event(LOG_WARN, "github.webhook_refused", LF_Z("code", code), LF_Z("request_id", req->id));
	reply_problem(req, status, code, detail, NULL, 0);
}

static bool one_header(const struct request *req, const char *name, struct str *ret)
{
	*ret = request_header(req, name);
	return request_header_count(req, name) == 1;
}

/* The event itself: the body, or the form's field of that name, as the listing was set up. */
static bool payload_of(struct request *req, struct str *ret)
{
	struct str type = request_header(req, "Content-Type"), rest = req->body, name, value;
	type.len = str_find(type, ';');
	*ret = req->body;
	if (!str_ieq(str_trim(type), STR("application/x-www-form-urlencoded")))
		return true;
	while (form_next(&rest, &name, &value))
		if (form_is(name, "payload"))
			return form_decode(&req->arena, value, ret);
	*ret = STR("");
	return true;
}

static void store_delivery(struct request *req, struct github *g, struct str payload, struct str id)
{
	struct delivery *d = calloc(1, sizeof(*d));
	if (!d) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	const char *why = "";
	d->g = g;
	arena_init(&d->arena, NEWS_MAX);
	arena_init(&d->write.arena, 0);
	d->write.run = delivery_run;
	d->write.committed = delivery_committed;
	d->write.answer = delivery_answer;
	d->write.free = delivery_free;
	__cleanup_buf struct buf used = BUF_INIT(DELIVERY_MAX + 16);
	buf_z(&used, "delivery ");
	buf_str(&used, id);
	enum err err = github_body_read(payload, &d->arena, &d->news, &why);
	d->used = buf_take(&used);
	if (err == OK && !d->used)
		err = ERR_NOMEM;
	if (err == OK && d->news.action != GITHUB_NOTHING) {
		d->news.once = str_of(d->used);
		request_write_start(&d->write, req, g->store);
		return;
	}
	delivery_free(&d->write);
	if (err == ERR_INVALID) {
		refuse(req, g, 400, "bad_payload", why);
	} else if (err != OK) {
		reply_err(req, err);
	} else {
		metric_inc(g->parts->other);
		reply_empty(req, 204);
	}
}

void github_webhook(struct request *req, void *github)
{
	struct github *g = github;
	struct str signature, event, id, payload;
	if (!g->config->github_webhook_secret) {
		reply_problem(req, 404, "not_found", NULL, NULL, 0);
		return;
	}
	if (!one_header(req, "X-Hub-Signature-256", &signature) ||
	    !github_signature_ok(str_of(g->config->github_webhook_secret), req->body, signature)) {
		metric_inc(g->parts->refused);
		req->code = "bad_signature";
		log_event(LOG_WARN, "github.webhook_refused", LF_Z("code", req->code), LF_Z("request_id", req->id));
		reply_unauthorized(req);
		return;
	}
	const bool named = one_header(req, "X-GitHub-Event", &event);
	if (named && !str_eqz(event, "marketplace_purchase")) { /* ping, and what the listing never asked for */
		metric_inc(g->parts->other);
		reply_empty(req, 204);
		return;
	}
	if (!named || !one_header(req, "X-GitHub-Delivery", &id) || id.len == 0 || id.len > DELIVERY_MAX ||
	    !str_printable(id) || !utf8_valid(id)) {
		refuse(req, g, 400, "bad_delivery", "X-GitHub-Event and X-GitHub-Delivery are needed, once each.");
		return;
	}
	if (payload_of(req, &payload))
		store_delivery(req, g, payload, id);
	else
		reply_err(req, ERR_NOMEM);
}
