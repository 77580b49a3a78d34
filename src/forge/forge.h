/* forge.h - the Forge door: calls and events of Atlassian's Forge, verified by their invocation token.
 *
 * The same licensing core as Connect's: an installation belongs to a tenant (license/join.h), the token's licence is a
 * signal (license/state.h), the answer is the licence answer. Off without LICGATE_FORGE_APP_ID: then every route of it
 * is a 404. Rules: docs/forge.md. */
#pragma once
#include "base/timers.h"
#include "config/config.h"
#include "http/client.h"
#include "http/reply.h"
#include "license/answer.h"
#include "token/fit.h"

struct forge;

/* A refused token, for the operator. Texts are valid during the call. */
struct forge_refusal {
	const char *route, *request_id; /* request_id may be NULL */
	enum token_code code;
	struct str tenant; /* the key the token claims to be, unverified; ptr NULL if unreadable */
};

struct forge_options {
	const struct config *config;
	const struct clock *clock;
	struct timers *timers;
	struct store *store;
	struct tenants *tenants;
	const struct features *features;
	struct http_client *client;
	/* Keeps a refusal for the operator; any worker. */
	void (*refused)(void *arg, const struct forge_refusal *r);
	void *refused_arg;
};
/* Loads what is stored. *ret is NULL where the door is off. */
enum err forge_start(const struct forge_options *o, struct forge **ret);
/* Before the first request: the look-ups, which are made with forge_license_fetch. */
void forge_set_lookups(struct forge *f, struct lookups *l);
/* After the listeners and the client have stopped, before the store closes: stores what is not stored yet. Both accept
 * NULL. */
void forge_stop(struct forge *f);
void forge_free(struct forge *f); /* after the store has closed: its last jobs know the door */

/* ---- verifying: for the door's own routes and for forward authentication ---- */
typedef void forge_fn(struct request *req, void *arg, enum token_code code);
/* Verifies the request's Bearer token, perhaps waiting for the keys; then calls then(req, arg, code) once, on the
 * request's worker. On TOKEN_OK req->fit is set; otherwise the refusal is recorded. The request's on_end must be
 * unused. f may be NULL: TOKEN_MISSING. */
void forge_verify(struct forge *f, struct request *req, forge_fn *then, void *arg);
/* After that: finds the tenant, perhaps waiting for the store, which makes one for an installation that is new. On
 * TOKEN_OK req->tenant is set (a reference, released at the request's end). TOKEN_TENANT_GONE: uninstalled, recorded.
 * TOKEN_NO_MEMORY: the store is in trouble; answered. */
void forge_find_tenant(struct forge *f, struct request *req, forge_fn *then, void *arg);
/* Answers a refused request of the door's own: 401, or 503 where the keys could not be had. */
void forge_refuse(struct request *req, enum token_code code);
/* Authenticator (server.h). room is the struct forge, NULL where it is off: 404. */
void auth_forge(struct request *req, void *forge);

/* What the licence is for this request of a verified token. */
struct license_decision forge_decide(struct forge *f, const struct request *req, bool *ret_wait);
/* A look-up by Forge's licence resource, for lookups_options.fetch: of tenants without a Connect secret. */
enum err forge_license_fetch(struct forge *f, const struct tenant *tenant, license_fetched_fn *done, void *arg);
/* When the installation last called; 0: never, or not known. */
int64_t forge_last_seen(struct forge *f, struct str installation_id);

/* handlers; room is the struct forge */
void forge_license_post(struct request *req, void *forge);
void forge_events_post(struct request *req, void *forge);
