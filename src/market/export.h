/* export.h - the Marketplace's async export: asked for, waited for, downloaded.
 *
 * Three calls: POST …/async/export gives an id, GET …/{id}/status says how it goes, GET …/{id} is the array. URLs are
 * made from the id alone: hrefs of the answers have been wrong. A call that fails for a while (no answer, 429, 5xx) is
 * tried again after Retry-After, or after 1 to 10 seconds; one that is refused is not. Waits on its caller's thread:
 * for pollers, never for a worker. */
#pragma once
#include "http/client.h"
#include "market/pace.h"
#include "market/spool.h"

enum { EXPORT_ID_MAX = 64, EXPORT_FAILURE_MAX = 240, EXPORT_TRIES = 6 };

struct export_source {
	struct http_client *client;
	const struct clock *clock;
	struct pace *pace;
	int api;                                       /* 2 or 3 */
	const char *url, *developer_id, *user, *token; /* url: what stands before /reporting/… or /vendors/… */
	/* Called twice a second while an answer is waited for, and every few seconds between two; an error ends the
	 * waiting. NULL: nothing to do. */
	enum err (*tick)(void *arg);
	void *arg;
	unsigned tries;                   /* of a call that fails for a while; 0: EXPORT_TRIES */
	char failure[EXPORT_FAILURE_MAX]; /* what went wrong, for people: no secret in it; not of ERR_STOPPING, _CONFLICT */
};

/* A parameter with several values is there several times: a comma list is mis-read. */
struct export_parameter {
	const char *name, *value;
};

/* report: "licenses", "sales/transactions". */
enum err export_start(struct export_source *s, const char *report, const struct export_parameter *parameters,
                      size_t count, char ret_id[static EXPORT_ID_MAX + 1]);
/* Until it is ready. ERR_NOT_FOUND: it failed, or is not known (any more): start another. */
enum err export_wait(struct export_source *s, const char *report, const char *id);
/* Into an empty spool. ERR_NOT_FOUND: not ready after all. */
enum err export_download(struct export_source *s, const char *report, const char *id, struct spool *into);
