/* lookup.h - the licence of each tenant as the host tells it, kept fresh without anybody waiting.
 *
 * Fresh for LICGATE_LICENSE_TTL (host's max-age honoured below it); one look-up in flight per tenant however many
 * ask; refreshed ahead when an entry in use nears its end; stale up to LICGATE_LICENSE_STALE while the host fails;
 * failures kept LICGATE_LICENSE_RETRY with jitter and back-off. All TTLs monotonic. Everything is kept across restarts.
 * Purchases that a door is told of come in by lookups_told instead: they do not age, and are asked for on demand alone.
 * The host call itself is given as a function, so that this room knows no protocol. */
#pragma once
#include "base/timers.h"
#include "license/policy.h"
#include "license/tenants.h"

struct lookups;

/* What a door's host call found. Strings valid during the callback. */
struct license_facts {
	bool valid, evaluation, cancelled;
	int resource; /* which host resource answered: kept, so that the next call asks it first */
	struct str type, organisation, sen, entitlement_id, entitlement_number, contact_email;
	enum edition edition;
	int64_t users_max, expires_at;
	int64_t max_age_s; /* -1 if the host did not say */
};
/* failure: NULL and facts set, or a literal code ("timeout", "status_500", "not_json" …). */
typedef void license_fetched_fn(void *arg, const struct license_facts *facts, const char *failure);
/* Starts the call; done exactly once, on any thread, within the upstream time-out (or two: both resources). An error:
 * done does not run. resource: which one worked last, 0 unknown. */
typedef enum err license_fetch_fn(void *fetcher, const struct tenant *tenant, int resource, license_fetched_fn *done,
                                  void *arg);

struct lookups_options {
	const struct clock *clock;
	struct timers *timers;
	struct store *store;
	struct tenants *tenants;
	const struct keyring *keyring;
	int64_t ttl_ms, stale_ms, retry_ms, wait_ms, grace_ms;
	int64_t seat_idle_ms; /* a seat whose account was not seen for so long is freed; 0: never */
	license_fetch_fn *fetch;
	void *fetcher;
};
enum err lookups_new(const struct lookups_options *o, struct lookups **ret);
/* Waits for look-ups in flight (their fetch has a deadline). */
void lookups_free(struct lookups *l);

/* The decision for this request; starts or refreshes a look-up in the background as needed; journals a transition when
 * the signal brings news. Never blocks. ret_wait: nothing is known and a look-up is in flight, so the caller waits and
 * decides again (what is decided then is counted); NULL: it will not wait. */
struct license_decision lookups_decide(struct lookups *l, const struct tenant *tenant, const struct request_signal *sig,
                                       bool *ret_wait);
/* Calls wake(arg) exactly once: when the look-up in flight ends, or after LICGATE_LICENSE_WAIT, whichever is first.
 * False: nothing in flight any more (decide again); wake is not called. */
bool lookups_wait(struct lookups *l, const struct tenant *tenant, void (*wake)(void *arg), void *arg);
/* Looks up now, fresh or not (admin, soon after an install). Joins one in flight. done may be NULL. */
enum err lookups_refresh(struct lookups *l, const struct tenant *tenant, void (*done)(void *arg, const char *failure),
                         void *arg);

/* What a door was told of a tenant whose facts are told (github:…): in force at once, stored and journalled soon. The
 * door keeps the truth and tells it again after a start. In the order of the calls. Any thread, never blocks. */
enum err lookups_told(struct lookups *l, const struct tenant *tenant, const struct license_facts *facts);
/* Another door than Connect can look this tenant's licence up until then, by the fetch function that was given. */
void lookups_fetchable(const struct tenant *tenant, int64_t until_mono_ms);

/* What the admin sees. Strings are in the arena. */
struct license_view {
	struct license_decision decision; /* without a request's signal, except that the last news wins */
	struct license_known known;
	const char *type, *organisation, *sen, *entitlement_id, *entitlement_number, *failure;
	int64_t since, failed_at, next_at_mono_ms, secret_proved_at;
	bool in_flight;
	const char *override_reason, *override_by;
};
enum err lookups_view(struct lookups *l, const struct tenant *tenant, struct arena *a, struct license_view *ret);
/* What is known in memory alone: any thread, no store. */
struct license_known lookups_known(struct lookups *l, const struct tenant *tenant);
/* Cheap part of the view, for lists: state as last journalled, overrides and elapsed dates applied. */
struct license_decision lookups_state(struct lookups *l, const struct tenant *tenant);
/* The same at a moment asked for once: for walks over all tenants. */
struct moment {
	int64_t wall_ms, mono_ms;
};
struct moment lookups_now(const struct lookups *l);
struct license_decision lookups_state_at(struct lookups *l, const struct tenant *tenant, struct moment now);

/* Durable when done(arg, OK) runs (writer thread). until: wall ms, in the future. */
enum err override_set(struct lookups *l, const struct tenant *tenant, enum license_state state, int64_t until,
                      struct str reason, struct str by, void (*done)(void *arg, enum err), void *arg);
enum err override_end(struct lookups *l, const struct tenant *tenant, void (*done)(void *arg, enum err), void *arg);

/* Seats: takes one if the feature needs it and limit and overage allow; true if the account holds one afterwards. An
 * empty account (server-to-server) needs no seat. Idempotent, never blocks; stored in the background. */
bool seat_take(struct lookups *l, const struct tenant *tenant, struct str account_id, enum overage overage);
/* Without taking it. */
bool seat_held_or_free(struct lookups *l, const struct tenant *tenant, struct str account_id, enum overage overage);
/* Free at once, durable when done(arg, OK) runs (writer thread); done may be NULL. why: a literal, for the journal.
 * ERR_NOT_FOUND: holds none; after any error done does not run. */
enum err seat_free(struct lookups *l, const struct tenant *tenant, struct str account_id, const char *why,
                   void (*done)(void *arg, enum err), void *arg);
int64_t seats_used(const struct tenant *tenant);
int64_t seats_limit(const struct tenant *tenant); /* 0: none known, or none set */

/* A user seen by token: first and last sight, stored in the background at most once an hour. */
void user_seen(struct lookups *l, const struct tenant *tenant, struct str account_id);
