/* lookup_internal.h - what the files of the look-ups share: lookup.c (decisions, flights, waiting), lookup_known.c
 * (what is known of a tenant and how it follows the news), lookup_store.c (storing and journalling), lookup_sweep.c
 * (time passing), override.c, seats.c, seat_idle.c, users.c.
 *
 * Locks, in this order: a shard of the tenants' table, lookups.lock, live.lock. None is held while calling out: not for
 * fetch, wake, store_submit, nor any callback (arming a timer is not calling out: timers call without their lock). */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "base/metrics.h"
#include "license/live.h"
#include "license/lookup.h"

enum { WAITERS_MAX = 10000, CHANGES_MAX = 64, CONTRADICTION_REFRESH_MS = 30000, SIGHTINGS = 1 << 16, SIGHTING_SET = 8 };

struct waiter {
	struct waiter *next;
	void (*wake)(void *arg);
	void *arg;
	int64_t due_mono;
};

/* Somebody who wants to know when news is stored: one of the two functions is set. */
struct after {
	struct after *next;
	void (*refreshed)(void *arg, const char *failure);
	void (*overridden)(void *arg, enum err err);
	void *arg;
	const char *failure;
};
void afters_run(struct after *list); /* and frees them */

/* A look-up under way. live->flight names it under live->lock; all else is under lookups.lock. */
struct flight {
	struct flight *next, **back;
	struct lookups *l;
	const struct tenant *tenant; /* a reference */
	uint32_t secret_serial;
	int resource; /* of the host, as the last look-up found it */
	int64_t started_mono;
	struct waiter *waiters, **waiters_end;
	unsigned waiter_count;
	struct after *afters;
};

/* A transition that is not stored yet. */
struct change {
	struct change *next;
	enum license_state from, to;
	enum license_source source;
	const char *reason;
	int64_t at;
};

/* Texts of a look-up on their way to the store, in one allocation. */
struct facts_text {
	const char *type, *organisation, *sen, *entitlement_id, *entitlement_number; /* NULL: absent */
	struct str contact_sealed;
};

/* News of one tenant that is not stored yet; under live->lock. At most one job carries it at a time, so that any number
 * of changes costs one write. */
struct pending {
	struct change *first, **end; /* the running job has the first of them, others are added behind */
	unsigned count;              /* at most CHANGES_MAX */
	struct facts_text *text;
	struct after *afters;
	bool dirty, running;
};

struct lookups {
	struct lookups_options o;
	pthread_mutex_t lock; /* guards what follows, and flights */
	pthread_cond_t idle;
	struct flight *flights;
	unsigned busy; /* flights not yet freed, and store jobs */
	_Atomic bool stopping;
	bool ticking;
	struct timer tick, sweep, idle_seats;
	int64_t sweep_due_mono; /* INT64_MAX: not set */
	_Atomic int64_t waiting;
	/* Who was seen lately, lock-free: upper bits of a hash and the minute; a collision only costs a write. */
	_Atomic uint64_t sightings[SIGHTINGS];
	struct metric *verdicts[STATE_COUNT][SOURCE_COUNT];
	struct metric *hit, *stale, *miss, *ok, *failed, *seconds;
};

/* A door tells this tenant's facts (lookups_told): they do not age, and no host is asked for them by itself. */
static inline bool tenant_is_told(const struct tenant *tenant)
{
	return tenant->kind == TENANT_GITHUB;
}
/* Nothing may change what is known of it any more. A purchase that ended can come back without another install. */
static inline bool tenant_is_closed(const struct tenant *tenant)
{
	return tenant->status == TENANT_UNINSTALLED && !tenant_is_told(tenant);
}

/* ---- lookup_known.c: the caller holds live->lock ---- */
void known_of(const struct lookups *l, const struct tenant *tenant, int64_t now_mono, struct license_known *ret);
/* The tenant's own state: as the last news has it, dates that have passed applied. */
struct license_decision decide_tenant(const struct lookups *l, const struct tenant *tenant, int64_t now_wall,
                                      int64_t now_mono);
/* Each returns whether there is something to store. */
bool follow_signal(struct live *live, struct license_known *k, const struct request_signal *sig, int64_t now_wall);
void follow_facts(const struct lookups *l, const struct tenant *tenant, const struct license_facts *facts,
                  int64_t now_wall, int64_t now_mono);
bool follow_failure(const struct lookups *l, struct live *live, const char *failure, int64_t now_wall,
                    int64_t now_mono);
bool follow_state(struct live *live, const struct license_decision *d, int64_t now_wall);
bool follow_time(const struct lookups *l, const struct tenant *tenant, int64_t now_wall, int64_t now_mono);

/* ---- lookup_store.c: no lock held ---- */
struct facts_text *facts_text_new(const struct lookups *l, const struct tenant *tenant,
                                  const struct license_facts *facts);
/* Stores what is new of the tenant, soon. Takes text and afters (either may be NULL), which run after the commit. */
void persist(struct lookups *l, const struct tenant *tenant, struct facts_text *text, struct after *afters);
/* Tries again after a failure. */
void persist_retry(struct lookups *l, const struct tenant *tenant);
/* Counts a job or a flight that must end before lookups_free() may. */
void busy_begin(struct lookups *l);
void busy_end(struct lookups *l);
/* busy_begin and store_submit; a job refused is not counted. The job's done must call busy_end last. */
enum err job_submit(struct lookups *l, struct store_job *job);

/* ---- lookup_sweep.c ---- */
enum err sweep_start(struct lookups *l);
/* The next sweep comes no later than that: an override ends by then. No lock held. */
enum err sweep_by(struct lookups *l, int64_t delay_ms);
/* At the end: last sights are stored whatever their age. Whether there is more to do. */
bool sweep_finally(struct lookups *l);

/* ---- override.c ---- */
void override_elapsed(struct lookups *l, const struct tenant *tenant); /* ends one whose time has passed */

/* ---- seats.c ---- */
/* No person: server-to-server calls, and what the host calls somebody it does not know. */
bool is_nobody(struct str account_id);
/* Inside a write job: the seat of this row, if it has one, is free in memory at once and in row and journal with the
 * job. A job that fails leaves it free in memory: whoever asks again frees the row's too. The caller puts the row. */
enum err seat_leave(struct lookups *l, struct store_tx *tx, const struct tenant *tenant, struct user_row *row,
                    const char *why, int64_t at);

/* ---- seat_idle.c ---- */
enum err seat_idle_start(struct lookups *l);
