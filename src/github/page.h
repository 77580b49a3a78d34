/* page.h - the pages people see: what was bought, or why they cannot come in. HTML written here, foreign text escaped.
 */
#pragma once
#include "github/github.h"
#include "store/github.h"

/* One account of the person who looks. */
struct github_seen {
	const struct github_account_row *account;
	bool owner, seat;
	int64_t plan_number;                    /* 0: not known */
	const struct github_person_row *people; /* of an account at a flat rate, for its owner */
	size_t people_count;
};
struct github_view {
	const char *login, *note;
	struct github_seen *at;
	size_t count;
};
enum github_trouble {
	GITHUB_TROUBLE_STATE = 0, /* another browser, too late, or used before */
	GITHUB_TROUBLE_DENIED,    /* the person said no */
	GITHUB_TROUBLE_CODE,      /* GitHub does not take the code */
	GITHUB_TROUBLE_UPSTREAM,  /* GitHub does not answer */
	GITHUB_TROUBLE_NO_PURCHASE,
	GITHUB_TROUBLE_SIGNED_OUT,
};
void github_page_trouble(struct request *req, const struct github *g, enum github_trouble trouble, const char *cookie);
/* cookie: a Set-Cookie value, NULL: none. */
void github_page_account(struct request *req, const struct github *g, const struct github_view *view,
                         const char *cookie);
