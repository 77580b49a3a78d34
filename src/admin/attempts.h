/* attempts.h - how often a wrong admin token may be tried: by one peer, and by all together. Constant memory.
 *
 * Each wrong token costs; the debt is forgiven as time passes. A peer that owes too much is refused before its token is
 * looked at. When all together owe too much, so is every peer that owes anything itself: a first try is always looked
 * at, so that no stranger can keep the operator out. A peer that has shown the right token lately is forgiven ten
 * times as fast: a script with an old token must not stop the one beside it. Thread-safe. */
#pragma once
#include <stdint.h>

#include "base/clock.h"

enum {
	ATTEMPTS_BURST = 10,          /* wrong ones of one peer in a row */
	ATTEMPTS_EACH_MS = 6000,      /* one more after that long */
	ATTEMPTS_ALL_BURST = 200,     /* of all peers together */
	ATTEMPTS_ALL_EACH_MS = 300,   /* the same */
	ATTEMPTS_KNOWN_FACTOR = 10,   /* of a peer that has shown the right one */
	ATTEMPTS_KNOWN_S = 12 * 3600, /* for so long */
	ATTEMPTS_PEERS = 1024,        /* remembered at a time; who owes least makes place */
};
struct attempts;
struct attempts *attempts_new(const struct clock *clock); /* NULL if out of memory */
void attempts_free(struct attempts *a);                   /* accepts NULL */

/* peer: an address as 16 bytes; of an IPv6 address the network (/64) counts.
 * 0: the token may be looked at. Else for how many seconds it may not. */
int64_t attempts_wait_s(struct attempts *a, const uint8_t peer[static 16]);
void attempts_wrong(struct attempts *a, const uint8_t peer[static 16]);
void attempts_right(struct attempts *a, const uint8_t peer[static 16]);
