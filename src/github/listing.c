/* listing.c - see listing.h. */
#include "github/listing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "github/github_internal.h"

enum { ARENA_MAX = 4 * 1024 * 1024 };
static const int64_t DAY_MS = 86400000;

/* ---- drift ---- */

static char *describe(struct arena *a, const char *status, const struct github_terms *t)
{
	if (t->effective_at == 0 && !t->plan_id)
		return arena_printf(a, "%s", status);
	return arena_printf(a, "%s, plan %" PRId64 ", %" PRId64 " units%s%s%s", status, t->plan_id,
	                    github_is_per_unit(t) ? t->units : 1, t->billing_cycle ? ", " : "",
	                    t->billing_cycle ? t->billing_cycle : "", t->on_trial ? ", on trial" : "");
}

struct difference {
	const char *account_id, *what, *ours, *theirs;
	int64_t at;
};

static enum err note_drift(struct github *g, struct store_tx *tx, struct arena *a, const struct difference *d)
{
	const char *id = arena_printf(a, "%s %s %" PRId64, d->account_id, d->what, d->at);
	if (!id || !d->ours || !d->theirs)
		return ERR_NOMEM;
	const struct github_drift_row row = {
	    .id = id, .account_id = d->account_id, .what = d->what, .ours = d->ours, .theirs = d->theirs, .at = d->at};
	metric_inc(g->parts->drift);
	log_event(LOG_WARN, "github.drift", LF_Z("account", d->account_id), LF_Z("what", d->what));
	return store_github_drift_put(tx, &row);
}

/* NULL: the same. */
static const char *difference_of(const struct github_account_row *ours, const struct github_listed *theirs)
{
	if (!ours->account_id)
		return "missing";
	if (!ours->status || strcmp(ours->status, "active") != 0)
		return "status";
	if (ours->now.plan_id != theirs->terms.plan_id)
		return "plan";
	if (ours->now.on_trial != theirs->terms.on_trial)
		return "trial";
	return github_terms_equal(&ours->now, &theirs->terms) ? NULL : "units";
}

/* ---- comparing ---- */

/* A webhook of the same day may still be on its way, with that day as its date: it must not count as older. */
static int64_t date_of(const struct github_account_row *old, int64_t changed_at, int64_t now)
{
	const int64_t day = (changed_at > 0 ? changed_at : now) / DAY_MS * DAY_MS;
	return day > old->effective_at ? day : old->effective_at;
}

static struct github_news news_of(const struct github_listed *l, const char *source)
{
	return (struct github_news){.action = GITHUB_CHANGED,
	                            .source = source,
	                            .once = STR(""),
	                            .account_id = l->account_id,
	                            .type = l->type,
	                            .login = l->login,
	                            .email = l->email,
	                            .terms = l->terms};
}

static enum err compare_schedule(struct github *g, struct store_tx *tx, struct arena *a, const struct github_listed *l,
                                 const char *source, struct github_applied *ret)
{
	const int64_t now = clock_wall_ms(g->clock);
	struct github_account_row row;
	struct github_news news = news_of(l, source);
	enum err err = store_github_account_get(tx, str_of(l->account_id), a, &row);
	if (err != OK)
		return err;
	const bool theirs = l->pending.effective_at > now, ours = row.next.effective_at > 0;
	if (!theirs && !ours)
		return OK;
	if (theirs && ours && row.next.effective_at == l->pending.effective_at &&
	    github_terms_equal(&row.next, &l->pending))
		return OK;
	const struct difference d = {.account_id = l->account_id,
	                             .what = "scheduled",
	                             .ours = describe(a, ours ? "scheduled" : "nothing", &row.next),
	                             .theirs = describe(a, theirs ? "scheduled" : "nothing", &l->pending),
	                             .at = now};
	err = note_drift(g, tx, a, &d);
	news.action = theirs ? GITHUB_PENDING : GITHUB_PENDING_DROPPED;
	news.terms = theirs ? l->pending : l->terms;
	news.effective_at = theirs ? l->pending.effective_at : now;
	struct github_applied applied;
	if (err == OK)
		err = github_apply(g, tx, a, &news, &applied);
	if (err == OK && !applied.stale)
		*ret = applied;
	return err;
}

static enum err touch(struct github *g, struct store_tx *tx, struct arena *a, const char *account_id)
{
	struct github_account_row row;
	enum err err = store_github_account_get(tx, str_of(account_id), a, &row);
	row.checked_at = clock_wall_ms(g->clock);
	return err == OK ? store_github_account_put(tx, &row) : err;
}

/* What was scheduled has come about while nobody was here to see it: it took effect on its day, not when we look. */
static enum err settle_scheduled(struct github *g, struct store_tx *tx, struct arena *a,
                                 const struct github_listed *listed, struct github_account_row *old,
                                 struct github_applied *ret)
{
	struct github_news news;
	if (!old->account_id || !entitlement_scheduled(old, clock_wall_ms(g->clock), &news) ||
	    !github_terms_equal(&news.terms, &listed->terms))
		return OK;
	enum err err = github_apply(g, tx, a, &news, ret);
	return err == OK ? store_github_account_get(tx, str_of(listed->account_id), a, old) : err;
}

/* GitHub still lists a trial whose end is past: nobody has paid. It opens nothing, and what it opened is over. */
static enum err compare_past_trial(struct github *g, struct store_tx *tx, struct arena *a,
                                   const struct github_account_row *old, struct github_applied *ret)
{
	const bool over =
	    strcmp(old->status, "active") == 0 && old->now.on_trial && old->now.trial_ends_at <= clock_wall_ms(g->clock);
	enum err err = over ? github_apply_trial_over(g, tx, a, old, ret) : OK;
	return err == OK ? touch(g, tx, a, old->account_id) : err;
}

enum err github_compare(struct github *g, struct store_tx *tx, struct arena *a, const struct github_listed *listed,
                        const char *source, int64_t asked_at, struct github_applied *ret)
{
	const int64_t now = clock_wall_ms(g->clock);
	struct github_account_row old = {0};
	struct github_news news = news_of(listed, source);
	*ret = (struct github_applied){0};
	enum err err = store_github_account_get(tx, str_of(listed->account_id), a, &old);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	if (listed->plan.number > 0 && strcmp(source, "setup") == 0 &&
	    (err = store_github_plan_add(tx, &listed->plan)) != OK)
		return err;
	if (old.account_id && old.updated_at >= asked_at)
		return touch(g, tx, a, listed->account_id);
	if (old.account_id && listed->terms.on_trial && listed->terms.trial_ends_at <= now)
		return compare_past_trial(g, tx, a, &old, ret);
	if ((err = settle_scheduled(g, tx, a, listed, &old, ret)) != OK)
		return err;
	const char *what = difference_of(&old, listed);
	const bool renewed = listed->terms.next_billing_at != old.now.next_billing_at;
	err = OK;
	if (what && old.account_id) {
		const struct difference d = {.account_id = listed->account_id,
		                             .what = what,
		                             .ours = describe(a, old.status, &old.now),
		                             .theirs = describe(a, "active", &listed->terms),
		                             .at = now};
		err = note_drift(g, tx, a, &d);
	} else if (what && strcmp(source, "reconcile") == 0) {
		const struct difference d = {.account_id = listed->account_id,
		                             .what = what,
		                             .ours = "nothing",
		                             .theirs = describe(a, "active", &listed->terms),
		                             .at = now};
		err = note_drift(g, tx, a, &d);
	}
	news.effective_at = what ? date_of(&old, listed->terms.effective_at, now) : old.effective_at;
	if (err == OK && (what || renewed || !old.login))
		err = github_apply(g, tx, a, &news, ret);
	if (err == OK && strcmp(source, "setup") != 0) /* a person's own list does not tell what is scheduled */
		err = compare_schedule(g, tx, a, listed, source, ret);
	return err == OK ? touch(g, tx, a, listed->account_id) : err;
}

enum err github_compare_gone(struct github *g, struct store_tx *tx, struct arena *a, struct str account_id,
                             int64_t asked_at, struct github_applied *ret)
{
	const int64_t now = clock_wall_ms(g->clock);
	struct github_account_row old;
	*ret = (struct github_applied){0};
	enum err err = store_github_account_get(tx, account_id, a, &old);
	if (err == ERR_NOT_FOUND)
		return OK;
	if (err != OK || old.updated_at >= asked_at || strcmp(old.status, "active") != 0)
		return err;
	struct github_news scheduled;
	const bool due = entitlement_scheduled(&old, now, &scheduled) && old.next.ends;
	if (due)
		return github_apply(g, tx, a, &scheduled, ret); /* as was announced, on its day */
	const struct difference d = {.account_id = old.account_id,
	                             .what = "gone",
	                             .ours = describe(a, old.status, &old.now),
	                             .theirs = "nothing",
	                             .at = now};
	err = note_drift(g, tx, a, &d);
	if (err == OK && old.now.on_trial && old.now.trial_ends_at <= now)
		err = github_apply_trial_over(g, tx, a, &old, ret);
	else if (err == OK)
		err = github_apply(g, tx, a,
		                   &(struct github_news){.action = GITHUB_CANCELLED,
		                                         .source = "reconcile",
		                                         .once = STR(""),
		                                         .account_id = old.account_id,
		                                         .type = old.type,
		                                         .effective_at = date_of(&old, 0, now),
		                                         .terms = old.now},
		                   ret);
	return err;
}

/* ---- one account ---- */

struct check {
	struct store_job job; /* first: the store hands it back */
	struct github *g;
	struct arena answer, arena; /* of the listed, of the job */
	struct github_listed listed;
	bool gone;
	int64_t asked_at;
	struct github_applied applied;
	void (*done)(void *arg, const char *failure);
	void *arg;
	char account_id[GITHUB_KEY_SIZE];
};

static void check_end(struct check *c, const char *failure)
{
	struct github *g = c->g;
	c->done(c->arg, failure);
	arena_release(&c->answer);
	arena_release(&c->arena);
	free(c);
	github_busy_end(g);
}

static enum err check_run(struct store_job *job, struct store_tx *tx)
{
	struct check *c = (struct check *)job;
	arena_release(&c->arena);
	arena_init(&c->arena, ARENA_MAX);
	if (c->gone)
		return github_compare_gone(c->g, tx, &c->arena, str_of(c->account_id), c->asked_at, &c->applied);
	return github_compare(c->g, tx, &c->arena, &c->listed, "reconcile", c->asked_at, &c->applied);
}

static void check_stored(struct store_job *job, enum err err)
{
	struct check *c = (struct check *)job;
	if (err == OK)
		err = github_committed(c->g, &c->applied);
	check_end(c, err == OK ? NULL : "not_stored");
}

/* A literal: why the answer is none. */
static const char *check_read(struct check *c, const struct http_answer *answer)
{
	__cleanup_json json_t *json = NULL;
	c->gone = answer->err == OK && answer->status == 404;
	if (c->gone)
		return NULL;
	const char *failure = github_failure(answer);
	if (failure)
		return failure;
	if (json_read_object(answer->body, &json) != OK)
		return "not_json";
	if (github_listed_read(json, &c->answer, &c->listed) != OK)
		return "not_a_purchase";
	return strcmp(c->listed.account_id, c->account_id) == 0 ? NULL : "another_account";
}

static void check_answered(void *arg, const struct http_answer *answer)
{
	struct check *c = arg;
	const char *failure = check_read(c, answer);
	if (failure) {
		check_end(c, failure);
		return;
	}
	c->job = (struct store_job){.run = check_run, .done = check_stored};
	if (store_submit(c->g->store, &c->job) != OK)
		check_end(c, "not_stored");
}

enum err github_check(struct github *g, struct str account_id, void (*done)(void *arg, const char *failure), void *arg)
{
	char path[64 + GITHUB_KEY_SIZE];
	struct check *c = account_id.len < GITHUB_KEY_SIZE ? calloc(1, sizeof(*c)) : NULL;
	if (!c)
		return account_id.len < GITHUB_KEY_SIZE ? ERR_NOMEM : ERR_INVALID;
	if (!github_busy_begin(g)) {
		free(c);
		return ERR_STOPPING;
	}
	c->g = g;
	c->done = done;
	c->arg = arg;
	c->asked_at = clock_wall_ms(g->clock);
	memcpy(c->account_id, account_id.ptr, account_id.len);
	arena_init(&c->answer, ARENA_MAX);
	arena_init(&c->arena, ARENA_MAX);
	(void)snprintf(path, sizeof(path), "/marketplace_listing/accounts/%s", c->account_id);
	const struct github_question q = {
	    .method = "GET", .url = path, .as = GITHUB_AS_LISTING, .done = check_answered, .arg = c};
	enum err err = github_ask(g, &q);
	if (err == OK)
		return OK;
	free(c);
	github_busy_end(g);
	return err;
}
