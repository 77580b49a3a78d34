/* body.h - a body of the tracking API or of the webhook, from raw bytes to rows. Pure, but for the arena.
 *
 * A body is taken whole or not at all: a batch with one wrong event is refused, and the answer says which. */
#pragma once
#include "segment/event.h"

struct body {
	struct segment_row *rows; /* in the arena */
	size_t count;
	struct str write_key; /* of the body, in the arena; empty: none */
};
struct body_problem {
	enum err err;   /* not OK: out of memory, nothing to tell the client */
	bool is_batch;  /* the webhook: a batch, which its signature does not cover */
	char text[160]; /* what is wrong */
};
/* What the tracking API's last path part says: "track", "batch", "t" … False: nothing we take. *ret_call is
 * CALL_UNKNOWN for a batch. */
bool body_call_of(struct str name, bool *ret_batch, enum segment_call *ret_call);
/* One call or a batch of the tracking API. False: ret_problem says why. */
bool body_read_tracked(const struct event_reader *r, bool is_batch, enum segment_call call, struct str raw,
                       struct body *ret, struct body_problem *ret_problem);
/* One event that Segment's webhook signed. */
bool body_read_signed(const struct event_reader *r, struct str raw, struct body *ret, struct body_problem *ret_problem);
