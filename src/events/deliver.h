/* deliver.h - takes queued events to their endpoints, as Standard Webhooks says, until each is delivered or dead.
 *
 * At most ENDPOINT_IN_FLIGHT attempts at an endpoint and IN_FLIGHT_TOTAL at all; within a lane one at a time. Several
 * servers on one database share the work: what one has claimed no other delivers before its lease is over. It is told
 * of new events by the store, and looks by itself once a second for what another process wrote. Receivers and their
 * order: docs/events.md. */
#pragma once
#include "base/timers.h"
#include "http/client.h"
#include "store/store.h"

struct keyring;

enum {
	ENDPOINT_IN_FLIGHT = 50,
	IN_FLIGHT_TOTAL = 200,
	DELIVERY_TIMEOUT_MS = 20 * 1000,
	DELIVERY_LEASE_MS = 27 * 1000, /* an attempt, its write behind a busy database, and room below 30 s */
};

struct deliveries;
struct deliveries_options {
	const struct clock *clock;
	struct timers *timers;
	struct store *store;
	const struct keyring *keys;
	bool allow_insecure; /* LICGATE_ALLOW_INSECURE_HOSTS */
	/* Instead of a client of its own, for tests; every accepted call must be answered before deliveries_stop. */
	enum err (*call)(void *caller, const struct http_call *call);
	void *caller;
};
enum err deliveries_start(const struct deliveries_options *o, struct deliveries **ret);
/* Waits up to 3 s for calls under way, then ends them; what they did not deliver is free for the next server at once.
 * Before timers and store; accepts NULL. */
void deliveries_stop(struct deliveries *d);
/* Grows whenever the outbox changed: for whoever shows it. */
uint64_t deliveries_changes(const struct deliveries *d);
