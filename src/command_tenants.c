/* command_tenants.c - the operator's view without a browser.
 *
 * list, show and export read the database themselves, beside a running server or without one, through the very views of
 * the admin API. refresh and override are a server's work: they ask the running one at LICGATE_ADMIN_LISTEN. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/params.h"
#include "admin/view.h"
#include "app.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/secret.h"
#include "commands.h"
#include "tenants_args.h"
#include "tenants_print.h"
#include "tenants_remote.h"

enum { BUSY_MS = 5000, OUT_MAX = 512 * 1024 * 1024, LIST_DEFAULT = LIST_LIMIT_DEFAULT, HISTORY_SHOWN = 50 };

static const char help[] =
    "usage: licgate tenants [list] [--query TEXT] [--state STATE] [--limit N] [--cursor C] [--json]\n"
    "       licgate tenants show CLIENTKEY [--contacts] [--json]       with other ids and history\n"
    "       licgate tenants export [--query TEXT] [--state STATE]      all rows as CSV\n"
    "       licgate tenants refresh CLIENTKEY [--json]                 asks the tenant's site now\n"
    "       licgate tenants override CLIENTKEY --state STATE --until TIME --reason TEXT --by NAME\n"
    "       licgate tenants override CLIENTKEY --end\n\n"
    "--query: contained in clientKey or base URL, or the beginning of any other id (SEN, entitlement, older address).\n"
    "--state: a licence state (evaluation, active, grace,\n"
    "cancelled_pending, expired, none, unknown) or a status (installed, enabled, disabled, uninstalled).\n"
    "--contacts: with who the Marketplace names for it, else nobody is shown.\n"
    "list, show and export read the database of LICGATE_DATABASE; refresh and override ask the running server\n"
    "at LICGATE_ADMIN_LISTEN with LICGATE_ADMIN_TOKEN.\n";

/* ---- the database, as the server would hold it ---- */

struct desk {
	struct keyring *keyring;
	struct store *store;
	struct timers *timers; /* never run: nothing here changes anything */
	struct tenants *tenants;
	struct lookups *lookups;
};

static void desk_close(struct desk *d)
{
	lookups_free(d->lookups);
	store_close(d->store);
	tenants_free(d->tenants);
	timers_free(d->timers);
	keyring_free(d->keyring);
}

static enum err fetch_nothing(void *fetcher, const struct tenant *tenant, int resource, license_fetched_fn *done,
                              void *arg)
{
	(void)fetcher, (void)tenant, (void)resource, (void)done, (void)arg;
	return ERR_DENIED;
}

static int failed(enum err err)
{
	fprintf(stderr, "licgate: the tenants cannot be read (%s): check LICGATE_DATABASE\n", err_text(err));
	return 1;
}

/* 0, or an exit code: it has said why. */
static int desk_open(struct desk *d, const struct config *c)
{
	const struct store_options so = {.url = c->database,
	                                 .clock = &clock_system,
	                                 .queue_max = 1,
	                                 .busy_timeout_ms = BUSY_MS,
	                                 .read_only = true,
	                                 .tell = print_problem};
	struct problem problem;
	size_t seal_failures = 0;
	if (store_open(&so, &d->store) != OK)
		return 1;
	enum err err = keyring_parse(str_of(c->secret_keys), &problem, &d->keyring);
	if (err == OK)
		err = timers_new(&clock_system, false, &d->timers);
	if (err == OK)
		err = tenants_new(&d->tenants);
	if (err == OK)
		err = tenants_load(d->tenants, d->store, d->keyring, &clock_system, c->license_ttl_s * 1000, &seal_failures);
	const struct lookups_options lo = {.clock = &clock_system,
	                                   .timers = d->timers,
	                                   .store = d->store,
	                                   .tenants = d->tenants,
	                                   .keyring = d->keyring,
	                                   .ttl_ms = c->license_ttl_s * 1000,
	                                   .stale_ms = c->license_stale_s * 1000,
	                                   .retry_ms = c->license_retry_s * 1000,
	                                   .wait_ms = c->license_wait_s * 1000,
	                                   .grace_ms = c->grace_days * 86400000,
	                                   .fetch = fetch_nothing};
	if (err == OK)
		err = lookups_new(&lo, &d->lookups);
	return err == OK ? 0 : failed(err);
}

/* ---- verbs that read ---- */

static int print_all(struct buf *out)
{
	if (out->err != OK)
		return failed(out->err);
	if (fwrite(out->data, 1, out->len, stdout) == out->len && fflush(stdout) == 0)
		return 0;
	fputs("licgate: the output could not be written\n", stderr);
	return 1;
}

static void cleanup_page(struct tenant_page *p)
{
	tenant_page_release(p);
}

static int list(const struct desk *d, const struct tenants_args *a)
{
	__cleanup(arena_release) struct arena arena;
	__cleanup(cleanup_page) struct tenant_page page = {0};
	__cleanup_buf struct buf out = BUF_INIT(OUT_MAX);
	arena_init(&arena, 1024 * 1024);
	struct tenant_filter f = {.query = str_of(a->query), .limit = a->limit ? a->limit : LIST_DEFAULT};
	if (!tenant_filter_by(&f, str_of(a->state))) {
		fprintf(stderr, "licgate: \"%s\" is neither a licence state nor a status: see licgate tenants --help\n",
		        a->state);
		return 2;
	}
	if (!place_read(&arena, str_of(a->cursor), &f.after)) {
		fputs("licgate: --cursor takes what a list before said\n", stderr);
		return 2;
	}
	if (a->verb == TENANTS_EXPORT)
		f.limit = 0;
	enum err err = tenant_filter_also(&f, d->store, &arena);
	if (err == OK)
		err = tenant_list(d->tenants, d->lookups, &f, &page);
	if (err != OK)
		return failed(err);
	if (a->verb == TENANTS_EXPORT) {
		tenants_csv(&out, d->lookups, &page);
	} else if (a->json) {
		struct jsonw w = jsonw(&out);
		tenants_view(&w, d->lookups, &page);
		buf_char(&out, '\n');
	} else {
		tenants_print_table(&out, d->lookups, &page);
	}
	return print_all(&out);
}

static int no_tenant(const char *key)
{
	fprintf(stderr, "licgate: no tenant \"%s\": licgate tenants list shows them\n", key);
	return 1;
}

static int show(const struct desk *d, const struct tenants_args *a)
{
	__cleanup_buf struct buf out = BUF_INIT(OUT_MAX);
	struct jsonw w = jsonw(&out);
	const struct tenant *tenant = tenants_find(d->tenants, str_of(a->key));
	if (!tenant)
		return no_tenant(a->key);
	enum err err = tenant_view(&w, d->store, d->lookups, tenant, HISTORY_SHOWN, a->contacts ? d->keyring : NULL);
	tenant_unref(tenant);
	if (err == ERR_NOT_FOUND)
		return no_tenant(a->key);
	if (err != OK)
		return failed(err);
	return tenants_print_answer(buf_text(&out), a->json) ? 0 : 1;
}

static int read_verb(const struct config *config, const struct tenants_args *a)
{
	__cleanup(desk_close) struct desk d = {0};
	int code = desk_open(&d, config);
	if (code != 0)
		return code;
	return a->verb == TENANTS_SHOW ? show(&d, a) : list(&d, a);
}

int command_tenants(int argc, char **argv)
{
	struct tenants_args a;
	char why[200];
	if (!tenants_args_parse(argc, argv, &a, why, sizeof(why))) {
		fprintf(stderr, "licgate: tenants %s: see licgate tenants --help\n", why);
		return 2;
	}
	if (a.verb == TENANTS_HELP) {
		fputs(help, stdout);
		return 0;
	}
	log_set_level(LOG_ERROR); /* what matters is told to the person */
	if (!crypto_init())
		return 1;
	__cleanup(config_free_p) struct config *config = NULL;
	if (config_load(environ, print_problem, NULL, &config) != OK)
		return 1;
	if (a.verb == TENANTS_REFRESH || a.verb == TENANTS_OVERRIDE)
		return tenants_remote(config, &a);
	return read_verb(config, &a);
}
