/* contacts.c - see contacts.h.
 *
 * What a row of contacts holds arrives sealed and is not looked into here. A row whose contacts are erased stays, with
 * its keys and the reason: that is how a report that still names them is known to be late. */
#include "store/contacts.h"

#include <string.h>

#include "base/cleanup.h"
#include "store/books.h"
#include "store/sql.h"

enum { ADDRESS_MAX = 320, SEALED_KEY_MAX = 256, MAC_TEXT_MAX = 64 * 1024, PURGE_ARENA_MAX = 8 << 20 };
#define KEY_NAME "contacts"

/* ---- the key, and what is made with it ---- */

static enum err read_key(struct store_tx *tx, const struct keyring *k, struct contact_key *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT secret FROM hash_keys WHERE name = $1", V_STR(STR(KEY_NAME)));
	if (!rows_next(&r))
		return r.err == OK ? ERR_NOT_FOUND : r.err;
	__cleanup(buf_wipe) struct buf plain = BUF_INIT(SEALED_KEY_MAX);
	struct str sealed = row_blob(&r, 0, NULL);
	if (r.err != OK)
		return r.err;
	enum err err = unseal(k, (struct seal_place){"hash_keys", "secret", STR(KEY_NAME)}, sealed, &plain);
	if (err == OK && plain.len != sizeof(ret->bytes))
		err = ERR_SEAL;
	if (err == OK)
		memcpy(ret->bytes, plain.data, sizeof(ret->bytes));
	return err;
}

static enum err make_key(struct store_tx *tx, const struct keyring *k)
{
	uint8_t bytes[CONTACT_KEY_BYTES];
	__cleanup_buf struct buf sealed = BUF_INIT(SEALED_KEY_MAX);
	if (!random_bytes(bytes, sizeof(bytes)))
		return ERR_IO;
	enum err err = seal(k, (struct seal_place){"hash_keys", "secret", STR(KEY_NAME)},
	                    (struct str){(const char *)bytes, sizeof(bytes)}, &sealed);
	wipe(bytes, sizeof(bytes));
	if (err != OK)
		return err;
	return sql_run(tx, NULL,
	               "INSERT INTO hash_keys (name, secret, secret_key) VALUES ($1, $2, $3) "
	               "ON CONFLICT (name) DO NOTHING",
	               V_STR(STR(KEY_NAME)), V_BLOB(buf_text(&sealed)), V_STR(sealed_key_id(buf_text(&sealed))));
}

enum err store_contact_key(struct store_tx *tx, const struct keyring *k, struct contact_key *ret)
{
	enum err err = read_key(tx, k, ret);
	if (err != ERR_NOT_FOUND || !tx->writable)
		return err;
	err = make_key(tx, k);
	return err == OK ? read_key(tx, k, ret) : err;
}

enum err contact_mac(const struct contact_key *key, const char *use, struct str text, uint8_t ret[static 32])
{
	__cleanup(buf_wipe) struct buf b = BUF_INIT(MAC_TEXT_MAX);
	buf_z(&b, use);
	buf_char(&b, '\0');
	buf_str(&b, text);
	if (b.err != OK)
		return b.err;
	return hmac_sha256((struct str){(const char *)key->bytes, sizeof(key->bytes)}, buf_text(&b), ret) ? OK
	                                                                                                  : ERR_INTERNAL;
}

enum err address_hash(const struct contact_key *key, struct str email, struct address_hash *ret)
{
	char text[ADDRESS_MAX];
	uint8_t mac[32];
	email = str_trim(email);
	if (email.len == 0 || email.len > sizeof(text))
		return ERR_INVALID;
	memcpy(text, email.ptr, email.len);
	for (size_t i = 0; i < email.len; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] = (char)(text[i] | 0x20);
	enum err err = contact_mac(key, "address", (struct str){text, email.len}, mac);
	wipe(text, sizeof(text));
	if (err == OK)
		memcpy(ret->bytes, mac, sizeof(ret->bytes));
	return err;
}

/* ---- contacts ---- */

static struct str hash_text(const struct address_hash *h)
{
	return (struct str){(const char *)h->bytes, sizeof(h->bytes)};
}

#define CONTACTS_COLUMNS "license_key, entitlement, tenant, contacts, digest, erased, updated_at"

static struct contacts_row read_contacts(struct rows *r, struct arena *a)
{
	return (struct contacts_row){
	    .license_key = row_text(r, 0, a),
	    .entitlement = row_text(r, 1, a),
	    .tenant = row_text(r, 2, a),
	    .sealed = row_blob(r, 3, a),
	    .digest = row_blob(r, 4, a),
	    .erased = row_text(r, 5, a),
	    .updated_at = row_int(r, 6),
	};
}

enum err store_contacts_get(struct store_tx *tx, struct str license_key, struct arena *a, struct contacts_row *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT " CONTACTS_COLUMNS " FROM contacts WHERE license_key = $1", V_STR(license_key));
	if (!rows_next(&r))
		return r.err == OK ? ERR_NOT_FOUND : r.err;
	struct contacts_row row = read_contacts(&r, a);
	if (r.err == OK)
		*ret = row;
	return r.err;
}

#define CONTACTS_VALUES(c)                                                                                             \
	V_Z((c)->license_key), V_Z((c)->entitlement), V_Z((c)->tenant), V_BLOB((c)->sealed), V_BLOB((c)->digest),          \
	    V_Z((c)->erased), V_INT((c)->updated_at), V_STR((c)->sealed.len ? sealed_key_id((c)->sealed) : STR(""))

static enum err replace_contacts(struct store_tx *tx, const struct contacts_row *c)
{
	tx->erased = true; /* who stood there before may be */
	enum err err =
	    sql_run(tx, NULL,
	            "UPDATE contacts SET (" CONTACTS_COLUMNS ", contacts_key) = ($1, $2, $3, $4, $5, $6, $7, $8) "
	            "WHERE license_key = $1",
	            CONTACTS_VALUES(c));
	return err == OK ? sql_run(tx, NULL, "DELETE FROM contact_addresses WHERE license_key = $1", V_Z(c->license_key))
	                 : err;
}

enum err store_contacts_put(struct store_tx *tx, const struct contacts_row *c, const struct address_hash *addresses,
                            size_t count)
{
	int64_t added = 0; /* as all are in a first import, which has nothing to clear away */
	enum err err =
	    sql_run(tx, &added,
	            "INSERT INTO contacts (" CONTACTS_COLUMNS ", contacts_key) VALUES ($1, $2, $3, $4, $5, $6, $7, "
	            "$8) ON CONFLICT (license_key) DO NOTHING",
	            CONTACTS_VALUES(c));
	if (err == OK && added == 0)
		err = replace_contacts(tx, c);
	for (size_t i = 0; err == OK && i < count; i++)
		err = sql_run(tx, NULL,
		              "INSERT INTO contact_addresses (address, license_key) VALUES ($1, $2) "
		              "ON CONFLICT (address, license_key) DO NOTHING",
		              V_BLOB(hash_text(&addresses[i])), V_Z(c->license_key));
	return err;
}

enum err store_contacts_delete(struct store_tx *tx, struct str license_key)
{
	enum err err = sql_run(tx, NULL, "DELETE FROM contact_addresses WHERE license_key = $1", V_STR(license_key));
	return err == OK ? sql_run(tx, NULL, "DELETE FROM contacts WHERE license_key = $1", V_STR(license_key)) : err;
}

static enum err list_contacts(struct rows *r, struct arena *a, struct contacts_row **ret, size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct contacts_row)};
	while (rows_next(r)) {
		struct contacts_row *row = row_list_add(&list, r);
		if (row)
			*row = read_contacts(r, a);
	}
	if (r->err != OK)
		return r->err;
	*ret = (struct contacts_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

/* Rows that name a tenant, and rows of an id it is known by where no report's licence tells more. */
#define OF_TENANT                                                                                                      \
	"license_key IN (SELECT license_key FROM contacts WHERE tenant = $1 UNION "                                        \
	"SELECT c.license_key FROM aliases a JOIN contacts c ON c.license_key = a.value WHERE a.client_key = $1 "          \
	"AND a.kind IN ('sen', 'entitlement_number', 'entitlement_id') AND c.tenant IS NULL UNION "                        \
	"SELECT c.license_key FROM aliases a JOIN contacts c ON c.entitlement = a.value WHERE a.client_key = $1 "          \
	"AND a.kind IN ('sen', 'entitlement_number', 'entitlement_id') AND c.tenant IS NULL)"

/* Keys of all of them, each once. */
static enum err keys_of_tenant(struct store_tx *tx, struct str client_key, struct arena *a, struct row_list *keys)
{
	struct market_match *joined = NULL;
	size_t count = 0;
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT license_key FROM contacts WHERE " OF_TENANT " ORDER BY license_key", V_STR(client_key));
	while (rows_next(&r)) {
		const char **key = row_list_add(keys, &r);
		if (key)
			*key = row_text(&r, 0, a);
	}
	const size_t own = keys->count;
	enum err err = r.err == OK ? store_market_rows_of(tx, client_key, a, &joined, &count) : r.err;
	for (size_t i = 0; err == OK && i < count; i++) {
		size_t k = 0;
		while (k < own && strcmp(((const char **)(void *)keys->items)[k], joined[i].row_key) != 0)
			k++;
		const char **key = k == own ? row_list_add(keys, &r) : NULL;
		if (key)
			*key = joined[i].row_key;
		err = r.err;
	}
	return err;
}

enum err store_contacts_of_tenant(struct store_tx *tx, struct str client_key, struct arena *a,
                                  struct contacts_row **ret, size_t *ret_count)
{
	struct row_list keys = {.arena = a, .item_size = sizeof(const char *)};
	enum err err = keys_of_tenant(tx, client_key, a, &keys);
	struct contacts_row *rows = err == OK ? arena_zalloc(a, (keys.count + 1) * sizeof(*rows)) : NULL;
	size_t count = 0;
	if (err == OK && !rows)
		err = ERR_NOMEM;
	for (size_t i = 0; err == OK && i < keys.count; i++) {
		err = store_contacts_get(tx, str_of(((const char **)(void *)keys.items)[i]), a, &rows[count]);
		count += err == OK;
		err = err == ERR_NOT_FOUND ? OK : err; /* a licence whose report named nobody */
	}
	if (err != OK)
		return err;
	*ret = rows;
	*ret_count = count;
	return OK;
}

enum err store_contacts_by_address(struct store_tx *tx, const struct address_hash *address, struct arena *a,
                                   struct contacts_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = sql_query(tx,
	                                                "SELECT " CONTACTS_COLUMNS " FROM contacts WHERE license_key IN "
	                                                "(SELECT license_key FROM contact_addresses WHERE address = $1) "
	                                                "ORDER BY license_key",
	                                                V_BLOB(hash_text(address)));
	return list_contacts(&r, a, ret, ret_count);
}

enum err store_contacts_by_entitlement(struct store_tx *tx, struct str entitlement, struct arena *a,
                                       struct contacts_row **ret, size_t *ret_count)
{
	__cleanup(rows_close) struct rows r = sql_query(tx,
	                                                "SELECT " CONTACTS_COLUMNS " FROM contacts WHERE license_key IN "
	                                                "(SELECT license_key FROM contacts WHERE license_key = $1 UNION "
	                                                "SELECT license_key FROM contacts WHERE entitlement = $1) "
	                                                "ORDER BY license_key",
	                                                V_STR(entitlement));
	return list_contacts(&r, a, ret, ret_count);
}

static enum err purge_row(struct store_tx *tx, const char *license_key)
{
	enum err err = sql_run(tx, NULL, "DELETE FROM contact_addresses WHERE license_key = $1", V_Z(license_key));
	if (err != OK)
		return err;
	return sql_run(tx, NULL,
	               "UPDATE contacts SET contacts = NULL, contacts_key = NULL, digest = NULL, tenant = NULL, "
	               "erased = 'purged' WHERE license_key = $1",
	               V_Z(license_key));
}

/* Whose they are is decided when the row is read; reading one too many does no harm. */
enum err store_contacts_recall(struct store_tx *tx)
{
	return sql_run(tx, NULL,
	               "UPDATE market_licenses SET raw_hash = $1 WHERE row_key IN (SELECT c.license_key FROM contacts c "
	               "JOIN market_aliases m ON m.row_key = c.license_key JOIN aliases a ON a.kind = m.kind "
	               "AND a.value = m.value WHERE c.erased = 'purged')",
	               V_BLOB(STR("?")));
}

enum err store_contacts_purge(struct store_tx *tx, struct str client_key)
{
	__cleanup(arena_release) struct arena a;
	arena_init(&a, PURGE_ARENA_MAX);
	struct row_list keys = {.arena = &a, .item_size = sizeof(const char *)};
	enum err err = keys_of_tenant(tx, client_key, &a, &keys);
	for (size_t i = 0; err == OK && i < keys.count; i++)
		err = purge_row(tx, ((const char **)(void *)keys.items)[i]);
	tx->erased = true;
	if (err != OK)
		return err;
	return sql_run(tx, NULL, "DELETE FROM mails WHERE tenant = $1", V_STR(client_key));
}

enum err store_license_contact_clear(struct store_tx *tx, struct str client_key)
{
	return sql_run(tx, NULL, "UPDATE licenses SET contact = NULL, contact_key = NULL WHERE client_key = $1",
	               V_STR(client_key));
}

/* ---- suppressions ---- */

static const char *const reasons[] = {
    [SUPPRESSION_UNSUBSCRIBED] = "unsubscribed",
    [SUPPRESSION_ERASED] = "erased",
    [SUPPRESSION_FORGOTTEN] = "forgotten",
};

enum err store_suppression_get(struct store_tx *tx, const struct address_hash *address, enum suppression *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query(tx, "SELECT reason FROM suppressions WHERE address = $1", V_BLOB(hash_text(address)));
	enum suppression found = SUPPRESSION_NONE;
	if (rows_next(&r)) {
		struct str reason = str_of(row_text(&r, 0, NULL));
		found = SUPPRESSION_FORGOTTEN; /* one we do not know counts as the strongest */
		for (int i = SUPPRESSION_UNSUBSCRIBED; i <= SUPPRESSION_FORGOTTEN; i++)
			if (str_eqz(reason, reasons[i]))
				found = (enum suppression)i;
	}
	if (r.err == OK)
		*ret = found;
	return r.err;
}

enum err store_suppression_put(struct store_tx *tx, const struct address_hash *address, enum suppression why,
                               int64_t at)
{
	enum suppression now = SUPPRESSION_FORGOTTEN;
	enum err err = store_suppression_get(tx, address, &now);
	tx->erased = tx->erased || why >= SUPPRESSION_ERASED;
	if (err != OK || now >= why)
		return err;
	return sql_run(tx, NULL,
	               "INSERT INTO suppressions (address, reason, at) VALUES ($1, $2, $3) "
	               "ON CONFLICT (address) DO UPDATE SET reason = excluded.reason, at = excluded.at",
	               V_BLOB(hash_text(address)), V_Z(reasons[why]), V_INT(at));
}

enum err store_address_forgotten(struct store_tx *tx, const struct keyring *k, struct str email, bool *ret)
{
	struct contact_key key;
	struct address_hash hash;
	enum suppression s = SUPPRESSION_FORGOTTEN;
	enum err err = read_key(tx, k, &key);
	if (err == ERR_NOT_FOUND) { /* nobody was ever hashed */
		*ret = false;
		return OK;
	}
	if (err == OK)
		err = address_hash(&key, email, &hash);
	wipe(&key, sizeof(key));
	if (err == OK)
		err = store_suppression_get(tx, &hash, &s);
	if (err == OK)
		*ret = s >= SUPPRESSION_ERASED;
	return err;
}
