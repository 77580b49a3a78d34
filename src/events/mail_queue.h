/* mail_queue.h - from events of the journal to mails that are due: what runs inside the store's transactions.
 *
 * A follower reads the journal's trial events from where it stood and queues a mail for each template that is on;
 * queue and place are one transaction, and a template and event make one mail, so nothing is queued twice and nothing
 * is missed, whatever crashes. Who gets it is looked up when it is sent. */
#pragma once
#include "base/secret.h"
#include "events/mail_template.h"
#include "http/client_mail.h"
#include "store/mail.h"

struct mail_contact {
	struct str name, email; /* in the arena */
};
/* The contact of an entitlement, technical before billing. ERR_NOT_FOUND: none is kept. market/contacts.h has it. */
typedef enum err mail_contact_fn(struct store_tx *tx, const struct keyring *k, struct str entitlement, struct arena *a,
                                 struct mail_contact *ret);

struct mail_rules {
	bool on[MAIL_KINDS];
	int64_t ending_ms; /* before its end */
	int64_t per_hour;
	int64_t lease_ms; /* how long an attempt may take before another may begin */
	const struct keyring *keyring;
	mail_contact_fn *find;
};
struct mail_rules mail_rules_of(const struct config *c, const struct keyring *k, mail_contact_fn *find);

/* Anything to follow or to send? For a read before a write. */
enum err mail_has_work(struct store_tx *tx, int64_t now, bool *ret);
/* Queues what events since the last call ask for, at most some hundred of them. The first call ever starts at the end
 * of the journal: what happened before mail was turned on gets none. */
enum err mail_follow(struct store_tx *tx, const struct mail_rules *rules, int64_t now);

/* One that is to be sent now. Texts are in the arena. */
struct mail_claim {
	int64_t id; /* 0: none is due */
	enum mail_kind kind;
	struct mail_contact contact;
	struct address_hash address;
	int64_t attempts, ends_at;
	const char *event, *entitlement, *site;
	char token[64]; /* for the unsubscribe link */
};
/* Decides what is due until one is to be sent, and claims it. What may not be sent is dropped or put off. */
enum err mail_claim_next(struct store_tx *tx, const struct mail_rules *rules, int64_t now, struct arena *a,
                         struct mail_claim *ret);
/* Why this mail would not be sent now: a literal; NULL: it would. Fills contact, address and site as far as known. */
enum err mail_decide(struct store_tx *tx, const struct mail_rules *rules, const struct mail_row *row, int64_t now,
                     struct arena *a, struct mail_claim *ret, const char **ret_why);

/* What came of a claim. Put off, it waits longer each time, and at last has failed. */
enum err mail_settle(struct store_tx *tx, const struct mail_claim *claim, const struct mail_answer *answer,
                     int64_t now);

/* A token says which address, hashed, and that we made it. */
enum { MAIL_TOKEN_LEN = 43 };
enum err mail_token_make(const struct contact_key *key, const struct address_hash *address, char ret[static 64]);
/* False: not one of ours. */
bool mail_token_read(const struct contact_key *key, struct str token, struct address_hash *ret);
