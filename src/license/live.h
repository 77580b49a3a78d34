/* live.h - what changes of a tenant while it is in use: licence, seats, last sight. Of this room alone.
 *
 * One per tenant, shared by all its snapshots and counted. There are 100,000 of them in a kilobyte each, so that
 * everything rare hangs off a pointer that is NULL most of the time, and texts nobody decides by (organisation, ids)
 * stay in the store. `lock` is a leaf: nothing is called and no other lock is taken while it is held. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "license/policy.h"
#include "store/store.h"

struct flight;  /* lookup.c: a look-up under way */
struct pending; /* lookup_store.c: news that is not stored yet */

/* Accounts that hold a seat, as truncated SHA-256: open addressing, a zero id is a free slot. */
struct seat_id {
	uint64_t half[2];
};
struct seats {
	uint32_t count, cap; /* cap: a power of two, or 0 */
	struct seat_id *ids;
};

/* What the tenant's administrators chose, one allocation, immutable: features that are not named have no choice. */
struct choice {
	const char *feature;
	enum verdict most;
};
struct choices {
	size_t count;
	struct choice at[];
};

struct override {
	enum license_state state;
	int64_t until, created_at;
	const char *reason, *by; /* in the same allocation */
};

struct live {
	_Atomic unsigned refs;
	_Atomic bool removed;           /* purged: nothing of it is stored any more */
	_Atomic int64_t last_seen;      /* by Connect, for a tenant of Connect */
	_Atomic int64_t seen_elsewhere; /* by another door; kept where that door keeps it */
	_Atomic int64_t fetchable_mono; /* until then another door than Connect can look the licence up */
	pthread_mutex_t lock;           /* guards all below */
	int64_t last_seen_stored;

	/* last journalled state; the reason is in the store */
	enum license_state state : 8;
	enum license_source source : 8;
	/* the last signed signal, while no look-up is newer: last news wins */
	enum signal last_lic : 8, last_claim : 8, last_forge : 8;

	/* facts of the last good look-up */
	enum edition edition : 8;
	unsigned resource : 8;
	bool looked_up : 1, valid : 1, evaluation : 1, cancelled : 1;
	bool licensed_before : 1;
	uint8_t failures;       /* look-ups failed in a row; 0: the last one worked */
	uint8_t override_jobs;  /* queued changes of the override */
	uint32_t secret_serial; /* counts secrets: an answer got with an old one is no news */
	int64_t ttl_ms;
	int64_t since;
	int64_t fetched_at, fetched_mono, expires_at, users_max;
	int64_t expired_seen_at, secret_proved_at;
	int64_t last_forge_ends_at; /* of last_forge; 0 after a restart */

	/* trouble, and when to try again */
	const char *failure; /* a literal; NULL after a restart, where the store has its text */
	int64_t failed_at, next_try_mono, started_mono;

	struct flight *flight;
	struct pending *pending;
	struct override *override;
	struct seats *seats;
	struct choices *choices;
};

struct live *live_new(void); /* NULL if out of memory */
struct live *live_ref(struct live *live);
void live_unref(struct live *live); /* accepts NULL */

struct override *override_new(enum license_state state, int64_t until, int64_t created_at, struct str reason,
                              struct str by);

/* The set of seats alone; the caller holds live->lock (or is the only one who knows live). */
struct seat_id seat_id_of(struct str account_id);
bool seats_has(const struct live *live, struct seat_id id);
bool seats_add(struct live *live, struct seat_id id); /* false if out of memory; true if it was there */
void seats_remove(struct live *live, struct seat_id id);
void seats_release(struct live *live);

void pending_free(struct pending *pending);
