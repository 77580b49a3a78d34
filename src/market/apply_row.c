/* apply_row.c - see apply_row.h.
 *
 * A row is added, or compared by the hash of its content with what is stored. Where it differs, the difference goes
 * into the history, and the row is news unless only its noise moved. A row whose id changed is found by its other ids:
 * the stored row takes the better name, and a row that lost its entitlement number stays the row it was. */
#include "market/apply_row.h"

#include <string.h>

#include "base/cleanup.h"
#include "market/diff.h"
#include "market/scan.h"
#include "store/books.h"

enum { DIFF_MAX = 2 * 1024 * 1024 };

static struct str alias_of(const struct row *r, const char *kind)
{
	for (size_t i = 0; i < r->alias_count; i++)
		if (strcmp(r->aliases[i].kind, kind) == 0)
			return r->aliases[i].value;
	return (struct str){0};
}

static void count(struct apply_row_place *p, struct str field, struct str value)
{
	size_t i = 0;
	while (i < p->oddity_count &&
	       !(str_eq(p->oddities[i].oddity.field, field) && str_eq(p->oddities[i].oddity.value, value)))
		i++;
	if (i == PLACE_ODDITIES) {
		p->oddities_beyond++;
		return;
	}
	if (i == p->oddity_count) {
		p->oddities[i].oddity = (struct row_oddity){field, value};
		p->oddities[p->oddity_count++].count = 0;
	}
	p->oddities[i].count++;
}

/* ---- names ---- */

/* The name a row goes by: that of the stored row that one of its weaker ids leads to, where its own is not there. */
static enum err known_name(struct apply_row_place *p, const struct row *r, struct str *name)
{
	static const char *const kinds[] = {"entitlement_number", "sen", "addon_license_id"};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct str id = alias_of(r, kinds[i]);
		struct str found;
		if (!id.ptr)
			continue;
		enum err e = store_market_license_by_alias(p->tx, kinds[i], id, p->arena, &found);
		if (e == OK)
			*name = found;
		if (e == ERR_CONFLICT)
			count(p, STR("(row)"), STR("an id of several licences"));
		else if (e != ERR_NOT_FOUND)
			return e;
	}
	return OK;
}

/* The stored row that a weaker id leads to and that has no number of its own: by its name, or, where its ids changed
 * since it got that name, by any of them. ret NULL: none. */
static enum err numberless(struct apply_row_place *p, const char *kind, struct str id, struct str *ret)
{
	bool there = false, numbered = false;
	enum err e = store_market_license_exists(p->tx, id, &there);
	if (e != OK)
		return e;
	*ret = there ? id : (struct str){0};
	if (there)
		return OK;
	struct str found;
	e = store_market_license_by_alias(p->tx, kind, id, p->arena, &found);
	if (e == ERR_NOT_FOUND || e == ERR_CONFLICT)
		return OK;
	if (e == OK)
		e = store_market_license_has_alias(p->tx, found, "entitlement_number", &numbered);
	if (e == OK && !numbered)
		*ret = found;
	return e;
}

/* Rows that were known by a weaker id before the better one was. */
static enum err rename_weaker(struct apply_row_place *p, const struct row *r)
{
	static const char *const weaker[] = {"sen", "addon_license_id"};
	for (size_t i = 0; i < sizeof(weaker) / sizeof(weaker[0]); i++) {
		const struct str id = alias_of(r, weaker[i]);
		struct str found;
		if (!id.ptr || str_eq(id, r->license.row_key))
			continue;
		enum err e = numberless(p, weaker[i], id, &found);
		if (e == OK && found.ptr && !str_eq(found, r->license.row_key)) {
			count(p, STR("(row)"), STR("got a better id"));
			e = store_market_license_rename(p->tx, found, r->license.row_key);
			if (e == OK)
				e = contacts_rename(p->tx, p->keyring, found, r->license.row_key, p->at);
		}
		if (e != OK)
			return e;
	}
	return OK;
}

static enum err settle_name(struct apply_row_place *p, struct row *r)
{
	if (r->nameless)
		return OK;
	if (alias_of(r, "entitlement_number").ptr)
		return rename_weaker(p, r);
	enum err e = known_name(p, r, &r->license.row_key);
	return e == OK ? rename_weaker(p, r) : e;
}

/* ---- news ---- */

static struct market_mark mark_new(struct apply_row_place *p, const struct row *r)
{
	const bool news = !p->silent && !r->nameless;
	return (struct market_mark){.at = p->at, .run = p->run, .news_seq = news ? ++p->news_last : 0};
}

static struct market_mark mark_changed(struct apply_row_place *p, const struct row *r, const struct market_stored *old,
                                       const struct diff *d)
{
	const bool sandbox = r->kind == ROW_LICENSE && r->license.sandbox && old->sandbox;
	const bool noise = d->only_date || (sandbox && d->only_noise) || r->nameless;
	struct market_mark m = {.at = p->at, .run = p->run};
	if (old->news_seq > 0) { /* not derived yet: it stays the news it was */
		m.news_seq = old->news_seq;
		m.news_previous = old->news_previous;
	} else if (!noise && !p->silent) {
		m.news_seq = ++p->news_last;
		m.news_previous = old->content;
	} else {
		m.news_previous = (struct str){0};
	}
	return m;
}

/* ---- one row ---- */

static enum err get(struct apply_row_place *p, const struct row *r, struct market_stored *ret)
{
	if (r->kind == ROW_LICENSE)
		return store_market_license_get(p->tx, r->license.row_key, p->arena, ret);
	return store_market_sale_get(p->tx, r->sale.transaction_id, r->sale.line_id, p->arena, ret);
}

static enum err put(struct apply_row_place *p, const struct row *r, const struct market_mark *m)
{
	return r->kind == ROW_LICENSE ? store_market_license_put(p->tx, &r->license, m)
	                              : store_market_sale_put(p->tx, &r->sale, m);
}

static enum err add(struct apply_row_place *p, const struct row *r, bool *ret_added)
{
	const int64_t before = p->news_last;
	const struct market_mark m = mark_new(p, r);
	enum err e = r->kind == ROW_LICENSE ? store_market_license_add(p->tx, &r->license, &m, ret_added)
	                                    : store_market_sale_add(p->tx, &r->sale, &m, ret_added);
	if (e == OK && !*ret_added)
		p->news_last = before;
	return e;
}

static enum err touch(struct apply_row_place *p, const struct row *r)
{
	return r->kind == ROW_LICENSE ? store_market_license_touch(p->tx, r->license.row_key, &r->license.content)
	                              : store_market_sale_touch(p->tx, &r->sale);
}

static enum err history_key(struct apply_row_place *p, const struct row *r, struct str *ret)
{
	if (r->kind == ROW_LICENSE) {
		*ret = r->license.row_key;
		return OK;
	}
	const char *key = arena_printf(p->arena, "%.*s/%.*s", STR_ARG(r->sale.transaction_id), STR_ARG(r->sale.line_id));
	*ret = str_of(key);
	return key ? OK : ERR_NOMEM;
}

/* An older element of a row that is stored already: the same poll brought a newer one, or the report is late. */
static bool is_older(const struct apply_row_place *p, const struct row *r, const struct market_stored *old)
{
	if (p->alone && old->seen_run != p->run)
		return false;
	const struct str updated = r->kind == ROW_LICENSE ? r->license.last_updated : r->sale.last_updated;
	if (!updated.ptr || !old->last_updated.ptr)
		return old->seen_run == p->run;
	const int order = str_cmp(updated, old->last_updated);
	return order < 0 || (order == 0 && old->seen_run == p->run);
}

static enum err change(struct apply_row_place *p, struct row *r, const struct market_stored *old)
{
	__cleanup_buf struct buf text = BUF_INIT(DIFF_MAX);
	struct diff d = {0};
	struct str key;
	enum err e = diff_write(old->content, row_content(r)->text, &text, &d);
	if (e != OK)
		return e;
	if (d.count == 0) /* the members' order, or how a number is written */
		return touch(p, r);
	const struct market_mark m = mark_changed(p, r, old, &d);
	p->changed++;
	if ((e = put(p, r, &m)) != OK || (e = history_key(p, r, &key)) != OK)
		return e;
	return store_market_history_add(p->tx, row_kind_name(r->kind), key, p->at, buf_text(&text));
}

static enum err pass(struct apply_row_place *p, struct row *r)
{
	const uint8_t *hash = row_content(r)->raw_hash;
	return r->kind == ROW_LICENSE
	           ? store_market_license_passed(p->tx, r->license.row_key, hash, p->at)
	           : store_market_sale_passed(p->tx, r->sale.transaction_id, r->sale.line_id, hash, p->at);
}

static enum err update(struct apply_row_place *p, struct row *r, bool *ret_older)
{
	struct market_stored old = {0};
	enum err e = get(p, r, &old);
	if (e != OK)
		return e;
	if (memcmp(old.hash, row_content(r)->hash, CONTENT_HASH_SIZE) == 0)
		return touch(p, r);
	*ret_older = is_older(p, r, &old);
	if (!*ret_older)
		return change(p, r, &old);
	count(p, STR("(row)"), STR("an older version beside"));
	return pass(p, r);
}

static enum err put_aliases(struct apply_row_place *p, const struct row *r)
{
	enum err e = OK;
	for (size_t i = 0; e == OK && i < r->alias_count; i++)
		e = store_market_alias_put(p->tx, r->license.row_key, r->aliases[i].kind, r->aliases[i].value, p->at);
	return e;
}

/* ---- people ---- */

static enum err tenant_of(struct apply_row_place *p, struct str row_key, struct str *ret)
{
	struct market_match match;
	enum err e = store_market_tenant(p->tx, row_key, p->arena, &match);
	*ret = e == OK ? str_of(match.client_key) : STR("");
	return e == ERR_NOT_FOUND ? OK : e;
}

/* A licence's newest row says who they are. A sale, and a row that is late, may name others than the licence has now:
 * it is only heard where it says that somebody was erased, and that somebody may be another one too. */
static enum err take_people(struct apply_row_place *p, const struct row *r, bool older)
{
	const bool certain = r->kind == ROW_LICENSE && !older;
	const struct str key = r->kind == ROW_LICENSE ? r->license.row_key : r->sale.license_key;
	struct str tenant;
	if (!r->has_contacts || r->nameless || !key.len || (!certain && !r->erased))
		return OK;
	if (!certain)
		return contacts_doubt(p->tx, p->keyring, key, r->contacts, r->contact_count, p->at);
	enum err e = tenant_of(p, key, &tenant);
	if (e != OK)
		return e;
	return contacts_take(p->tx, p->keyring, key, r->entitlement, tenant, r->contacts, r->contact_count, p->silent,
	                     p->at);
}

/* Whoever is erased may be in what licgate did not know and kept: that goes too. */
static enum err scrub_history(struct apply_row_place *p, const struct row *r)
{
	struct market_version *versions = NULL;
	size_t n = 0;
	struct str key;
	enum err e = history_key(p, r, &key);
	if (e == OK)
		e = store_market_history(p->tx, row_kind_name(r->kind), key, p->arena, &versions, &n);
	for (size_t i = 0; e == OK && i < n; i++) {
		__cleanup_buf struct buf text = BUF_INIT(DIFF_MAX);
		e = diff_scrub(r->kind, versions[i].diff, &text);
		if (e == OK && !str_eq(buf_text(&text), versions[i].diff))
			e = store_market_history_put(p->tx, versions[i].id, buf_text(&text));
	}
	return e;
}

enum err apply_row(struct apply_row_place *p, struct row *r)
{
	bool added = false, older = false;
	enum err e = r->kind == ROW_LICENSE ? settle_name(p, r) : OK;
	if (e == OK)
		e = add(p, r, &added);
	p->changed += added;
	if (e == OK && !added)
		e = update(p, r, &older);
	for (size_t i = 0; i < r->oddity_count; i++)
		count(p, r->oddities[i].field, r->oddities[i].value);
	if (e == OK && !older && r->kind == ROW_LICENSE)
		e = put_aliases(p, r);
	if (e == OK && r->erased)
		e = scrub_history(p, r);
	return e == OK ? take_people(p, r, older) : e;
}

enum err apply_broken(struct apply_row_place *p, const struct row_key *key, struct str element)
{
	uint8_t hash[RAW_HASH_SIZE];
	row_raw_hash(key, element, hash);
	count(p, STR("(row)"), element.len >= SCAN_ELEMENT_MAX ? STR("too large") : STR("no row"));
	return store_market_passed(p->tx, hash, p->at);
}

enum err apply_oddities(struct apply_row_place *p, enum row_kind kind)
{
	const struct market_oddity beyond = {
	    .kind = str_of(row_kind_name(kind)), .field = STR("…"), .value = STR("…"), .count = p->oddities_beyond};
	enum err e = beyond.count ? store_market_oddity_add(p->tx, &beyond, p->at) : OK;
	for (size_t i = 0; e == OK && i < p->oddity_count; i++) {
		const struct market_oddity o = {.kind = str_of(row_kind_name(kind)),
		                                .field = p->oddities[i].oddity.field,
		                                .value = p->oddities[i].oddity.value,
		                                .count = p->oddities[i].count};
		e = store_market_oddity_add(p->tx, &o, p->at);
	}
	return e;
}
