/* report.c - see report.h.
 *
 * A round: the timer queues a job that picks the tenants whose turn it is and up to 90 accounts of each; when it is
 * committed the calls go out, each answer is stored by a job of its own (erasing who is closed, and where the tenant's
 * cycle stands, in one transaction), and when the last one is stored the timer is set again: soon where there is more,
 * else in a minute. So nothing is asked twice at a time, the timer thread never waits, and a restart goes on where the
 * store says. Times are wall-clock: a cycle is days. Each host speaks for its own tenant alone.
 * Rule: "Personal data reporting" of the Connect protocol. */
#include "connect/report.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/metrics.h"
#include "connect/base_url.h"
#include "connect/host.h"
#include "connect/report_wire.h"
#include "license/users.h"

enum {
	ROUND_FIRST_MS = 2000,
	ROUND_EVERY_MS = 60 * 1000,
	ROUND_AGAIN_MS = 100,
	TENANTS_MAX = 8, /* asked at a time: well below the outgoing client's slots */
	ARENA_MAX = 1024 * 1024,
	BODY_MAX = 128 * 1024,
};
static const int64_t MINUTE_MS = 60000, HOUR_MS = 3600000, DAY_MS = 86400000;

/* Accounts of one tenant on their way. */
struct batch {
	struct store_job job; /* first: the store hands it back */
	struct batch *next;
	struct reporter *r;
	const struct tenant *tenant; /* a reference */
	char *ids[REPORT_ACCOUNTS_MAX];
	size_t count;
	bool last;       /* the tenant has no more of them */
	char *after;     /* where the round stood before them */
	struct buf body; /* of the call */
	/* the outcome */
	enum account_word words[REPORT_ACCOUNTS_MAX];
	bool reported;
	int64_t wait_ms; /* until the next call, or the next cycle */
	size_t closed;
};

struct reporter {
	struct connect *c;
	struct timer timer;
	struct store_job pick;
	struct batch *picked; /* by the job, until it is committed */
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t idle;
	unsigned busy; /* the pick, and batches */
	bool more;     /* the next round comes at once, */
	bool trouble;  /* unless the store refused something: then the same tenants would be asked again */
	bool stopping;
	struct metric *ok, *failed, *limited, *closed;
};

static void round_due(void *reporter);

static void batch_free(struct batch *b)
{
	tenant_unref(b->tenant);
	for (size_t i = 0; i < b->count; i++)
		free(b->ids[i]);
	free(b->after);
	buf_release(&b->body);
	free(b);
}

static void busy_begin(struct reporter *r)
{
	pthread_mutex_lock(&r->lock);
	r->busy++;
	pthread_mutex_unlock(&r->lock);
}

/* The last one out sets the timer. err: of the store; more: this one knows of work to be done at once. */
static void busy_end(struct reporter *r, enum err err, bool more)
{
	pthread_mutex_lock(&r->lock);
	r->more = r->more || more;
	r->trouble = r->trouble || err != OK;
	if (--r->busy == 0) {
		const int64_t delay = r->more && !r->trouble ? ROUND_AGAIN_MS : ROUND_EVERY_MS;
		if (!r->stopping)
			(void)timer_set(r->c->timers, &r->timer, delay, round_due, r);
		r->more = r->trouble = false;
		pthread_cond_broadcast(&r->idle);
	}
	pthread_mutex_unlock(&r->lock);
}

/* ---- the answer is stored ---- */

static enum err tell_account(const struct batch *b, struct store_tx *tx, size_t i, int64_t now)
{
	char once[24];
	(void)snprintf(once, sizeof(once), "%lld.%zu", (long long)now, i);
	const struct user_news news = {
	    .tenant = b->tenant, .account_id = str_of(b->ids[i]), .source = "report", .once = str_of(once), .at = now};
	switch (b->words[i]) {
	case ACCOUNT_CLOSED:
		return user_erase(b->r->c->lookups, tx, &news);
	case ACCOUNT_UPDATED:
		return user_refreshed(tx, &news);
	case ACCOUNT_KEPT:
	default:
		return OK;
	}
}

static enum err outcome_run(struct store_job *job, struct store_tx *tx)
{
	struct batch *b = (struct batch *)job;
	const int64_t now = clock_wall_ms(b->r->c->clock);
	enum err err = OK;
	b->closed = 0;
	for (size_t i = 0; err == OK && b->reported && i < b->count; i++) {
		err = tell_account(b, tx, i, now);
		b->closed += b->words[i] == ACCOUNT_CLOSED;
	}
	if (err != OK)
		return err;
	/* A full batch may not have been the last: the same cycle goes on behind it. */
	const bool whole = b->reported && b->count < REPORT_ACCOUNTS_MAX;
	const struct report_row row = {
	    .client_key = b->tenant->client_key.ptr,
	    .next_at = b->reported && !whole ? now : now + b->wait_ms,
	    .after_account = !b->reported ? b->after
	                     : whole      ? ""
	                                  : b->ids[b->count - 1],
	};
	err = store_report_set(tx, &row);
	return err == ERR_NOT_FOUND ? OK : err; /* purged meanwhile */
}

static void outcome_done(struct store_job *job, enum err err)
{
	struct batch *b = (struct batch *)job;
	struct reporter *r = b->r;
	const bool more = b->reported && !b->last;
	if (err != OK) {
		log_event(LOG_ERROR, "report.not_stored", LF_STR("tenant", b->tenant->client_key),
		          LF_Z("error", err_name(err)));
	} else if (b->closed > 0) {
		metric_add(r->closed, (int64_t)b->closed);
		log_event(LOG_INFO, "report.closed", LF_STR("tenant", b->tenant->client_key), LF_INT("count", b->closed));
	}
	batch_free(b);
	busy_end(r, err, more);
}

static void store_outcome(struct batch *b)
{
	b->job = (struct store_job){.run = outcome_run, .done = outcome_done};
	enum err err = store_submit(b->r->c->store, &b->job);
	if (err != OK)
		outcome_done(&b->job, err);
}

/* ---- the host answers ---- */

static int64_t retry_ms(const struct http_answer *answer)
{
	const int64_t ms = answer->retry_after_s < 0       ? HOUR_MS
	                   : answer->retry_after_s < 86400 ? answer->retry_after_s * 1000
	                                                   : DAY_MS;
	return ms < MINUTE_MS ? MINUTE_MS : ms;
}

/* Sets the outcome; false: not an answer to go by. */
static bool read_answer(struct batch *b, const struct http_answer *answer)
{
	b->reported = answer->err == OK && answer->status == 204;
	if (answer->err == OK && answer->status == 200)
		b->reported = report_read(answer->body, b->ids, b->count, b->words) == OK;
	if (b->reported)
		b->wait_ms = report_cycle_days(answer->header(answer, "Cycle-Period")) * DAY_MS;
	else
		b->wait_ms = answer->err == OK && answer->status == 429 ? retry_ms(answer) : HOUR_MS;
	return b->reported;
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct batch *b = arg;
	struct reporter *r = b->r;
	if (answer->err == ERR_STOPPING) { /* its turn comes after the start */
		batch_free(b);
		busy_end(r, OK, false);
		return;
	}
	if (read_answer(b, answer)) {
		metric_inc(r->ok);
	} else {
		metric_inc(answer->err == OK && answer->status == 429 ? r->limited : r->failed);
		log_event(LOG_WARN, "report.failed", LF_STR("tenant", b->tenant->client_key),
		          LF_Z("error", err_name(answer->err)), LF_INT("status", answer->status));
	}
	store_outcome(b);
}

static void call_host(struct batch *b)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "%s/rest/atlassian-connect/latest/report-accounts",
	               base_url_rest_root(b->tenant->base_url, b->tenant->product_type));
	const struct host_call call = {
	    .method = "POST", .path = str_of(path), .body = buf_text(&b->body), .done = on_answer, .arg = b};
	enum err err = host_call(b->r->c->host, b->tenant, &call);
	if (err != OK) {
		const struct http_answer none = {.err = err, .retry_after_s = -1, .max_age_s = -1};
		on_answer(b, &none);
	}
}

/* ---- whose turn it is ---- */

/* Takes the reference to the tenant over. */
static enum err batch_new(struct reporter *r, struct store_tx *tx, const struct tenant *tenant, const char *after,
                          struct arena *a)
{
	struct user_row *users = NULL;
	size_t count = 0;
	struct batch *b = calloc(1, sizeof(*b));
	if (!b) {
		tenant_unref(tenant);
		return ERR_NOMEM;
	}
	b->r = r;
	b->tenant = tenant;
	buf_init(&b->body, BODY_MAX);
	b->next = r->picked;
	r->picked = b;
	if (!(b->after = str_dup(str_of(after))))
		return ERR_NOMEM;
	enum err err =
	    store_account_list(tx, tenant->client_key, str_of(after), REPORT_ACCOUNTS_MAX + 1, a, &users, &count);
	b->last = count <= REPORT_ACCOUNTS_MAX;
	if (!b->last)
		count = REPORT_ACCOUNTS_MAX;
	for (size_t i = 0; err == OK && i < count; i++) {
		b->ids[i] = str_dup(str_of(users[i].account_id));
		if (!b->ids[i])
			return ERR_NOMEM;
		b->count++;
	}
	if (err == OK)
		report_write(&b->body, users, count);
	return err == OK ? b->body.err : err;
}

static void drop_picked(struct reporter *r)
{
	for (struct batch *b; (b = r->picked);) {
		r->picked = b->next;
		batch_free(b);
	}
}

static enum err pick_run(struct store_job *job, struct store_tx *tx)
{
	struct reporter *r = (struct reporter *)(void *)((char *)job - offsetof(struct reporter, pick));
	const int64_t now = clock_wall_ms(r->c->clock);
	struct report_row *due = NULL;
	size_t count = 0;
	__cleanup(arena_release) struct arena a;
	arena_init(&a, ARENA_MAX);
	drop_picked(r); /* of a run before this one */
	enum err err = store_reports_due(tx, now, TENANTS_MAX, &a, &due, &count);
	for (size_t i = 0; err == OK && i < count; i++) {
		const struct tenant *tenant = tenants_find(r->c->tenants, str_of(due[i].client_key));
		if (tenant && tenant->kind == TENANT_CONNECT && tenant->shared_secret.len > 0 &&
		    (tenant->status == TENANT_INSTALLED || tenant->status == TENANT_ENABLED)) {
			err = batch_new(r, tx, tenant, due[i].after_account, &a);
			continue;
		}
		tenant_unref(tenant); /* its host would not hear us */
		due[i].next_at = now + DAY_MS;
		err = store_report_set(tx, &due[i]);
	}
	pthread_mutex_lock(&r->lock);
	r->more = count == TENANTS_MAX;
	pthread_mutex_unlock(&r->lock);
	return err;
}

static void pick_done(struct store_job *job, enum err err)
{
	struct reporter *r = (struct reporter *)(void *)((char *)job - offsetof(struct reporter, pick));
	if (err != OK) {
		log_event(LOG_ERROR, "report.not_started", LF_Z("error", err_name(err)));
		drop_picked(r);
	}
	struct batch *b = r->picked, *next;
	r->picked = NULL;
	for (; b; b = next) {
		next = b->next;
		busy_begin(r);
		if (b->count > 0) {
			call_host(b);
		} else { /* whoever was there is erased */
			b->reported = true;
			b->wait_ms = REPORT_CYCLE_DAYS * DAY_MS;
			store_outcome(b);
		}
	}
	busy_end(r, err, false);
}

static void round_due(void *reporter)
{
	struct reporter *r = reporter;
	busy_begin(r);
	r->pick = (struct store_job){.run = pick_run, .done = pick_done};
	enum err err = store_submit(r->c->store, &r->pick);
	if (err != OK)
		pick_done(&r->pick, err);
}

enum err report_start(struct connect *c)
{
	static const char name[] = "licgate_personal_data_reports_total",
	                  help[] = "Accounts reported to a host, by result.";
	struct reporter *r = calloc(1, sizeof(*r));
	if (!r)
		return ERR_NOMEM;
	r->c = c;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->idle, NULL);
	r->ok = metric_counter(name, help, "result=\"ok\"");
	r->failed = metric_counter(name, help, "result=\"failed\"");
	r->limited = metric_counter(name, help, "result=\"limited\"");
	r->closed = metric_counter("licgate_accounts_closed_total", "Accounts erased because they are closed.", NULL);
	c->reporter = r;
	enum err err = timer_set(c->timers, &r->timer, ROUND_FIRST_MS, round_due, r);
	if (err != OK)
		report_stop(c);
	return err;
}

void report_stop(struct connect *c)
{
	struct reporter *r = c->reporter;
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_mutex_unlock(&r->lock);
	timer_cancel_wait(c->timers, &r->timer);
	pthread_mutex_lock(&r->lock);
	while (r->busy > 0)
		pthread_cond_wait(&r->idle, &r->lock);
	pthread_mutex_unlock(&r->lock);
	c->reporter = NULL;
	pthread_cond_destroy(&r->idle);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
