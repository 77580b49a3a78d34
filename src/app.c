/* app.c - a server, part by part: what each needs is built before it and outlives it.
 *
 * Threads: HTTP workers (http/server.c), one timer thread, one thread for everything outgoing (http/client.c), one
 * writer (store). Stop order matters: no new requests, running ones end, outgoing calls end, queued writes are
 * committed, then memory goes. Nothing acknowledged is lost. */
#include "app.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "connect/descriptor.h"
#include "connect/host.h"
#include "connect/report.h"
#include "events/deliver.h"
#include "events/endpoints.h"
#include "events/mail.h"
#include "events/mail_unsubscribe.h"
#include "forge/forge.h"
#include "github/github.h"
#include "market/contacts.h"
#include "market/poller.h"
#include "process.h"
#include "segment/segment.h"
#include "store/books.h"

enum {
	STORE_QUEUE_MAX = 20000,
	STORE_BUSY_MS = 5000,
	UPSTREAM_IN_FLIGHT = 64,
	UPSTREAM_PER_HOST = 8,
	UPSTREAM_QUEUE = 10000,
	IDLE_MS = 60 * 1000,
};

struct app {
	const struct config *config;
	struct app_files files;
	struct keyring *keyring;
	struct timers *timers;
	struct store *store;
	struct tenants *tenants;
	struct http_client *client;
	struct host *host;
	struct install_keys *keys;
	struct forge *forge; /* NULL: off */
	struct lookups *lookups;
	struct failures *failures;
	struct str *audiences;
	struct connect connect;
	struct github github;
	struct segment segment;
	struct admin admin;
	struct deliveries *deliveries;
	struct poller *poller;
	struct health health;
	struct mailer *mailer;
	struct unsubscribe unsubscribe;
	struct http_server *public, *operator;
};

static enum err fail(const char *what, enum err err)
{
	log_event(LOG_ERROR, "start.failed", LF_Z("part", what), LF_Z("error", err_text(err)));
	return err;
}

static enum err open_store(struct app *app)
{
	const struct config *c = app->config;
	const struct store_options so = {
	    .url = c->database, .clock = &clock_system, .queue_max = STORE_QUEUE_MAX, .busy_timeout_ms = STORE_BUSY_MS};
	struct problem problem;
	enum err err = keyring_parse(str_of(c->secret_keys), &problem, &app->keyring);
	if (err != OK)
		return fail("LICGATE_SECRET_KEYS", err);
	if ((err = store_open(&so, &app->store)) != OK)
		return fail("database", err);
	if ((err = tenants_new(&app->tenants)) != OK)
		return fail("tenants", err);
	size_t seal_failures = 0;
	err = tenants_load(app->tenants, app->store, app->keyring, &clock_system, c->license_ttl_s * 1000, &seal_failures);
	if (err != OK)
		return fail("tenants", err);
	if (seal_failures > 0)
		log_event(LOG_ERROR, "tenants.sealed", LF_INT("count", seal_failures),
		          LF_Z("do", "add the key they were sealed with to LICGATE_SECRET_KEYS: until then they are refused"));
	return OK;
}

/* license_fetch_fn: each kind of tenant is asked for through its own door. */
static enum err fetch_license(void *arg, const struct tenant *tenant, int resource, license_fetched_fn *done,
                              void *done_arg)
{
	struct app *app = arg;
	switch (tenant->kind) {
	case TENANT_CONNECT:
		if (tenant->shared_secret.len > 0 || !app->forge) /* else it left Connect and came to Forge */
			return host_license_fetch(app->host, tenant, resource, done, done_arg);
		return forge_license_fetch(app->forge, tenant, done, done_arg);
	case TENANT_FORGE:
		return app->forge ? forge_license_fetch(app->forge, tenant, done, done_arg) : ERR_INVALID;
	case TENANT_GITHUB:
		return github_license_fetch(&app->github, tenant, resource, done, done_arg);
	}
	return ERR_INVALID;
}

static void forge_refused(void *app, const struct forge_refusal *r)
{
	struct arena a;
	struct failures *failures = ((struct app *)app)->failures;
	arena_init(&a, 4096);
	const struct failure e = {.at = clock_wall_ms(&clock_system),
	                          .route = r->route,
	                          .code = token_code_name(r->code),
	                          .text = token_code_text(r->code),
	                          .tenant = r->tenant.ptr ? arena_strz(&a, r->tenant) : NULL,
	                          .request_id = (char *)(uintptr_t)r->request_id};
	failures_add(failures, &e);
	arena_release(&a);
}

static enum err start_forge(struct app *app)
{
	const struct forge_options o = {.config = app->config,
	                                .clock = &clock_system,
	                                .timers = app->timers,
	                                .store = app->store,
	                                .tenants = app->tenants,
	                                .features = app->files.features,
	                                .client = app->client,
	                                .refused = forge_refused,
	                                .refused_arg = app};
	return forge_start(&o, &app->forge);
}

static enum err start_outgoing(struct app *app)
{
	const struct config *c = app->config;
	const int64_t timeout_ms = c->upstream_timeout_s * 1000;
	const struct http_client_options co = {.clock = &clock_system,
	                                       .allow_insecure = c->allow_insecure_hosts,
	                                       .timeout_ms = timeout_ms,
	                                       .in_flight_max = UPSTREAM_IN_FLIGHT,
	                                       .queue_max = UPSTREAM_QUEUE,
	                                       .per_host_max = UPSTREAM_PER_HOST};
	enum err err = http_client_new(&co, &app->client);
	if (err != OK)
		return fail("http client", err);
	const struct install_keys_options ko = {.clock = &clock_system,
	                                        .store = app->store,
	                                        .client = app->client,
	                                        .urls = c->install_keys_url,
	                                        .timeout_ms = timeout_ms};
	if ((err = install_keys_new(&ko, &app->keys)) != OK)
		return fail("install keys", err);
	const struct host_options ho = {
	    .clock = &clock_system, .client = app->client, .app_key = app->files.descriptor->key, .timeout_ms = timeout_ms};
	if ((err = host_new(&ho, &app->host)) != OK)
		return fail("host calls", err);
	const struct lookups_options lo = {.clock = &clock_system,
	                                   .timers = app->timers,
	                                   .store = app->store,
	                                   .tenants = app->tenants,
	                                   .keyring = app->keyring,
	                                   .ttl_ms = c->license_ttl_s * 1000,
	                                   .stale_ms = c->license_stale_s * 1000,
	                                   .retry_ms = c->license_retry_s * 1000,
	                                   .wait_ms = c->license_wait_s * 1000,
	                                   .grace_ms = c->grace_days * 86400000,
	                                   .seat_idle_ms = c->seat_idle_days * 86400000,
	                                   .fetch = fetch_license,
	                                   .fetcher = app};
	if ((err = start_forge(app)) != OK)
		return fail("forge", err);
	if ((err = lookups_new(&lo, &app->lookups)) != OK)
		return fail("licence look-ups", err);
	if (app->forge)
		forge_set_lookups(app->forge, app->lookups);
	return OK;
}

static enum err start_segment(struct app *app)
{
	app->segment = (struct segment){.config = app->config,
	                                .clock = &clock_system,
	                                .timers = app->timers,
	                                .store = app->store,
	                                .client = app->client,
	                                .listings = app->files.listings};
	const enum err err = segment_start(&app->segment);
	return err == OK ? OK : fail("Segment", err);
}

/* The base URL first, then LICGATE_ALLOWED_BASE_URLS. */
static enum err list_audiences(struct app *app)
{
	const struct config *c = app->config;
	size_t count = 1;
	while (c->allowed_base_urls[count - 1])
		count++;
	app->audiences = calloc(count, sizeof *app->audiences);
	if (!app->audiences)
		return fail("audiences", ERR_NOMEM);
	app->audiences[0] = str_of(c->base_url);
	for (size_t i = 1; i < count; i++)
		app->audiences[i] = str_of(c->allowed_base_urls[i - 1]);
	app->connect.audience_count = count;
	return OK;
}

/* The vendor's reports hold other apps too. */
static enum err name_app(struct store_tx *tx, void *key)
{
	return store_market_app(tx, str_of(key));
}

static enum err open_doors(struct app *app)
{
	enum err err = list_audiences(app);
	if (err != OK)
		return err;
	if ((err = store_write(app->store, name_app, app->files.descriptor->key)) != OK)
		return fail("app key", err);
	if (!(app->failures = failures_new()))
		return fail("failures", ERR_NOMEM);
	const size_t audience_count = app->connect.audience_count;
	app->connect = (struct connect){.config = app->config,
	                                .clock = &clock_system,
	                                .timers = app->timers,
	                                .store = app->store,
	                                .keyring = app->keyring,
	                                .tenants = app->tenants,
	                                .lookups = app->lookups,
	                                .features = app->files.features,
	                                .keys = app->keys,
	                                .failures = app->failures,
	                                .host = app->host,
	                                .forge = app->forge,
	                                .descriptor = app->files.descriptor,
	                                .files = app->files.pages,
	                                .audiences = app->audiences,
	                                .audience_count = audience_count};
	app->admin.connect = &app->connect;
	app->admin.enabled = app->config->admin_token != NULL;
	if (app->admin.enabled)
		sha256(app->config->admin_token, strlen(app->config->admin_token), app->admin.token_hash);
	if (config_admin_token_weak(app->config))
		log_event(LOG_WARN, "admin.token_weak", LF_INT("characters_min", ADMIN_TOKEN_WEAK_BELOW),
		          LF_Z("do", "make LICGATE_ADMIN_TOKEN with openssl rand -hex 32"));
	app->health.store = app->store;
	if ((err = admin_start(&app->admin)) != OK)
		return fail("admin", err);
	return OK;
}

static enum err start_deliveries(struct app *app)
{
	const struct config *c = app->config;
	const struct deliveries_options o = {.clock = &clock_system,
	                                     .timers = app->timers,
	                                     .store = app->store,
	                                     .keys = app->keyring,
	                                     .allow_insecure = c->allow_insecure_hosts};
	const char *wrong = c->events_url ? endpoint_url_wrong(str_of(c->events_url), c->allow_insecure_hosts) : NULL;
	if (wrong) {
		log_event(LOG_ERROR, "start.failed", LF_Z("part", "LICGATE_EVENTS_URL"), LF_Z("error", wrong));
		return ERR_INVALID;
	}
	enum err err = endpoints_follow_settings(app->store, app->keyring, c, clock_wall_ms(&clock_system));
	if (err == OK)
		err = deliveries_start(&o, &app->deliveries);
	app->admin.deliveries = app->deliveries;
	return err == OK ? OK : fail("deliveries", err);
}

static enum err start_poller(struct app *app)
{
	const struct sync_options o = {.store = app->store,
	                               .client = app->client,
	                               .keyring = app->keyring,
	                               .clock = &clock_system,
	                               .config = app->config};
	enum err err = poller_start(&o, &app->poller);
	app->admin.poller = app->poller;
	return err == OK ? OK : fail("Marketplace poller", err);
}

static enum err start_github(struct app *app)
{
	app->github = (struct github){.config = app->config,
	                              .clock = &clock_system,
	                              .timers = app->timers,
	                              .store = app->store,
	                              .keyring = app->keyring,
	                              .tenants = app->tenants,
	                              .lookups = app->lookups,
	                              .features = app->files.features,
	                              .client = app->client};
	enum err err = github_start(&app->github);
	return err == OK ? OK : fail("GitHub", err);
}

/* What the app calls itself in mails: the descriptor's name, else its key. */
static char *app_name(const struct descriptor *d)
{
	__cleanup_json json_t *whole = NULL;
	struct str name = STR("");
	if (json_read_object((struct str){d->text, d->len}, &whole) == OK)
		(void)json_get_str(whole, "name", &name);
	return str_dup(name.len ? name : str_of(d->key));
}

static enum err start_mail(struct app *app)
{
	__cleanup_free char *name = app_name(app->files.descriptor);
	if (!name)
		return fail("mail", ERR_NOMEM);
	app->unsubscribe = (struct unsubscribe){app->store, app->keyring, &clock_system};
	const struct mailer_options o = {.config = app->config,
	                                 .clock = &clock_system,
	                                 .store = app->store,
	                                 .keyring = app->keyring,
	                                 .find = contacts_find,
	                                 .templates = &app->files.mail,
	                                 .app_name = name,
	                                 .threaded = true};
	const enum err err = mailer_start(&o, &app->mailer);
	return err == OK ? OK : fail("mail", err);
}

static enum err listen_everywhere(struct app *app)
{
	const struct config *c = app->config;
	struct http_options o = {
	    .name = "public",
	    .listen = c->listen,
	    .base_path = c->base_path,
	    .tls_cert_pem = app->files.tls_cert.data,
	    .tls_key_pem = app->files.tls_key.data,
	    .threads = (unsigned)c->threads,
	    .connections_max = connections_max(),
	    .request_timeout_ms = c->request_timeout_s * 1000,
	    .idle_timeout_ms = IDLE_MS,
	    .max_body = (size_t)c->max_body,
	    .routes = &public_routes,
	    .rooms = {[ROOM_APP] = &app->health,
	              [ROOM_CONNECT] = &app->connect,
	              [ROOM_FILES] = app->files.pages,
	              [ROOM_GITHUB] = &app->github,
	              [ROOM_MAIL] = &app->unsubscribe,
	              [ROOM_FORGE] = app->forge,
	              [ROOM_SEGMENT] = &app->segment},
	    .authenticators = {[AUTH_PAGE] = {auth_page, &app->connect},
	                       [AUTH_CONTEXT] = {auth_context, &app->connect},
	                       [AUTH_LIFECYCLE] = {auth_lifecycle, &app->connect},
	                       [AUTH_FORGE] = {auth_forge, app->forge}},
	    .clock = &clock_system,
	    .timers = app->timers,
	    .https_base = str_starts(str_of(c->base_url), STR("https://")),
	};
	enum err err = http_server_start(&o, &app->public);
	if (err != OK)
		return fail("public listener", err);

	struct http_options a = o;
	a.name = "admin";
	a.listen = c->admin_listen;
	a.base_path = "";
	a.tls_cert_pem = a.tls_key_pem = NULL;
	a.threads = 2;
	a.connections_max = ADMIN_CONNECTIONS_MAX;
	a.routes = &admin_routes;
	a.rooms[ROOM_ADMIN] = &app->admin;
	a.authenticators[AUTH_ADMIN] = (struct authenticator){auth_admin, &app->admin};
	a.https_base = false;
	a.frames_denied = true;
	if ((err = http_server_start(&a, &app->operator)) != OK)
		return fail("admin listener", err);
	return OK;
}

static size_t all_tenants(const struct app *app)
{
	size_t count = 0;
	for (int s = 0; s < TENANT_STATUS_COUNT; s++)
		count += tenants_count(app->tenants, (enum tenant_status)s);
	return count;
}

static enum err load_files(struct app *app)
{
	return app_files_load(app->config, print_problem, NULL, &app->files);
}

static enum err start_libraries(struct app *app)
{
	if (!crypto_init())
		return fail("OpenSSL", ERR_INTERNAL);
	const enum err err = timers_new(&clock_system, true, &app->timers);
	return err == OK ? OK : fail("timers", err);
}

static enum err start_upkeep(struct app *app)
{
	enum err err = retention_start(&app->connect);
	if (err != OK)
		return fail("retention", err);
	err = report_start(&app->connect);
	return err == OK ? OK : fail("reports", err);
}

/* Each says itself what failed. Stopped in app_stop, which also takes one that is half started. */
static enum err (*const parts[])(struct app *app) = {
    start_libraries, load_files,       open_store,   start_outgoing, open_doors,   start_upkeep,
    start_mail,      start_deliveries, start_github, start_segment,  start_poller, listen_everywhere,
};

enum err app_start(const struct config *config, struct app **ret)
{
	struct app *app = calloc(1, sizeof *app);
	if (!app)
		return fail("memory", ERR_NOMEM);
	app->config = config;
	log_set_level((enum log_level)config->log);

	enum err err = OK;
	for (size_t i = 0; err == OK && i < sizeof parts / sizeof parts[0]; i++)
		err = parts[i](app);
	if (err != OK) {
		app_stop(app);
		return err;
	}
	log_event(LOG_INFO, "server.started", LF_Z("public", app_public_address(app)),
	          LF_Z("admin", app_admin_address(app)), LF_INT("tenants", all_tenants(app)),
	          LF_Z("version", LICGATE_VERSION));
	*ret = app;
	return OK;
}

void app_stop(struct app *app)
{
	if (!app)
		return;
	atomic_store(&app->health.stopping, true);
	const int64_t patience_ms = app->config->request_timeout_s * 1000;
	if (app->public)
		http_server_quiesce(app->public);
	if (app->operator)
		http_server_quiesce(app->operator);
	http_server_stop(app->public, patience_ms);
	http_server_stop(app->operator, patience_ms);
	admin_stop(&app->admin);
	mailer_stop(app->mailer);
	retention_stop(&app->connect);
	deliveries_stop(app->deliveries);
	segment_stop_timers(&app->segment);
	poller_ask_stop(app->poller);
	http_client_stop(app->client); /* calls in flight end now, so nobody below waits for another server */
	poller_stop(app->poller);
	github_stop(&app->github);
	report_stop(&app->connect);
	segment_stop(&app->segment);
	lookups_free(app->lookups);
	forge_stop(app->forge);
	host_free(app->host);
	install_keys_free(app->keys);
	http_client_free(app->client);
	store_close(app->store); /* commits what is queued */
	forge_free(app->forge);
	tenants_free(app->tenants);
	failures_free(app->failures);
	timers_free(app->timers);
	keyring_free(app->keyring);
	app_files_release(&app->files);
	free(app->audiences);
	free(app);
}

struct connect *app_connect(struct app *app)
{
	return &app->connect;
}

const char *app_public_address(const struct app *app)
{
	return http_server_address(app->public);
}

const char *app_admin_address(const struct app *app)
{
	return http_server_address(app->operator);
}
