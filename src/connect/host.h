/* host.h - calls to a tenant's own site, signed with our JWT: licence, permissions, anything as app or as user.
 *
 * Only ever to the tenant's stored base URL. Callbacks run on the client thread (or at once, on failure to start). */
#pragma once
#include "http/client.h"
#include "license/lookup.h"

struct host;
struct host_options {
	const struct clock *clock;
	struct http_client *client;
	const char *app_key;
	const char *authorization_server; /* for user tokens; NULL: Atlassian's */
	int64_t timeout_ms;
};
enum err host_new(const struct host_options *o, struct host **ret);
void host_free(struct host *h);

/* path starts with '/', query included; relative to baseUrl. body empty: none; else JSON. account_id empty: as the app
 * (JWT); else as that user (JWT bearer grant, token cached until shortly before its end). */
struct host_call {
	const char *method;
	struct str path, body, account_id;
	void (*done)(void *arg, const struct http_answer *answer);
	void *arg;
};
enum err host_call(struct host *h, const struct tenant *tenant, const struct host_call *call);
/* license_fetch_fn: latest/license first, the addons resource where it answers 404 or lacks what is needed. */
enum err host_license_fetch(void *host, const struct tenant *tenant, int resource, license_fetched_fn *done, void *arg);

enum admin_answer { ADMIN_NO = 0, ADMIN_YES, ADMIN_PENDING };
/* ADMINISTER permission of the account, kept five minutes. ADMIN_PENDING: wake(arg) runs once an answer is kept. */
enum admin_answer host_is_admin(struct host *h, const struct tenant *tenant, struct str account_id, void (*wake)(void *arg), void *arg);
/* Parsers of both licence resources, for tests and fuzzing. False: not usable (then the other is tried). */
bool license_parse_latest(struct str body, struct license_facts *ret, struct arena *a);
bool license_parse_addon(struct str body, struct license_facts *ret, struct arena *a);
