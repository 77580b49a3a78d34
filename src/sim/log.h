/* log.h - what went between a simulated site and the app: the last calls, both directions, with decoded tokens.
 *
 * A bounded ring per site. Tokens are kept decoded (header and claims), never as sent: a log cannot be replayed. Not
 * thread-safe: guarded by the owner's lock. */
#pragma once
#include <stdint.h>

#include "base/arena.h"
#include "base/jsonw.h"

enum { SIM_LOG_KEPT = 500 };

struct sim_log_entry {
	int64_t at;
	const char *direction; /* "out": site to app; "in": app to site. A literal */
	const char *method;    /* a literal */
	char *url;             /* owned; the value of a jwt parameter is cut out */
	int status;            /* 0: no answer came */
	const char *note;      /* a literal: why it was refused or failed; NULL */
	const char *verdict;   /* a literal: what became of it, "accepted"; NULL: by the status alone */
	int64_t took_ms;       /* until the answer; 0: not measured */
	char *token;           /* owned JSON {"header":…,"claims":…}; NULL */
};

struct sim_log {
	struct sim_log_entry *ring; /* SIM_LOG_KEPT entries once anything was logged */
	size_t next, count;
	int64_t seq; /* of the newest entry; the first is 1 */
};

void sim_log_release(struct sim_log *l);
/* Copies url and decodes token (may be empty). Without memory the entry is dropped. */
void sim_log_add(struct sim_log *l, const struct sim_log_entry *e, struct str url, struct str token);
/* An array of the entries after that one (0: all there are), oldest first. */
void sim_log_write(const struct sim_log *l, int64_t after, struct jsonw *w);
/* {"header":…,"claims":…} of a token, unverified; null when it cannot be read. */
void token_decoded_write(struct jsonw *w, struct str token);
