/* command_sim.c - the simulated Jira site alone: against licgate or any other Connect app. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "base/secret.h"
#include "commands.h"
#include "process.h"
#include "sim/sim.h"

static const char help[] =
    "usage: licgate sim [--listen HOST:PORT]\n\n"
    "Simulated Jira sites, all in memory: they install an app by its descriptor's URL, open its pages with signed\n"
    "tokens and answer for its licence, whose state you set. Listens on --listen, else LICGATE_SIM_LISTEN, else\n"
    "127.0.0.1:8090. Point the app at its key host: LICGATE_INSTALL_KEYS_URL=http://127.0.0.1:8090/sim/keys (with\n"
    "atlassian-connect-express: CONNECT_KEYS_CDN_URL).\n"
    "For development and tests: whoever reaches the listener controls it. Runs until Ctrl-C.\n";

/* -1: go on with *ret_listen. */
static int read_arguments(int argc, char **argv, const char **ret_listen)
{
	const char *listen = getenv("LICGATE_SIM_LISTEN");
	if (!listen || !*listen)
		listen = "127.0.0.1:8090";
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(help, stdout);
			return 0;
		}
		if (strcmp(argv[i], "--listen") != 0) {
			fprintf(stderr, "licgate: sim does not take \"%s\": see licgate sim --help\n", argv[i]);
			return 2;
		}
		if (i + 1 == argc) {
			fputs("licgate: sim --listen needs a value, HOST:PORT: see licgate sim --help\n", stderr);
			return 2;
		}
		listen = argv[++i];
	}
	*ret_listen = listen;
	return -1;
}

int command_sim(int argc, char **argv)
{
	struct sim_options options = {0};
	struct sim *sim = NULL;
	int done = read_arguments(argc, argv, &options.listen);
	if (done >= 0)
		return done;
	block_stop_signals();
	if (!crypto_init() || sim_start(&options, &sim) != OK) {
		fprintf(stderr, "licgate: the simulated site cannot listen on %s: choose another with --listen\n",
		        options.listen);
		return 1;
	}
	printf("Simulated Jira: http://%s/\n", sim_address(sim));
	fflush(stdout);
	wait_for_stop_signal();
	sim_stop(sim);
	return 0;
}
