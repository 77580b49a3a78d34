/* host.h - calls to a tenant's own site, signed with our JWT: licence, permissions, anything as app or as user.
 *
 * Only ever to the tenant's stored base URL. Callbacks run on the client thread, or before the function returns when
 * everything is known or nothing could be started: whoever waits must be waiting already. */
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
/* After the client has stopped. */
void host_free(struct host *h);

enum { HOST_ANSWER_MAX = 1024 * 1024 };

/* path starts with '/', query included; relative to baseUrl. body empty: none; else JSON. account_id empty: as the app
 * (JWT); else as that user (JWT bearer grant, token cached until shortly before its end; a tenant without an
 * oauthClientId has no users to act as: ERR_INVALID). All is copied. An error: done does not run. */
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
enum { ADMIN_KEPT_MS = 300 * 1000, ADMIN_FAILURE_KEPT_MS = 10 * 1000 };
/* ADMINISTER permission of the account, kept five minutes; no answer is ADMIN_NO, kept ten seconds. ADMIN_PENDING:
 * wake(arg) runs once an answer is kept. wake NULL only looks: ADMIN_PENDING when the host would have to be asked. */
enum admin_answer host_is_admin(struct host *h, const struct tenant *tenant, struct str account_id,
                                void (*wake)(void *arg), void *arg);

/* Parsers of both licence resources, for tests and fuzzing. False: not usable (then the other is tried). */
bool license_parse_latest(struct str body, struct license_facts *ret, struct arena *a);
bool license_parse_addon(struct str body, struct license_facts *ret, struct arena *a);
