/* command_serve.c - serve, check and health: the commands of the server itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/secret.h"
#include "commands.h"
#include "process.h"

/* The one optional argument --help; anything else is used wrongly. -1: go on. */
static int only_help(int argc, char **argv, const char *help)
{
	if (argc < 2)
		return -1;
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return 0;
	}
	fprintf(stderr, "licgate: %s takes no argument \"%s\": see licgate %s --help\n", argv[0], argv[1], argv[0]);
	return 2;
}

int command_serve(int argc, char **argv)
{
	int done = only_help(
	    argc, argv,
	    "usage: licgate serve\n\nThe server. Settings are environment variables (licgate check --settings lists\n"
	    "them). Ends on SIGTERM or SIGINT after running requests are answered.\n");
	if (done >= 0)
		return done;
	process_harden();
	block_stop_signals();
	raise_file_limit();
	__cleanup(config_free_p) struct config *config = NULL;
	if (config_load(environ, print_problem, NULL, &config) != OK)
		return 1;
	struct app *app = NULL;
	if (app_start(config, &app) != OK)
		return 1;
	wait_for_stop_signal();
	app_stop(app);
	log_event(LOG_INFO, "server.stopped", LF_Z("version", LICGATE_VERSION));
	return 0;
}

int command_check(int argc, char **argv)
{
	__cleanup_buf struct buf out = BUF_INIT(1 << 20);
	if (argc == 2 && !strcmp(argv[1], "--settings")) {
		config_print_table(&out);
		fwrite(out.data, 1, out.len, stdout);
		return 0;
	}
	int done =
	    only_help(argc, argv,
	              "usage: licgate check [--settings]\n\nReads configuration, descriptor and features file and tells "
	              "every problem on\n"
	              "a line of its own; prints what is in force, secrets masked. --settings: all settings as a table.\n");
	if (done >= 0)
		return done;
	if (!crypto_init())
		return 1;
	__cleanup(config_free_p) struct config *config = NULL;
	if (config_load(environ, print_problem, NULL, &config) != OK)
		return 1;
	struct app_files files = {0};
	enum err err = app_files_load(config, print_problem, NULL, &files);
	app_files_release(&files);
	config_print(config, &out);
	fwrite(out.data, 1, out.len, stdout);
	if (config_admin_token_weak(config))
		fprintf(stderr,
		        "licgate: note: LICGATE_ADMIN_TOKEN is shorter than %d characters and could be guessed: make one with "
		        "openssl rand -hex 32\n",
		        ADMIN_TOKEN_WEAK_BELOW);
	if (err != OK)
		return 1;
	puts("ok");
	return 0;
}
