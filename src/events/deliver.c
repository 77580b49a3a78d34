/* deliver.c - see deliver.h.
 *
 * Everything happens in turns, of which there is never more than one: send what the last turn claimed, then one store
 * job that notes what has ended since and claims what may go next, so that notes and claims of many deliveries share a
 * commit. A turn begins when the store tells of new rows, when attempts have ended, when the next retry is due, and
 * once a second for what other processes do; while more wait than may start (schedule.h), every PACED_MS: a backlog is
 * taken in small bites, between which requests run. Whoever has the turn (the timer thread, then the writer thread,
 * then the timer thread again) owns the receivers and their attempts; a call's end only puts its attempt on `ended`,
 * under the lock.
 *
 * Where a note cannot be stored, its attempts are kept and told again: their leases would end, and they would be
 * delivered twice. */
#include "events/deliver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/secret.h"
#include "events/deliver_endpoint.h"
#include "events/deliver_metrics.h"

enum {
	GATHER_MS = 4, /* ends that come close together share a turn */
	PACED_MS = 7,  /* out of step with what others do every 10 ms */
	AFTER_TROUBLE_MS = 1000,
	STOP_WAIT_S = 3,
	PURGE_EVERY_MS = 3600 * 1000,
	PURGE_FIRST_MS = 20 * 1000,
	PURGE_BATCH = 500,
	PURGE_AGAIN_MS = 200,
	OWNER_LEN = 20,
	CLAIM_ARENA_MAX = 16 * 1024 * 1024,
};
static const int64_t DELIVERED_KEEP_MS = 30 * INT64_C(86400000);
static const int64_t DEAD_KEEP_MS = 90 * INT64_C(86400000);

struct claimed {
	const char *endpoint;
	struct delivery_claim *at;
	size_t count;
};

struct deliveries {
	struct deliveries_options options;
	struct http_client *client; /* its own, so that deliveries and licence look-ups never wait for each other */
	char owner[OWNER_LEN + 1];
	_Atomic uint64_t changes;

	pthread_mutex_t lock;
	pthread_cond_t idle;
	struct timer timer;
	int64_t timer_mono_ms; /* when it is set for; INT64_MAX: not set */
	struct attempt *ended; /* newest first */
	bool nudged, stopping;
	bool paced;   /* the last turn claimed all that may start */
	bool job_out; /* the turn is the store's */

	/* of whoever has the turn */
	struct receiver *receivers;
	struct attempt *to_send;
	struct attempt *batch; /* what the job notes */
	size_t first;          /* which endpoint claims first */
	struct start_pace starts;
	int64_t next_purge_mono_ms;
	struct store_job job;
	struct arena arena;
	struct endpoint_row *rows;
	size_t row_count;
	struct claimed *claimed; /* by row */
	int64_t next_due;        /* wall ms; 0: nothing waits */
	bool purging;
	int64_t purged;

	struct delivery_metrics metrics;
};

static void turn(void *arg);

/* Under the lock: the next turn begins by then. */
static void arm(struct deliveries *d, int64_t delay_ms)
{
	const int64_t at = clock_mono_ms(d->options.clock) + delay_ms;
	if (d->stopping || d->job_out || at >= d->timer_mono_ms)
		return;
	if (timer_set(d->options.timers, &d->timer, delay_ms, turn, d) == OK)
		d->timer_mono_ms = at;
}

static void on_queued(void *arg)
{
	struct deliveries *d = arg;
	atomic_fetch_add(&d->changes, 1);
	pthread_mutex_lock(&d->lock);
	d->nudged = true;
	arm(d, 0);
	pthread_mutex_unlock(&d->lock);
}

/* ---- sending ---- */

static void end_attempt(struct attempt *a, enum err err, int status, int64_t retry_after_s, int64_t duration_ms)
{
	struct deliveries *d = a->owner;
	uint16_t jitter = 0;
	(void)random_bytes(&jitter, sizeof(jitter));
	a->end = (struct attempt_end){a->attempts + 1, err, status, retry_after_s, jitter};
	a->ended_at = clock_wall_ms(d->options.clock);
	a->duration_ms = duration_ms;
	pthread_mutex_lock(&d->lock);
	a->link = d->ended;
	d->ended = a;
	/* the last one under way has nothing to wait for */
	const bool last = atomic_fetch_sub(&d->metrics.in_flight, 1) == 1;
	if (last)
		pthread_cond_broadcast(&d->idle);
	arm(d, d->paced ? PACED_MS : last ? 0 : GATHER_MS);
	pthread_mutex_unlock(&d->lock);
}

static void answered(void *arg, const struct http_answer *answer)
{
	end_attempt(arg, answer->err, answer->status, answer->retry_after_s, answer->duration_ms);
}

static void send_one(struct deliveries *d, struct attempt *a)
{
	struct delivery_text text;
	struct http_header headers[4];
	struct http_call call;
	enum err err = attempt_call(a, clock_wall_ms(d->options.clock), &text, headers, &call);
	if (err == OK) {
		call.done = answered;
		call.arg = a;
		err = d->options.call(d->options.caller, &call); /* a may be gone from here */
	}
	buf_release(&text.signature);
	buf_release(&text.timestamp);
	if (err != OK)
		end_attempt(a, err, 0, -1, 0);
}

static void send_claimed(struct deliveries *d)
{
	while (d->to_send) {
		struct attempt *a = d->to_send;
		d->to_send = a->link;
		send_one(d, a);
	}
}

/* ---- the job ---- */

static struct moment moment_of(const struct deliveries *d)
{
	return (struct moment){clock_wall_ms(d->options.clock), clock_mono_ms(d->options.clock)};
}

static enum err note_batch(struct deliveries *d, struct store_tx *tx)
{
	for (struct attempt *a = d->batch; a; a = a->link) {
		const struct verdict_on_attempt v = attempt_judge(&a->end);
		const struct delivery_outcome o = attempt_outcome(a, d->owner, &v);
		enum err err = store_delivery_finish(tx, &o);
		if (err == OK && v.gone)
			err = store_endpoint_disable(tx, str_of(a->receiver->id), "gone", a->ended_at);
		if (err != OK)
			return err;
		a->noted = true;
	}
	const struct moment at = moment_of(d);
	enum err err = OK;
	for (const struct receiver *r = d->receivers; r && err == OK; r = r->next) {
		const int64_t hold = receiver_hold(r, at);
		if (hold)
			err = store_endpoint_hold(tx, str_of(r->id), hold);
	}
	return err;
}

static bool lane_busy(void *receiver, const char *lane)
{
	return receiver_lane_busy(receiver, lane);
}

static void release_batch(struct deliveries *d)
{
	while (d->batch) {
		struct attempt *a = d->batch;
		d->batch = a->link;
		attempt_free(a);
	}
}

static enum err claim_for(struct deliveries *d, struct store_tx *tx, size_t i, size_t room)
{
	struct receiver *r = receiver_find(d->receivers, d->rows[i].id);
	const int64_t mono = clock_mono_ms(d->options.clock), now = clock_wall_ms(d->options.clock);
	const size_t share = r ? receiver_share(r, room, mono) : 0, startable = starts_free(&d->starts, mono);
	const size_t own = share < startable ? share : startable;
	d->claimed[i] = (struct claimed){.endpoint = d->rows[i].id};
	if (own == 0)
		return OK;
	const struct claiming c = {.endpoint = r->id,
	                           .owner = d->owner,
	                           .now = now,
	                           .lease_until = now + DELIVERY_LEASE_MS,
	                           .max = own,
	                           .busy = lane_busy,
	                           .arg = r};
	int64_t next = 0;
	enum err err = store_deliveries_claim(tx, &c, &d->arena, &d->claimed[i].at, &d->claimed[i].count);
	if (err == OK)
		err = store_deliveries_next(tx, r->id, &next);
	if (next > now && (d->next_due == 0 || next < d->next_due))
		d->next_due = next;
	return err;
}

/* Endpoints take turns at being first, so that all get their share of the total. */
static enum err claim_all(struct deliveries *d, struct store_tx *tx)
{
	size_t room = IN_FLIGHT_TOTAL - receivers_under_way(d->receivers);
	d->claimed = arena_zalloc(&d->arena, (d->row_count + 1) * sizeof(*d->claimed));
	if (!d->claimed)
		return ERR_NOMEM;
	d->next_due = 0;
	d->first++;
	for (size_t k = 0; k < d->row_count; k++) {
		const size_t i = (d->first + k) % d->row_count;
		enum err err = claim_for(d, tx, i, room);
		if (err != OK)
			return err;
		room -= d->claimed[i].count;
		starts_take(&d->starts, d->claimed[i].count);
	}
	return OK;
}

static enum err follow_rows(struct deliveries *d, struct store_tx *tx)
{
	enum err err = store_endpoint_list(tx, &d->arena, &d->rows, &d->row_count);
	for (size_t i = 0; err == OK && i < d->row_count; i++)
		err = receiver_follow(&d->receivers, &d->rows[i], d->options.keys, moment_of(d));
	return err;
}

static enum err purge(struct deliveries *d, struct store_tx *tx)
{
	const int64_t now = clock_wall_ms(d->options.clock);
	d->purged = 0;
	enum err err = store_deliveries_purge(tx, now - DELIVERED_KEEP_MS, now - DEAD_KEEP_MS, PURGE_BATCH, &d->purged);
	return err == OK ? store_endpoints_forget_secrets(tx, now) : err;
}

static enum err turn_run(struct store_job *job, struct store_tx *tx)
{
	struct deliveries *d = (struct deliveries *)(void *)((char *)job - offsetof(struct deliveries, job));
	arena_release(&d->arena);
	arena_init(&d->arena, CLAIM_ARENA_MAX);
	d->row_count = 0;
	enum err err = note_batch(d, tx);
	if (err == OK && d->purging)
		err = purge(d, tx);
	if (err == OK)
		err = follow_rows(d, tx);
	return err == OK ? claim_all(d, tx) : err;
}

/* ---- after the commit ---- */

static void take_claims(struct deliveries *d)
{
	for (size_t i = 0; i < d->row_count; i++) {
		struct receiver *r = receiver_find(d->receivers, d->claimed[i].endpoint);
		for (size_t k = 0; k < d->claimed[i].count; k++) {
			struct attempt *a = NULL;
			if (!r || attempt_new(r, &d->claimed[i].at[k], d, &a) != OK)
				continue; /* out of memory: its lease ends by itself */
			a->link = d->to_send;
			d->to_send = a;
			atomic_fetch_add(&d->metrics.in_flight, 1);
		}
	}
}

/* When to look again where nothing else happens. */
static int64_t next_look_ms(const struct deliveries *d)
{
	const int64_t now = clock_wall_ms(d->options.clock);
	const int64_t delay = receivers_look_ms(d->receivers, clock_mono_ms(d->options.clock));
	return d->next_due > now && d->next_due - now < delay ? d->next_due - now : delay;
}

/* The turn's last act: from here on another one may begin. */
static void pass_on(struct deliveries *d, int64_t delay_ms)
{
	pthread_mutex_lock(&d->lock);
	d->job_out = false;
	d->paced = starts_free(&d->starts, clock_mono_ms(d->options.clock)) == 0;
	if (d->to_send || (d->nudged && !d->paced))
		delay_ms = 0;
	else if (d->paced && delay_ms > PACED_MS)
		delay_ms = PACED_MS;
	else if (d->ended && delay_ms > GATHER_MS)
		delay_ms = GATHER_MS;
	arm(d, delay_ms);
	pthread_cond_broadcast(&d->idle);
	pthread_mutex_unlock(&d->lock);
}

static void turn_done(struct store_job *job, enum err err)
{
	struct deliveries *d = (struct deliveries *)(void *)((char *)job - offsetof(struct deliveries, job));
	if (err != OK) {
		for (struct attempt *a = d->batch; a; a = a->link)
			a->noted = false; /* they wait for the next turn */
		for (struct receiver *r = d->receivers; r; r = r->next)
			r->held_until = 0; /* so does that */
		pass_on(d, AFTER_TROUBLE_MS);
		return;
	}
	if (d->purging)
		d->next_purge_mono_ms =
		    clock_mono_ms(d->options.clock) + (d->purged >= PURGE_BATCH ? PURGE_AGAIN_MS : PURGE_EVERY_MS);
	for (const struct attempt *a = d->batch; a; a = a->link) {
		const struct verdict_on_attempt v = attempt_judge(&a->end);
		delivery_count(&d->metrics, a, &v);
	}
	if (d->batch)
		atomic_fetch_add(&d->changes, 1);
	release_batch(d);
	take_claims(d);
	receivers_sweep(&d->receivers);
	pass_on(d, next_look_ms(d));
}

/* What the ends of one endpoint say together about its pace. */
static void pace(struct deliveries *d, const struct attempt *ended, struct receiver *r)
{
	size_t delivered = 0;
	bool slow_down = false;
	int64_t slow_for_ms = 0;
	for (const struct attempt *a = ended; a; a = a->link) {
		if (a->receiver != r)
			continue;
		const struct verdict_on_attempt v = attempt_judge(&a->end);
		delivered += v.result == ATTEMPT_DELIVERED;
		slow_down = slow_down || v.slow_down;
		slow_for_ms = v.slow_for_ms > slow_for_ms ? v.slow_for_ms : slow_for_ms;
	}
	receiver_pace(r, delivered, slow_down, slow_for_ms, clock_mono_ms(d->options.clock));
}

/* Adds what has ended to what a failed turn left; its endpoints are slowed down before anything is claimed for them. */
static void take_ended(struct deliveries *d)
{
	pthread_mutex_lock(&d->lock);
	struct attempt *ended = d->ended;
	d->ended = NULL;
	d->nudged = false;
	pthread_mutex_unlock(&d->lock);
	if (!ended)
		return;
	for (struct receiver *r = d->receivers; r; r = r->next)
		pace(d, ended, r);
	struct attempt *last = ended;
	while (last->link)
		last = last->link;
	last->link = d->batch;
	d->batch = ended;
}

static void turn(void *arg)
{
	struct deliveries *d = arg;
	pthread_mutex_lock(&d->lock);
	d->timer_mono_ms = INT64_MAX;
	const bool go = !d->job_out && !d->stopping;
	d->job_out = d->job_out || go; /* from here on the turn is ours */
	pthread_mutex_unlock(&d->lock);
	if (!go)
		return;
	send_claimed(d);
	take_ended(d);
	d->purging = clock_mono_ms(d->options.clock) >= d->next_purge_mono_ms;
	/* lazy: what a power failure takes back is delivered again, with the same id */
	d->job = (struct store_job){.run = turn_run, .done = turn_done, .lazy = true};
	enum err err = store_submit(d->options.store, &d->job);
	if (err != OK)
		turn_done(&d->job, err);
}

uint64_t deliveries_changes(const struct deliveries *d)
{
	return d ? atomic_load(&d->changes) : 0;
}

/* ---- life ---- */

static enum err call_client(void *client, const struct http_call *call)
{
	return http_client_call(client, call);
}

static enum err own_client(struct deliveries *d)
{
	const struct http_client_options co = {.clock = d->options.clock,
	                                       .part = "deliveries",
	                                       .background = true,
	                                       .allow_insecure = d->options.allow_insecure,
	                                       .timeout_ms = DELIVERY_TIMEOUT_MS,
	                                       .in_flight_max = IN_FLIGHT_TOTAL,
	                                       .queue_max = 2 * IN_FLIGHT_TOTAL,
	                                       .per_host_max = IN_FLIGHT_TOTAL};
	d->options.call = call_client;
	enum err err = http_client_new(&co, &d->client);
	d->options.caller = d->client;
	return err;
}

enum err deliveries_start(const struct deliveries_options *o, struct deliveries **ret)
{
	struct deliveries *d = calloc(1, sizeof(*d));
	if (!d)
		return ERR_NOMEM;
	d->options = *o;
	d->timer_mono_ms = INT64_MAX;
	d->next_purge_mono_ms = clock_mono_ms(o->clock) + PURGE_FIRST_MS;
	arena_init(&d->arena, CLAIM_ARENA_MAX);
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->idle, NULL);
	delivery_metrics_register(&d->metrics, o->store);
	enum err err = random_text(d->owner, OWNER_LEN) ? OK : ERR_IO;
	if (err == OK && !o->call)
		err = own_client(d);
	if (err != OK) {
		deliveries_stop(d);
		return err;
	}
	store_watch_deliveries(o->store, on_queued, d);
	on_queued(d);
	*ret = d;
	return OK;
}

static enum err note_last(struct store_tx *tx, void *arg)
{
	return note_batch(arg, tx);
}

/* What is answered now is not delivered twice. */
static void await_answers(struct deliveries *d)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_WAIT_S;
	pthread_mutex_lock(&d->lock);
	while (atomic_load(&d->metrics.in_flight) > 0)
		if (pthread_cond_clockwait(&d->idle, &d->lock, CLOCK_MONOTONIC, &until) != 0)
			break;
	pthread_mutex_unlock(&d->lock);
}

void deliveries_stop(struct deliveries *d)
{
	if (!d)
		return;
	store_watch_deliveries(d->options.store, NULL, NULL);
	pthread_mutex_lock(&d->lock);
	d->stopping = true;
	pthread_mutex_unlock(&d->lock);
	timer_cancel_wait(d->options.timers, &d->timer);
	pthread_mutex_lock(&d->lock);
	while (d->job_out)
		pthread_cond_wait(&d->idle, &d->lock);
	pthread_mutex_unlock(&d->lock);
	for (struct attempt *a = d->to_send, *next; a; a = next) {
		next = a->link;
		end_attempt(a, ERR_STOPPING, 0, -1, 0);
	}
	d->to_send = NULL;
	await_answers(d);
	http_client_stop(d->client); /* calls in flight end now */
	take_ended(d);
	if (d->batch && store_write(d->options.store, note_last, d) != OK)
		log_event(LOG_WARN, "deliveries.not_noted", LF_Z("then", "what was under way is delivered again"));
	metric_forget(&d->metrics);
	http_client_free(d->client);
	receivers_free(d->receivers);
	arena_release(&d->arena);
	pthread_cond_destroy(&d->idle);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
