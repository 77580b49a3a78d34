/* sealed.c - every place that holds a sealed value, for rekey: one row of `places` each.
 *
 * The place is what the seal authenticates (base/secret.h): table, column and row key. A list goes through the places
 * in the order of the table and within one by row key, so that the last row of one call is where the next goes on: a
 * value that does not open is passed by and cannot hold the rest up. */
#include <assert.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "store/sql.h"

static const struct place {
	const char *table, *column;
	const char *list;    /* $1 key id, $2 row key to go on after, $3 limit */
	const char *replace; /* $1 value, $2 its key id, $3 row key, $4 old value */
} places[] = {
    {"tenants", "shared_secret",
     "SELECT client_key, shared_secret FROM tenants WHERE shared_secret IS NOT NULL AND shared_secret_key <> $1 "
     "AND client_key > $2 ORDER BY client_key LIMIT $3",
     "UPDATE tenants SET shared_secret = $1, shared_secret_key = $2 WHERE client_key = $3 AND shared_secret = $4"},
    {"licenses", "contact",
     "SELECT client_key, contact FROM licenses WHERE contact IS NOT NULL AND contact_key <> $1 "
     "AND client_key > $2 ORDER BY client_key LIMIT $3",
     "UPDATE licenses SET contact = $1, contact_key = $2 WHERE client_key = $3 AND contact = $4"},
    {"contacts", "contacts",
     "SELECT license_key, contacts FROM contacts WHERE contacts IS NOT NULL AND contacts_key <> $1 "
     "AND license_key > $2 ORDER BY license_key LIMIT $3",
     "UPDATE contacts SET contacts = $1, contacts_key = $2 WHERE license_key = $3 AND contacts = $4"},
    {"hash_keys", "secret",
     "SELECT name, secret FROM hash_keys WHERE secret_key <> $1 AND name > $2 ORDER BY name LIMIT $3",
     "UPDATE hash_keys SET secret = $1, secret_key = $2 WHERE name = $3 AND secret = $4"},
    {"endpoints", "secret", "SELECT id, secret FROM endpoints WHERE secret_key <> $1 AND id > $2 ORDER BY id LIMIT $3",
     "UPDATE endpoints SET secret = $1, secret_key = $2 WHERE id = $3 AND secret = $4"},
    {"endpoints", "previous_secret",
     "SELECT id, previous_secret FROM endpoints WHERE previous_secret IS NOT NULL AND previous_secret_key <> $1 "
     "AND id > $2 ORDER BY id LIMIT $3",
     "UPDATE endpoints SET previous_secret = $1, previous_secret_key = $2 WHERE id = $3 AND previous_secret = $4"},
    {"github_accounts", "email",
     "SELECT account_id, email FROM github_accounts WHERE email IS NOT NULL AND email_key <> $1 "
     "AND account_id > $2 ORDER BY account_id LIMIT $3",
     "UPDATE github_accounts SET email = $1, email_key = $2 WHERE account_id = $3 AND email = $4"},
    {"github_users", "token",
     "SELECT user_id, token FROM github_users WHERE token IS NOT NULL AND token_key <> $1 "
     "AND user_id > $2 ORDER BY user_id LIMIT $3",
     "UPDATE github_users SET token = $1, token_key = $2 WHERE user_id = $3 AND token = $4"},
    {"github_revocations", "token",
     "SELECT id, token FROM github_revocations WHERE token IS NOT NULL AND token_key <> $1 "
     "AND id > $2 ORDER BY id LIMIT $3",
     "UPDATE github_revocations SET token = $1, token_key = $2 WHERE id = $3 AND token = $4"},
};
enum { PLACES = sizeof(places) / sizeof(places[0]) };

static size_t place_of(const struct sealed_row *row)
{
	size_t i = 0;
	while (i < PLACES && (strcmp(places[i].table, row->table) != 0 || strcmp(places[i].column, row->column) != 0))
		i++;
	assert(i < PLACES);
	return i;
}

static enum err list_place(struct store_tx *tx, const struct place *p, struct str newest_key_id, struct str after,
                           size_t max, struct row_list *list)
{
	__cleanup(rows_close) struct rows r = sql_query(tx, p->list, V_STR(newest_key_id), V_STR(after), V_INT(max));
	while (rows_next(&r)) {
		struct sealed_row *row = row_list_add(list, &r);
		if (row)
			*row = (struct sealed_row){p->table, p->column, row_text(&r, 0, list->arena), row_blob(&r, 1, list->arena)};
	}
	return r.err;
}

enum err store_sealed_list(struct store_tx *tx, struct str newest_key_id, const struct sealed_row *after, size_t max,
                           struct arena *a, struct sealed_row **ret, size_t *ret_count)
{
	struct row_list list = {.arena = a, .item_size = sizeof(struct sealed_row)};
	size_t first = after ? place_of(after) : 0;
	for (size_t i = first; i < PLACES && list.count < max; i++) {
		struct str row_key = after && i == first ? str_of(after->row_key) : STR("");
		enum err e = list_place(tx, &places[i], newest_key_id, row_key, max - list.count, &list);
		if (e != OK)
			return e;
	}
	*ret = (struct sealed_row *)(void *)list.items;
	*ret_count = list.count;
	return OK;
}

enum err store_sealed_replace(struct store_tx *tx, const struct sealed_row *old, struct str sealed)
{
	const struct place *p = &places[place_of(old)];
	return sql_run_one(tx, ERR_CONFLICT, p->replace, V_BLOB(sealed), V_STR(sealed_key_id(sealed)), V_Z(old->row_key),
	                   V_BLOB(old->sealed));
}
