/* join.c - see join.h. Writer thread, but for the pure parts. */
#include "license/join.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "events/journal.h"
#include "license/live.h"
#include "store/forge.h"

enum { CANDIDATES_MAX = 8, USERS_PAGE = 200, PAGE_ARENA_MAX = 512 * 1024, URL_MAX = 512 };

static _Atomic unsigned moves;

unsigned join_moves(void)
{
	return atomic_load(&moves);
}

void join_moved(void)
{
	atomic_fetch_add(&moves, 1);
}

/* "Jira", "jira", "jira-software": one host. */
static struct str product_family(struct str product)
{
	if (str_istarts(product, STR("jira")))
		return STR("jira");
	return str_istarts(product, STR("conf")) ? STR("confluence") : product;
}

/* A search for one tenant: those of the wanted kind among the rows. */
struct search {
	struct store_tx *tx;
	struct arena *a;
	enum tenant_kind wanted;
	struct str product;
	const char *found; /* NULL: none yet */
};

/* By an id of this one app: the first will do. */
static void take_first(struct search *s, const struct candidate_row *rows, size_t count)
{
	for (size_t i = 0; i < count && !s->found; i++)
		if (s->wanted == tenant_kind_of(str_of(rows[i].client_key)))
			s->found = rows[i].client_key;
}

/* By something that other apps' and products' tenants share. */
static void take_only(struct search *s, const struct candidate_row *rows, size_t count)
{
	const char *found = NULL;
	size_t fit = 0;
	for (size_t i = 0; i < count; i++) {
		const struct str theirs = product_family(str_of(rows[i].product_type));
		const struct str ours = product_family(s->product);
		if (s->wanted != tenant_kind_of(str_of(rows[i].client_key)) ||
		    (ours.len && theirs.len && !str_ieq(ours, theirs)))
			continue;
		if (fit++ == 0)
			found = rows[i].client_key;
	}
	/* Several of one product: the site was imported or the app came back, and the newest is first. */
	if (fit == 1 || (fit > 1 && s->product.len))
		s->found = found;
}

static enum err by_alias(struct search *s, const char *kind, struct str value, bool shared)
{
	struct candidate_row *rows;
	size_t count;
	if (value.len == 0 || s->found)
		return OK;
	enum err err = store_candidates_by_alias(s->tx, kind, value, CANDIDATES_MAX, s->a, &rows, &count);
	if (err == OK)
		(shared ? take_only : take_first)(s, rows, count);
	return err;
}

static enum err by_ids(struct search *s, const struct join_facts *f, const char **ret_by)
{
	const struct {
		const char *kind;
		struct str value;
		bool shared;
	} ids[] = {
	    {"installation_id", f->installation_id, false},
	    {"entitlement_id", f->entitlement_id, false},
	    {"entitlement_number", f->entitlement_number, false},
	    {"sen", f->sen, false},
	    {"cloud_id", f->cloud_id, true},
	};
	enum err err = OK;
	for (size_t i = 0; err == OK && !s->found && i < (f->any_id ? sizeof(ids) / sizeof(ids[0]) : 1); i++) {
		err = by_alias(s, ids[i].kind, ids[i].value, ids[i].shared);
		*ret_by = ids[i].kind;
	}
	return err;
}

static enum err search_end(const struct search *s, enum err err, const char **ret_key)
{
	if (err != OK)
		return err;
	if (!s->found)
		return ERR_NOT_FOUND;
	*ret_key = s->found;
	return OK;
}

/* Confluence's base URL is the site's with /wiki. */
static enum err by_base_url(struct search *s, struct str site, const char *path)
{
	struct candidate_row *rows;
	size_t count;
	const char *url = arena_printf(s->a, "%.*s%s", STR_ARG(site), path);
	if (!url)
		return ERR_NOMEM;
	enum err err = store_candidates_by_base_url(s->tx, str_of(url), CANDIDATES_MAX, s->a, &rows, &count);
	if (err == OK)
		take_only(s, rows, count);
	return err;
}

enum err join_find_connect(struct store_tx *tx, const struct join_facts *f, struct arena *a, const char **ret_key,
                           const char **ret_by)
{
	struct search s = {.tx = tx, .a = a, .wanted = TENANT_CONNECT, .product = f->product};
	enum err err = by_ids(&s, f, ret_by);
	const bool by_url = f->any_id && f->url.len && f->url.len <= URL_MAX;
	for (int wiki = 0; err == OK && !s.found && by_url && wiki < 2; wiki++) {
		err = by_base_url(&s, f->url, wiki ? "/wiki" : "");
		*ret_by = "base_url";
	}
	return search_end(&s, err, ret_key);
}

enum err join_find_forge(struct store_tx *tx, const struct join_facts *f, struct arena *a, const char **ret_key,
                         const char **ret_by)
{
	struct search s = {.tx = tx, .a = a, .wanted = TENANT_FORGE, .product = f->product};
	struct candidate_row *rows;
	struct str site = f->url;
	size_t count;
	enum err err = by_ids(&s, f, ret_by);
	if (err == OK && !s.found && f->any_id && site.len) {
		if (str_ends(site, STR("/wiki")))
			site.len -= strlen("/wiki");
		err = store_candidates_by_site_url(tx, site, CANDIDATES_MAX, a, &rows, &count);
		if (err == OK)
			take_only(&s, rows, count);
		*ret_by = "base_url";
	}
	return search_end(&s, err, ret_key);
}

/* ---- taking in ---- */

/* One page of users. A user both tenants know keeps the seat of either. */
static enum err move_page(struct store_tx *tx, const struct user_row *users, size_t count, struct str to)
{
	__cleanup(arena_release) struct arena a;
	enum err err = OK;
	arena_init(&a, PAGE_ARENA_MAX);
	char *key = arena_strz(&a, to);
	if (!key)
		return ERR_NOMEM;
	for (size_t i = 0; err == OK && i < count; i++) {
		struct user_row moved = users[i], there;
		moved.client_key = key;
		err = store_user_get(tx, to, str_of(moved.account_id), &a, &there);
		if (err == OK && there.seat_at)
			continue;
		if (err == OK || err == ERR_NOT_FOUND)
			err = store_user_put(tx, &moved);
	}
	return err;
}

static enum err move_users(struct store_tx *tx, struct str from, struct str to)
{
	char after[512] = "";
	for (;;) {
		__cleanup(arena_release) struct arena a;
		struct user_row *users;
		size_t count;
		arena_init(&a, PAGE_ARENA_MAX);
		enum err err = store_account_list(tx, from, str_of(after), USERS_PAGE, &a, &users, &count);
		if (err == OK)
			err = move_page(tx, users, count, to);
		if (err != OK || count == 0)
			return err;
		struct str last = str_of(users[count - 1].account_id);
		if (last.len >= sizeof(after))
			return OK;
		memcpy(after, last.ptr, last.len + 1);
	}
}

struct find_override {
	struct str client_key;
	struct store_tx *tx;
	struct str to;
};

static enum err copy_override(void *arg, const char *client_key, const struct override_row *row)
{
	const struct find_override *f = arg;
	return str_eqz(f->client_key, client_key) ? store_override_put(f->tx, f->to, row) : OK;
}

static enum err has_override(void *arg, const char *client_key, const struct override_row *row)
{
	(void)row;
	const struct find_override *f = arg;
	return str_eqz(f->to, client_key) ? ERR_CONFLICT : OK;
}

static enum err move_license(struct store_tx *tx, struct str from, struct str to)
{
	__cleanup(arena_release) struct arena a;
	struct license_row row;
	struct find_override f = {.client_key = from, .tx = tx, .to = to};
	arena_init(&a, PAGE_ARENA_MAX);
	enum err err = store_license_get(tx, to, &a, &row);
	if (err == ERR_NOT_FOUND && (err = store_license_get(tx, from, &a, &row)) == OK) {
		row.contact_sealed = (struct str){NULL, 0}; /* sealed for the other row; the next look-up brings it */
		err = store_license_put(tx, to, &row);
	}
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	err = store_override_each(tx, has_override, &f);
	if (err == ERR_CONFLICT)
		return OK;
	return err == OK ? store_override_each(tx, copy_override, &f) : err;
}

static enum err journal_leaving(struct store_tx *tx, struct str from, struct str to, const char *by, int64_t at)
{
	char once[32];
	snprintf(once, sizeof(once), "%lld", (long long)at);
	const struct event_field fields[] = {EF_STR("joined_to", to), EF_Z("joined_by", by)};
	const struct event e = {.type = "tenant.uninstalled",
	                        .tenant = from,
	                        .source = "forge",
	                        .at = at,
	                        .once = str_of(once),
	                        .fields = fields,
	                        .field_count = sizeof(fields) / sizeof(fields[0])};
	return journal_add(tx, &e);
}

enum err join_adopt(struct store_tx *tx, struct str from, struct str to, const char *by, int64_t at)
{
	enum err err = store_forge_move(tx, from, to, by, at);
	if (err == OK)
		err = move_users(tx, from, to);
	if (err == OK)
		err = move_license(tx, from, to);
	if (err == OK)
		err = store_alias_put(tx, to, "client_key", from, at);
	if (err == OK)
		err = store_alias_put(tx, from, "client_key", to, at);
	if (err == OK)
		err = store_tenant_status(tx, from, tenant_status_name(TENANT_UNINSTALLED), at);
	return err == OK ? journal_leaving(tx, from, to, by, at) : err;
}

/* What memory holds of seats, override and history. Both locks are leaves and never held together. */
static void adopt_live(struct live *from, struct live *to)
{
	struct seats *seats;
	struct override *override;
	pthread_mutex_lock(&from->lock);
	seats = TAKE(from->seats);
	override = TAKE(from->override);
	const bool before = from->licensed_before;
	const int64_t seen_at = from->expired_seen_at, since = from->since;
	const enum license_state state = from->state;
	const enum license_source source = from->source;
	const enum signal forge = from->last_forge;
	const int64_t ends_at = from->last_forge_ends_at;
	pthread_mutex_unlock(&from->lock);

	pthread_mutex_lock(&to->lock);
	for (uint32_t i = 0; seats && i < seats->cap; i++)
		if (seats->ids[i].half[0])
			(void)seats_add(to, seats->ids[i]); /* without memory: taken again when its account comes */
	if (!to->override)
		to->override = TAKE(override);
	if (to->state == STATE_UNKNOWN && !to->looked_up && !to->licensed_before) {
		to->licensed_before = before;
		to->expired_seen_at = seen_at;
		to->state = state;
		to->source = source;
		to->since = since;
		to->last_forge = forge;
		to->last_forge_ends_at = ends_at;
	}
	pthread_mutex_unlock(&to->lock);
	if (seats)
		free(seats->ids);
	free(seats);
	free(override);
}

void join_adopted(struct tenants *t, struct str from, struct str to, int64_t at)
{
	const struct tenant *old = tenants_find(t, from), *fresh = tenants_find(t, to);
	if (old && fresh)
		adopt_live(old->live, fresh->live);
	tenant_unref(old);
	tenant_unref(fresh);
	tenants_set_status(t, from, TENANT_UNINSTALLED, at);
	log_event(LOG_INFO, "tenant.joined", LF_STR("tenant", to), LF_STR("forge", from));
}
