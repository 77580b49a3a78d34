/* contacts_internal.h - what contacts.c (taken, moved), contacts_forget.c (erased) and contacts_read.c (shown) share:
 * the sealed text of a row, and who stays in it. */
#pragma once
#include "base/json.h"
#include "market/contacts.h"
#include "store/contacts.h"

enum { CONTACTS_PLAIN_MAX = 64 * 1024, CONTACTS_ARENA_MAX = 64 << 20 };

/* {"technical":{"email":…,"name":…,"phone":…,"address":…},"billing":{…}}; the caller frees it. ERR_NOT_FOUND: erased.
 * ERR_SEAL, ERR_INVALID: does not open. */
enum err contacts_open(const struct keyring *k, const struct contacts_row *row, json_t **ret);
/* A member of one of them; empty where it is not there. Lives as long as the contact. */
struct str contact_text(const json_t *contact, const char *name);

/* One report row being taken, or one stored row being changed. */
struct taking {
	struct store_tx *tx;
	const struct keyring *keyring;
	struct contact_key key;
	struct arena arena;
	int64_t at;
	uint8_t digest[CONTACT_DIGEST_BYTES]; /* of the row being taken */
};

enum err taking_init(struct taking *t, struct store_tx *tx, const struct keyring *k, int64_t at);
void taking_release(struct taking *t);

/* What is kept of a row: sealed text to be, and its addresses. */
struct kept_contacts {
	struct buf plain;
	struct address_hash hashes[CONTACTS_MAX];
	size_t count;
};
void kept_wipe(struct kept_contacts *kept);
enum err contacts_seal(const struct taking *t, const char *license_key, struct str plain, struct buf *out);

/* Whoever has an address, or a role that a list says was erased. */
struct leaving {
	const struct address_hash *gone; /* NULL: none */
	const struct contact *list;
	size_t count;
};
/* Writes those who stay. ret_gone: how many do not. */
void contacts_keep_others(struct taking *t, const json_t *all, const struct leaving *leaving, struct kept_contacts *ret,
                          size_t *ret_gone);

/* From every row of contacts, and from the mail. */
enum err contacts_erase_address(struct taking *t, const struct address_hash *gone, struct contacts_forgotten *counts);
/* Whether the contact sealed in a tenant's look-up has that address. */
bool contacts_lookup_is(struct taking *t, struct str client_key, struct str sealed, const struct address_hash *gone);
