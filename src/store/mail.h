/* mail.h - verbs of mail that is to be sent, and of how far its reader of the journal has come.
 *
 * A row says which template is due for which event. It never holds an address: who gets it is looked up when it is
 * sent. A claim moves next_at on before anything is sent, so that a crash delays a mail and loses none. */
#pragma once
#include "store/contacts.h"

struct mail_row {
	int64_t id; /* set by the store */
	const char *template, *event, *tenant, *entitlement;
	struct str address; /* hash of who got it or is about to; empty: not looked up yet */
	int64_t ends_at;
	const char *status; /* queued sent failed dropped */
	const char *result; /* code of the last attempt; NULL: none yet */
	int64_t attempts, next_at, expires_at, created_at, updated_at;
};
/* One a template and event: a second one adds nothing. */
enum err store_mail_queue(struct store_tx *tx, const struct mail_row *row);
/* Queued ones of that template and entitlement are dropped. */
enum err store_mail_cancel(struct store_tx *tx, const char *template, struct str entitlement, const char *why,
                           int64_t at);
/* Queued and due by now, the longest due first, at most max. */
enum err store_mail_due(struct store_tx *tx, int64_t now, size_t max, struct arena *a, struct mail_row **ret,
                        size_t *ret_count);
/* An attempt begins: it is due again at next_at if nothing is told of it. ERR_NOT_FOUND: not queued any more, or
 * claimed by another server. */
enum err store_mail_claim(struct store_tx *tx, int64_t id, const struct address_hash *address, int64_t next_at,
                          int64_t at);
/* What came of it. status "queued": again at next_at. Nothing happens where it was erased meanwhile. */
enum err store_mail_result(struct store_tx *tx, int64_t id, const char *status, const char *result, int64_t next_at,
                           int64_t at);
/* How many attempts began since then. */
enum err store_mail_attempts_since(struct store_tx *tx, int64_t since, int64_t *ret);
/* Deletes what is queued for that address and what was recorded of it. Adds to *count. */
enum err store_mail_erase(struct store_tx *tx, const struct address_hash *address, size_t *count);
/* Deletes records of finished ones last changed before that time. */
enum err store_mail_prune(struct store_tx *tx, int64_t before);

struct mail_count {
	const char *template, *status;
	int64_t count;
};
enum err store_mail_counts(struct store_tx *tx, struct arena *a, struct mail_count **ret, size_t *ret_count);
/* Newest first, id < before (0: from the newest). */
enum err store_mail_list(struct store_tx *tx, int64_t before, size_t limit, struct arena *a, struct mail_row **ret,
                         size_t *ret_count);
/* How many addresses are let alone. */
enum err store_suppression_count(struct store_tx *tx, int64_t *ret);

/* ---- followers of the journal ---- */
enum err store_follower_get(struct store_tx *tx, const char *name, int64_t *ret_seq); /* ERR_NOT_FOUND */
enum err store_follower_put(struct store_tx *tx, const char *name, int64_t seq);
/* Events of trials, oldest first, seq > after, at most limit. */
enum err store_trial_events(struct store_tx *tx, int64_t after, size_t limit, struct arena *a, struct event_row **ret,
                            size_t *ret_count);

/* ---- what the reports say of an evaluation ---- */
struct evaluation_row {
	int64_t ends_at; /* the day's first millisecond; 0: not known */
	bool running;    /* still an evaluation, and active */
	bool ours;       /* of the app that is served here, or of one that is not told */
};
/* Of an entitlement as events name it. ERR_NOT_FOUND: no report has it. */
enum err store_evaluation_get(struct store_tx *tx, struct str entitlement, struct evaluation_row *ret);
/* The host of its site, as the report has it. NULL: it names none. */
enum err store_evaluation_host(struct store_tx *tx, struct str entitlement, struct arena *a, const char **ret);
