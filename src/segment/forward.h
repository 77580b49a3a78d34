/* forward.h - passes tracked events on to a real Segment source, in order, from a durable queue.
 *
 * At least once, with the messageIds they came with, so that Segment drops what it has. */
#pragma once
#include "segment/segment.h"
#include "store/segment.h"

enum {
	FORWARD_QUEUE_MAX = 1000 * 1000, /* events; further ones are not passed on */
	FORWARD_KEEP_DAYS = 7            /* what could not be passed on by then is dropped */
};

struct forward;
/* Takes up what is queued. Reads the store: at start. */
enum err forward_start(struct segment *s, struct forward **ret);
/* No new call; one under way goes on until the client stops. */
void forward_quiet(struct forward *f);
void forward_free(struct forward *f); /* waits for what is under way; accepts NULL */
/* How many more events the queue takes. Any thread. */
size_t forward_room(struct forward *f);
/* After a commit that queued some; or that dropped some, their time being over. */
void forward_queued(struct forward *f, const struct segment_added *added);
void forward_expired(struct forward *f, size_t count);

/* What an answer means for the batch it answers. Pure. */
enum forward_verdict {
	FORWARD_LATER = 0, /* the other side is not well, or our key is wrong: keep and wait */
	FORWARD_DONE,
	FORWARD_REFUSED /* the batch itself is not taken: one of its events may be why */
};
enum forward_verdict forward_judge(enum err err, int status);
/* Wait before the next try: what the answer asks for (-1: nothing), else doubling with each attempt (1, 2, …). */
int64_t forward_wait_ms(unsigned attempts, int64_t retry_after_s);
