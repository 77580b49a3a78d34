/* store.h - the durable side, in domain verbs.
 *
 * Writes: a job is queued and one writer thread commits many jobs in one transaction, so that many installs share an
 * fsync. A job that fails is rolled back alone (savepoint). `done` runs after the commit: whoever is told OK is
 * told the durable truth. Reads: on the caller's thread, from a pool of read connections; only the admin listener
 * and start-up read, never a public worker. All times are wall milliseconds, 0 = none; strings NULL = none. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct store;
struct store_tx; /* inside one write job or one read */

struct store_options {
	const char *url; /* "sqlite:path"; "sqlite::memory:" for tests. Others: ERR_INVALID */
	const struct clock *clock;
	unsigned queue_max;      /* jobs waiting */
	int64_t busy_timeout_ms; /* how long a locked database is waited for: ERR_BUSY after */
	bool read_only;          /* commands that only look */
	bool must_exist;         /* commands on what is there: a wrong path is an error, not a new database */
	void (*tell)(void *arg, const struct problem *p); /* commands: why it does not open; NULL: the log is told */
	void *tell_arg;
};
/* Opens, migrates. Tells what is wrong. */
enum err store_open(const struct store_options *o, struct store **ret);
/* Commits what is queued, then stops the writer. New jobs get ERR_STOPPING. */
void store_close(struct store *s);

/* Embedded in the owner's own struct; must live until done has run. */
struct store_job {
	enum err (*run)(struct store_job *, struct store_tx *); /* writer thread; an error rolls this job back */
	void (*done)(struct store_job *, enum err);             /* writer thread, after the commit; exactly once */
	/* What it writes is told OK before it is on the disk: a power failure, not a crash of the process, may take it
	 * back, in order and whole, until a job that is not lazy is done. For what is asked for again, such as reports. */
	bool lazy;
	struct store_job *next; /* of the store */
	int64_t queued_mono_ms; /* of the store */
	enum err result;        /* of the store */
};
/* Never blocks. ERR_FULL, ERR_STOPPING: done does not run. */
enum err store_submit(struct store *s, struct store_job *job);
/* Submits and waits: for start-up, commands and tests, never on a worker. */
enum err store_write(struct store *s, enum err (*fn)(struct store_tx *, void *arg), void *arg);
enum err store_read(struct store *s, enum err (*fn)(struct store_tx *, void *arg), void *arg);
int64_t store_queue_depth(void *store);
/* fn runs on the writer thread after a commit that queued deliveries; it must not block. NULL: no longer, and it is not
 * running when this returns. One watcher at most. */
void store_watch_deliveries(struct store *s, void (*fn)(void *arg), void *arg);
/* OK if the last write worked, or one was never tried; probes with an empty write after a failure. For /readyz. */
enum err store_healthy(struct store *s);
/* Online copy into a new file; ERR_CONFLICT if it exists. progress may be NULL. */
enum err store_backup(struct store *s, const char *file, void (*progress)(void *arg, int done, int total), void *arg);

/* ---- verbs ----
 * What belongs to a tenant that is not there (any more) is refused: ERR_NOT_FOUND. Text with a NUL byte is
 * ERR_INVALID. A function given to an `each` may read other things of the same transaction, but not start the same
 * walk again. */

/* ---- tenants ---- */
struct tenant_row {
	const char *client_key;
	const char *status; /* installed enabled disabled uninstalled */
	const char *product_type, *base_url, *display_url, *description;
	struct str shared_secret_sealed; /* seal place: tenants, shared_secret, client_key */
	const char *oauth_client_id, *sen, *entitlement_id, *entitlement_number, *capability_set, *installation_id;
	const char *install_body;  /* JSON as received, without the secret */
	const char *imported_from; /* clientKey this one follows after a site import */
	int64_t first_installed_at, installed_at, updated_at, uninstalled_at, last_seen_at;
};
enum err store_tenant_get(struct store_tx *tx, struct str client_key, struct arena *a, struct tenant_row *ret);
enum err store_tenant_put(struct store_tx *tx, const struct tenant_row *row); /* insert or replace whole row */
/* uninstalled_at becomes `at` or 0, updated_at `at`. ERR_NOT_FOUND. */
enum err store_tenant_status(struct store_tx *tx, struct str client_key, const char *status, int64_t at);
enum err store_tenant_last_seen(struct store_tx *tx, struct str client_key, int64_t at); /* never back. ERR_NOT_FOUND */
/* Newest not uninstalled tenant of Connect with that base URL other than client_key: a site import. ERR_NOT_FOUND. */
enum err store_tenant_by_base_url(struct store_tx *tx, struct str base_url, struct str other_than, struct arena *a,
                                  struct tenant_row *ret);
/* In client_key order; fn returning an error stops. The row is valid during the call; install_body, which is long, is
 * left NULL. */
enum err store_tenant_each(struct store_tx *tx, enum err (*fn)(void *arg, const struct tenant_row *), void *arg);
/* Deletes a tenant and all it owns, contacts the Marketplace named too, but its events, whose tenant stays.
 * ERR_NOT_FOUND. */
enum err store_tenant_purge(struct store_tx *tx, struct str client_key);
/* Uninstalled before that time, oldest first, at most max keys. */
enum err store_tenants_uninstalled_before(struct store_tx *tx, int64_t before, size_t max, struct arena *a,
                                          const char ***ret_keys, size_t *ret_count);

/* ---- aliases: every id a tenant was ever known by ---- */
struct alias_row {
	const char *kind, *value; /* base_url host sen entitlement_id entitlement_number installation_id client_key … */
	int64_t first_seen, last_seen;
};
enum err store_alias_put(struct store_tx *tx, struct str client_key, const char *kind, struct str value, int64_t at);
enum err store_alias_list(struct store_tx *tx, struct str client_key, struct arena *a, struct alias_row **ret,
                          size_t *ret_count);

/* ---- licence: what is known of a tenant's licence, one row ---- */
struct license_row {
	const char *state, *reason, *source; /* last journalled state */
	int64_t since;
	/* facts of the last good look-up */
	int64_t fetched_at; /* 0: none yet */
	bool valid, evaluation, cancelled;
	int resource; /* which host resource works: 0 unknown, 1 latest/license, 2 addons */
	const char *type, *organisation, *sen, *entitlement_id, *entitlement_number, *edition;
	struct str contact_sealed; /* seal place: licenses, contact, client_key */
	int64_t users_max;         /* -1 unlimited, 0 unknown */
	int64_t expires_at;
	/* trouble since */
	int64_t failed_at;
	const char *failure; /* code of the last failure; NULL when the last look-up worked */
	/* history the states need */
	bool licensed_before;
	int64_t expired_seen_at;  /* when "not licensed any more" was first seen; 0 while licensed */
	int64_t secret_proved_at; /* first look-up the host accepted with the present secret */
};
enum err store_license_put(struct store_tx *tx, struct str client_key, const struct license_row *row);
enum err store_license_get(struct store_tx *tx, struct str client_key, struct arena *a, struct license_row *ret);
enum err store_license_each(struct store_tx *tx,
                            enum err (*fn)(void *arg, const char *client_key, const struct license_row *), void *arg);

/* ---- overrides ---- */
struct override_row {
	const char *state, *reason, *by;
	int64_t until, created_at;
};
enum err store_override_put(struct store_tx *tx, struct str client_key, const struct override_row *row);
enum err store_override_delete(struct store_tx *tx, struct str client_key); /* ERR_NOT_FOUND */
enum err store_override_each(struct store_tx *tx,
                             enum err (*fn)(void *arg, const char *client_key, const struct override_row *), void *arg);

/* ---- journal ---- */
struct event_row {
	int64_t seq;                    /* set by the store */
	const char *id, *type, *tenant; /* tenant may be NULL */
	int64_t at;
	const char *json; /* the whole event as readers get it, without seq */
};
/* ERR_CONFLICT if the id is there already: nothing is added. */
enum err store_event_add(struct store_tx *tx, const struct event_row *row);
enum err store_event_exists(struct store_tx *tx, const char *id, bool *ret);
/* Oldest first, seq > after, at most limit. type and tenant may be empty = any. */
enum err store_event_list(struct store_tx *tx, int64_t after, struct str type, struct str tenant, size_t limit,
                          struct arena *a, struct event_row **ret, size_t *ret_count);
/* The last ones of a tenant, newest first. */
enum err store_event_latest(struct store_tx *tx, struct str tenant, size_t limit, struct arena *a,
                            struct event_row **ret, size_t *ret_count);

/* Takes this very text out of the tenant's user.added and user.removed events. */
enum err store_events_cut(struct store_tx *tx, struct str tenant, struct str text);

/* The newest seq; 0 where nothing happened yet. */
enum err store_event_last(struct store_tx *tx, int64_t *ret_seq);

/* ---- counts by day (UTC) ---- */
struct day_count {
	int64_t day; /* its first millisecond */
	const char *name;
	int64_t count;
};
/* What is counted of tenants at a time; later counts of the same day replace it. */
enum err store_daily_put(struct store_tx *tx, int64_t at, const char *name, int64_t count);
/* From the day of that time on, by day and name. */
enum err store_daily_list(struct store_tx *tx, int64_t from, struct arena *a, struct day_count **ret,
                          size_t *ret_count);
/* How many events of that type, by day; days without any are left out. */
enum err store_event_days(struct store_tx *tx, struct str type, int64_t from, struct arena *a, struct day_count **ret,
                          size_t *ret_count);

/* ---- install keys: kid -> public key, for ever ---- */
enum err store_install_key_put(struct store_tx *tx, struct str kid, struct str pem, int64_t at);
enum err store_install_key_each(struct store_tx *tx, enum err (*fn)(void *arg, const char *kid, const char *pem),
                                void *arg);

/* ---- webhooks: drop duplicates ---- */
/* ERR_CONFLICT: seen before. */
enum err store_webhook_seen(struct store_tx *tx, struct str client_key, struct str identifier, int64_t at);
enum err store_webhook_forget_before(struct store_tx *tx, int64_t before);

/* ---- users and seats ---- */
struct user_row {
	const char *client_key, *account_id;
	int64_t first_seen, last_seen, seat_at; /* seat_at 0: none */
	int64_t updated_at;                     /* when the host last told of it */
	int64_t removed_at;                     /* 0: has access */
	bool deactivated;
};
enum err store_user_put(struct store_tx *tx, const struct user_row *row);
enum err store_user_get(struct store_tx *tx, struct str client_key, struct str account_id, struct arena *a,
                        struct user_row *ret);
enum err store_user_delete(struct store_tx *tx, struct str client_key, struct str account_id); /* ERR_NOT_FOUND */
/* Those who have access, in account_id order. */
enum err store_user_list(struct store_tx *tx, struct str client_key, struct arena *a, struct user_row **ret,
                         size_t *ret_count);
/* Every account that is kept, removed ones too, and those who hold a seat: account_id > after, at most max. */
enum err store_account_list(struct store_tx *tx, struct str client_key, struct str after, size_t max, struct arena *a,
                            struct user_row **ret, size_t *ret_count);
enum err store_seat_list(struct store_tx *tx, struct str client_key, struct str after, size_t max, struct arena *a,
                         struct user_row **ret, size_t *ret_count);
/* Seats of accounts last seen before that time, of any tenant, longest idle first, at most max. */
enum err store_seats_idle(struct store_tx *tx, int64_t before, size_t max, struct arena *a, struct user_row **ret,
                          size_t *ret_count);
enum err store_seat_each(struct store_tx *tx, enum err (*fn)(void *arg, const struct user_row *),
                         void *arg); /* seats only */

/* ---- choices: the most a tenant's users get of a feature ---- */
struct choice_row {
	const char *client_key, *feature, *value;
	int64_t at;
};
enum err store_choice_put(struct store_tx *tx, const struct choice_row *row);
enum err store_choice_list(struct store_tx *tx, struct str client_key, struct arena *a, struct choice_row **ret,
                           size_t *ret_count);
enum err store_choice_each(struct store_tx *tx, enum err (*fn)(void *arg, const struct choice_row *), void *arg);

/* ---- reports on personal data: a row for each tenant with users ---- */
struct report_row {
	const char *client_key;
	int64_t next_at;
	const char *after_account; /* "": the next round starts anew */
};
/* Due by now, the longest due first, at most max. */
enum err store_reports_due(struct store_tx *tx, int64_t now, size_t max, struct arena *a, struct report_row **ret,
                           size_t *ret_count);
enum err store_report_set(struct store_tx *tx, const struct report_row *row); /* ERR_NOT_FOUND */

/* ---- feedback ---- */
struct feedback_row {
	int64_t id;                                    /* set by the store */
	const char *client_key, *account_id, *message; /* account_id only with the sender's consent */
	int64_t at;
};
enum err store_feedback_add(struct store_tx *tx, const struct feedback_row *row);
/* The messages stay, without their sender. */
enum err store_feedback_forget(struct store_tx *tx, struct str client_key, struct str account_id);
/* Newest first, id < before (0: from the newest). */
enum err store_feedback_list(struct store_tx *tx, int64_t before, size_t limit, struct arena *a,
                             struct feedback_row **ret, size_t *ret_count);

/* ---- sealed values, for rekey ---- */
struct sealed_row {
	const char *table, *column, *row_key;
	struct str sealed;
};
/* Rows whose value is not sealed with newest_key_id, at most max, going on after the last row of an earlier call
 * (NULL: from the start), so that a value that does not open cannot hold up the rest. */
enum err store_sealed_list(struct store_tx *tx, struct str newest_key_id, const struct sealed_row *after, size_t max,
                           struct arena *a, struct sealed_row **ret, size_t *ret_count);
/* Replaces if the value is still old; ERR_CONFLICT if it changed meanwhile. */
enum err store_sealed_replace(struct store_tx *tx, const struct sealed_row *old, struct str sealed);

/* ---- rekey ---- */
struct keyring;
struct rekey {
	void (*progress)(void *arg, size_t resealed);              /* after each transaction */
	void (*unopened)(void *arg, const struct sealed_row *row); /* a value that no key opens: left as it is */
	void *arg;
	/* results, also after an error */
	size_t resealed, unopened_count;
	bool settled; /* the last look found nothing more: not so while a server seals with an older key */
};
/* Seals everything with the newest key, in small transactions, so that it can run beside a server. Stopped half-way, a
 * second run goes on. Waits on the store: for commands. */
enum err store_rekey(struct store *s, const struct keyring *k, struct rekey *r);
