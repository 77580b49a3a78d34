/* drift.c - see drift.h. */
#include "market/drift.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "market/derive.h"
#include "market/join.h"

static const int64_t DAY_MS = 86400000;
/* Ends of overrides are shown for a month. */
enum { OVERRIDE_DAYS = 30, INITIAL_SLOTS = 1024 };

static const struct {
	const char *name, *what_to_do;
} kinds[DRIFT_KINDS] = {
    [DRIFT_EXPIRED_THERE] =
        {"expired_there",
         "The product decides access and the report is hours late. If it stays for more than a day, look the licence "
         "up "
         "again (refresh); if the site still says active, ask Atlassian's partner support which of the two is right."},
    [DRIFT_UNLICENSED_HERE] =
        {"unlicensed_here",
         "The customer has paid and is locked out. Refresh the licence; if the site still says none, set an override "
         "until the licence's end and ask the customer to install the app again."},
    [DRIFT_UNKNOWN_THERE] =
        {"unknown_there",
         "The site is served and no report has its licence. Reports are hours late: wait a day if it was installed "
         "today. If it is a private listing, a test site or a free licence, nothing is wrong; else run a full poll "
         "(licgate sync --full)."},
    [DRIFT_NEVER_SEEN] =
        {"never_seen", "Paid for, and no such site was ever installed here: ask the customer whether the app could be "
                       "installed, or whether another address of it (LICGATE_BASE_URL) is in the listing."},
    [DRIFT_UNINSTALLED_HERE] =
        {"uninstalled_here", "Paid for, and uninstalled: the customer will not renew. Ask why before the term ends."},
    [DRIFT_OVERRIDE_OVER] = {"override_over",
                             "An override has ended and nothing else licenses the tenant: set a new one, "
                             "or let it go."},
    [DRIFT_TWO_TENANTS] =
        {"two_tenants",
         "The licence's ids fit two sites that are both installed (after a site import, as a rule): it "
         "counts for the one that the stronger id fits, else for the one that came last. Have the app removed from the "
         "site that is not used any more."},
    [DRIFT_TWO_LICENSES] =
        {"two_licenses",
         "The site has two licences in force: the one tied by the strongest id counts. Ask the customer "
         "to cancel the other, or expect a refund."},
};

const char *drift_kind_name(enum drift_kind kind)
{
	return kinds[kind].name;
}

const char *drift_what_to_do(enum drift_kind kind)
{
	return kinds[kind].what_to_do;
}

bool drift_kind_parse(struct str name, enum drift_kind *ret)
{
	for (unsigned i = 0; i < DRIFT_KINDS; i++)
		if (str_eqz(name, kinds[i].name)) {
			*ret = (enum drift_kind)i;
			return true;
		}
	return false;
}

/* What the reports have of one tenant. */
struct known {
	const char *client_key; /* in the arena */
	const char *row_key, *status, *license_type, *tier, *maintenance_end;
	int64_t override_ended;
	enum market_tie tie;
	unsigned in_force; /* licences, sandboxes not among them */
	bool force, paid, sandbox, ended;
};

struct work {
	struct arena *arena;
	struct tenants *tenants;
	struct lookups *lookups;
	struct moment now;
	char today[11];
	struct drift drift;
	size_t item_cap;
	struct known *known;
	uint32_t *slots; /* index + 1 into known, open addressing; 0: free */
	size_t known_count, known_cap, slot_count;
	enum err err;
};

/* ---- the table of tenants that reports know ---- */

static size_t slot_of(const struct work *w, struct str key)
{
	size_t at = str_hash(key) & (w->slot_count - 1);
	while (w->slots[at] && !str_eqz(key, w->known[w->slots[at] - 1].client_key))
		at = (at + 1) & (w->slot_count - 1);
	return at;
}

static struct known *known_find(const struct work *w, struct str key)
{
	const uint32_t found = w->slots[slot_of(w, key)];
	return found ? &w->known[found - 1] : NULL;
}

static bool known_grow(struct work *w)
{
	const size_t cap = w->known_cap ? w->known_cap * 2 : INITIAL_SLOTS / 2, slots = cap * 2;
	struct known *known = reallocarray(w->known, cap, sizeof *known);
	if (!known)
		return false;
	w->known = known;
	w->known_cap = cap;
	free(w->slots);
	w->slots = calloc(slots, sizeof *w->slots);
	w->slot_count = slots;
	for (size_t i = 0; w->slots && i < w->known_count; i++)
		w->slots[slot_of(w, str_of(known[i].client_key))] = (uint32_t)i + 1;
	return w->slots != NULL;
}

static struct known *known_add(struct work *w, const char *client_key)
{
	struct known *k = known_find(w, str_of(client_key));
	if (k)
		return k;
	if (w->known_count == w->known_cap && !known_grow(w))
		return NULL;
	const char *copy = arena_strz(w->arena, str_of(client_key));
	if (!copy)
		return NULL;
	w->slots[slot_of(w, str_of(client_key))] = (uint32_t)++w->known_count;
	assert(w->known);
	k = &w->known[w->known_count - 1];
	*k = (struct known){.client_key = copy};
	return k;
}

/* ---- findings ---- */

static const char *copy_of(struct work *w, const char *text)
{
	const char *copy = text ? arena_strz(w->arena, str_of(text)) : NULL;
	if (text && !copy)
		w->err = ERR_NOMEM;
	return copy;
}

static struct drift_item *found(struct work *w, enum drift_kind kind)
{
	if (w->drift.count == w->item_cap) {
		const size_t cap = w->item_cap ? w->item_cap * 2 : 64;
		struct drift_item *items = reallocarray(w->drift.items, cap, sizeof *items);
		if (!items) {
			w->err = ERR_NOMEM;
			return NULL;
		}
		w->drift.items = items;
		w->item_cap = cap;
	}
	w->drift.counts[kind]++;
	struct drift_item *item = &w->drift.items[w->drift.count++];
	*item = (struct drift_item){.kind = kind};
	return item;
}

static struct drift_item *found_license(struct work *w, enum drift_kind kind, const struct market_license *l,
                                        const char *client_key)
{
	struct drift_item *i = found(w, kind);
	if (!i)
		return NULL;
	i->client_key = copy_of(w, client_key);
	i->entitlement = copy_of(w, l->row_key);
	i->status = copy_of(w, l->status);
	i->license_type = copy_of(w, l->license_type);
	i->tier = copy_of(w, l->tier);
	i->maintenance_end = copy_of(w, l->maintenance_end);
	return i;
}

/* ---- the licences ---- */

static bool is_paid_now(const struct work *w, const struct market_license *l)
{
	return !l->sandbox && market_in_force(l) && market_is_paid(l) &&
	       (!l->maintenance_end || strcmp(l->maintenance_end, w->today) >= 0);
}

/* A licence for the customer's own servers, which no site here will ever be. */
static bool is_self_hosted(const struct market_license *l)
{
	static const char *const hostings[] = {"server", "data_center", "datacenter"};
	for (size_t i = 0; i < sizeof hostings / sizeof *hostings; i++)
		if (l->hosting && strcmp(l->hosting, hostings[i]) == 0)
			return true;
	return false;
}

/* Whom to ask: the site that the report names. */
static void found_never_seen(struct work *w, const struct market_license *l, const char *host)
{
	struct drift_item *i = found_license(w, DRIFT_NEVER_SEEN, l, NULL);
	if (i && host && !(i->base_url = arena_printf(w->arena, "https://%s", host)))
		w->err = ERR_NOMEM;
}

/* The order of join.c, over what is known so far. */
static bool shows_rather(const struct known *k, const struct market_license *l, enum market_tie tie)
{
	if (!k->row_key || k->sandbox != l->sandbox)
		return !k->row_key || k->sandbox;
	if (k->force != market_in_force(l))
		return !k->force;
	if (k->tie != tie)
		return tie < k->tie;
	return strcmp(l->maintenance_end ? l->maintenance_end : "", k->maintenance_end ? k->maintenance_end : "") > 0;
}

static enum err visit_license(void *arg, const struct market_license *l, const struct market_match *m, bool gone)
{
	struct work *w = arg;
	if (m->contested && market_in_force(l) && !l->sandbox)
		found_license(w, DRIFT_TWO_TENANTS, l, m->client_key);
	if (!m->client_key) {
		if (is_paid_now(w, l) && !is_self_hosted(l))
			found_never_seen(w, l, m->host);
		return w->err;
	}
	if (gone && is_paid_now(w, l))
		found_license(w, DRIFT_UNINSTALLED_HERE, l, m->client_key);
	struct known *k = known_add(w, m->client_key);
	if (!k)
		return ERR_NOMEM;
	k->in_force += market_in_force(l) && !l->sandbox;
	if (!shows_rather(k, l, m->tie))
		return w->err;
	k->row_key = copy_of(w, l->row_key);
	k->status = copy_of(w, l->status);
	k->license_type = copy_of(w, l->license_type);
	k->tier = copy_of(w, l->tier);
	k->maintenance_end = copy_of(w, l->maintenance_end);
	k->tie = m->tie;
	k->force = market_in_force(l);
	k->paid = is_paid_now(w, l);
	k->sandbox = l->sandbox;
	k->ended = market_status_is(l, "inactive") && !l->sandbox;
	return w->err;
}

static enum err visit_override(void *arg, const char *client_key, int64_t ended)
{
	struct known *k = known_add(arg, client_key);
	if (k)
		k->override_ended = ended;
	return k ? OK : ERR_NOMEM;
}

static enum err read_all(struct store_tx *tx, void *arg)
{
	struct work *w = arg;
	enum err err = store_market_polled(tx, &w->drift.polled_at);
	if (err == OK)
		err = store_market_each(tx, visit_license, w);
	if (err == OK)
		err = store_overrides_over(tx, w->now.wall_ms - OVERRIDE_DAYS * DAY_MS, w->now.wall_ms, visit_override, w);
	return err;
}

/* ---- the tenants ---- */

static void found_tenant(struct work *w, enum drift_kind kind, const struct tenant *t, const struct license_decision *d,
                         const struct known *k)
{
	struct drift_item *i = found(w, kind);
	if (!i)
		return;
	i->client_key = arena_strz(w->arena, t->client_key);
	i->base_url = arena_strz(w->arena, t->base_url);
	i->state = license_state_name(d->state);
	i->source = license_source_name(d->source);
	if (!i->client_key || !i->base_url)
		w->err = ERR_NOMEM;
	if (!k)
		return;
	i->entitlement = k->row_key;
	i->status = k->status;
	i->license_type = k->license_type;
	i->tier = k->tier;
	i->maintenance_end = k->maintenance_end;
	i->since = kind == DRIFT_OVERRIDE_OVER ? k->override_ended : 0;
}

static bool licensed(enum license_state s)
{
	return s == STATE_ACTIVE || s == STATE_EVALUATION || s == STATE_CANCELLED_PENDING;
}

static bool refused(enum license_state s)
{
	return s == STATE_NONE || s == STATE_EXPIRED || s == STATE_GRACE;
}

static bool visit_tenant(void *arg, const struct tenant *t)
{
	struct work *w = arg;
	const enum tenant_status status = t->status;
	if (t->kind == TENANT_GITHUB || status == TENANT_UNINSTALLED)
		return true;
	const struct license_decision d = lookups_state_at(w->lookups, t, w->now);
	const struct known *k = w->slot_count ? known_find(w, t->client_key) : NULL;
	const bool reported = k && k->row_key, by_override = d.source == SOURCE_OVERRIDE;
	if (reported && k->ended && licensed(d.state) && !by_override)
		found_tenant(w, DRIFT_EXPIRED_THERE, t, &d, k);
	if (reported && k->paid && refused(d.state) && !by_override)
		found_tenant(w, DRIFT_UNLICENSED_HERE, t, &d, k);
	if (!reported && licensed(d.state) && !by_override && status != TENANT_DISABLED && w->drift.polled_at)
		found_tenant(w, DRIFT_UNKNOWN_THERE, t, &d, NULL);
	if (k && k->override_ended && !by_override && !licensed(d.state))
		found_tenant(w, DRIFT_OVERRIDE_OVER, t, &d, k);
	if (reported && k->in_force > 1)
		found_tenant(w, DRIFT_TWO_LICENSES, t, &d, k);
	return w->err == OK;
}

static int order(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int by_kind(const void *x, const void *y)
{
	const struct drift_item *a = x, *b = y;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	const int key = order(a->client_key, b->client_key);
	return key != 0 ? key : order(a->entitlement, b->entitlement);
}

/* Licences of tenants were found before the tenants themselves: what they are called here. */
static void name_tenants(struct work *w)
{
	for (size_t i = 0; i < w->drift.count; i++) {
		struct drift_item *item = &w->drift.items[i];
		const struct tenant *t =
		    item->client_key && !item->base_url ? tenants_find(w->tenants, str_of(item->client_key)) : NULL;
		if (!t)
			continue;
		const struct license_decision d = lookups_state_at(w->lookups, t, w->now);
		item->state = license_state_name(d.state);
		item->source = license_source_name(d.source);
		item->base_url = arena_strz(w->arena, t->base_url);
		tenant_unref(t);
	}
}

enum err drift_read(struct store *store, struct tenants *tenants, struct lookups *lookups, struct arena *a,
                    struct drift *ret)
{
	struct work w = {.arena = a, .tenants = tenants, .lookups = lookups, .now = lookups_now(lookups)};
	char now[TIME_TEXT_SIZE];
	time_text(w.now.wall_ms, now);
	memcpy(w.today, now, 10);
	enum err err = known_grow(&w) ? store_read(store, read_all, &w) : ERR_NOMEM;
	if (err == OK) {
		tenants_each(tenants, visit_tenant, &w);
		name_tenants(&w);
		err = w.err;
	}
	if (err == OK && w.drift.count > 0) {
		struct drift_item *items = arena_alloc(a, w.drift.count * sizeof *items);
		if (items)
			memcpy(items, w.drift.items, w.drift.count * sizeof *items);
		else
			err = ERR_NOMEM;
		free(w.drift.items);
		w.drift.items = items;
		if (items)
			qsort(items, w.drift.count, sizeof *items, by_kind);
	} else {
		free(w.drift.items);
		w.drift.items = NULL;
	}
	free(w.known);
	free(w.slots);
	if (err == OK)
		*ret = w.drift;
	return err;
}
