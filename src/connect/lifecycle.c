/* lifecycle.c - the lifecycle routes; uninstalled, enabled and disabled change a status, installed stores a tenant.
 *
 * 204 goes out after the commit. The memory table changes on the writer thread, in commit order, so that callbacks
 * that race end as the database says. A change that changes nothing (the host tried again) is acknowledged without an
 * event. Uninstall keeps the row until the retention sweep, but from then on nothing of that tenant authenticates.
 * Rules: "Callbacks" of the contract, lifecycle callbacks of the Connect protocol. */
#include "connect/lifecycle.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "connect/descriptor.h"
#include "connect/json_body.h"
#include "events/journal.h"
#include "events/request_write.h"
#include "store/forge.h"
#include "token/token.h"

static const int64_t DAY_MS = 86400000;

int64_t lifecycle_time(const struct connect *c, int64_t previous)
{
	int64_t now = clock_wall_ms(c->clock);
	return now > previous ? now : previous + 1;
}

void lifecycle_once(int64_t at, char out[static LIFECYCLE_ONCE_SIZE])
{
	snprintf(out, LIFECYCLE_ONCE_SIZE, "%lld", (long long)at);
}

static void answer_refusal(struct request *req, enum lifecycle_event event, const struct lifecycle_refusal *r)
{
	if (r->err == ERR_NOMEM) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	req->code = r->code;
	const char *field = r->field ? r->field : "body";
	log_event(LOG_INFO, "lifecycle.refused", LF_Z("callback", lifecycle_event_name(event)),
	          LF_STR("tenant", req->claims->iss), LF_Z("code", r->code), LF_Z("field", field),
	          LF_Z("request_id", req->id));
	const char *detail = arena_printf(&req->arena, "The callback is refused because of: %s.", field);
	reply_problem(req, err_status(r->err), r->code, detail, NULL, 0);
}

bool lifecycle_read(struct connect *c, struct request *req, enum lifecycle_event event, struct lifecycle_body *ret)
{
	if (!json_body_required(req))
		return false;
	const struct lifecycle_rules rules = {.app_key = c->descriptor->key,
	                                      .iss = req->claims->iss,
	                                      .allowed_hosts = c->config->allowed_hosts,
	                                      .allow_insecure = c->config->allow_insecure_hosts};
	struct lifecycle_refusal refusal = {0};
	if (lifecycle_body_read(req->body, event, &rules, ret, &refusal))
		return true;
	answer_refusal(req, event, &refusal);
	return false;
}

/* Where each callback leads and what it is called in the journal. */
static const struct {
	enum tenant_status to;
	const char *type;
} STATUS_CHANGES[] = {
    [LIFECYCLE_UNINSTALLED] = {TENANT_UNINSTALLED, "tenant.uninstalled"},
    [LIFECYCLE_ENABLED] = {TENANT_ENABLED, "tenant.enabled"},
    [LIFECYCLE_DISABLED] = {TENANT_DISABLED, "tenant.disabled"},
};

struct status_change {
	struct request_write write;
	struct connect *c;
	enum lifecycle_event event;
	struct lifecycle_body body;
	bool changed, gone; /* gone: uninstalled while this callback was on its way */
	bool goes_on;       /* uninstalled here, but it still comes by Forge */
	struct tenant_row row;
	int64_t at;
};

static enum err journal_status(struct store_tx *tx, const struct status_change *ch)
{
	char once[LIFECYCLE_ONCE_SIZE], until[TIME_TEXT_SIZE] = "";
	lifecycle_once(ch->at, once);
	if (ch->event == LIFECYCLE_UNINSTALLED && !ch->goes_on)
		time_text(ch->at + ch->c->config->retention_days * DAY_MS, until);
	const struct event_field fields[] = {EF_Z("kept_until", until),
	                                     EF_Z("changes", ch->goes_on ? "connect_left" : NULL)};
	const struct event e = {.type = ch->goes_on ? "tenant.upgraded" : STATUS_CHANGES[ch->event].type,
	                        .tenant = ch->body.client_key,
	                        .source = "lifecycle",
	                        .at = ch->at,
	                        .once = str_of(once),
	                        .fields = fields,
	                        .field_count = 2};
	return journal_add(tx, &e);
}

static enum err status_run(struct request_write *w, struct store_tx *tx)
{
	struct status_change *ch = (struct status_change *)w;
	const enum tenant_status to = STATUS_CHANGES[ch->event].to;
	int64_t by_forge = 0;
	ch->changed = ch->gone = ch->goes_on = false;
	ch->row = (struct tenant_row){0};
	enum err err = store_tenant_get(tx, ch->body.client_key, &w->arena, &ch->row);
	if (err == ERR_NOT_FOUND)
		return OK; /* well signed, never heard of: nothing to forget */
	if (err != OK)
		return err;
	enum tenant_status from = tenant_status_parse(str_of(ch->row.status));
	ch->gone = from == TENANT_UNINSTALLED && to != TENANT_UNINSTALLED;
	if (from == to || ch->gone)
		return OK;
	ch->at = lifecycle_time(ch->c, ch->row.updated_at);
	if (to == TENANT_UNINSTALLED)
		err = store_forge_live(tx, ch->body.client_key, &by_forge);
	ch->goes_on = by_forge > 0;
	if (ch->goes_on && ch->row.shared_secret_sealed.len == 0)
		return err; /* left before */
	if (err == OK)
		err = ch->goes_on ? store_tenant_leave_connect(tx, ch->body.client_key, ch->at)
		                  : store_tenant_status(tx, ch->body.client_key, tenant_status_name(to), ch->at);
	if (err == OK)
		err = journal_status(tx, ch);
	ch->changed = err == OK;
	return err;
}

static enum err status_committed(struct request_write *w)
{
	struct status_change *ch = (struct status_change *)w;
	if (ch->changed && ch->goes_on) {
		/* Without a secret nothing of Connect's authenticates any more. */
		ch->row.status = tenant_status_name(TENANT_INSTALLED);
		ch->row.oauth_client_id = NULL;
		ch->row.updated_at = ch->at;
		return tenants_put(ch->c->tenants, &ch->row, STR(""));
	}
	if (ch->changed)
		tenants_set_status(ch->c->tenants, ch->body.client_key, STATUS_CHANGES[ch->event].to, ch->at);
	return OK;
}

static void status_answer(struct request_write *w, struct request *req)
{
	struct status_change *ch = (struct status_change *)w;
	if (ch->gone) {
		req->code = token_code_name(TOKEN_TENANT_GONE);
		reply_unauthorized(req);
		return;
	}
	if (ch->changed)
		log_event(LOG_INFO, STATUS_CHANGES[ch->event].type, LF_STR("tenant", ch->body.client_key));
	reply_empty(req, 204);
}

static void status_free(struct request_write *w)
{
	struct status_change *ch = (struct status_change *)w;
	lifecycle_body_release(&ch->body);
	arena_release(&w->arena);
	free(ch);
}

static void change_status(struct request *req, struct connect *c, enum lifecycle_event event)
{
	struct lifecycle_body body;
	if (!lifecycle_read(c, req, event, &body))
		return;
	struct status_change *ch = calloc(1, sizeof(*ch));
	if (!ch) {
		lifecycle_body_release(&body);
		reply_err(req, ERR_NOMEM);
		return;
	}
	ch->c = c;
	ch->event = event;
	ch->body = body;
	ch->write.run = status_run;
	ch->write.committed = status_committed;
	ch->write.answer = status_answer;
	ch->write.free = status_free;
	request_write_start(&ch->write, req, c->store);
}

void lifecycle_uninstalled(struct request *req, void *connect)
{
	change_status(req, connect, LIFECYCLE_UNINSTALLED);
}

void lifecycle_enabled(struct request *req, void *connect)
{
	change_status(req, connect, LIFECYCLE_ENABLED);
}

void lifecycle_disabled(struct request *req, void *connect)
{
	change_status(req, connect, LIFECYCLE_DISABLED);
}
