/* command_desk.h - what a command that works on the database has before it: settings, keys, an open store.
 *
 *     __cleanup(desk_release) struct desk desk = {0};
 *     if (!desk_settings(&desk) || !desk_store(&desk, true))
 *         return 1; // they have said why
 */
#pragma once
#include "app.h"
#include "base/secret.h"

struct desk {
	struct config *config;
	struct keyring *keyring;
	struct store *store;
};
/* Hardens the process, reads the environment. False: told on stderr. */
bool desk_settings(struct desk *d);
/* Opens LICGATE_SECRET_KEYS and LICGATE_DATABASE, beside a server that may go on. must_exist: a wrong path is an error,
 * not a new database. False: told on stderr. */
bool desk_store(struct desk *d, bool must_exist);
void desk_release(struct desk *d);
