/* site_accounts.h - the people of a simulated site: who looks at its pages, who is an administrator, who left.
 *
 * A site starts with three: an administrator, a member, another member. The table is small and keeps those used last; a
 * deleted account stays in it, because the app may ask what became of it. Pure, guarded by the sim's lock. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/jsonw.h"
#include "base/str.h"

enum { SITE_ACCOUNT_MAX = 128, SITE_ACCOUNT_NAME_MAX = 80, SITE_ACCOUNTS_MAX = 64 };

struct site_account {
	char id[SITE_ACCOUNT_MAX + 1], name[SITE_ACCOUNT_NAME_MAX + 1];
	bool admin, deleted;
	int64_t updated_at; /* wall ms: created, or last changed */
};

struct site_accounts {
	struct site_account *all;
	size_t count, user; /* user: index of who looks at the pages */
};

/* The first three. False: out of memory. */
bool site_accounts_init(struct site_accounts *a, int64_t wall_ms);
void site_accounts_release(struct site_accounts *a);
struct site_account *site_accounts_user(const struct site_accounts *a);
/* NULL: unknown. */
struct site_account *site_accounts_find(const struct site_accounts *a, struct str id);
/* Finds or adds it (the account unused longest makes place). id: 1 to SITE_ACCOUNT_MAX bytes. NULL: out of memory. */
struct site_account *site_accounts_put(struct site_accounts *a, struct str id, int64_t wall_ms);
/* Makes it the one who looks at the pages. */
void site_accounts_become(struct site_accounts *a, const struct site_account *account);
/* Cut to what fits, at a character's end. */
void site_account_rename(struct site_account *account, struct str name);
/* [{"account_id","name","admin","deleted"}] */
void site_accounts_write(const struct site_accounts *a, struct jsonw *w);
