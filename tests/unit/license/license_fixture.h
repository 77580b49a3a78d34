/* license_fixture.h - a tenant table, a store in memory, look-ups on a clock that tests step, and a host that answers
 * only when the test says so. Assertions fail at the caller's line. */
#pragma once
#include "test.h"

#include "base/clock.h"
#include "base/timers.h"
#include "license/lookup.h"

enum { CALLS_MAX = 64 };
#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

struct host_call_held {
	struct tenant const *tenant;
	char secret[64];
	int resource;
	license_fetched_fn *done;
	void *arg;
};

struct fixture {
	struct clock_manual clock;
	struct timers *timers;
	struct keyring *keyring;
	struct store *store;
	struct tenants *tenants;
	struct lookups *lookups;
	struct lookups_options options;
	int64_t seat_idle_ms; /* from the next restart on */
	/* the host */
	pthread_mutex_t lock;
	struct host_call_held held[CALLS_MAX];
	size_t held_count;
	int calls;        /* in all */
	bool refuse_call; /* the call cannot even start */
	bool at_once;     /* answers inside the call, with a failure */
};

int fixture_setup(void **state); /* *state: struct fixture with one installed tenant, "acme" */
int fixture_teardown(void **state);
/* Everything but the store goes down and comes up again; pauses for `down_ms` of wall time. */
void restart(struct fixture *f, int64_t down_ms);

/* Installs, or installs again with this secret ("": none, of a tenant whose door has none). entitled: the install body
 * has an entitlement. */
void install(struct fixture *f, const char *key, const char *secret, bool entitled);
const struct tenant *tenant(struct fixture *f, const char *key); /* borrowed: stays in the table */
/* Steps both clocks and runs what is due. */
void step(struct fixture *f, int64_t ms);
/* Waits until everything queued is stored. */
void stored(struct fixture *f);

struct license_facts licensed(void);                              /* valid, 100 users, no end */
void host_answers(struct fixture *f, struct license_facts facts); /* the oldest call held */
void host_fails(struct fixture *f, const char *code);

/* "lic=active", "claim=inactive", "" … as in states.rules; the decision as "STATE SOURCE REASON [stale] [wait]". */
const char *decide(struct fixture *f, const char *key, const char *signal);
/* Transitions journalled so far, oldest first: "unknown>active lic_active lic; active>…". */
const char *journal(struct fixture *f, const char *type);
int64_t metric_count(const char *name, const char *labels);
