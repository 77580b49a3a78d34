/* connect.h - the Connect door: what its handlers share, and the door's own list of handlers.
 *
 * Verified requests only: AUTH_PAGE, AUTH_CONTEXT and AUTH_LIFECYCLE are authenticated by auth.c, which sets
 * req->claims and req->tenant. */
#pragma once
#include "base/timers.h"
#include "config/config.h"
#include "connect/failures.h"
#include "connect/install_keys.h"
#include "http/client.h"
#include "http/reply.h"
#include "http/static_files.h"
#include "license/answer.h"

struct descriptor;
struct forge; /* the other door's, for forward authentication */
struct host;
struct reporter;
struct upkeep;

struct connect {
	const struct config *config;
	const struct clock *clock;
	struct timers *timers;
	struct store *store;
	const struct keyring *keyring;
	struct tenants *tenants;
	struct lookups *lookups;
	const struct features *features;
	struct install_keys *keys;
	struct failures *failures;
	struct host *host;
	struct forge *forge; /* NULL: off */
	const struct descriptor *descriptor;
	const struct static_files *files;
	const struct str *audiences; /* base URL and allowed base URLs */
	size_t audience_count;
	struct reporter *reporter; /* of report_start() */
	struct upkeep *upkeep;     /* of retention_start(): set before the first request, gone after the last */
};

/* auth.c: authenticators (server.h). room is the struct connect. */
void auth_page(struct request *req, void *connect);
void auth_context(struct request *req, void *connect);
void auth_lifecycle(struct request *req, void *connect);
/* Verifies a token that came with another request (forward authentication). Failures are recorded with the
 * code; claims and tenant (a reference) are set on TOKEN_OK. */
enum token_code auth_verify_for(struct connect *c, struct arena *a, struct str method, struct str target,
                                struct str token, bool context_allowed, const char *route, const char *request_id,
                                const struct claims **ret_claims, const struct tenant **ret_tenant);
/* Takes the reference over until the request ends, however it ends: one that waits may be ended without its job. */
void request_hold_tenant(struct request *req, const struct tenant *tenant);
/* The licence signals a verified request carries. query: covered by the token's qsh, else pass an empty one. */
struct request_signal auth_signal(struct arena *a, const struct claims *claims, struct str signed_query);

/* handlers */
void descriptor_get(struct request *req, void *connect);
void lifecycle_installed(struct request *req, void *connect);
void lifecycle_uninstalled(struct request *req, void *connect);
void lifecycle_enabled(struct request *req, void *connect);
void lifecycle_disabled(struct request *req, void *connect);
void webhook_receive(struct request *req, void *connect);
void page_get(struct request *req, void *connect);
void page_license_json(struct request *req, void *connect);
void api_license(struct request *req, void *connect);
void api_feedback(struct request *req, void *connect);
void api_configure_get(struct request *req, void *connect);
void api_configure_put(struct request *req, void *connect);
void api_seat_delete(struct request *req, void *connect);

/* upkeep.c: erases tenants uninstalled longer than the retention time, looks a licence up soon after an install; runs
 * itself again. Start before the listeners; stop after them and before the store. */
enum err retention_start(struct connect *c);
void retention_stop(struct connect *c);
