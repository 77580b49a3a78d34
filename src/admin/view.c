/* view.c - tenants as JSON and CSV.
 *
 * Members that do not apply are null, so that every row has the same shape. Lists come from memory alone; one tenant's
 * full view also reads its row and its aliases. */
#include "admin/view.h"

#include "admin/params.h"
#include "base/cleanup.h"
#include "github/purchase.h"
#include "license/answer.h"
#include "market/contacts.h"
#include "market/join.h"

enum { VIEW_ARENA_MAX = 4 * 1024 * 1024, CONTACTS_MAX_BYTES = 1024 * 1024, CURSOR_MAX = 16384 };

static void decision_members(struct jsonw *w, const struct license_decision *d)
{
	decision_write(w, d);
	jw_ktime(w, "expires_at", d->expires_at);
}

static void tenant_members(struct jsonw *w, const struct tenant *t)
{
	jw_kstr(w, "client_key", t->client_key);
	jw_kstr(w, "base_url", t->base_url);
	jw_kstr(w, "product_type", t->product_type);
	jw_kz(w, "status", tenant_status_name(t->status));
	jw_ktime(w, "first_installed_at", t->first_installed_at);
	jw_ktime(w, "installed_at", t->installed_at);
	jw_ktime(w, "updated_at", t->updated_at);
	jw_ktime(w, "last_seen_at", tenant_last_seen(t));
}

void tenants_view(struct jsonw *w, struct lookups *l, const struct tenant_page *page)
{
	jw_obj(w);
	jw_key(w, "tenants");
	jw_arr(w);
	for (size_t i = 0; i < page->count; i++) {
		struct license_decision d = lookups_state(l, page->at[i]);
		jw_obj(w);
		tenant_members(w, page->at[i]);
		jw_key(w, "license");
		jw_obj(w);
		decision_members(w, &d);
		jw_end_obj(w);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	jw_kint(w, "total", (int64_t)page->total);
	if (page->more) {
		__cleanup_buf struct buf cursor = BUF_INIT(CURSOR_MAX);
		place_write(&cursor, &page->last);
		jw_kstr(w, "next", buf_text(&cursor));
	}
	jw_end_obj(w);
}

void tenants_csv(struct buf *out, struct lookups *l, const struct tenant_page *page)
{
	struct csv c = csv(out);
	csv_header(&c, "client_key,base_url,product_type,status,first_installed_at,installed_at,updated_at,last_seen_at,"
	               "license_state,license_reason,license_source,license_stale,evaluation,edition,expires_at");
	for (size_t i = 0; i < page->count; i++) {
		const struct tenant *t = page->at[i];
		struct license_decision d = lookups_state(l, t);
		csv_str(&c, t->client_key);
		csv_str(&c, t->base_url);
		csv_str(&c, t->product_type);
		csv_z(&c, tenant_status_name(t->status));
		csv_time(&c, t->first_installed_at);
		csv_time(&c, t->installed_at);
		csv_time(&c, t->updated_at);
		csv_time(&c, tenant_last_seen(t));
		csv_z(&c, license_state_name(d.state));
		csv_z(&c, d.reason);
		csv_z(&c, license_source_name(d.source));
		csv_bool(&c, d.stale);
		csv_bool(&c, d.evaluation);
		csv_z(&c, edition_name(d.edition));
		csv_time(&c, d.expires_at);
		csv_end_row(&c);
	}
}

/* ---- one tenant ---- */

struct stored {
	struct str client_key;
	struct arena *arena;
	struct tenant_row row;
	struct alias_row *aliases;
	size_t alias_count;
	struct market_view market;
	struct github_account_row github; /* account_id NULL: it is none */
	size_t history;
	struct event_row *events; /* newest first */
	size_t event_count;
	const struct keyring *keyring; /* NULL: contacts are not asked for */
	struct buf contacts;           /* JSON */
};

static enum err github_read(struct store_tx *tx, struct stored *s)
{
	const size_t prefix = sizeof("github:") - 1;
	const struct str id = {s->client_key.ptr + prefix, s->client_key.len - prefix};
	enum err err = store_github_account_get(tx, id, s->arena, &s->github);
	return err == ERR_NOT_FOUND ? OK : err;
}

/* The same members as of an Atlassian licence, as far as GitHub has them. */
static void github_members(struct jsonw *w, const struct github_account_row *g)
{
	const struct github_terms *t = &g->now;
	jw_key(w, "marketplace");
	jw_obj(w);
	jw_kz(w, "entitlement", g->account_id);
	jw_kz(w, "status", g->status);
	jw_kz(w, "license_type", github_is_free(t) ? "FREE" : t->on_trial ? "EVALUATION" : "COMMERCIAL");
	jw_kz(w, "tier", t->plan_name);
	jw_kz(w, "edition", NULL);
	jw_ktime(w, "maintenance_start", t->effective_at > 1 ? t->effective_at : 0);
	jw_ktime(w, "maintenance_end",
	         g->next.ends  ? g->next.effective_at
	         : t->on_trial ? t->trial_ends_at
	                       : t->next_billing_at);
	jw_kz(w, "billing_period", t->billing_cycle);
	jw_kbool(w, "sandbox", false);
	jw_kint(w, "plan", t->plan_id);
	jw_kint(w, "units", t->units);
	jw_kint(w, "amount_cents", t->on_trial ? 0 : github_amount_cents(t));
	jw_ktime(w, "scheduled_at", g->next.effective_at);
	jw_end_obj(w);
}

static enum err stored_read(struct store_tx *tx, void *arg)
{
	struct stored *s = arg;
	enum err err = store_tenant_get(tx, s->client_key, s->arena, &s->row);
	if (err == OK)
		err = store_alias_list(tx, s->client_key, s->arena, &s->aliases, &s->alias_count);
	if (err == OK)
		err = market_view_read(tx, s->client_key, s->arena, &s->market);
	if (err == OK && tenant_kind_of(s->client_key) == TENANT_GITHUB)
		err = github_read(tx, s);
	if (err == OK && s->history > 0)
		err = store_event_latest(tx, s->client_key, s->history, s->arena, &s->events, &s->event_count);
	buf_wipe(&s->contacts);
	if (err == OK && s->keyring) {
		struct jsonw w = jsonw(&s->contacts);
		err = contacts_write(tx, s->keyring, s->client_key, &w);
	}
	return err;
}

static void stored_members(struct jsonw *w, const struct tenant_row *r)
{
	jw_kz(w, "display_url", r->display_url);
	jw_kz(w, "description", r->description);
	jw_kz(w, "oauth_client_id", r->oauth_client_id);
	jw_kz(w, "sen", r->sen);
	jw_kz(w, "entitlement_id", r->entitlement_id);
	jw_kz(w, "entitlement_number", r->entitlement_number);
	jw_kz(w, "capability_set", r->capability_set);
	jw_kz(w, "installation_id", r->installation_id);
	jw_kz(w, "imported_from", r->imported_from);
	jw_ktime(w, "uninstalled_at", r->uninstalled_at);
	jw_key(w, "install_body");
	if (r->install_body)
		jw_raw(w, str_of(r->install_body)); /* stored without the secret */
	else
		jw_null(w);
}

static void license_members(struct jsonw *w, const struct tenant *t, const struct license_view *v)
{
	decision_members(w, &v->decision);
	jw_key(w, "seats");
	jw_obj(w);
	license_seats(w, t);
	jw_end_obj(w);
	jw_kz(w, "type", v->type);
	jw_kz(w, "organisation", v->organisation);
	jw_kz(w, "sen", v->sen);
	jw_kz(w, "entitlement_id", v->entitlement_id);
	jw_kz(w, "entitlement_number", v->entitlement_number);
	jw_ktime(w, "since", v->since);
	jw_ktime(w, "fetched_at", v->known.fetched_at);
	jw_kz(w, "failure", v->failure);
	jw_ktime(w, "failed_at", v->failed_at);
	jw_kbool(w, "in_flight", v->in_flight);
	jw_ktime(w, "secret_proved_at", v->secret_proved_at);
	jw_key(w, "override");
	if (v->known.override_until == 0) {
		jw_null(w);
		return;
	}
	jw_obj(w);
	jw_kz(w, "state", license_state_name(v->known.override_state));
	jw_ktime(w, "until", v->known.override_until);
	jw_kz(w, "reason", v->override_reason);
	jw_kz(w, "by", v->override_by);
	jw_end_obj(w);
}

static void alias_members(struct jsonw *w, const struct stored *s)
{
	jw_key(w, "aliases");
	jw_arr(w);
	for (size_t i = 0; i < s->alias_count; i++) {
		jw_obj(w);
		jw_kz(w, "kind", s->aliases[i].kind);
		jw_kz(w, "value", s->aliases[i].value);
		jw_ktime(w, "first_seen", s->aliases[i].first_seen);
		jw_ktime(w, "last_seen", s->aliases[i].last_seen);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void event_members(struct jsonw *w, const struct stored *s)
{
	if (s->history == 0)
		return;
	jw_key(w, "events");
	jw_arr(w);
	for (size_t i = s->event_count; i-- > 0;)
		jw_raw(w, str_of(s->events[i].json));
	jw_end_arr(w);
}

static void contact_members(struct jsonw *w, const struct stored *s)
{
	if (!s->keyring)
		return;
	jw_key(w, "contacts");
	jw_raw(w, buf_text(&s->contacts));
}

static void wipe_contacts(struct stored *s)
{
	buf_wipe(&s->contacts);
}

enum err tenant_view(struct jsonw *w, struct store *s, struct lookups *l, const struct tenant *tenant, size_t history,
                     const struct keyring *contacts)
{
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, VIEW_ARENA_MAX);
	__cleanup(wipe_contacts) struct stored stored = {.client_key = tenant->client_key,
	                                                 .arena = &arena,
	                                                 .history = history,
	                                                 .keyring = contacts,
	                                                 .contacts = BUF_INIT(CONTACTS_MAX_BYTES)};
	struct license_view license;
	enum err err = store_read(s, stored_read, &stored);
	if (err == OK)
		err = lookups_view(l, tenant, &arena, &license);
	if (err == OK)
		err = stored.contacts.err;
	if (err != OK)
		return err;
	jw_obj(w);
	jw_key(w, "tenant");
	jw_obj(w);
	tenant_members(w, tenant);
	stored_members(w, &stored.row);
	jw_end_obj(w);
	jw_key(w, "license");
	jw_obj(w);
	license_members(w, tenant, &license);
	jw_end_obj(w);
	if (stored.github.account_id)
		github_members(w, &stored.github);
	else
		market_view_write(w, &stored.market);
	alias_members(w, &stored);
	event_members(w, &stored);
	contact_members(w, &stored);
	jw_end_obj(w);
	return OK;
}
