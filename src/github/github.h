/* github.h - the GitHub Marketplace door: the listing's webhook, setup and sign-in, and what they tell the core.
 *
 * A GitHub account is the tenant github:<account id>; what it bought is in the store (store/github.h) and told to the
 * licence core after each change, and again at start. Nothing of it is on without LICGATE_GITHUB_WEBHOOK_SECRET (the
 * webhook) and LICGATE_GITHUB_CLIENT_ID with its secret (setup and sign-in). */
#pragma once
#include "base/timers.h"
#include "config/config.h"
#include "http/client.h"
#include "http/reply.h"
#include "license/answer.h"

struct github_parts; /* github_internal.h */

struct github {
	const struct config *config;
	const struct clock *clock;
	struct timers *timers;
	struct store *store;
	const struct keyring *keyring;
	struct tenants *tenants;
	struct lookups *lookups;
	const struct features *features;
	struct http_client *client;
	struct github_parts *parts; /* of github_start() */
};
/* Tells the core what is bought, starts what happens by time. Before the listeners. */
enum err github_start(struct github *g);
/* After the listeners and the http client have stopped, before look-ups and store. */
void github_stop(struct github *g);

/* license_fetch_fn: the purchase as the REST listing has it. */
enum err github_license_fetch(void *github, const struct tenant *tenant, int resource, license_fetched_fn *done,
                              void *arg);
/* Compares everything with GitHub and heals it, now; waits. For commands: of `with` config, clock, timers (with a
 * thread), store, keyring and client are needed. A server on the same database follows within seconds. ERR_INVALID:
 * GitHub's REST listing is not set up (github_can_ask); ERR_UPSTREAM: ret->failure tells. */
struct github_sync;
enum err github_reconcile_now(const struct github *with, struct github_sync *ret);

/* handlers; room is the struct github */
void github_webhook(struct request *req, void *github);
void github_setup(struct request *req, void *github);
void github_callback(struct request *req, void *github);
void github_account(struct request *req, void *github);
void github_members(struct request *req, void *github);
void github_sign_out(struct request *req, void *github);
void github_license(struct request *req, void *github);

static inline bool github_signs_in(const struct config *c)
{
	return c->github_client_id && c->github_client_secret;
}
