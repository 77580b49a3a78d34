/* command_demo.c - the whole thing in one terminal: a server, and a simulated Jira site that has the app installed.
 *
 * Data, keys and admin token are made for this run and gone at its end. The server is an ordinary one, set up through
 * the ordinary settings: only that it trusts the simulated site's key host, and nobody else's. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "base/b64.h"
#include "base/cleanup.h"
#include "base/secret.h"
#include "commands.h"
#include "demo_files.h"
#include "process.h"
#include "sim/sim.h"

enum { ADMIN_TOKEN_LEN = 32, SETTING_MAX = 8192, SETTINGS_MAX = 32, LOOKUP_FRESH_S = 10 };

static const char help[] =
    "usage: licgate demo\n\n"
    "A server and a simulated Jira site (acme, with the app installed) on throw-away data. Prints what to open and "
    "runs\n"
    "until Ctrl-C. Takes LICGATE_LISTEN, LICGATE_ADMIN_LISTEN, LICGATE_SIM_LISTEN, LICGATE_DESCRIPTOR,\n"
    "LICGATE_FEATURES, LICGATE_STATIC, LICGATE_LOG, LICGATE_GRACE_DAYS and LICGATE_LICENSE_TTL from the environment.\n";

/* What a demo may be told from outside; all else is its own. */
static const char *const passed_on[] = {"LICGATE_DESCRIPTOR", "LICGATE_FEATURES", "LICGATE_LOG", "LICGATE_GRACE_DAYS"};

struct demo {
	char dir[PATH_MAX], static_dir[PATH_MAX + 8];
	char admin_token[ADMIN_TOKEN_LEN + 1];
	const char *listen, *admin_listen;
	char *settings[SETTINGS_MAX + 1]; /* environ-like */
	size_t setting_count;
	bool incomplete; /* a setting was lost */
	struct sim *sim;
	struct config *config;
	struct app *app;
};

static const char *env_or(const char *name, const char *otherwise)
{
	const char *value = getenv(name);
	return value && *value ? value : otherwise;
}

__attribute__((format(printf, 2, 3))) static void set(struct demo *d, const char *fmt, ...)
{
	char text[SETTING_MAX];
	va_list args;
	va_start(args, fmt);
	int len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	char *copy = len > 0 && len < SETTING_MAX && d->setting_count < SETTINGS_MAX ? str_dup(str_of(text)) : NULL;
	wipe(text, sizeof(text));
	if (copy)
		d->settings[d->setting_count++] = copy;
	else
		d->incomplete = true;
}

static enum err settings_make(struct demo *d)
{
	uint8_t key[32];
	__cleanup(buf_wipe) struct buf key_text = BUF_INIT(100);
	if (!random_bytes(key, sizeof(key)) || !random_text(d->admin_token, ADMIN_TOKEN_LEN))
		return ERR_INTERNAL;
	b64_encode(&key_text, key, sizeof(key));
	wipe(key, sizeof(key));
	const char *sim = sim_address(d->sim);
	set(d, "LICGATE_BASE_URL=http://%s", d->listen);
	set(d, "LICGATE_LISTEN=%s", d->listen);
	set(d, "LICGATE_ADMIN_LISTEN=%s", d->admin_listen);
	set(d, "LICGATE_DATABASE=sqlite:%s/demo.db", d->dir);
	set(d, "LICGATE_STATIC=%s", d->static_dir);
	set(d, "LICGATE_SECRET_KEYS=demo:%s", key_text.data ? key_text.data : "");
	set(d, "LICGATE_ADMIN_TOKEN=%s", d->admin_token);
	set(d, "LICGATE_ALLOWED_HOSTS=%s", sim);
	set(d, "LICGATE_ALLOW_INSECURE_HOSTS=1");
	set(d, "LICGATE_INSTALL_KEYS_URL=http://%s/sim/keys", sim);
	set(d, "LICGATE_FORGE_APP_ID=" SIM_FORGE_APP_ID);
	set(d, "LICGATE_FORGE_JWKS_URL=http://%s/sim/forge/jwks.json", sim);
	set(d, "LICGATE_FORGE_LICENSE_URL=http://%s/sim/forge/license", sim);
	/* who sets another licence in the site wants to see it soon */
	char fresh[16];
	snprintf(fresh, sizeof(fresh), "%d", LOOKUP_FRESH_S);
	set(d, "LICGATE_LICENSE_TTL=%s", env_or("LICGATE_LICENSE_TTL", fresh));
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		if (getenv(passed_on[i]))
			set(d, "%s=%s", passed_on[i], getenv(passed_on[i]));
	return d->incomplete ? ERR_NOMEM : OK;
}

static enum err dir_make(struct demo *d)
{
	snprintf(d->dir, sizeof(d->dir) - 16, "%s/licgate-demo-XXXXXX", env_or("TMPDIR", "/tmp"));
	if (!mkdtemp(d->dir)) {
		fprintf(stderr, "licgate: no temporary folder %s can be made: set TMPDIR\n", d->dir);
		d->dir[0] = '\0';
		return ERR_IO;
	}
	snprintf(d->static_dir, sizeof(d->static_dir), "%s/static", d->dir);
	return demo_static_copy(env_or("LICGATE_STATIC", "static"), d->static_dir, sim_page_script());
}

static enum err start(struct demo *d)
{
	const struct sim_options so = {.listen = env_or("LICGATE_SIM_LISTEN", "127.0.0.1:8090")};
	char descriptor[512];
	enum err err = sim_start(&so, &d->sim);
	if (err != OK) {
		fprintf(stderr, "licgate: the simulated site cannot listen on %s: set LICGATE_SIM_LISTEN\n", so.listen);
		return err;
	}
	err = dir_make(d);
	if (err == OK)
		err = settings_make(d);
	if (err == OK)
		err = config_load(d->settings, print_problem, NULL, &d->config);
	if (err != OK)
		return err;
	err = app_start(d->config, &d->app);
	if (err != OK) {
		fputs("licgate: the server did not start, as said above; where an address is taken, set LICGATE_LISTEN or "
		      "LICGATE_ADMIN_LISTEN\n",
		      stderr);
		return err;
	}
	snprintf(descriptor, sizeof(descriptor), "%s/atlassian-connect.json", d->config->base_url);
	err = sim_install(d->sim, "acme", descriptor);
	if (err != OK)
		fputs("licgate: the app could not be installed in the simulated site: see the log above\n", stderr);
	return err;
}

static void tell(const struct demo *d)
{
	const char *sim = sim_address(d->sim), *admin = app_admin_address(d->app);
	printf("\nlicgate demo: throw-away data, gone at the end (Ctrl-C).\n\n"
	       "  Open this      http://%s/sites/acme\n"
	       "                 a simulated Jira site: the app's pages, licence states to set, every call with its token\n"
	       "  App            %s/atlassian-connect.json\n"
	       "  Admin page     http://%s/admin/\n"
	       "  Admin token    %s\n"
	       "  Metrics        http://%s/metrics\n\n",
	       sim, d->config->base_url, admin, d->admin_token, admin);
	printf("Try:\n"
	       "  curl -H 'Authorization: Bearer %s' http://%s/admin/api/v1/tenants\n"
	       "  curl -X PUT -d '{\"state\":\"expired\"}' http://%s/sim/api/sites/acme/license\n"
	       "  curl -X POST http://%s/sim/api/sites/acme/rotate\n\n",
	       d->admin_token, admin, sim, sim);
	fflush(stdout);
}

static void stop(struct demo *d)
{
	app_stop(d->app);
	sim_stop(d->sim);
	config_free(d->config);
	for (size_t i = 0; i < d->setting_count; i++) {
		wipe(d->settings[i], strlen(d->settings[i]));
		free(d->settings[i]);
	}
	wipe(d->admin_token, sizeof(d->admin_token));
	if (d->dir[0])
		demo_remove(d->dir);
}

int command_demo(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return 0;
	}
	if (argc > 1) {
		fprintf(stderr, "licgate: demo takes no argument \"%s\": see licgate demo --help\n", argv[1]);
		return 2;
	}
	__cleanup(stop) struct demo d = {.listen = env_or("LICGATE_LISTEN", "127.0.0.1:8080"),
	                                 .admin_listen = env_or("LICGATE_ADMIN_LISTEN", "127.0.0.1:8081")};
	block_stop_signals();
	raise_file_limit();
	if (!crypto_init() || start(&d) != OK)
		return 1;
	tell(&d);
	wait_for_stop_signal();
	return 0;
}
