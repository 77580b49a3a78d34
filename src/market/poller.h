/* poller.h - polls the Marketplace by itself: on a thread of its own, every LICGATE_MARKETPLACE_INTERVAL seconds.
 *
 * Counted from the last poll that ended well, whoever made it; after a failure it is tried again sooner. Off where no
 * token is set. Thread-safe. */
#pragma once
#include "market/sync.h"

struct poller;
struct poller_state {
	bool running;    /* a poll is under way in this process */
	int64_t next_at; /* wall; 0: running, or off */
};
/* pace, progress and arg of the options are the poller's own. ret stays NULL where polling is off. */
enum err poller_start(const struct sync_options *o, struct poller **ret);
/* The poll under way ends soon; what it waits for is the HTTP client's, so that one is stopped next. Accepts NULL. */
void poller_ask_stop(struct poller *p);
void poller_stop(struct poller *p); /* waits for the thread; accepts NULL */
/* Polls as soon as may be. */
void poller_now(struct poller *p, bool full);
struct poller_state poller_state(struct poller *p);
