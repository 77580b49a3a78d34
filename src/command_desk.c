/* command_desk.c - see command_desk.h. */
#include "command_desk.h"

#include <unistd.h>

enum { BUSY_MS = 20000, QUEUE_MAX = 64 };

bool desk_settings(struct desk *d)
{
	process_harden();
	return crypto_init() && config_load(environ, print_problem, NULL, &d->config) == OK;
}

bool desk_store(struct desk *d, bool must_exist)
{
	struct problem problem = {.place = "LICGATE_SECRET_KEYS", .text = "out of memory"};
	if (keyring_parse(str_of(d->config->secret_keys), &problem, &d->keyring) != OK) {
		print_problem(NULL, &problem);
		return false;
	}
	const struct store_options o = {.url = d->config->database,
	                                .clock = &clock_system,
	                                .queue_max = QUEUE_MAX,
	                                .busy_timeout_ms = BUSY_MS,
	                                .must_exist = must_exist,
	                                .tell = print_problem};
	return store_open(&o, &d->store) == OK; /* else it has said why */
}

void desk_release(struct desk *d)
{
	store_close(d->store);
	keyring_free(d->keyring);
	config_free(d->config);
}
