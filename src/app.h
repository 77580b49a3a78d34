/* app.h - the composition root: builds the parts of a server in order, tears them down in reverse. */
#pragma once
#include "config/config.h"

struct app;
/* Starts both listeners. Problems are in the log. */
enum err app_start(const struct config *config, struct app **ret);
/* Graceful: readiness fails, running requests end, everything acknowledged is stored. */
void app_stop(struct app *app);
const char *app_public_address(const struct app *app);
const char *app_admin_address(const struct app *app);
/* Until SIGINT or SIGTERM. Call block_stop_signals() before any thread starts. */
void block_stop_signals(void);
void wait_for_stop_signal(void);
