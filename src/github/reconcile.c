/* reconcile.c - see reconcile.h.
 *
 * Plans, then the accounts of each plan, page by page; each page is stored before the next is asked for, so that memory
 * is bounded and what was read counts although the rest fails. An account that nobody listed is asked for alone before
 * it is believed to be gone: it may have changed plans while we read. A question that GitHub is too busy for is asked
 * again a few times, later; what cannot be read whole is tried again in minutes, and nothing is taken away by it.
 * Callbacks alternate between the client's and the writer's thread: one step at a time, so that a round needs no lock.
 */
#include "github/reconcile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "github/github_internal.h"

enum {
	PAGE = 100,
	PLANS_MAX = 100,
	PAGES_MAX = 5000,
	ATTEMPTS = 3,
	RETRY_MS = 1000,
	RETRY_AFTER_MAX_S = 60,
	URL_MAX = 2048,
	ARENA_MAX = 8 * 1024 * 1024,
};

enum stage { STAGE_PLANS, STAGE_ACCOUNTS, STAGE_GONE };

struct github_round {
	struct store_job job; /* first: the store hands it back */
	struct github *g;
	struct timer retry;
	enum stage stage;
	struct arena plan_texts, page_texts, job_texts;
	struct github_plan_row plans[PLANS_MAX];
	size_t plan; /* whose accounts are read */
	struct github_listed page[PAGE];
	size_t page_count;
	struct github_applied applied[PAGE];
	char url[URL_MAX], next[URL_MAX]; /* next "": the last page */
	char after[GITHUB_KEY_SIZE];      /* of those that nobody listed */
	char unlisted[GITHUB_KEY_SIZE];
	int64_t started_at, asked_at;
	unsigned attempts, pages;
	struct github_sync sync;
	void (*done)(void *arg, const struct github_sync *sync);
	void *arg;
};

static void ask(struct github_round *r);
static void store_step(struct github_round *r);

static void round_end(struct github_round *r, const char *failure)
{
	struct github *g = r->g;
	r->sync.failure = failure;
	metric_inc(failure ? g->parts->sync_failed : g->parts->sync_ok);
	if (failure)
		log_event(LOG_WARN, "github.sync_failed", LF_Z("code", failure), LF_INT("accounts", r->sync.accounts));
	else
		log_event(LOG_INFO, "github.sync", LF_INT("plans", r->sync.plans), LF_INT("accounts", r->sync.accounts),
		          LF_INT("changed", r->sync.changed));
	pthread_mutex_lock(&g->parts->lock);
	g->parts->round = NULL;
	pthread_mutex_unlock(&g->parts->lock);
	r->done(r->arg, &r->sync);
	arena_release(&r->plan_texts);
	arena_release(&r->page_texts);
	arena_release(&r->job_texts);
	free(r);
	github_busy_end(g);
}

/* ---- reading ---- */

/* A list of objects. jansson is given one object, as our reader takes nothing else. */
static json_t *read_list(struct str body)
{
	__cleanup_buf struct buf wrapped = BUF_INIT(GITHUB_ANSWER_MAX + 16);
	json_t *json = NULL;
	buf_z(&wrapped, "{\"list\":");
	buf_str(&wrapped, body);
	buf_char(&wrapped, '}');
	if (wrapped.err != OK || json_read_object(buf_text(&wrapped), &json) != OK)
		return NULL;
	if (json_object_size(json) == 1 && json_is_array(json_object_get(json, "list")))
		return json;
	json_decref(json);
	return NULL;
}

static const char *read_plans(struct github_round *r, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (r->sync.plans == PLANS_MAX)
			return "too_many_plans";
		if (github_plan_read(json_array_get(list, i), &r->plan_texts, &r->plans[r->sync.plans]) != OK)
			return "not_a_plan";
		r->sync.plans++;
	}
	return NULL;
}

static const char *read_accounts(struct github_round *r, const json_t *list)
{
	r->page_count = 0;
	if (json_array_size(list) > PAGE)
		return "page_too_long";
	arena_release(&r->page_texts);
	arena_init(&r->page_texts, ARENA_MAX);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (github_listed_read(json_array_get(list, i), &r->page_texts, &r->page[r->page_count++]) != OK)
			return "not_a_purchase";
	return NULL;
}

static const char *read_next(struct github_round *r, const struct http_answer *answer)
{
	const char *next = NULL;
	bool refused;
	r->next[0] = '\0';
	if (!github_next_page(answer->header(answer, "Link"), str_of(r->g->config->github_api_url), &r->page_texts, &next,
	                      &refused))
		return refused ? "link_refused" : NULL;
	if (++r->pages > PAGES_MAX || strcmp(next, r->url) == 0)
		return "endless_pages";
	(void)snprintf(r->next, sizeof(r->next), "%s", next);
	return NULL;
}

static const char *read_answer(struct github_round *r, const struct http_answer *answer)
{
	const char *failure = github_failure(answer);
	if (failure)
		return failure;
	__cleanup_json json_t *json = read_list(answer->body);
	if (!json)
		return "not_json";
	const json_t *list = json_object_get(json, "list");
	failure = r->stage == STAGE_PLANS ? read_plans(r, list) : read_accounts(r, list);
	return failure ? failure : read_next(r, answer);
}

/* ---- asking ---- */

static void retry_due(void *arg)
{
	ask(arg);
}

/* False: not again. */
static bool retry(struct github_round *r, const struct http_answer *answer)
{
	if (!github_may_recover(answer) || ++r->attempts >= ATTEMPTS)
		return false;
	int64_t delay_ms = (int64_t)RETRY_MS << r->attempts;
	if (answer->retry_after_s > RETRY_AFTER_MAX_S)
		return false; /* the next round comes later anyway */
	if (answer->retry_after_s >= 0)
		delay_ms = answer->retry_after_s * 1000;
	struct github_parts *parts = r->g->parts;
	pthread_mutex_lock(&parts->lock);
	const bool set = !parts->stopping && timer_set(r->g->timers, &r->retry, delay_ms, retry_due, r) == OK;
	pthread_mutex_unlock(&parts->lock);
	return set;
}

static void answered(void *arg, const struct http_answer *answer)
{
	struct github_round *r = arg;
	if (retry(r, answer))
		return;
	r->attempts = 0;
	const char *failure = read_answer(r, answer);
	if (!failure && r->stage == STAGE_PLANS && r->next[0]) {
		(void)snprintf(r->url, sizeof(r->url), "%s", r->next);
		ask(r);
		return;
	}
	if (!failure && r->stage == STAGE_PLANS && r->sync.plans == 0)
		failure = "no_plans"; /* a listing has some: this is not the listing */
	if (failure)
		round_end(r, failure);
	else
		store_step(r);
}

static void ask(struct github_round *r)
{
	const struct github_question q = {
	    .method = "GET", .url = r->url, .as = GITHUB_AS_LISTING, .done = answered, .arg = r};
	r->asked_at = clock_wall_ms(r->g->clock);
	if (github_ask(r->g, &q) != OK)
		round_end(r, "not_started");
}

/* ---- storing ---- */

static enum err find_unlisted(struct github_round *r, struct store_tx *tx)
{
	struct github_account_row *rows = NULL;
	size_t count = 0;
	r->unlisted[0] = '\0';
	do {
		arena_release(&r->job_texts);
		arena_init(&r->job_texts, ARENA_MAX);
		enum err err = store_github_account_list(tx, str_of(r->after), PAGE, &r->job_texts, &rows, &count);
		if (err != OK)
			return err;
		for (size_t i = 0; i < count && !r->unlisted[0]; i++) {
			(void)snprintf(r->after, sizeof(r->after), "%s", rows[i].account_id);
			if (strcmp(rows[i].status, "active") == 0 && rows[i].checked_at < r->started_at &&
			    rows[i].updated_at < r->started_at)
				(void)snprintf(r->unlisted, sizeof(r->unlisted), "%s", rows[i].account_id);
		}
	} while (count == PAGE && !r->unlisted[0]);
	return OK;
}

static enum err step_run(struct store_job *job, struct store_tx *tx)
{
	struct github_round *r = (struct github_round *)job;
	enum err err = OK;
	arena_release(&r->job_texts);
	arena_init(&r->job_texts, ARENA_MAX);
	if (r->stage == STAGE_PLANS)
		return store_github_plans_set(tx, r->plans, r->sync.plans);
	if (r->stage == STAGE_GONE)
		return find_unlisted(r, tx);
	for (size_t i = 0; err == OK && i < r->page_count; i++)
		err = github_compare(r->g, tx, &r->job_texts, &r->page[i], "reconcile", r->asked_at, &r->applied[i]);
	return err;
}

/* The first page of the next plan, or what nobody listed. */
static void next_plan(struct github_round *r)
{
	if (r->stage == STAGE_PLANS) {
		r->stage = STAGE_ACCOUNTS;
		r->plan = 0;
	} else {
		r->plan++;
	}
	if (r->plan == r->sync.plans) {
		r->stage = STAGE_GONE;
		store_step(r);
		return;
	}
	(void)snprintf(r->url, sizeof(r->url), "/marketplace_listing/plans/%" PRId64 "/accounts?per_page=%d",
	               r->plans[r->plan].plan_id, PAGE);
	ask(r);
}

static void unlisted_checked(void *arg, const char *failure)
{
	struct github_round *r = arg;
	r->sync.changed += failure == NULL;
	if (failure)
		round_end(r, failure);
	else
		store_step(r);
}

static void step_stored(struct store_job *job, enum err err)
{
	struct github_round *r = (struct github_round *)job;
	for (size_t i = 0; err == OK && r->stage == STAGE_ACCOUNTS && i < r->page_count; i++) {
		r->sync.accounts++;
		r->sync.changed += r->applied[i].changed;
		err = github_committed(r->g, &r->applied[i]);
	}
	if (err != OK) {
		round_end(r, "not_stored");
	} else if (r->stage == STAGE_ACCOUNTS && r->next[0]) {
		(void)snprintf(r->url, sizeof(r->url), "%s", r->next);
		ask(r);
	} else if (r->stage != STAGE_GONE) {
		next_plan(r);
	} else if (!r->unlisted[0]) {
		round_end(r, NULL);
	} else if (github_check(r->g, str_of(r->unlisted), unlisted_checked, r) != OK) {
		round_end(r, "not_started");
	}
}

static void store_step(struct github_round *r)
{
	r->job = (struct store_job){.run = step_run, .done = step_stored};
	if (store_submit(r->g->store, &r->job) != OK)
		round_end(r, "not_stored");
}

/* ---- life ---- */

enum err github_reconcile(struct github *g, void (*done)(void *arg, const struct github_sync *sync), void *arg)
{
	struct github_parts *parts = g->parts;
	if (!github_can_ask(g->config))
		return ERR_INVALID;
	struct github_round *r = calloc(1, sizeof(*r));
	if (!r)
		return ERR_NOMEM;
	pthread_mutex_lock(&parts->lock);
	const enum err err = parts->stopping ? ERR_STOPPING : parts->round ? ERR_BUSY : OK;
	if (err == OK) {
		parts->round = r;
		parts->busy++;
	}
	pthread_mutex_unlock(&parts->lock);
	if (err != OK) {
		free(r);
		return err;
	}
	r->g = g;
	r->done = done;
	r->arg = arg;
	r->started_at = clock_wall_ms(g->clock);
	arena_init(&r->plan_texts, ARENA_MAX);
	arena_init(&r->page_texts, ARENA_MAX);
	arena_init(&r->job_texts, ARENA_MAX);
	(void)snprintf(r->url, sizeof(r->url), "/marketplace_listing/plans?per_page=%d", PAGE);
	ask(r);
	return OK;
}

/* ---- every night ---- */

enum {
	NIGHT_FIRST_MS = 1, /* before the first webhook: what comes after the question is newer than the answer */
	NIGHT_AGAIN_MS = 5 * 60000,
	NIGHT_AGAIN_MAX_MS = 3600000,
	NIGHT_LOOK_MS = 600000, /* the wall clock may jump */
	NIGHT_HOUR = 3,
};
static const int64_t NIGHT_DAY_MS = 86400000, NIGHT_HOUR_MS = 3600000;

static void night_due(void *arg);

static void night_arm(struct github *g)
{
	struct github_parts *parts = g->parts;
	int64_t delay = parts->night_at - clock_wall_ms(g->clock);
	delay = delay < 0 ? 0 : delay > NIGHT_LOOK_MS ? NIGHT_LOOK_MS : delay;
	pthread_mutex_lock(&parts->lock);
	if (!parts->stopping)
		(void)timer_set(g->timers, &parts->night, delay, night_due, g);
	pthread_mutex_unlock(&parts->lock);
}

/* The next three o'clock, and up to an hour later, so that not every server of the world asks at once. */
static int64_t next_night(int64_t now)
{
	uint16_t spread = 0;
	(void)random_bytes(&spread, sizeof(spread));
	int64_t at = now / NIGHT_DAY_MS * NIGHT_DAY_MS + NIGHT_HOUR * NIGHT_HOUR_MS;
	if (at <= now)
		at += NIGHT_DAY_MS;
	return at + NIGHT_HOUR_MS * spread / UINT16_MAX;
}

static void night_done(void *arg, const struct github_sync *sync)
{
	struct github *g = arg;
	struct github_parts *parts = g->parts;
	const int64_t now = clock_wall_ms(g->clock);
	int64_t again = (int64_t)NIGHT_AGAIN_MS << (parts->night_failures < 5 ? parts->night_failures : 5);
	if (sync->failure && parts->night_failures < 5)
		parts->night_failures++;
	else if (!sync->failure)
		parts->night_failures = 0;
	parts->night_at = sync->failure ? now + (again > NIGHT_AGAIN_MAX_MS ? NIGHT_AGAIN_MAX_MS : again) : next_night(now);
	night_arm(g);
}

static void night_due(void *arg)
{
	struct github *g = arg;
	if (clock_wall_ms(g->clock) < g->parts->night_at) {
		night_arm(g);
		return;
	}
	if (github_reconcile(g, night_done, g) == OK)
		return;
	g->parts->night_at = clock_wall_ms(g->clock) + NIGHT_AGAIN_MS;
	night_arm(g);
}

enum err github_nightly_start(struct github *g)
{
	if (!github_can_ask(g->config))
		return OK;
	return timer_set(g->timers, &g->parts->night, NIGHT_FIRST_MS, night_due, g);
}

void github_nightly_stop(struct github *g)
{
	struct github_parts *parts = g->parts;
	timer_cancel_wait(g->timers, &parts->night);
	pthread_mutex_lock(&parts->lock);
	struct github_round *r = parts->round;
	/* A round that waits to ask again has nothing else under way. */
	const bool waiting = r && timer_cancel(g->timers, &r->retry);
	pthread_mutex_unlock(&parts->lock);
	if (waiting)
		round_end(r, "stopping");
}

/* ---- now, for the command ---- */

struct waited {
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool done;
	struct github_sync sync;
};

static void tell_waiting(void *arg, const struct github_sync *sync)
{
	struct waited *w = arg;
	pthread_mutex_lock(&w->lock);
	w->sync = *sync;
	w->done = true;
	pthread_cond_signal(&w->over);
	pthread_mutex_unlock(&w->lock);
}

enum err github_reconcile_now(const struct github *with, struct github_sync *ret)
{
	struct github g = *with;
	struct waited w = {.lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};
	g.tenants = NULL;
	g.lookups = NULL;
	enum err err = github_parts_new(&g);
	if (err != OK)
		return err;
	if ((err = github_reconcile(&g, tell_waiting, &w)) == OK) {
		pthread_mutex_lock(&w.lock);
		while (!w.done)
			pthread_cond_wait(&w.over, &w.lock);
		pthread_mutex_unlock(&w.lock);
		*ret = w.sync;
		err = w.sync.failure ? ERR_UPSTREAM : OK;
	}
	github_stop(&g);
	return err;
}
