/* visit.h - one request on its way through the Forge door: what waits with it and goes with it. Of this room alone. */
#pragma once
#include "forge/forge.h"
#include "forge/installs.h"
#include "forge/jwks.h"
#include "forge/system_tokens.h"

struct forge {
	struct forge_options o;
	struct str app_id;
	struct jwks *keys;
	struct installs *installs;
	struct system_tokens *tokens;
	struct lookups *lookups;
	/* store jobs that no request waits for */
	pthread_mutex_t lock;
	pthread_cond_t idle;
	unsigned busy;
	struct metric *calls, *events[4];
};

struct follow;
/* Of a request of this door: in its arena; req->on_end_arg. */
struct visit {
	struct forge *f;
	struct request *req;
	struct fit_unverified token;
	enum jwks_status status;
	struct jwks_key *key; /* a reference */
	forge_fn *then;       /* where it goes on */
	void *then_arg;
	struct follow *follow;
};
struct visit *visit_of(const struct request *req);
/* A trace id as a header has it: hex of at most 32 digits, or empty. For the log. */
struct str visit_trace(const struct request *req, const char *header);
