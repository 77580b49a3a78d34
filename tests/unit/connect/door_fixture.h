/* door_fixture.h - the Connect door's handlers without a server: a verified request goes in, the answer is written
 * down.
 *
 * Real are the store (in memory), the tenants, the look-ups, the features file and the pages that ship; doubles are
 * the HTTP answer and wait, the host's licence resource and its word on administrators. The clock stands still and
 * timers run when a test says so. */
#pragma once
#include "test.h"

#include "connect/connect.h"
#include "connect/descriptor.h"
#include "events/journal.h"
#include "token/token.h"

#define CLIENT "client-1"
#define SECRET "secret-of-client-1-0123456789"
#define HOME "https://acme.atlassian.net"

struct door_answer {
	int status; /* 0: none */
	char type[64], code[64], body[65536], headers[2048];
};

struct door {
	struct connect connect;
	struct config config;
	struct clock_manual clock;
	struct descriptor descriptor;
	struct features *features;
	struct static_files *files;
	struct keyring *keyring;
	struct tenants *tenants; /* connect's own pointers are const here and there */
	struct store *store;
	struct request req;
	struct route route;
	struct claims claims;
	struct door_answer answer;
	handler_fn *then;
	bool authenticates_itself; /* the handler finds claims and tenant: none are put on the request */
	int waits;                 /* how often the last request gave up its worker */

	/* The host: what it says to the next look-up, or NULL: nothing until door_host_answers(). */
	const struct license_facts *facts;
	struct {
		license_fetched_fn *fetched;
		void *arg;
	} held[16];
	size_t held_count;
	int fetches;
	enum admin_says { ADMIN_SAYS_NO, ADMIN_SAYS_YES, ADMIN_SAYS_YES_LATER, ADMIN_SAYS_NOTHING } admin;
	/* The request's headers, by name and value; NULL-terminated names. */
	const char *header[8][2];
};

int door_up(void **state);
int door_down(void **state);

/* One verified request to a handler, with its waits, to its answer. iss is CLIENT and the account "account-1" unless
 * the test changed d->claims. */
void door_ask(struct door *d, handler_fn *handler, const char *method, const char *target, const char *body);
/* Sends a lifecycle callback of CLIENT; members: further JSON members, "" or ",\"a\":1". Gives the status. */
int door_install(struct door *d, const char *secret, const char *base_url, const char *members);
int door_lifecycle(struct door *d, handler_fn *handler, const char *event);
/* To every look-up that waits; NULL: a failure. */
void door_host_answers(struct door *d, const struct license_facts *facts);
void door_step(struct door *d, int64_t ms); /* clock and timers, then waits for the writer */

/* "tenant.installed tenant.uninstalled" of that tenant, oldest first; the last one's JSON in ret_last (may be NULL). */
const char *door_events(struct door *d, const char *tenant, char ret_last[4096]);
struct tenant_row door_row(struct door *d, const char *client_key, struct arena *a); /* client_key NULL: none */
bool door_alias(struct door *d, const char *client_key, const char *kind, const char *value);
