/* sim.h - a simulated Jira site: signed lifecycle calls with its own key host, pages with real tokens, licence
 * resources whose state can be set. Works against any Connect app's descriptor. */
#pragma once
#include "base/err.h"

struct sim;
struct sim_options {
	const char *listen; /* 127.0.0.1:8090 */
};
enum err sim_start(const struct sim_options *o, struct sim **ret);
const char *sim_address(const struct sim *s);
/* Creates the site and installs the app in it; waits for the app's answer. For the demo. */
enum err sim_install(struct sim *s, const char *site, const char *descriptor_url);
void sim_stop(struct sim *s);
