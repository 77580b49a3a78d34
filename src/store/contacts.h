/* contacts.h - verbs of contacts: who the Marketplace names for a licence, sealed, and who must be let alone.
 *
 * An address is looked for by a keyed hash of its normalised text, never by the text. The key is random, made once,
 * and lies sealed in the database: without a secret key nobody can try addresses, and a rekey, which seals it anew,
 * changes no hash. Thread rule: that of the transaction. */
#pragma once
#include "base/secret.h"
#include "store/store.h"

enum { ADDRESS_HASH_BYTES = 16, CONTACT_KEY_BYTES = 32, CONTACT_DIGEST_BYTES = 32 };
struct address_hash {
	uint8_t bytes[ADDRESS_HASH_BYTES];
};
/* Wipe it after use. */
struct contact_key {
	uint8_t bytes[CONTACT_KEY_BYTES];
};

/* The key of this database. Made where there is none yet and the transaction can write, else ERR_NOT_FOUND: then no
 * contact was ever kept. ERR_SEAL: the key it was sealed with is not in the ring. */
enum err store_contact_key(struct store_tx *tx, const struct keyring *k, struct contact_key *ret);
/* Hash of an address, blanks around it and ASCII case aside. ERR_INVALID: empty or over 320 bytes. ERR_INTERNAL. */
enum err address_hash(const struct contact_key *key, struct str email, struct address_hash *ret);
/* Keyed hash of anything else; use keeps kinds apart ("digest", "unsubscribe"). */
enum err contact_mac(const struct contact_key *key, const char *use, struct str text, uint8_t ret[static 32]);

/* ---- contacts ---- */
struct contacts_row {
	const char *license_key;
	const char *entitlement, *tenant; /* NULL: none, or the license_key itself */
	struct str sealed;                /* seal place: contacts, contacts, license_key; empty: erased */
	struct str digest;
	const char *erased; /* NULL, "absent" (the report has none any more), "erased" (on request), "purged" (retention) */
	int64_t updated_at;
};
/* ERR_NOT_FOUND. */
enum err store_contacts_get(struct store_tx *tx, struct str license_key, struct arena *a, struct contacts_row *ret);
/* Inserts or replaces the row and the addresses it is found by. */
enum err store_contacts_put(struct store_tx *tx, const struct contacts_row *row, const struct address_hash *addresses,
                            size_t count);
/* The row and what it is found by. */
enum err store_contacts_delete(struct store_tx *tx, struct str license_key);
/* Of a tenant: rows that name it, rows of licences that are joined to it (store/books.h), and rows of an entitlement
 * it is known by. Each once. */
enum err store_contacts_of_tenant(struct store_tx *tx, struct str client_key, struct arena *a,
                                  struct contacts_row **ret, size_t *ret_count);
/* Rows that hold an address, and rows of an entitlement (its number, SEN, or the license_key). */
enum err store_contacts_by_address(struct store_tx *tx, const struct address_hash *address, struct arena *a,
                                   struct contacts_row **ret, size_t *ret_count);
enum err store_contacts_by_entitlement(struct store_tx *tx, struct str entitlement, struct arena *a,
                                       struct contacts_row **ret, size_t *ret_count);
/* Part of store_tenant_purge: the tenant's contacts go with it, and reports do not bring them back while it is gone. */
enum err store_contacts_purge(struct store_tx *tx, struct str client_key);
/* Licences whose contacts went so, and which are a tenant's again: the next report is to be heard. */
enum err store_contacts_recall(struct store_tx *tx);
/* Takes the contact out of a tenant's look-up. */
enum err store_license_contact_clear(struct store_tx *tx, struct str client_key);

/* ---- suppressions: addresses that are let alone ---- */
enum suppression {
	SUPPRESSION_NONE = 1, /* 0 is no answer */
	SUPPRESSION_UNSUBSCRIBED,
	SUPPRESSION_ERASED,   /* the Marketplace erased it: not kept */
	SUPPRESSION_FORGOTTEN /* on request: not kept */
};
enum err store_suppression_get(struct store_tx *tx, const struct address_hash *address, enum suppression *ret);
/* A stronger reason replaces a weaker one, never the other way. */
enum err store_suppression_put(struct store_tx *tx, const struct address_hash *address, enum suppression why,
                               int64_t at);
/* Whether the address must not be kept. */
enum err store_address_forgotten(struct store_tx *tx, const struct keyring *k, struct str email, bool *ret);
