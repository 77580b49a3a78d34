/* github.h - verbs of GitHub Marketplace: accounts and what they bought, plans, people, sessions, tokens to revoke.
 *
 * As store.h: inside one write job or one read; times are wall milliseconds, 0 = none; text NULL = none; ERR_NOT_FOUND
 * where the row is not there. Ids are GitHub's numbers as decimal text. */
#pragma once
#include "store/store.h"

/* One plan and how much of it. */
struct github_terms {
	int64_t effective_at; /* 0: there are none */
	int64_t plan_id;
	const char *plan_name, *price_model /* per_unit, flat_rate, free */, *unit_name,
	    *billing_cycle /* monthly, yearly */;
	int64_t units, monthly_cents, yearly_cents;
	bool on_trial;
	int64_t trial_ends_at, next_billing_at;
	bool ends; /* of next: the purchase ends then */
};

struct github_account_row {
	const char *account_id, *type /* User, Organization */, *login;
	struct str email_sealed; /* seal place: github_accounts, email, account_id */
	const char *status;      /* active, free (cancelled, and the listing has a free plan), expired (a trial nobody paid
	                            for), cancelled */
	int64_t effective_at;    /* of the newest event that was applied: older ones are not */
	int64_t created_at, updated_at, checked_at; /* checked: last compared with GitHub */
	int64_t ended_at, erase_at;
	struct github_terms now, next;
};
enum err store_github_account_get(struct store_tx *tx, struct str account_id, struct arena *a,
                                  struct github_account_row *ret);
enum err store_github_account_put(struct store_tx *tx, const struct github_account_row *row);
/* In account_id order, account_id > after, at most max. */
enum err store_github_account_list(struct store_tx *tx, struct str after, size_t max, struct arena *a,
                                   struct github_account_row **ret, size_t *ret_count);
/* Changed after that time, or at it with a larger account_id, in that order. */
enum err store_github_account_changed(struct store_tx *tx, int64_t after, struct str after_id, size_t max,
                                      struct arena *a, struct github_account_row **ret, size_t *ret_count);
/* Something happens to it by time alone: a scheduled change, the end of a trial, erasing. At most max ids, the longest
 * due first; ret_next: when the next one is due after that time, 0 for none. */
enum err store_github_due(struct store_tx *tx, int64_t now, size_t max, struct arena *a, const char ***ret_ids,
                          size_t *ret_count, int64_t *ret_next);
/* Takes login, contact and people off. */
enum err store_github_account_erase(struct store_tx *tx, struct str account_id, int64_t at);
/* Every billing address that is kept, sealed; and one of them goes. */
struct github_email {
	const char *account_id;
	struct str sealed;
};
enum err store_github_emails(struct store_tx *tx, struct arena *a, struct github_email **ret, size_t *ret_count);
enum err store_github_email_clear(struct store_tx *tx, struct str account_id);

/* ERR_CONFLICT: used before. */
enum err store_github_use(struct store_tx *tx, struct str id, int64_t at);
/* Forgets used ids, ended sessions and drift from before those times. */
enum err store_github_tidy(struct store_tx *tx, int64_t used_before, int64_t now, int64_t drift_before);

struct github_plan_row {
	int64_t plan_id, number;
	const char *name, *price_model;
	int64_t monthly_cents, yearly_cents;
	bool published;
};
/* Exactly these from now on. */
enum err store_github_plans_set(struct store_tx *tx, const struct github_plan_row *rows, size_t count);
/* Where nothing is known of it. */
enum err store_github_plan_add(struct store_tx *tx, const struct github_plan_row *row);
enum err store_github_plan_get(struct store_tx *tx, int64_t plan_id, struct arena *a, struct github_plan_row *ret);
/* The published plan that costs nothing. */
enum err store_github_plan_free(struct store_tx *tx, struct arena *a, struct github_plan_row *ret);

struct github_person_row {
	const char *account_id, *login /* lower case */, *user_id, *role; /* owner, member */
	int64_t added_at;
};
enum err store_github_person_put(struct store_tx *tx, const struct github_person_row *row);
enum err store_github_person_delete(struct store_tx *tx, struct str account_id, struct str login); /* ERR_NOT_FOUND */
enum err store_github_people(struct store_tx *tx, struct str account_id, size_t max, struct arena *a,
                             struct github_person_row **ret, size_t *ret_count);
/* The accounts of a user: in account_id order, at most max. */
enum err store_github_person_of(struct store_tx *tx, struct str user_id, size_t max, struct arena *a,
                                struct github_person_row **ret, size_t *ret_count);
/* Picked members of that login become this user's; what GitHub does not list the user as owner of any more goes: owner
 * rows of the user whose added_at is before that time. */
enum err store_github_person_bind(struct store_tx *tx, struct str user_id, struct str login, int64_t owners_before);

struct github_user_row {
	const char *user_id, *login;
	struct str token_sealed; /* seal place: github_users, token, user_id */
	int64_t signed_in_at;
};
enum err store_github_user_put(struct store_tx *tx, const struct github_user_row *row);
enum err store_github_user_get(struct store_tx *tx, struct str user_id, struct arena *a, struct github_user_row *ret);
enum err store_github_user_delete(struct store_tx *tx, struct str user_id); /* with the sessions */
/* Users of the account who have no other account whose purchase goes on. */
enum err store_github_users_only_of(struct store_tx *tx, struct str account_id, struct arena *a,
                                    struct github_user_row **ret, size_t *ret_count);

/* Opens one, and closes the user's oldest above `keep`. */
enum err store_github_session_put(struct store_tx *tx, struct str hash, struct str user_id, int64_t now,
                                  int64_t expires_at, int64_t keep);
enum err store_github_session_get(struct store_tx *tx, struct str hash, int64_t now, struct arena *a,
                                  const char **ret_user_id);
enum err store_github_session_delete(struct store_tx *tx, struct str hash); /* OK where there is none */

struct github_revocation_row {
	const char *id;
	struct str token_sealed; /* seal place: github_revocations, token, id */
	int64_t attempts, next_at;
};
enum err store_github_revocation_put(struct store_tx *tx, const struct github_revocation_row *row);
enum err store_github_revocation_delete(struct store_tx *tx, struct str id);
/* Due by then, at most max; ret_next: when the next one is due after that time, 0 for none. */
enum err store_github_revocations_due(struct store_tx *tx, int64_t now, size_t max, struct arena *a,
                                      struct github_revocation_row **ret, size_t *ret_count, int64_t *ret_next);

struct github_drift_row {
	const char *id, *account_id, *what /* missing, status, plan, units, trial, pending, gone */, *ours, *theirs;
	int64_t at;
};
enum err store_github_drift_put(struct store_tx *tx, const struct github_drift_row *row);
/* Newest first, at most max. */
enum err store_github_drift_list(struct store_tx *tx, size_t max, struct arena *a, struct github_drift_row **ret,
                                 size_t *ret_count);
