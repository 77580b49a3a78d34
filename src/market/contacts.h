/* contacts.h - who the Marketplace names for a licence: taken, shown where asked for, erased.
 *
 * Kept sealed in a table of their own and nowhere else. A contact of which any field reads RTBF was erased by the
 * Marketplace: it is erased here too, in every row that has the address, and does not come back from a row that is
 * late. Thread rule: that of the transaction. */
#pragma once
#include "base/jsonw.h"
#include "base/secret.h"
#include "events/mail_queue.h"
#include "store/store.h"

struct contact {
	const char *role; /* "technical", "billing": a literal */
	struct str email, name, phone, address;
};
enum { CONTACTS_MAX = 8 }; /* of one row; further ones are left out */

/* What a report row says of its contacts: kept, replaced, or erased. An unchanged row costs two look-ups. A contact
 * without an address, and one that is forgotten, is left out. license_key: the market row's key; entitlement: its
 * number or what stands for it; tenant: empty where none is joined. Emits contact.available, with ids only, when
 * contacts appear first and silent is false. ERR_SEAL: the hash key does not open with this ring. */
enum err contacts_take(struct store_tx *tx, const struct keyring *k, struct str license_key, struct str entitlement,
                       struct str tenant, const struct contact *list, size_t count, bool silent, int64_t at);

/* A sale or a late row says of some roles that they were erased. Who that was is not known: it may be whom the licence
 * has now, or somebody before. So the licence's contacts of these roles go, but nobody is kept away for ever: the
 * licence's row is read again by the next poll that brings it, and says who is there. Whom else the list names is not
 * heard. */
enum err contacts_doubt(struct store_tx *tx, const struct keyring *k, struct str license_key,
                        const struct contact *list, size_t count, int64_t at);

/* The licence's row got a better key: its contacts move along, or go where the better one has its own. No news. */
enum err contacts_rename(struct store_tx *tx, const struct keyring *k, struct str from, struct str to, int64_t at);

/* A JSON array of the tenant's contacts, each with role, email, name, phone, address and license; that of its look-up
 * with role ("lookup") and email. For an operator who asked for them. What does not open is left out. */
enum err contacts_write(struct store_tx *tx, const struct keyring *k, struct str client_key, struct jsonw *w);

/* A mail_contact_fn: of an entitlement, the technical contact, else the billing one, else any. */
enum err contacts_find(struct store_tx *tx, const struct keyring *k, struct str entitlement, struct arena *a,
                       struct mail_contact *ret);

struct contacts_forgotten {
	/* Erased: contacts of licences, of look-ups, billing addresses of GitHub accounts, mails queued or recorded. */
	size_t contacts, lookups, accounts, mails;
	bool known; /* was forgotten before */
};
/* Erases an address everywhere and keeps its keyed hash, so that it does not come back. Walks all look-ups and GitHub
 * accounts. */
enum err contacts_forget(struct store_tx *tx, const struct keyring *k, struct str email, int64_t at,
                         struct contacts_forgotten *ret);
