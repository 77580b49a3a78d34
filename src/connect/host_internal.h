/* host_internal.h - what the files of the host calls share. */
#pragma once
#include "base/kept.h"
#include "connect/host.h"

struct host {
	const struct clock *clock;
	struct http_client *client;
	char *app_key, *authorization_server;
	int64_t timeout_ms;
	struct kept *tokens; /* user tokens by tenant, client id and account */
	struct kept *admins; /* enum admin_answer by tenant and account */
};

/* One signed call as the app, to the tenant's base URL. path is relative to it. */
struct app_call {
	const char *method;
	struct str path, body; /* body: JSON, empty for none */
	size_t answer_max;
	void (*done)(void *arg, const struct http_answer *answer);
	void *arg;
};
enum err host_call_app(struct host *h, const struct tenant *tenant, const struct app_call *call);
/* The same with an Authorization value of the caller's. */
enum err host_call_with(struct host *h, const struct tenant *tenant, const struct app_call *call,
                        const char *authorization);
/* host_user.c: account_id is not empty. */
enum err host_call_user(struct host *h, const struct tenant *tenant, const struct host_call *call);

/* Adds one part of a table's key, its length first, so that no two lists of parts give the same key. */
void host_key_add(struct buf *key, struct str part);
/* An answer for calls that end before they were sent. */
void host_no_answer(void (*done)(void *arg, const struct http_answer *answer), void *arg, enum err err);

enum license_parse { LICENSE_NOT_JSON, LICENSE_LACKING, LICENSE_DISABLED, LICENSE_NO_MEMORY, LICENSE_OK };
enum license_parse license_read_latest(struct str body, struct license_facts *ret, struct arena *a);
enum license_parse license_read_addon(struct str body, struct license_facts *ret, struct arena *a);
