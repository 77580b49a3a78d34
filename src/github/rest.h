/* rest.h - one question to GitHub's REST API, and reading its lists page by page.
 *
 * Everything goes through the http client: its deadline, its caps, no redirects. done runs on the client thread. */
#pragma once
#include "github/github.h"

enum github_as {
	GITHUB_AS_NOBODY = 0,
	GITHUB_AS_LISTING, /* App key where there is one, else client id and secret */
	GITHUB_AS_CLIENT,  /* client id and secret */
	GITHUB_AS_USER,    /* with the user's token */
};
struct github_question {
	const char *method;
	const char *url; /* absolute, or a path of the REST API from '/' on */
	struct str body;
	const char *content_type; /* of the body */
	enum github_as as;
	struct str token; /* of the user */
	void (*done)(void *arg, const struct http_answer *answer);
	void *arg;
};
enum { GITHUB_ANSWER_MAX = 2 * 1024 * 1024 };

/* An error: done does not run. */
enum err github_ask(struct github *g, const struct github_question *q);
/* Is there anything to ask the listing with? */
bool github_can_ask(const struct config *c);
/* A literal for what became of a question: NULL when it was answered with 200. */
const char *github_failure(const struct http_answer *answer);
/* Worth asking again: busy, broken, unreachable. */
bool github_may_recover(const struct http_answer *answer);

/* The next page of a Link header (RFC 8288), only where it is of the API's own origin and path. False: there is none,
 * or none that may be followed: *ret_refused tells. */
bool github_next_page(struct str link, struct str api_url, struct arena *a, const char **ret, bool *ret_refused);
