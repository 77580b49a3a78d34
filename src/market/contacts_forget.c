/* contacts_forget.c - erasing an address wherever it is kept. See contacts.h. */
#include <string.h>

#include "base/cleanup.h"
#include "market/contacts_internal.h"
#include "store/github.h"
#include "store/mail.h"

/* A row that does not open is erased whole: what is in it cannot be told. */
static enum err erase_from(struct taking *t, struct contacts_row row, const struct address_hash *gone, size_t *count)
{
	__cleanup_json json_t *all = NULL;
	__cleanup(kept_wipe) struct kept_contacts kept = {.plain = BUF_INIT(CONTACTS_PLAIN_MAX)};
	__cleanup_buf struct buf sealed = BUF_INIT(2 * CONTACTS_PLAIN_MAX);
	const struct leaving leaving = {.gone = gone};
	size_t erased = 0;
	enum err err = contacts_open(t->keyring, &row, &all);
	if (err != OK && err != ERR_SEAL && err != ERR_INVALID && err != ERR_NOT_FOUND)
		return err;
	if (err == OK)
		contacts_keep_others(t, all, &leaving, &kept, &erased);
	else
		erased = 1;
	err = kept.plain.err;
	if (err == OK && kept.count > 0)
		err = contacts_seal(t, row.license_key, buf_text(&kept.plain), &sealed);
	if (err != OK)
		return err;
	row.sealed = buf_text(&sealed);
	row.digest = (struct str){0};
	row.erased = kept.count > 0 ? NULL : "erased";
	row.updated_at = t->at;
	*count += erased;
	return store_contacts_put(t->tx, &row, kept.hashes, kept.count);
}

enum err contacts_erase_address(struct taking *t, const struct address_hash *gone, struct contacts_forgotten *counts)
{
	struct contacts_row *rows = NULL;
	size_t count = 0;
	enum err err = store_contacts_by_address(t->tx, gone, &t->arena, &rows, &count);
	for (size_t i = 0; err == OK && i < count; i++)
		err = erase_from(t, rows[i], gone, &counts->contacts);
	return err == OK ? store_mail_erase(t->tx, gone, &counts->mails) : err;
}

/* Whether what is sealed there is that address. What does not open counts: it cannot be told. */
static bool sealed_is(struct taking *t, struct seal_place place, struct str sealed, const struct address_hash *gone)
{
	__cleanup(buf_wipe) struct buf plain = BUF_INIT(CONTACTS_PLAIN_MAX);
	struct address_hash hash;
	if (unseal(t->keyring, place, sealed, &plain) != OK)
		return true;
	return address_hash(&t->key, buf_text(&plain), &hash) == OK && memcmp(&hash, gone, sizeof(hash)) == 0;
}

bool contacts_lookup_is(struct taking *t, struct str client_key, struct str sealed, const struct address_hash *gone)
{
	return sealed_is(t, (struct seal_place){"licenses", "contact", client_key}, sealed, gone);
}

/* ---- forgotten ---- */

struct lookup_walk {
	struct taking *t;
	const struct address_hash *gone;
	const char **keys;
	size_t count, cap;
};

static enum err note_lookup(void *arg, const char *client_key, const struct license_row *l)
{
	struct lookup_walk *walk = arg;
	if (!l->contact_sealed.len || !contacts_lookup_is(walk->t, str_of(client_key), l->contact_sealed, walk->gone))
		return OK;
	if (walk->count == walk->cap) {
		const size_t cap = walk->cap ? 2 * walk->cap : 16;
		const char **longer = arena_alloc(&walk->t->arena, cap * sizeof(*longer));
		if (!longer)
			return ERR_NOMEM;
		if (walk->count)
			memcpy(longer, walk->keys, walk->count * sizeof(*longer));
		walk->keys = longer;
		walk->cap = cap;
	}
	const char *key = arena_strz(&walk->t->arena, str_of(client_key));
	if (!key)
		return ERR_NOMEM;
	walk->keys[walk->count++] = key;
	return OK;
}

static enum err erase_lookups(struct taking *t, const struct address_hash *gone, size_t *ret_count)
{
	struct lookup_walk walk = {.t = t, .gone = gone};
	enum err err = store_license_each(t->tx, note_lookup, &walk);
	for (size_t i = 0; err == OK && i < walk.count; i++)
		err = store_license_contact_clear(t->tx, str_of(walk.keys[i]));
	*ret_count = walk.count;
	return err;
}

static enum err erase_accounts(struct taking *t, const struct address_hash *gone, size_t *ret_count)
{
	struct github_email *emails = NULL;
	size_t count = 0;
	enum err err = store_github_emails(t->tx, &t->arena, &emails, &count);
	for (size_t i = 0; err == OK && i < count; i++) {
		const struct str id = str_of(emails[i].account_id);
		if (!sealed_is(t, (struct seal_place){"github_accounts", "email", id}, emails[i].sealed, gone))
			continue;
		err = store_github_email_clear(t->tx, id);
		++*ret_count;
	}
	return err;
}

enum err contacts_forget(struct store_tx *tx, const struct keyring *k, struct str email, int64_t at,
                         struct contacts_forgotten *ret)
{
	__cleanup(taking_release) struct taking t = {0};
	struct address_hash gone;
	enum suppression before = SUPPRESSION_NONE;
	*ret = (struct contacts_forgotten){0};
	enum err err = taking_init(&t, tx, k, at);
	if (err == OK)
		err = address_hash(&t.key, email, &gone);
	if (err == OK)
		err = store_suppression_get(tx, &gone, &before);
	if (err == OK)
		err = store_suppression_put(tx, &gone, SUPPRESSION_FORGOTTEN, at);
	if (err == OK)
		err = contacts_erase_address(&t, &gone, ret);
	if (err == OK)
		err = erase_lookups(&t, &gone, &ret->lookups);
	if (err == OK)
		err = erase_accounts(&t, &gone, &ret->accounts);
	ret->known = before == SUPPRESSION_FORGOTTEN;
	return err;
}
