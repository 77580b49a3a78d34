/* command_sync.c - licgate sync: one poll of every marketplace that is set up, now.
 *
 * Works beside a running server on the same database and alone; creates the schema where it is missing. Where a server
 * polls at this moment, it is waited for. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "command_desk.h"
#include "commands.h"
#include "events/endpoints.h"
#include "github/reconcile.h"
#include "market/sync.h"

enum { OTHER_POLLER_S = 3600, OTHER_POLLER_EVERY_MS = 1000 };

static const char help[] =
    "usage: licgate sync [--full]\n\nPolls every marketplace that is set up, now: Atlassian Marketplace's licences "
    "and\n"
    "transactions as of the last three days, with --full all of them; GitHub Marketplace's whole listing. The first\n"
    "poll of Atlassian's is in full, and what it brings is no news. A server may go on meanwhile; one that polls at\n"
    "this moment is waited for. Stopped half-way, the next poll goes on.\n";

static void show(void *arg, const struct sync_progress *p)
{
	(void)arg;
	fputs("\r\033[K", stderr);
	if (!p->report)
		return;
	fprintf(stderr, "licgate: %s: %s", p->report, p->step);
	if (p->bytes)
		fprintf(stderr, ", %.1f MB", (double)p->bytes / 1e6);
	if (p->total_bytes)
		fprintf(stderr, " of %.1f", (double)p->total_bytes / 1e6);
	if (p->rows)
		fprintf(stderr, ", %lld rows", (long long)p->rows);
	fflush(stderr);
}

static enum err poll_once(struct sync_options *o, bool full, struct sync_result *ret)
{
	enum err e;
	for (int waited = 0; (e = sync_poll(o, full, ret)) == ERR_BUSY && waited < OTHER_POLLER_S; waited++) {
		if (waited == 0)
			fputs("licgate: another poll is under way: waiting for it\n", stderr);
		(void)pace_wait(o->pace, OTHER_POLLER_EVERY_MS);
	}
	return e;
}

static int tell(enum err e, const struct sync_result *r)
{
	if (e == ERR_BUSY)
		fputs("licgate: another poll does not end: try again later\n", stderr);
	else if (e != OK)
		fprintf(stderr, "licgate: the Marketplace could not be read whole: %s\n", r->failure);
	if (e == ERR_BUSY)
		return 1;
	printf("Marketplace: %lld licences (%lld new or changed), %lld transactions (%lld new or changed), %zu events",
	       (long long)r->licenses, (long long)r->licenses_changed, (long long)r->sales, (long long)r->sales_changed,
	       r->events);
	if (r->broken)
		printf(", %lld elements that are no row", (long long)r->broken);
	puts("");
	return e == OK ? 0 : 1;
}

static void free_client(struct http_client **c)
{
	http_client_free(*c);
}

static enum err open_client(const struct config *c, struct http_client **ret)
{
	const struct http_client_options co = {.clock = &clock_system,
	                                       .allow_insecure = c->allow_insecure_hosts,
	                                       .timeout_ms = c->upstream_timeout_s * 1000,
	                                       .in_flight_max = 4,
	                                       .queue_max = 64,
	                                       .per_host_max = 4};
	return http_client_new(&co, ret);
}

static int sync_marketplace(const struct config *config, struct store *store, const struct keyring *keyring,
                            struct http_client *client, bool full)
{
	struct pace pace;
	struct sync_result result;
	pace_init(&pace);
	struct sync_options o = {.store = store,
	                         .client = client,
	                         .keyring = keyring,
	                         .clock = &clock_system,
	                         .config = config,
	                         .pace = &pace,
	                         .progress = isatty(STDERR_FILENO) ? show : NULL};
	int code = tell(poll_once(&o, full, &result), &result);
	pace_release(&pace);
	return code;
}

/* GitHub's listing, by timers of its own: a busy GitHub is asked again a little later. */
static int sync_github(const struct config *config, struct store *store, const struct keyring *keyring,
                       struct http_client *client)
{
	struct github_sync result = {0};
	struct timers *timers = NULL;
	enum err e = timers_new(&clock_system, true, &timers);
	if (e == OK) {
		const struct github with = {.config = config,
		                            .clock = &clock_system,
		                            .timers = timers,
		                            .store = store,
		                            .keyring = keyring,
		                            .client = client};
		e = github_reconcile_now(&with, &result);
	}
	timers_free(timers);
	if (e != OK) {
		fprintf(stderr, "licgate: GitHub's listing could not be read whole: %s\n",
		        result.failure ? result.failure : err_text(e));
		return 1;
	}
	printf("GitHub: %zu plans, %zu accounts (%zu new or changed)\n", result.plans, result.accounts, result.changed);
	return 0;
}

static int with_store(const struct desk *desk, bool full)
{
	const struct config *config = desk->config;
	__cleanup(free_client) struct http_client *client = NULL;
	if (open_client(config, &client) != OK) {
		fputs("licgate: out of memory\n", stderr);
		return 1;
	}
	if (config->events_url &&
	    endpoints_first_of_settings(desk->store, desk->keyring, config, clock_wall_ms(&clock_system)) != OK)
		fputs("licgate: LICGATE_EVENTS_URL could not be put down: the server's next start does it\n", stderr);
	int code = 0;
	if (sync_configured(config))
		code = sync_marketplace(config, desk->store, desk->keyring, client, full);
	if (github_can_ask(config) && sync_github(config, desk->store, desk->keyring, client) != 0)
		code = 1;
	return code;
}

int command_sync(int argc, char **argv)
{
	bool full = false;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(help, stdout);
			return 0;
		}
		if (strcmp(argv[i], "--full") != 0) {
			fprintf(stderr, "licgate: sync takes no argument \"%s\": see licgate sync --help\n", argv[i]);
			return 2;
		}
		full = true;
	}
	__cleanup(desk_release) struct desk desk = {0};
	if (!desk_settings(&desk))
		return 1;
	log_set_level(LOG_ERROR); /* what matters is told in plain lines */
	if (!sync_configured(desk.config) && !github_can_ask(desk.config)) {
		fputs("licgate: no marketplace is set up: LICGATE_MARKETPLACE_TOKEN, _USER and _DEVELOPER_ID are needed, or "
		      "LICGATE_GITHUB_CLIENT_ID and _CLIENT_SECRET\n",
		      stderr);
		return 1;
	}
	return desk_store(&desk, false) ? with_store(&desk, full) : 1;
}
