/* contacts.c - see contacts.h: taken from reports, and moved. Erasing is in contacts_forget.c, reading in
 * contacts_read.c.
 *
 * The sealed text of a row is {"technical":{"email":…,"name":…,"phone":…,"address":…},"billing":{…}}. A digest with the
 * row, keyed like the hashes of addresses, tells whether a report row says anything new, so that the hourly poll opens
 * and writes nothing. */
#include "market/contacts.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "events/journal.h"
#include "market/contacts_internal.h"
#include "store/market.h"

enum { FIELD_MAX = 1000 };

enum err taking_init(struct taking *t, struct store_tx *tx, const struct keyring *k, int64_t at)
{
	t->tx = tx;
	t->keyring = k;
	t->at = at;
	arena_init(&t->arena, CONTACTS_ARENA_MAX);
	return store_contact_key(tx, k, &t->key);
}

void taking_release(struct taking *t)
{
	wipe(&t->key, sizeof(t->key));
	arena_release(&t->arena);
}

/* ---- the sealed text ---- */

static struct str cut(struct str s)
{
	s = str_trim(s);
	return s.len > FIELD_MAX ? (struct str){s.ptr, FIELD_MAX} : s;
}

static void write_contact(struct jsonw *w, const struct contact *c)
{
	jw_key(w, c->role);
	jw_obj(w);
	jw_kstr(w, "email", cut(c->email));
	jw_kstr(w, "name", cut(c->name));
	jw_kstr(w, "phone", cut(c->phone));
	jw_kstr(w, "address", cut(c->address));
	jw_end_obj(w);
}

enum err contacts_seal(const struct taking *t, const char *license_key, struct str plain, struct buf *out)
{
	return seal(t->keyring, (struct seal_place){"contacts", "contacts", str_of(license_key)}, plain, out);
}

void kept_wipe(struct kept_contacts *kept)
{
	buf_wipe(&kept->plain);
}

static bool is_erased(const struct contact *c)
{
	const struct str fields[] = {c->email, c->name, c->phone, c->address};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (str_ieq(str_trim(fields[i]), STR("RTBF")))
			return true;
	return false;
}

static bool leaves(const struct leaving *l, const char *role, const struct address_hash *hash)
{
	if (l->gone && memcmp(hash, l->gone, sizeof(*hash)) == 0)
		return true;
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->list[i].role, role) == 0 && is_erased(&l->list[i]))
			return true;
	return false;
}

void contacts_keep_others(struct taking *t, const json_t *all, const struct leaving *leaving, struct kept_contacts *ret,
                          size_t *ret_gone)
{
	struct jsonw w = jsonw(&ret->plain);
	const char *role;
	json_t *c;
	jw_obj(&w);
	json_object_foreach((json_t *)(uintptr_t)all, role, c)
	{
		struct address_hash hash;
		if (address_hash(&t->key, contact_text(c, "email"), &hash) != OK)
			continue;
		if (leaves(leaving, role, &hash)) {
			++*ret_gone;
			continue;
		}
		if (ret->count == CONTACTS_MAX)
			continue;
		ret->hashes[ret->count++] = hash;
		const struct contact kept = {role, contact_text(c, "email"), contact_text(c, "name"), contact_text(c, "phone"),
		                             contact_text(c, "address")};
		write_contact(&w, &kept);
	}
	jw_end_obj(&w);
}

/* ---- RTBF ---- */

/* The tenant's look-up may name the same person. */
static enum err erase_lookup_of(struct taking *t, struct str tenant, const struct address_hash *gone)
{
	struct license_row l;
	enum err err = tenant.len ? store_license_get(t->tx, tenant, &t->arena, &l) : ERR_NOT_FOUND;
	if (err == ERR_NOT_FOUND)
		return OK;
	if (err == OK && l.contact_sealed.len && contacts_lookup_is(t, tenant, l.contact_sealed, gone))
		err = store_license_contact_clear(t->tx, tenant);
	return err;
}

/* What the role's contact was before is erased everywhere. */
static enum err erase_role(struct taking *t, const struct contacts_row *row, const char *role, struct str tenant)
{
	__cleanup_json json_t *all = NULL;
	struct address_hash gone;
	struct contacts_forgotten counts = {0};
	enum err err = contacts_open(t->keyring, row, &all);
	if (err == ERR_SEAL || err == ERR_INVALID || err == ERR_NOT_FOUND)
		return OK; /* the whole row is replaced anyway */
	if (err != OK)
		return err;
	const json_t *before = json_object_get(all, role);
	if (!before || address_hash(&t->key, contact_text(before, "email"), &gone) != OK)
		return OK;
	err = store_suppression_put(t->tx, &gone, SUPPRESSION_ERASED, t->at);
	if (err == OK)
		err = contacts_erase_address(t, &gone, &counts);
	return err == OK ? erase_lookup_of(t, tenant, &gone) : err;
}

/* ---- taking a row ---- */

static enum err choose(struct taking *t, const struct contact *list, size_t count, struct kept_contacts *ret)
{
	struct jsonw w = jsonw(&ret->plain);
	jw_obj(&w);
	for (size_t i = 0; i < count && ret->count < CONTACTS_MAX; i++) {
		enum suppression s;
		if (is_erased(&list[i]) || address_hash(&t->key, list[i].email, &ret->hashes[ret->count]) != OK)
			continue;
		enum err err = store_suppression_get(t->tx, &ret->hashes[ret->count], &s);
		if (err != OK)
			return err;
		if (s >= SUPPRESSION_ERASED)
			continue;
		write_contact(&w, &list[i]);
		ret->count++;
	}
	jw_end_obj(&w);
	return ret->plain.err;
}

static enum err digest_of(struct taking *t, const struct contacts_row *row, struct str plain, uint8_t ret[static 32])
{
	__cleanup(buf_wipe) struct buf all = BUF_INIT(CONTACTS_PLAIN_MAX);
	buf_z(&all, row->license_key);
	buf_char(&all, '\0');
	buf_str(&all, str_of(row->entitlement));
	buf_char(&all, '\0');
	buf_str(&all, str_of(row->tenant));
	buf_char(&all, '\0');
	buf_str(&all, plain);
	return all.err == OK ? contact_mac(&t->key, "digest", buf_text(&all), ret) : all.err;
}

static enum err announce(struct store_tx *tx, const struct contacts_row *row)
{
	const struct event_field fields[] = {EF_Z("entitlement", row->entitlement ? row->entitlement : row->license_key)};
	const struct event e = {.type = "contact.available",
	                        .tenant = str_of(row->tenant),
	                        .source = "marketplace",
	                        .at = row->updated_at,
	                        .once = str_of(row->license_key),
	                        .tenant_apart = true,
	                        .fields = fields,
	                        .field_count = 1};
	return journal_add(tx, &e);
}

static enum err put_row(struct taking *t, struct contacts_row *row, const struct kept_contacts *kept)
{
	__cleanup_buf struct buf sealed = BUF_INIT(2 * CONTACTS_PLAIN_MAX);
	if (kept->count > 0) {
		enum err err = contacts_seal(t, row->license_key, buf_text(&kept->plain), &sealed);
		if (err != OK)
			return err;
		row->sealed = buf_text(&sealed);
		row->erased = NULL;
	} else {
		row->sealed = (struct str){0};
		row->erased = "absent";
	}
	return store_contacts_put(t->tx, row, kept->hashes, kept->count);
}

/* Erased by the Marketplace: what the roles held before goes everywhere. */
static enum err erase_roles(struct taking *t, const struct contacts_row *before, const struct contact *list,
                            size_t count, struct str tenant)
{
	enum err err = OK;
	for (size_t i = 0; err == OK && i < count; i++)
		if (is_erased(&list[i]))
			err = erase_role(t, before, list[i].role, tenant);
	return err;
}

/* before: zeroed where there is no row yet. */
static enum err replace(struct taking *t, const struct contacts_row *before, struct contacts_row *row,
                        const struct kept_contacts *kept, bool silent)
{
	const bool purged = before->erased && strcmp(before->erased, "purged") == 0 && !row->tenant;
	if (purged || str_eq(before->digest, row->digest) || (!before->license_key && kept->count == 0))
		return OK;
	enum err err = put_row(t, row, kept);
	if (err == OK && kept->count > 0 && !silent && !before->sealed.len)
		err = announce(t->tx, row);
	return err;
}

static enum err take(struct taking *t, struct contacts_row *row, const struct contact *list, size_t count, bool silent)
{
	__cleanup(kept_wipe) struct kept_contacts kept = {.plain = BUF_INIT(CONTACTS_PLAIN_MAX)};
	struct contacts_row before = {0};
	enum err err = store_contacts_get(t->tx, str_of(row->license_key), &t->arena, &before);
	if (err == OK)
		err = erase_roles(t, &before, list, count, str_of(row->tenant));
	else if (err == ERR_NOT_FOUND)
		err = OK;
	if (err == OK)
		err = choose(t, list, count, &kept);
	if (err == OK)
		err = digest_of(t, row, buf_text(&kept.plain), t->digest);
	row->digest = (struct str){(const char *)t->digest, sizeof(t->digest)};
	return err == OK ? replace(t, &before, row, &kept, silent) : err;
}

enum err contacts_take(struct store_tx *tx, const struct keyring *k, struct str license_key, struct str entitlement,
                       struct str tenant, const struct contact *list, size_t count, bool silent, int64_t at)
{
	__cleanup(taking_release) struct taking t = {0};
	enum err err = taking_init(&t, tx, k, at);
	if (err != OK)
		return err;
	const bool apart = entitlement.len && !str_eq(entitlement, license_key);
	struct contacts_row row = {.license_key = arena_strz(&t.arena, license_key),
	                           .entitlement = apart ? arena_strz(&t.arena, entitlement) : NULL,
	                           .tenant = tenant.len ? arena_strz(&t.arena, tenant) : NULL,
	                           .updated_at = at};
	if (!row.license_key || (apart && !row.entitlement) || (tenant.len && !row.tenant))
		return ERR_NOMEM;
	return take(&t, &row, list, count, silent);
}

static enum err doubt(struct taking *t, struct contacts_row *row, const struct contact *list, size_t count)
{
	__cleanup_json json_t *all = NULL;
	__cleanup(kept_wipe) struct kept_contacts kept = {.plain = BUF_INIT(CONTACTS_PLAIN_MAX)};
	const struct leaving leaving = {.list = list, .count = count};
	size_t gone = 0;
	enum err err = contacts_open(t->keyring, row, &all);
	if (err != OK)
		return err == ERR_SEAL || err == ERR_INVALID ? OK : err;
	contacts_keep_others(t, all, &leaving, &kept, &gone);
	if (gone == 0 || kept.plain.err != OK)
		return kept.plain.err;
	row->digest = (struct str){0};
	row->updated_at = t->at;
	err = put_row(t, row, &kept);
	return err == OK ? store_market_license_unread(t->tx, str_of(row->license_key)) : err;
}

enum err contacts_doubt(struct store_tx *tx, const struct keyring *k, struct str license_key,
                        const struct contact *list, size_t count, int64_t at)
{
	__cleanup(taking_release) struct taking t = {0};
	struct contacts_row row;
	enum err err = taking_init(&t, tx, k, at);
	if (err == OK)
		err = store_contacts_get(tx, license_key, &t.arena, &row);
	if (err == OK)
		err = doubt(&t, &row, list, count);
	return err == ERR_NOT_FOUND ? OK : err;
}

/* ---- moved ---- */

static enum err move(struct taking *t, struct contacts_row *row, const char *to)
{
	__cleanup(kept_wipe) struct kept_contacts kept = {.plain = BUF_INIT(CONTACTS_PLAIN_MAX)};
	const struct leaving nobody = {0};
	__cleanup_json json_t *all = NULL;
	size_t gone = 0;
	enum err err = contacts_open(t->keyring, row, &all);
	if (err == OK)
		contacts_keep_others(t, all, &nobody, &kept, &gone);
	row->license_key = to;
	row->digest = row->sealed = (struct str){0};
	if (kept.count > 0)
		return kept.plain.err == OK ? put_row(t, row, &kept) : kept.plain.err;
	if (err == OK || err == ERR_NOT_FOUND)
		return store_contacts_put(t->tx, row, NULL, 0);      /* that they were erased is kept too */
	return err == ERR_SEAL || err == ERR_INVALID ? OK : err; /* what does not open goes; the report tells it anew */
}

enum err contacts_rename(struct store_tx *tx, const struct keyring *k, struct str from, struct str to, int64_t at)
{
	__cleanup(taking_release) struct taking t = {0};
	struct contacts_row row = {0}, there = {0};
	enum err err = taking_init(&t, tx, k, at);
	const char *key = err == OK ? arena_strz(&t.arena, to) : NULL;
	if (err == OK && !key)
		err = ERR_NOMEM;
	if (err == OK)
		err = store_contacts_get(tx, from, &t.arena, &row);
	if (err != OK)
		return err == ERR_NOT_FOUND ? OK : err;
	row.updated_at = at;
	err = store_contacts_get(tx, to, &t.arena, &there);
	if (err == ERR_NOT_FOUND)
		err = move(&t, &row, key);
	return err == OK ? store_contacts_delete(tx, from) : err;
}
