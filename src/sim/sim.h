/* sim.h - a simulated Jira: sites with signed lifecycle calls and their own key host, pages with real tokens, licence
 * resources whose state can be set. Works against any Connect app's descriptor.
 *
 * Everything is in memory and gone at the end. It trusts who reaches its listener: for a developer's machine and
 * for tests, never for a public address. Contract: README, "Demo and simulated site". */
#pragma once
#include "base/err.h"
#include "base/str.h"

/* The app as Forge knows it, in every simulated site: the audience of the tokens. */
#define SIM_FORGE_APP_ID "ari:cloud:ecosystem::app/5a1d0000-cafe-4f0e-8000-00000000511a"

struct sim;
struct sim_options {
	const char *listen; /* 127.0.0.1:8090; port 0 lets the system choose */
};
/* crypto_init() first. Problems are in the log. */
enum err sim_start(const struct sim_options *o, struct sim **ret);
const char *sim_address(const struct sim *s);
/* Creates the site and installs the app in it; waits for the app's answer. ERR_UPSTREAM when the app refused it or did
 * not answer. For the demo. */
enum err sim_install(struct sim *s, const char *site, const char *descriptor_url);
/* all.js, for pages that are opened inside a simulated site. */
struct str sim_page_script(void);
void sim_stop(struct sim *s);
