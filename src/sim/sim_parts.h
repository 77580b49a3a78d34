/* sim_parts.h - what the files of the simulated Jira share: its one struct, its one lock, its handlers.
 *
 * The lock guards the list of sites and everything in them. It is held for memory work only: tokens are signed and
 * calls are made without it. Sites are never removed, so a struct site * stays good until the stop. */
#pragma once
#include <pthread.h>

#include "base/clock.h"
#include "base/timers.h"
#include "http/client.h"
#include "http/reply.h"
#include "http/server.h"
#include "sim/sim.h"
#include "sim/site.h"

#define SIM_ISSUE_SUMMARY "Rehearse what a licence does, before a customer does"

enum { SIM_SITES_MAX = 5000, SIM_ANSWER_MAX = 4 * 1024 * 1024 };

#define FORGE_INSTALLATION_PREFIX "ari:cloud:ecosystem::installation/"

struct slow; /* site_resources.c */
struct sim {
	pthread_mutex_t lock;
	const struct clock *clock;
	struct timers *timers;
	struct http_client *client;
	struct http_server *server;
	struct sim_key key, forge_key;
	struct site **sites; /* SIM_SITES_MAX places */
	size_t site_count;
	struct slow *slow; /* requests that a slow site keeps waiting */
	bool stopping;
};

/* Lock held. NULL: no site of that name. */
struct site *sim_find(struct sim *s, struct str name);
/* Finds the site of the route's first parameter and locks the sim; else answers 404 and returns NULL unlocked. */
struct site *sim_enter(struct request *req, struct sim *s);
static inline void sim_unlock(struct sim *s)
{
	pthread_mutex_unlock(&s->lock);
}
/* Control requests: a page of another origin may not steer the sites of whoever looks at it. False: answered 403. */
bool sim_same_origin(struct request *req);
/* Reads the body as a JSON object; false: answered 400. */
bool sim_body(struct request *req, json_t **ret);
void sim_bad(struct request *req, const char *why); /* 400 */
/* Adds url with its placeholders ({issue.key}) filled: by the request's parameters, else by example values. */
void sim_fill_url(struct buf *out, struct request *req, struct str url);
/* Answers with what the writer holds. */
void sim_reply(struct request *req, int status, struct buf *json);

/* site_create.c: a site from a descriptor's URL. done runs once, on the client thread, or before the call returns. */
struct creation {
	struct sim *sim;
	char name[SITE_NAME_MAX + 1];
	struct site *site; /* NULL: refused, see below */
	int status;        /* what to answer */
	const char *code, *detail;
	void (*done)(struct creation *);
	void *arg;
};
/* name was checked. */
void sim_create(struct creation *c, struct str descriptor_url);

/* site_actions.c */
struct action {
	struct sim *sim;
	struct site *site;
	enum site_action kind;
	char to[SITE_NAME_MAX + 1]; /* rename */
	enum err err;               /* OK; ERR_CONFLICT: not allowed now, see why; others: not even tried */
	const char *why;
	int status; /* what the app answered to the decisive callback; 0: nothing */
	bool accepted;
	const char *note; /* a literal: why there is no status */
	void (*done)(struct action *);
	void *arg;
	/* of site_actions.c */
	enum site_status status_before;
	size_t step;
	char *url, *token; /* of the call under way */
	struct action *next;
};
/* Starts or queues it. done runs exactly once, on any thread, perhaps before this returns. */
void sim_act(struct action *a);

/* site_license.h of a site as a Forge token and Forge's licence resource have it (site_forge.c): the members alone.
 * Lock held. */
void forge_license_write(const struct site *s, const char *active, struct jsonw *w);

/* site_tokens.c: malloc'd tokens, NULL on failure. */
struct token_subject { /* copied from a site while locked */
	char client_key[UUID_TEXT_LEN + 1], secret[SITE_SECRET_LEN + 1], account_id[SITE_ACCOUNT_MAX + 1];
	bool licensed;
};
struct token_subject token_subject(const struct site *s, bool pending);
/* url: absolute, below the app's base URL. */
char *token_for_install(const struct sim *s, const struct token_subject *t, const struct remote_app *app,
                        const char *method, struct str url);
char *token_for_app(const struct sim *s, const struct token_subject *t, const struct remote_app *app,
                    const char *method, struct str url, bool with_user);
/* An invocation token; person: of a call that somebody made, with the site he looks at. base_url: the site's. */
struct forge_subject { /* copied from a site while locked */
	struct site_forge forge;
	char account_id[SITE_ACCOUNT_MAX + 1];
	struct buf license; /* the token's licence, JSON; empty: none */
};
char *token_for_forge(const struct sim *s, const struct forge_subject *t, const char *base_url, bool person);
char *token_for_context(const struct sim *s, const struct token_subject *t);

/* site_rest.c: the few of Jira's resources that are answered. Writes the answer (nothing: a bare status) and returns
 * its status. Lock held. */
struct rest_ask {
	const char *method, *address;
	struct str path, query;        /* "/rest/api/3/myself"; query without '?' */
	const struct site_account *as; /* NULL: the app itself */
	struct arena *arena;
};
int rest_answer(const struct site *site, const struct rest_ask *ask, struct jsonw *w);

/* handlers; room is the struct sim */
void sim_sites_list(struct request *req, void *sim); /* site_api.c */
void sim_sites_create(struct request *req, void *sim);
void sim_site_show(struct request *req, void *sim);
void sim_site_action(struct request *req, void *sim);
void sim_license_put(struct request *req, void *sim);
void sim_user_put(struct request *req, void *sim);
void sim_fault_put(struct request *req, void *sim);
void sim_site_log(struct request *req, void *sim);
void sim_clock_put(struct request *req, void *sim); /* site_clock_api.c */
void sim_script_post(struct request *req, void *sim);
void sim_script_delete(struct request *req, void *sim);
void sim_forge_post(struct request *req, void *sim); /* site_forge.c */
void sim_forge_keys(struct request *req, void *sim);
void sim_forge_license(struct request *req, void *sim);
void sim_webhook_post(struct request *req, void *sim); /* site_webhooks.c */
void sim_page(struct request *req, void *sim);         /* site_pages.c */
void sim_context_token(struct request *req, void *sim);
void sim_license_latest(struct request *req, void *sim); /* site_resources.c */
void sim_license_addon(struct request *req, void *sim);
void sim_permissions(struct request *req, void *sim);
void sim_report_accounts(struct request *req, void *sim);
void sim_rest(struct request *req, void *sim);
void sim_bridge_request(struct request *req, void *sim);
void sim_slow_release(struct sim *s);                 /* at the stop: lets every waiting request go */
void sim_install_key(struct request *req, void *sim); /* sim.c */
void sim_html(struct request *req, void *sim);        /* site_html.c */
void sim_site_html(struct request *req, void *sim);
void sim_asset(struct request *req, void *sim);
