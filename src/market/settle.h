/* settle.h - from news rows to events: what a poll brought is told once, whatever happens meanwhile. */
#pragma once
#include "base/clock.h"
#include "store/store.h"

/* Takes the rows that are news, licence by licence in the order they came, derives their events and journals them in
 * the same store job that takes the mark off: cut short anywhere, a later call goes on and repeats nothing. Waits on
 * the store: for the poll's own thread and for commands. `stop` (may be NULL) is asked between jobs: true ends early
 * with OK. ret_events: events that were derived, some of which may have been told before. */
enum err market_settle(struct store *store, const struct clock *clock, bool (*stop)(void *), void *arg,
                       size_t *ret_events);
