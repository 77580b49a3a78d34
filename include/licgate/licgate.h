/* licgate.h - the gate inside a C program: the one public header of liblicgate.
 *
 * licgate_start() runs the whole server (descriptor, lifecycle callbacks, admin API) on its own threads; the program
 * keeps its own HTTP server and asks licgate_ask() about each request it serves. Settings are those of the README.
 * Link with -llicgate. Every function may be called from any thread. */
#ifndef LICGATE_H
#define LICGATE_H

#ifdef __cplusplus
extern "C" {
#endif

#define LICGATE_API __attribute__((visibility("default")))

struct licgate;

/* settings: NULL-terminated "NAME=value" strings, such as environ. 0, or -1 with every problem on stderr. */
LICGATE_API int licgate_start(char *const settings[], struct licgate **ret);
/* Graceful: running requests end, what was acknowledged is stored. NULL is fine. */
LICGATE_API void licgate_stop(struct licgate *gate);
/* "host:port" where callbacks arrive. */
LICGATE_API const char *licgate_address(const struct licgate *gate);

/* A request the program received, as it was sent. */
struct licgate_request {
	const char *method;        /* "GET" */
	const char *target;        /* raw path and query, not decoded */
	const char *authorization; /* value of that header, or NULL */
	int context;               /* 1: a context token (AP.context.getToken) is enough */
	const char *feature;       /* of the features file; NULL: a valid token is enough */
};

enum licgate_verdict { LICGATE_DENY = 0, LICGATE_READ_ONLY, LICGATE_ALLOW };

struct licgate_answer {
	enum licgate_verdict verdict; /* LICGATE_READ_ONLY: allowed, since the method is GET or HEAD */
	int status;                   /* what to answer: 200, 401 (token), 403 (licence or feature), 400 (malformed) */
	const char *code; /* policy code ("VALID", "EXPIRED" …) or why the token was refused; for logs, not for callers */
	const char *state; /* of the licence; "" where the token was refused */
	const char *source;
	/* Whole, never cut: an account whose id does not fit is refused (403, "name_too_long"). */
	char client_key[256], account_id[256], base_url[513];
};

/* Never blocks: with nothing known of the licence a look-up starts and the state is "unknown". Takes a seat where the
 * feature needs one. 0, or -1 (out of memory): the answer denies. */
LICGATE_API int licgate_ask(struct licgate *gate, const struct licgate_request *request, struct licgate_answer *ret);

#ifdef __cplusplus
}
#endif
#endif
