/* apply.c - see apply.h. */
#include "github/apply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "events/journal.h"
#include "github/github_internal.h"
#include "store/contacts.h"

enum { EMAIL_MAX = 4096, PREVIOUS_MAX = 4096, BASE_URL_MAX = 1024 };

static struct seal_place email_place(const char *account_id)
{
	return (struct seal_place){"github_accounts", "email", str_of(account_id)};
}

static struct seal_place user_place(const char *user_id)
{
	return (struct seal_place){"github_users", "token", str_of(user_id)};
}

static struct seal_place revocation_place(const char *id)
{
	return (struct seal_place){"github_revocations", "token", str_of(id)};
}

/* ---- the journal ---- */

static void terms_members(struct jsonw *w, const struct github_terms *t)
{
	jw_kint(w, "plan", t->plan_id);
	if (t->plan_name)
		jw_kz(w, "plan_name", t->plan_name);
	if (github_is_per_unit(t))
		jw_kint(w, "units", t->units);
	if (t->billing_cycle)
		jw_kz(w, "billing_cycle", t->billing_cycle);
	jw_kint(w, "amount_cents", github_amount_cents(t));
}

struct told {
	const struct github_outcome *outcome;
	const struct github_news *news; /* NULL: by time alone */
	const char *key, *source;
	int64_t now;
};

static enum err journal_fact(struct store_tx *tx, const struct told *t, const struct github_fact *f)
{
	const struct github_outcome *o = t->outcome;
	const struct github_terms *terms = f->pending ? &o->row.next : &o->row.now, *before = &o->before;
	const bool ended = !entitlement_live(&o->row) || str_eqz(str_of(o->row.status), "free");
	if (f->of_before || (f->with_terms && ended && before->effective_at > 0))
		terms = before; /* an end tells what has ended, not the free plan that goes on */
	__cleanup_buf struct buf previous = BUF_INIT(PREVIOUS_MAX);
	__cleanup_buf struct buf once = BUF_INIT(PREVIOUS_MAX);
	if (f->with_previous && before->effective_at > 0) {
		struct jsonw w = jsonw(&previous);
		jw_obj(&w);
		terms_members(&w, before);
		jw_end_obj(&w);
	}
	buf_printf(&once, "%" PRId64 " %" PRId64 "x%" PRId64 " %s ", f->effective_at, terms->plan_id, terms->units,
	           terms->billing_cycle ? terms->billing_cycle : "");
	if (t->news)
		buf_str(&once, t->news->once);
	if (previous.err != OK || once.err != OK)
		return ERR_NOMEM;
	struct event_field fields[11];
	size_t n = 0;
	fields[n++] = EF_Z("entitlement", o->row.account_id);
	if (f->with_terms && terms->plan_id > 0) {
		fields[n++] = EF_INT("plan", terms->plan_id);
		fields[n++] = EF_Z("plan_name", terms->plan_name);
		fields[n++] = EF_Z("billing_cycle", terms->billing_cycle);
		if (github_is_per_unit(terms))
			fields[n++] = EF_INT("units", terms->units);
		if (!terms->on_trial) {
			fields[n++] = EF_INT("amount_cents", github_amount_cents(terms));
			fields[n++] = EF_Z("currency", "USD");
		}
	}
	char trial_ends[TIME_TEXT_SIZE] = "";
	if (f->with_terms && terms->on_trial)
		time_text(terms->trial_ends_at, trial_ends);
	fields[n++] = EF_Z("trial_ends_at", trial_ends);
	if (f->pending && terms->ends)
		fields[n++] = EF_BOOL("ends", true);
	fields[n++] = EF_JSON("previous", buf_text(&previous));
	const struct event e = {.type = f->type,
	                        .tenant = str_of(t->key),
	                        .source = t->source,
	                        .at = t->now,
	                        .effective_at = f->effective_at > 1 ? f->effective_at : 0,
	                        .once = buf_text(&once),
	                        .fields = fields,
	                        .field_count = n};
	return journal_add(tx, &e);
}

static enum err journal_tenant(struct store_tx *tx, const struct told *t, const char *type)
{
	char once[24], until[TIME_TEXT_SIZE] = "";
	(void)snprintf(once, sizeof(once), "%" PRId64, t->now);
	if (t->outcome && t->outcome->ended && t->outcome->row.erase_at > 0)
		time_text(t->outcome->row.erase_at, until);
	const struct event_field fields[] = {EF_Z("product_type", "github"), EF_Z("kept_until", until)};
	const struct event e = {.type = type,
	                        .tenant = str_of(t->key),
	                        .source = t->source,
	                        .at = t->now,
	                        .once = str_of(once),
	                        .fields = fields,
	                        .field_count = 2};
	return journal_add(tx, &e);
}

static enum err journal_all(struct store_tx *tx, const struct told *t)
{
	enum err err = OK;
	for (size_t i = 0; err == OK && i < t->outcome->fact_count; i++)
		err = journal_fact(tx, t, &t->outcome->facts[i]);
	return err;
}

/* ---- the tenant ---- */

static enum err tenant_row_of(struct github *g, struct store_tx *tx, struct arena *a, const struct told *t,
                              struct tenant_row *ret, const char **ret_event)
{
	const struct github_account_row *row = &t->outcome->row;
	const bool live = entitlement_live(row);
	struct tenant_row tenant = {0};
	enum err err = store_tenant_get(tx, str_of(t->key), a, &tenant);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	const bool known = err == OK, was_live = known && tenant_status_parse(str_of(tenant.status)) != TENANT_UNINSTALLED;
	*ret_event = !live       ? (was_live ? "tenant.uninstalled" : NULL)
	             : !known    ? "tenant.installed"
	             : !was_live ? "tenant.reinstalled"
	                         : NULL;
	tenant.client_key = t->key;
	tenant.product_type = "github";
	tenant.base_url = arena_printf(a, "%s/%s", g->config->github_url, row->login ? row->login : "");
	tenant.status = tenant_status_name(live ? TENANT_ENABLED : TENANT_UNINSTALLED);
	tenant.entitlement_id = NULL; /* the purchase is told: an install body says nothing here */
	if (!known)
		tenant.first_installed_at = t->now;
	if (!known || (live && !was_live))
		tenant.installed_at = t->now;
	tenant.updated_at = t->now > tenant.updated_at ? t->now : tenant.updated_at + 1;
	tenant.uninstalled_at = live ? 0 : was_live || !known ? t->now : tenant.uninstalled_at;
	*ret = tenant;
	return tenant.base_url ? OK : ERR_NOMEM;
}

static enum err put_tenant(struct github *g, struct store_tx *tx, struct arena *a, const struct told *t,
                           struct github_applied *ret)
{
	const char *event = NULL;
	enum err err = tenant_row_of(g, tx, a, t, &ret->tenant, &event);
	if (err == OK)
		err = store_tenant_put(tx, &ret->tenant);
	if (err == OK && event)
		err = journal_tenant(tx, t, event);
	ret->put = err == OK;
	return err;
}

/* ---- tokens ---- */

/* Moves a token from its user to those that are to be revoked; the user's sessions end. */
static enum err revoke_user(struct github *g, struct store_tx *tx, const struct github_user_row *user, int64_t now)
{
	__cleanup(buf_wipe) struct buf token = BUF_INIT(EMAIL_MAX);
	__cleanup_buf struct buf sealed = BUF_INIT(2 * EMAIL_MAX);
	char id[33] = "";
	enum err err = OK;
	if (user->token_sealed.len)
		err = unseal(g->keyring, user_place(user->user_id), user->token_sealed, &token);
	if (err == OK && token.len > 0) {
		if (!random_text(id, sizeof(id) - 1))
			return ERR_IO;
		err = seal(g->keyring, revocation_place(id), buf_text(&token), &sealed);
		const struct github_revocation_row row = {.id = id, .token_sealed = buf_text(&sealed), .next_at = now};
		if (err == OK)
			err = store_github_revocation_put(tx, &row);
	} else if (err == ERR_SEAL) {
		err = OK; /* its key is gone, and the token with it */
	}
	return err == OK ? store_github_user_delete(tx, str_of(user->user_id)) : err;
}

static enum err revoke_all(struct github *g, struct store_tx *tx, struct arena *a, const struct told *t,
                           struct github_applied *ret)
{
	struct github_user_row *users = NULL;
	size_t count = 0;
	enum err err = store_github_users_only_of(tx, str_of(t->outcome->row.account_id), a, &users, &count);
	for (size_t i = 0; err == OK && i < count; i++)
		err = revoke_user(g, tx, &users[i], t->now);
	ret->revokes = err == OK && count > 0;
	return err;
}

/* ---- all of it ---- */

static void earliest(int64_t *due, int64_t at)
{
	if (at > 0 && (*due == 0 || at < *due))
		*due = at;
}

enum err github_tell(struct github *g, struct arena *a, const struct github_account_row *row,
                     struct github_applied *ret)
{
	__cleanup_buf struct buf email = BUF_INIT(EMAIL_MAX);
	enum err err = OK;
	if (row->email_sealed.len)
		err = unseal(g->keyring, email_place(row->account_id), row->email_sealed, &email);
	if (err != OK && err != ERR_SEAL)
		return err;
	const char *plain = arena_strz(a, err == OK ? buf_text(&email) : STR(""));
	if (!plain)
		return ERR_NOMEM;
	(void)snprintf(ret->key, sizeof(ret->key), "github:%s", row->account_id);
	ret->facts = entitlement_facts(row, str_of(plain));
	ret->told = true;
	ret->due_at = 0;
	earliest(&ret->due_at, row->next.effective_at);
	earliest(&ret->due_at, row->erase_at);
	if (ret->facts.evaluation)
		earliest(&ret->due_at, row->now.trial_ends_at);
	return OK;
}

/* Stores what an outcome says, and everything that follows from it. */
static enum err store_outcome(struct github *g, struct store_tx *tx, struct arena *a, const struct told *t,
                              struct github_applied *ret)
{
	const struct github_outcome *o = t->outcome;
	const bool cancelled = o->ended || (t->news && t->news->action == GITHUB_CANCELLED && o->changed);
	enum err err = store_github_account_put(tx, &o->row);
	if (err == OK)
		err = put_tenant(g, tx, a, t, ret);
	if (err == OK)
		err = journal_all(tx, t);
	if (err == OK && cancelled)
		err = revoke_all(g, tx, a, t, ret);
	ret->changed = o->changed;
	return err == OK ? github_tell(g, a, &o->row, ret) : err;
}

/* An address that is forgotten stays so, and so does one of which that cannot be told. */
static enum err seal_email(struct github *g, struct store_tx *tx, struct arena *a, const struct github_news *news,
                           struct github_account_row *row)
{
	__cleanup_buf struct buf sealed = BUF_INIT(EMAIL_MAX);
	bool forgotten = true;
	if (news->email.len == 0)
		return OK;
	row->email_sealed = (struct str){0};
	enum err err = store_address_forgotten(tx, g->keyring, news->email, &forgotten);
	if (err != OK || forgotten)
		return err == ERR_SEAL ? OK : err;
	err = seal(g->keyring, email_place(row->account_id), news->email, &sealed);
	if (err != OK)
		return err;
	char *copy = arena_alloc(a, sealed.len);
	if (!copy)
		return ERR_NOMEM;
	memcpy(copy, sealed.data, sealed.len);
	row->email_sealed = (struct str){copy, sealed.len};
	return OK;
}

static enum err free_plan_of(struct store_tx *tx, struct arena *a, const struct github_news *news,
                             struct github_plan_row *plan, const struct github_plan_row **ret)
{
	*ret = NULL;
	if (news->action != GITHUB_CANCELLED)
		return OK;
	enum err err = store_github_plan_free(tx, a, plan);
	if (err == OK)
		*ret = plan;
	return err == ERR_NOT_FOUND ? OK : err;
}

enum err github_apply(struct github *g, struct store_tx *tx, struct arena *a, const struct github_news *news,
                      struct github_applied *ret)
{
	struct github_account_row old = {0};
	struct github_plan_row plan;
	const struct github_plan_row *free_plan;
	struct github_outcome outcome;
	const int64_t now = clock_wall_ms(g->clock);
	*ret = (struct github_applied){0};
	enum err err = store_github_account_get(tx, str_of(news->account_id), a, &old);
	if (err == OK || err == ERR_NOT_FOUND)
		err = free_plan_of(tx, a, news, &plan, &free_plan);
	if (err != OK)
		return err;
	entitlement_apply(&old, news, free_plan, now, g->config->retention_days, &outcome);
	ret->stale = outcome.stale;
	if (outcome.stale)
		return OK;
	char *key = arena_printf(a, "github:%s", news->account_id);
	const struct told t = {.outcome = &outcome, .news = news, .key = key, .source = news->source, .now = now};
	err = key ? seal_email(g, tx, a, news, &outcome.row) : ERR_NOMEM;
	return err == OK ? store_outcome(g, tx, a, &t, ret) : err;
}

enum err github_apply_trial_over(struct github *g, struct store_tx *tx, struct arena *a,
                                 const struct github_account_row *row, struct github_applied *ret)
{
	struct github_outcome outcome;
	const int64_t now = clock_wall_ms(g->clock);
	char *key = arena_printf(a, "github:%s", row->account_id);
	if (!key)
		return ERR_NOMEM;
	*ret = (struct github_applied){0};
	entitlement_trial_over(row, now, g->config->retention_days, &outcome);
	const struct told t = {.outcome = &outcome, .key = key, .source = "schedule", .now = now};
	return store_outcome(g, tx, a, &t, ret);
}

enum err github_erase(struct github *g, struct store_tx *tx, const struct github_account_row *row,
                      struct github_applied *ret)
{
	const int64_t now = clock_wall_ms(g->clock);
	*ret = (struct github_applied){.purged = true};
	(void)snprintf(ret->key, sizeof(ret->key), "github:%s", row->account_id);
	enum err err = store_github_account_erase(tx, str_of(row->account_id), now);
	if (err == OK)
		err = store_tenant_purge(tx, str_of(ret->key));
	if (err == ERR_NOT_FOUND) /* the retention sweep was here first */
		return OK;
	const struct told t = {.key = ret->key, .source = "retention", .now = now};
	return err == OK ? journal_tenant(tx, &t, "tenant.purged") : err;
}

enum err github_committed(struct github *g, const struct github_applied *applied)
{
	enum err err = OK;
	if (!g->tenants) /* a command: the server follows by itself */
		return OK;
	if (applied->purged) {
		tenants_remove(g->tenants, str_of(applied->key));
		log_event(LOG_INFO, "tenant.purged", LF_Z("tenant", applied->key));
		return OK;
	}
	if (applied->put)
		err = tenants_put(g->tenants, &applied->tenant, STR(""));
	if (err == OK && applied->told) {
		const struct tenant *tenant = tenants_find(g->tenants, str_of(applied->key));
		if (tenant)
			err = lookups_told(g->lookups, tenant, &applied->facts);
		tenant_unref(tenant);
	}
	if (applied->due_at > 0)
		github_due_by(g, applied->due_at);
	return err;
}
