/* sync.h - one poll of the Marketplace: its reports exported, compared with what is stored, what changed put down.
 *
 * Hourly with what was updated in the last three days (lastUpdated has a day's grain and is no cursor), weekly in full;
 * the first poll is in full and silent: what it brings is no news. A poll that was cut short, by a kill too, is gone on
 * with by the next one: rows are put down in small whole jobs, and the export's id is kept. Runs on its caller's thread
 * for minutes: for pollers and commands. */
#pragma once
#include "config/config.h"
#include "http/client.h"
#include "market/export.h"
#include "market/row.h"

struct sync_progress {
	const char *report; /* "licences", "transactions"; NULL: the end */
	const char *step;   /* "waiting for the export", "downloading", "reading" */
	uint64_t bytes, total_bytes;
	int64_t rows, changed;
};
struct sync_options {
	struct store *store;
	struct http_client *client;
	const struct keyring *keyring;
	const struct clock *clock;
	const struct config *config;
	struct pace *pace;
	void (*progress)(void *arg, const struct sync_progress *p); /* some times a second; NULL: none */
	void *arg;
};
enum { SYNC_FAILURE_MAX = EXPORT_FAILURE_MAX + 32 };
struct sync_result {
	int64_t licenses, sales;                 /* rows brought */
	int64_t licenses_changed, sales_changed; /* of them, new or changed */
	int64_t broken;                          /* elements that were no row */
	size_t events;
	bool full;                      /* a report was read in full: asked for, due, or the first time */
	char failure[SYNC_FAILURE_MAX]; /* what went wrong first; empty: nothing */
};
/* Token, user and developer id are there. */
bool sync_configured(const struct config *c);
/* ERR_BUSY: somebody else polls. Other errors: result->failure says what; what was put down stays. Logged. */
enum err sync_poll(const struct sync_options *o, bool full, struct sync_result *ret);
