/* segment.h - verbs of what visitors did: messages seen, who is who, steps of the funnel, the queue to a real source.
 *
 * Ids come hashed (64 bits): the store never sees a pseudonymous id itself. Each gets a number when it is first seen,
 * and everything else speaks of numbers; when an id's time is over its row goes, and the number says nothing any more.
 */
#pragma once
#include "store/store.h"

/* Steps that visitors themselves are seen taking; the later ones are the journal's. Stored: never renumber. */
enum segment_step {
	SEGMENT_NO_STEP = 0,
	SEGMENT_VISIT = 1,
	SEGMENT_LISTING_VIEW = 2,
	SEGMENT_CTA_CLICK = 3,
	SEGMENT_REQUEST = 4,
	SEGMENT_INSTALL = 5
};

enum { SEGMENT_IDS_MAX = 3 };
struct segment_row {
	int64_t message;              /* hash of the messageId */
	int64_t ids[SEGMENT_IDS_MAX]; /* hashes: of whom it tells; further ones are the same person's */
	size_t id_count;
	enum segment_step step;
	int64_t at;
	struct str plugin, campaign; /* may be empty */
	struct str pass_on;          /* JSON for the queue; empty: not to be passed on */
};
/* Adds those whose message is new. queue_room: how many more the queue may take; further ones are counted, but not
 * queued. */
struct segment_added {
	size_t fresh, duplicates, queued, not_queued;
};
enum err store_segment_add(struct store_tx *tx, const struct segment_row *rows, size_t count, int64_t now,
                           size_t queue_room, struct segment_added *ret);

struct segment_step_row {
	enum segment_step step;
	int64_t visitor, at;
	const char *plugin, *campaign; /* may be ""; valid during the call */
};
/* Of one step on days from..to (both included), in order of day. fn returning an error stops. */
enum err store_segment_steps_each(struct store_tx *tx, enum segment_step step, int64_t from_day, int64_t to_day,
                                  enum err (*fn)(void *arg, const struct segment_step_row *), void *arg);
enum err store_segment_same_each(struct store_tx *tx, enum err (*fn)(void *arg, int64_t visitor, int64_t other),
                                 void *arg);
/* The journal's events of a type in a time (both included), oldest first. The row is valid during the call. */
enum err store_segment_journal_each(struct store_tx *tx, const char *type, int64_t from, int64_t to,
                                    enum err (*fn)(void *arg, const struct event_row *), void *arg);

/* ---- the queue ---- */
struct segment_queued {
	int64_t seq;
	struct str json;
};
/* The oldest, at most max and max_bytes of them (at least one, if there is any). */
enum err store_segment_queue_list(struct store_tx *tx, size_t max, size_t max_bytes, struct arena *a,
                                  struct segment_queued **ret, size_t *ret_count);
/* Those up to seq, as the list gave them. */
enum err store_segment_queue_delete(struct store_tx *tx, int64_t seq);
enum err store_segment_queue_count(struct store_tx *tx, int64_t *ret);
/* Queued before that time: too old to be passed on. */
enum err store_segment_queue_expire(struct store_tx *tx, int64_t before, size_t *ret_deleted);

/* ---- the end of ids ---- */
/* Messages and ids with a hash from..to (both included) that were first seen before that day. */
enum err store_segment_forget(struct store_tx *tx, int64_t from_id, int64_t to_id, int64_t before_day, size_t *ret_ids);
