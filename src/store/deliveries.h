/* deliveries.h - verbs of the outbox: what is to be delivered to which endpoint, and what became of it.
 *
 * A row is pending, delivered or dead. It is claimed with a lease, so that nobody else delivers it meanwhile and a
 * server that dies gives it back by itself; what became of it is told with the lease's own words, so that a late word
 * of one that lost its lease changes nothing. Order within a lane: docs/events.md. Times are wall ms, 0 = none. */
#pragma once
#include "store/store.h"

/* A row for each enabled endpoint that wants the type; whoever watches the store is told after the commit. */
enum err store_deliveries_queue(struct store_tx *tx, const char *event_id, const char *type, const char *lane,
                                int64_t at);
/* For this endpoint alone, whatever it wants. ERR_NOT_FOUND: no such event. */
enum err store_delivery_queue_one(struct store_tx *tx, const char *endpoint, const char *event_id, const char *lane,
                                  int64_t at);

struct delivery_claim {
	int64_t id;
	const char *lane, *event_id;
	int attempts; /* before this one */
	int64_t lease_until;
	const char *json; /* the body */
};
struct claiming {
	const char *endpoint, *owner; /* owner: of this process and no other */
	int64_t now, lease_until;
	size_t max;
	/* Not this one now: its lane is under way here. May be NULL. */
	bool (*busy)(void *arg, const char *lane);
	void *arg;
};
/* At most c->max rows that are due, one of a lane, those tried before first. */
enum err store_deliveries_claim(struct store_tx *tx, const struct claiming *c, struct arena *a,
                                struct delivery_claim **ret, size_t *ret_count);

struct delivery_outcome {
	int64_t id, lease_until; /* as claimed */
	const char *endpoint, *lane, *owner;
	enum delivery_result { DELIVERY_GIVEN_BACK, DELIVERY_DELIVERED, DELIVERY_FAILED, DELIVERY_DEAD } result;
	int64_t at, next_attempt_at; /* next_attempt_at: of FAILED */
	int status;                  /* 0: no answer */
	const char *error;           /* a code; NULL: none */
	int64_t duration_ms;
};
/* OK too where the lease was lost and the row is somebody else's now; a delivered one is noted all the same. */
enum err store_delivery_finish(struct store_tx *tx, const struct delivery_outcome *o);

/* When the endpoint's next tried row is due; 0: none waits. Rows not tried yet do not count. */
enum err store_deliveries_next(struct store_tx *tx, const char *endpoint, int64_t *ret);

/* Tries the row anew, from the start of the schedule. ERR_NOT_FOUND; ERR_CONFLICT: it is under way. */
enum err store_delivery_replay(struct store_tx *tx, int64_t id, int64_t now);
struct replaying {
	const char *endpoint;
	int64_t after, until; /* seq: after < seq <= until */
	int64_t now;
};
/* Everything of that range that the endpoint wants, sent before or not; rows under way are left alone. */
enum err store_deliveries_replay(struct store_tx *tx, const struct replaying *r, int64_t *ret_count);
/* Where a range of max events behind `after` ends; `after` itself: there are none. */
enum err store_events_range_end(struct store_tx *tx, int64_t after, size_t max, int64_t *ret);

struct delivery_row {
	int64_t id, event_seq;
	const char *event, *type, *tenant, *endpoint, *status; /* tenant may be NULL */
	int64_t attempts, created_at, next_attempt_at;         /* next_attempt_at 0: not pending */
	int64_t last_attempt_at, last_status;
	const char *last_error;
	int64_t duration_ms, finished_at;
};
struct delivery_filter {
	struct str status, endpoint, type, tenant; /* empty: any */
	int64_t before;                            /* id; 0: from the newest */
	size_t limit;
};
/* The newest first. */
enum err store_delivery_list(struct store_tx *tx, const struct delivery_filter *f, struct arena *a,
                             struct delivery_row **ret, size_t *ret_count);
enum err store_delivery_get(struct store_tx *tx, int64_t id, struct arena *a, struct delivery_row *ret);
struct delivery_attempt {
	int64_t number, at, status; /* status 0: no answer */
	const char *error;
	int64_t duration_ms;
};
/* The latest first, through all replays. */
enum err store_delivery_attempts(struct store_tx *tx, int64_t id, size_t max, struct arena *a,
                                 struct delivery_attempt **ret, size_t *ret_count);
/* endpoint empty: of all. */
enum err store_delivery_count(struct store_tx *tx, struct str endpoint, const char *status, int64_t *ret);
/* Delivered and dead rows that were finished before these times, at most max of each. ret_count may be NULL. */
enum err store_deliveries_purge(struct store_tx *tx, int64_t delivered_before, int64_t dead_before, size_t max,
                                int64_t *ret_count);
