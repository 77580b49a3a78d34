/* sim.c - the simulated Jira's listener: its route table, its key host, start and stop.
 *
 * Its own HTTP server, apart from the app's. Every route is open: the sites' resources verify the app's token
 * themselves, and the control API is for whoever may reach the listener. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sim/sim_parts.h"

enum {
	THREADS = 2,
	CONNECTIONS_MAX = 2048,
	REQUEST_TIMEOUT_MS = 60 * 1000, /* a slow site answers after 30 s */
	CALL_TIMEOUT_MS = 10 * 1000,
	STOP_TIMEOUT_MS = 2000,
	CALLS_MAX = 128,
	CALLS_QUEUED_MAX = 4096,
	BODY_MAX_BYTES = 64 * 1024,
};

#define OPEN(method, pattern, handler)                                                                                 \
	{                                                                                                                  \
		method, pattern, AUTH_NONE, 0, 0, handler                                                                      \
	}

static const struct route rows[] = {
    OPEN(METHOD_GET, "/", sim_html),
    OPEN(METHOD_GET, "/sites/KEY", sim_site_html),
    OPEN(METHOD_GET, "/sites/KEY/plugins/servlet/upm", sim_site_html), /* where apps send people to buy */
    OPEN(METHOD_GET, "/sim/all.js", sim_asset),
    OPEN(METHOD_GET, "/sim/assets/NAME", sim_asset),
    OPEN(METHOD_GET, "/sim/keys/NAME", sim_install_key),
    OPEN(METHOD_GET, "/sim/forge/jwks.json", sim_forge_keys),
    OPEN(METHOD_GET, "/sim/forge/license", sim_forge_license),

    OPEN(METHOD_GET, "/sim/api/sites", sim_sites_list),
    OPEN(METHOD_POST, "/sim/api/sites", sim_sites_create),
    OPEN(METHOD_GET, "/sim/api/sites/KEY", sim_site_show),
    OPEN(METHOD_POST, "/sim/api/sites/KEY/install", sim_site_action),
    OPEN(METHOD_POST, "/sim/api/sites/KEY/uninstall", sim_site_action),
    OPEN(METHOD_POST, "/sim/api/sites/KEY/reinstall", sim_site_action),
    OPEN(METHOD_POST, "/sim/api/sites/KEY/rename", sim_site_action),
    OPEN(METHOD_POST, "/sim/api/sites/KEY/rotate", sim_site_action),
    OPEN(METHOD_POST, "/sim/api/sites/KEY/import", sim_site_action),
    OPEN(METHOD_POST, "/sim/api/sites/KEY/enable", sim_site_action),
    OPEN(METHOD_POST, "/sim/api/sites/KEY/disable", sim_site_action),
    OPEN(METHOD_PUT, "/sim/api/sites/KEY/license", sim_license_put),
    OPEN(METHOD_PUT, "/sim/api/sites/KEY/user", sim_user_put),
    OPEN(METHOD_PUT, "/sim/api/sites/KEY/fault", sim_fault_put),
    OPEN(METHOD_PUT, "/sim/api/sites/KEY/clock", sim_clock_put),
    OPEN(METHOD_POST, "/sim/api/sites/KEY/script", sim_script_post),
    OPEN(METHOD_DELETE, "/sim/api/sites/KEY/script", sim_script_delete),
    OPEN(METHOD_POST, "/sim/api/sites/KEY/forge", sim_forge_post),
    OPEN(METHOD_POST, "/sim/api/sites/KEY/webhook", sim_webhook_post),
    OPEN(METHOD_POST, "/sim/api/sites/KEY/request", sim_bridge_request),
    OPEN(METHOD_GET, "/sim/api/sites/KEY/page", sim_page),
    OPEN(METHOD_GET, "/sim/api/sites/KEY/token", sim_context_token),
    OPEN(METHOD_GET, "/sim/api/sites/KEY/log", sim_site_log),

    OPEN(METHOD_GET, "/sites/KEY/rest/atlassian-connect/latest/license", sim_license_latest),
    OPEN(METHOD_GET, "/sites/KEY/rest/atlassian-connect/1/addons/KEY", sim_license_addon),
    OPEN(METHOD_POST, "/sites/KEY/rest/api/3/permissions/check", sim_permissions),
    OPEN(METHOD_POST, "/sites/KEY/rest/atlassian-connect/latest/report-accounts", sim_report_accounts),
    OPEN(METHOD_GET, "/sites/KEY/rest/REST", sim_rest),
    OPEN(METHOD_POST, "/sites/KEY/rest/REST", sim_rest),
    OPEN(METHOD_PUT, "/sites/KEY/rest/REST", sim_rest),
    OPEN(METHOD_DELETE, "/sites/KEY/rest/REST", sim_rest),
};
static const struct route_table routes = {rows, sizeof(rows) / sizeof(rows[0])};

struct site *sim_find(struct sim *s, struct str name)
{
	for (size_t i = 0; i < s->site_count; i++)
		if (str_eqz(name, s->sites[i]->name))
			return s->sites[i];
	return NULL;
}

struct site *sim_enter(struct request *req, struct sim *s)
{
	pthread_mutex_lock(&s->lock);
	struct site *site = sim_find(s, req->params.part[0]);
	if (site) {
		site_clock_run(site, clock_wall_ms(s->clock), clock_mono_ms(s->clock));
		return site;
	}
	sim_unlock(s);
	reply_problem(req, 404, "no_such_site", "no site has that name", NULL, 0);
	return NULL;
}

bool sim_same_origin(struct request *req)
{
	struct str origin = request_header(req, "Origin"), host = request_header(req, "Host");
	if (!origin.ptr)
		return true;
	char *own = arena_printf(&req->arena, "http://%.*s", STR_ARG(host));
	if (own && str_eqz(origin, own))
		return true;
	reply_problem(req, 403, "other_origin", "only the simulated site's own pages may ask this", NULL, 0);
	return false;
}

bool sim_body(struct request *req, json_t **ret)
{
	enum err err = json_read_object(req->body, ret);
	if (err == OK)
		return true;
	if (err == ERR_INVALID)
		reply_problem(req, 400, "bad_request", "the body is not a JSON object", NULL, 0);
	else
		reply_err(req, err);
	return false;
}

void sim_bad(struct request *req, const char *why)
{
	reply_problem(req, 400, "bad_request", why, NULL, 0);
}

void sim_reply(struct request *req, int status, struct buf *json)
{
	if (json->err != OK)
		reply_err(req, ERR_NOMEM);
	else
		reply_json(req, status, json);
}

void sim_install_key(struct request *req, void *room)
{
	const struct sim *s = room;
	if (str_eqz(req->params.part[0], s->key.kid))
		reply(req, 200, "application/x-pem-file", str_of(s->key.public_pem), NULL, 0);
	else
		reply_problem(req, 404, "no_such_key", NULL, NULL, 0);
}

static enum err sim_open(const struct sim_options *o, struct sim *s)
{
	const struct http_client_options client = {.clock = s->clock,
	                                           .allow_insecure = true,
	                                           .timeout_ms = CALL_TIMEOUT_MS,
	                                           .in_flight_max = CALLS_MAX,
	                                           .queue_max = CALLS_QUEUED_MAX,
	                                           .per_host_max = CALLS_MAX};
	s->sites = calloc(SIM_SITES_MAX, sizeof(struct site *));
	enum err err = s->sites ? sim_key_make(&s->key) : ERR_NOMEM;
	if (err == OK)
		err = sim_key_make(&s->forge_key);
	if (err == OK)
		err = timers_new(s->clock, true, &s->timers);
	if (err == OK)
		err = http_client_new(&client, &s->client);
	const struct http_options server = {.name = "sim",
	                                    .listen = o->listen,
	                                    .base_path = "",
	                                    .threads = THREADS,
	                                    .connections_max = CONNECTIONS_MAX,
	                                    .request_timeout_ms = REQUEST_TIMEOUT_MS,
	                                    .idle_timeout_ms = REQUEST_TIMEOUT_MS,
	                                    .max_body = BODY_MAX_BYTES,
	                                    .routes = &routes,
	                                    .rooms = {s},
	                                    .clock = s->clock,
	                                    .timers = s->timers};
	/* a request may come before the server's pointer is known: handlers that need it take the lock first */
	pthread_mutex_lock(&s->lock);
	if (err == OK)
		err = http_server_start(&server, &s->server);
	sim_unlock(s);
	return err;
}

enum err sim_start(const struct sim_options *o, struct sim **ret)
{
	struct sim *s = calloc(1, sizeof(*s));
	if (!s)
		return ERR_NOMEM;
	pthread_mutex_init(&s->lock, NULL);
	s->clock = &clock_system;
	enum err err = sim_open(o, s);
	if (err != OK) {
		sim_stop(s);
		return err;
	}
	log_event(LOG_INFO, "sim.started", LF_Z("address", sim_address(s)));
	*ret = s;
	return OK;
}

const char *sim_address(const struct sim *s)
{
	return http_server_address(s->server);
}

void sim_stop(struct sim *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true; /* actions end with the call under way */
	sim_unlock(s);
	if (s->server) {
		http_server_quiesce(s->server);
		sim_slow_release(s);
	}
	if (s->client)
		http_client_stop(s->client); /* ends the actions under way, so that nobody waits for an app */
	http_server_stop(s->server, STOP_TIMEOUT_MS);
	http_client_free(s->client);
	timers_free(s->timers);
	for (size_t i = 0; i < s->site_count; i++)
		site_free(s->sites[i]);
	free(s->sites);
	sim_key_release(&s->key);
	sim_key_release(&s->forge_key);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* ---- for the demo: the same ways, waited for ---- */

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
};

static void waiter_done(struct waiter *w)
{
	pthread_mutex_lock(&w->lock);
	w->done = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

static void waiter_wait(struct waiter *w)
{
	pthread_mutex_lock(&w->lock);
	while (!w->done)
		pthread_cond_wait(&w->cond, &w->lock);
	w->done = false;
	pthread_mutex_unlock(&w->lock);
}

static void created(struct creation *c)
{
	waiter_done(c->arg);
}

static void acted(struct action *a)
{
	waiter_done(a->arg);
}

enum err sim_install(struct sim *s, const char *site, const char *descriptor_url)
{
	struct waiter w = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
	struct creation c = {.sim = s, .done = created, .arg = &w};
	struct str name = str_of(site);
	if (!site_name_ok(name))
		return ERR_INVALID;
	memcpy(c.name, name.ptr, name.len);
	sim_create(&c, str_of(descriptor_url));
	waiter_wait(&w);
	if (!c.site) {
		log_event(LOG_ERROR, "sim.install", LF_Z("code", c.code), LF_Z("detail", c.detail));
		return ERR_UPSTREAM;
	}
	struct action a = {.sim = s, .site = c.site, .kind = ACTION_INSTALL, .done = acted, .arg = &w};
	sim_act(&a);
	waiter_wait(&w);
	if (!a.accepted) {
		log_event(LOG_ERROR, "sim.install", LF_INT("status", a.status), LF_Z("note", a.note));
		return ERR_UPSTREAM;
	}
	return OK;
}
