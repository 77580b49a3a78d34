/* follow.h - what a verified token or event changes: installation, tenant, journal, in one write. See docs/forge.md.
 *
 * The request waits for it; memory follows on the writer thread after the commit, in commit order. Only what was
 * verified gets here, so that a row is made for what Atlassian vouches for alone. */
#pragma once
#include "base/arena.h"
#include "forge/visit.h"
#include "store/forge.h"

enum follow_kind { FOLLOW_CALL, FOLLOW_INSTALLED, FOLLOW_UPGRADED, FOLLOW_UNINSTALLED };

struct follow {
	struct store_job job; /* first: the store hands it back */
	struct forge *f;
	struct request *req;
	const struct fit *fit;
	enum follow_kind kind;
	struct str version; /* of an upgrade, as the event has it; may be empty */

	/* results */
	enum err err;
	bool gone;                /* uninstalled, and the token is not newer than that */
	bool known;               /* there is an installation now */
	struct forge_row row;     /* as stored; texts in arena and fit */
	struct tenant_row tenant; /* valid with tenant_new */
	bool tenant_new;          /* memory takes the row */
	bool tenant_left;         /* memory takes the status uninstalled */
	const char *adopted;      /* the tenant that was taken in; NULL: none */
	int64_t at;
	struct arena arena;
};

/* From a handler: the request waits, then runs `then`, which finds the result in visit_of(req)->follow. */
void follow_start(struct forge *f, struct request *req, enum follow_kind kind, struct str version, handler_fn *then);
void follow_free(struct follow *w); /* accepts NULL */
