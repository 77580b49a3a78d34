/* lookup.c - decisions of requests, look-ups under way, and requests that wait for one. See lookup.h.
 *
 * A decision copies what is known under the tenant's own lock and decides outside of anything shared; it may start a
 * look-up, never waits for one. A look-up is a struct flight, at most one per tenant, made when it starts and freed
 * when it ends: 100,000 tenants at rest carry none. One ticker serves the waiting requests of all flights; it runs
 * only while somebody waits. An answer that was got with a secret replaced meanwhile is thrown away and the host
 * asked again: it says nothing about the tenant as it is now. Locks: lookup_internal.h. */
#include <assert.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "license/lookup_internal.h"

enum { TICK_MS = 50, FINAL_SWEEPS = 64 };

static void fetched(void *arg, const struct license_facts *facts, const char *failure);

/* ---- which look-ups there are ---- */

/* By Connect with the tenant's secret, or by another door that says so. */
static bool can_look_up(const struct lookups *l, const struct tenant *tenant)
{
	if (tenant_is_told(tenant))
		return true;
	return tenant->status != TENANT_UNINSTALLED &&
	       (tenant->shared_secret.len > 0 ||
	        atomic_load_explicit(&tenant->live->fetchable_mono, memory_order_relaxed) > clock_mono_ms(l->o.clock));
}

void lookups_fetchable(const struct tenant *tenant, int64_t until_mono_ms)
{
	atomic_store_explicit(&tenant->live->fetchable_mono, until_mono_ms, memory_order_relaxed);
}

/* live->lock held. contradicted: a signed signal of now says other than the kept look-up. */
static bool look_up_due(const struct lookups *l, const struct tenant *tenant, bool contradicted, int64_t now_mono)
{
	const struct live *live = tenant->live;
	if (l->stopping || live->flight || !can_look_up(l, tenant) || (live->failures && now_mono < live->next_try_mono))
		return false;
	if (live->looked_up && tenant_is_told(tenant))
		return false;
	if (!live->looked_up || now_mono - live->fetched_mono >= live->ttl_ms - live->ttl_ms / 5)
		return true;
	return contradicted && now_mono - live->started_mono >= CONTRADICTION_REFRESH_MS;
}

static bool contradicts(const struct license_known *k, const struct request_signal *sig)
{
	enum signal value = request_signal_value(sig);
	if (!k->fresh || value == SIGNAL_ABSENT || value == SIGNAL_AMBIGUOUS)
		return false;
	return signal_licensed(value) != k->valid;
}

static void flight_link(struct lookups *l, struct flight *f)
{
	f->next = l->flights;
	f->back = &l->flights;
	if (f->next)
		f->next->back = &f->next;
	l->flights = f;
	l->busy++;
}

static void flight_unlink(struct flight *f)
{
	*f->back = f->next;
	if (f->next)
		f->next->back = f->back;
}

enum launch { LAUNCH_NOTHING, LAUNCH_JOINED, LAUNCH_NEW };

/* Both locks are taken here. The new flight f is linked, or there is one already, or none is due any more. */
static enum launch flight_prepare(struct lookups *l, const struct tenant *tenant, struct flight *f, bool forced,
                                  bool contradicted, struct after *after)
{
	struct live *live = tenant->live;
	enum launch launch = LAUNCH_NOTHING;
	pthread_mutex_lock(&l->lock);
	pthread_mutex_lock(&live->lock);
	if (live->flight) {
		launch = LAUNCH_JOINED;
		f = live->flight;
	} else if (!l->stopping && f && (forced || look_up_due(l, tenant, contradicted, f->started_mono))) {
		launch = LAUNCH_NEW;
		live->flight = f;
		live->started_mono = f->started_mono;
		f->secret_serial = live->secret_serial;
		f->resource = (int)live->resource;
	}
	pthread_mutex_unlock(&live->lock);
	if (launch == LAUNCH_NEW)
		flight_link(l, f);
	if (launch != LAUNCH_NOTHING && after) {
		after->next = f->afters;
		f->afters = after;
	}
	pthread_mutex_unlock(&l->lock);
	return launch;
}

/* OK: one is under way, and after (may be NULL) belongs to it; or one has ended since the caller found it due. */
static enum err flight_start(struct lookups *l, const struct tenant *tenant, bool forced, bool contradicted,
                             struct after *after)
{
	struct flight *f = calloc(1, sizeof *f);
	if (f) {
		f->l = l;
		f->tenant = tenant;
		f->waiters_end = &f->waiters;
		f->started_mono = clock_mono_ms(l->o.clock);
		tenant_ref(tenant);
	}
	enum launch launch = flight_prepare(l, tenant, f, forced, contradicted, after);
	if (f && launch == LAUNCH_NEW) {
		/* From here on f may end, and be freed, at any moment. */
		if (l->o.fetch(l->o.fetcher, tenant, f->resource, fetched, f) != OK)
			fetched(f, NULL, "not_started");
		return OK;
	}
	if (f)
		tenant_unref(tenant);
	else if (launch == LAUNCH_NOTHING)
		return ERR_NOMEM;
	free(f);
	return launch == LAUNCH_JOINED || !forced ? OK : ERR_STOPPING;
}

/* ---- how one ends ---- */

/* The tenant as it is now, if it has another secret than the flight began with and can be asked again. */
static const struct tenant *tenant_with_new_secret(struct flight *f)
{
	struct live *live = f->tenant->live;
	pthread_mutex_lock(&live->lock);
	uint32_t serial = live->secret_serial;
	pthread_mutex_unlock(&live->lock);
	if (serial == f->secret_serial)
		return NULL;
	const struct tenant *now = tenants_find(f->l->o.tenants, f->tenant->client_key);
	if (!now || now->live != live || !can_look_up(f->l, now)) {
		tenant_unref(now);
		return NULL;
	}
	f->secret_serial = serial;
	return now;
}

static void log_failure(const struct flight *f, const char *failure)
{
	log_event(LOG_INFO, "license.lookup_failed", LF_STR("tenant", f->tenant->client_key), LF_Z("code", failure));
}

/* Takes the flight off the tenant and the result in; whether there is something to store. */
static bool flight_land(struct flight *f, const struct license_facts *facts, const char *failure,
                        struct waiter **ret_waiters)
{
	struct lookups *l = f->l;
	struct live *live = f->tenant->live;
	int64_t wall = clock_wall_ms(l->o.clock), mono = clock_mono_ms(l->o.clock);
	bool news = false;
	pthread_mutex_lock(&l->lock);
	pthread_mutex_lock(&live->lock);
	live->flight = NULL;
	/* The flight's snapshot is not told of an uninstall that followed another install: its secret tells. */
	const bool same_secret = live->secret_serial == f->secret_serial;
	if (!live->removed && same_secret && !tenant_is_closed(f->tenant)) {
		news = facts != NULL;
		if (facts)
			follow_facts(l, f->tenant, facts, wall, mono);
		else
			news = follow_failure(l, live, failure, wall, mono);
		news = follow_time(l, f->tenant, wall, mono) || news;
	}
	pthread_mutex_unlock(&live->lock);
	flight_unlink(f);
	*ret_waiters = TAKE(f->waiters);
	pthread_mutex_unlock(&l->lock);
	return news;
}

static void wake_all(struct lookups *l, struct waiter *list)
{
	while (list) {
		struct waiter *w = list;
		list = w->next;
		atomic_fetch_sub_explicit(&l->waiting, 1, memory_order_relaxed);
		w->wake(w->arg);
		free(w);
	}
}

static void flight_end(struct flight *f, const struct license_facts *facts, const char *failure)
{
	struct lookups *l = f->l;
	struct waiter *waiters;
	struct facts_text *text = facts ? facts_text_new(l, f->tenant, facts) : NULL;
	if (facts && !text) {
		facts = NULL;
		failure = "out_of_memory";
	}
	bool news = flight_land(f, facts, failure, &waiters);
	metric_observe_us(l->seconds, (clock_mono_ms(l->o.clock) - f->started_mono) * 1000);
	metric_inc(facts ? l->ok : l->failed);
	if (!facts)
		log_failure(f, failure);
	wake_all(l, waiters);
	for (struct after *a = f->afters; a; a = a->next)
		a->failure = facts ? NULL : failure;
	if (news || f->afters)
		persist(l, f->tenant, TAKE(text), TAKE(f->afters));
	free(text);
	tenant_unref(f->tenant);
	free(f);
	busy_end(l);
}

static void fetched(void *arg, const struct license_facts *facts, const char *failure)
{
	struct flight *f = arg;
	struct lookups *l = f->l;
	assert(!facts != !failure);
	const struct tenant *now = tenant_with_new_secret(f);
	if (!now) {
		flight_end(f, facts, failure);
		return;
	}
	tenant_unref(f->tenant);
	f->tenant = now;
	if (l->o.fetch(l->o.fetcher, now, 0, fetched, f) != OK)
		flight_end(f, NULL, "not_started");
}

/* ---- decisions ---- */

struct license_decision lookups_decide(struct lookups *l, const struct tenant *tenant, const struct request_signal *sig,
                                       bool *ret_wait)
{
	struct live *live = tenant->live;
	int64_t wall = clock_wall_ms(l->o.clock), mono = clock_mono_ms(l->o.clock);
	struct license_known k;
	bool news;
	pthread_mutex_lock(&live->lock);
	known_of(l, tenant, mono, &k);
	bool signalled = request_signal_value(sig) != SIGNAL_ABSENT;
	news = signalled && follow_signal(live, &k, sig, wall);
	struct license_decision d = license_decide(&k, sig, wall, l->o.grace_ms);
	news = (signalled ? follow_state(live, &d, wall) : follow_time(l, tenant, wall, mono)) || news;
	bool contradicted = contradicts(&k, sig);
	bool due = look_up_due(l, tenant, contradicted, mono), in_flight = live->flight != NULL;
	pthread_mutex_unlock(&live->lock);

	metric_inc(k.fresh ? l->hit : k.stale_usable ? l->stale : l->miss);
	if (news)
		persist(l, tenant, NULL, NULL);
	if (due)
		in_flight = flight_start(l, tenant, false, contradicted, NULL) == OK;
	bool wait = ret_wait && in_flight && d.state == STATE_UNKNOWN && d.source == SOURCE_NONE;
	if (ret_wait)
		*ret_wait = wait;
	if (!wait)
		metric_inc(l->verdicts[d.state][d.source]);
	return d;
}

struct moment lookups_now(const struct lookups *l)
{
	return (struct moment){clock_wall_ms(l->o.clock), clock_mono_ms(l->o.clock)};
}

struct license_decision lookups_state_at(struct lookups *l, const struct tenant *tenant, struct moment now)
{
	pthread_mutex_lock(&tenant->live->lock);
	struct license_decision d = decide_tenant(l, tenant, now.wall_ms, now.mono_ms);
	pthread_mutex_unlock(&tenant->live->lock);
	return d;
}

struct license_decision lookups_state(struct lookups *l, const struct tenant *tenant)
{
	return lookups_state_at(l, tenant, lookups_now(l));
}

struct license_known lookups_known(struct lookups *l, const struct tenant *tenant)
{
	struct license_known k;
	int64_t mono = clock_mono_ms(l->o.clock);
	pthread_mutex_lock(&tenant->live->lock);
	known_of(l, tenant, mono, &k);
	pthread_mutex_unlock(&tenant->live->lock);
	return k;
}

enum err lookups_refresh(struct lookups *l, const struct tenant *tenant, void (*done)(void *arg, const char *failure),
                         void *arg)
{
	if (!can_look_up(l, tenant))
		return ERR_CONFLICT;
	__cleanup_free struct after *after = done ? calloc(1, sizeof *after) : NULL;
	if (done && !after)
		return ERR_NOMEM;
	if (after)
		*after = (struct after){.refreshed = done, .arg = arg};
	enum err err = flight_start(l, tenant, true, false, after);
	if (err == OK)
		after = NULL;
	return err;
}

enum err lookups_told(struct lookups *l, const struct tenant *tenant, const struct license_facts *facts)
{
	assert(tenant_is_told(tenant));
	struct live *live = tenant->live;
	int64_t wall = clock_wall_ms(l->o.clock), mono = clock_mono_ms(l->o.clock);
	__cleanup_free struct facts_text *text = facts_text_new(l, tenant, facts);
	if (!text)
		return ERR_NOMEM;
	pthread_mutex_lock(&live->lock);
	follow_facts(l, tenant, facts, wall, mono);
	(void)follow_time(l, tenant, wall, mono);
	pthread_mutex_unlock(&live->lock);
	persist(l, tenant, TAKE(text), NULL);
	return OK;
}

/* ---- waiting ---- */

static void tick(void *arg)
{
	struct lookups *l = arg;
	struct waiter *due = NULL, **end = &due;
	int64_t mono = clock_mono_ms(l->o.clock);
	bool some_left = false;
	pthread_mutex_lock(&l->lock);
	for (struct flight *f = l->flights; f; f = f->next) {
		while (f->waiters && f->waiters->due_mono <= mono) { /* first come, first due */
			struct waiter *w = f->waiters;
			f->waiters = w->next;
			f->waiter_count--;
			w->next = NULL;
			*end = w;
			end = &w->next;
		}
		if (!f->waiters)
			f->waiters_end = &f->waiters;
		some_left = some_left || f->waiters;
	}
	/* The place in the heap that this call just left is still there: this does not fail. */
	l->ticking = some_left && timer_set(l->o.timers, &l->tick, TICK_MS, tick, l) == OK;
	pthread_mutex_unlock(&l->lock);
	wake_all(l, due);
}

/* lookups.lock held. */
static bool waiter_add(struct lookups *l, struct flight *f, struct waiter *w)
{
	if (f->waiter_count >= WAITERS_MAX)
		return false;
	if (!l->ticking) {
		int64_t delay = l->o.wait_ms < TICK_MS ? l->o.wait_ms : TICK_MS;
		l->ticking = timer_set(l->o.timers, &l->tick, delay, tick, l) == OK;
	}
	if (!l->ticking)
		return false;
	*f->waiters_end = w;
	f->waiters_end = &w->next;
	f->waiter_count++;
	atomic_fetch_add_explicit(&l->waiting, 1, memory_order_relaxed);
	return true;
}

bool lookups_wait(struct lookups *l, const struct tenant *tenant, void (*wake)(void *arg), void *arg)
{
	struct live *live = tenant->live;
	__cleanup_free struct waiter *w = calloc(1, sizeof *w);
	pthread_mutex_lock(&l->lock);
	pthread_mutex_lock(&live->lock);
	struct flight *f = live->flight; /* cannot end while lookups.lock is held */
	pthread_mutex_unlock(&live->lock);
	if (w)
		*w = (struct waiter){.wake = wake, .arg = arg, .due_mono = clock_mono_ms(l->o.clock) + l->o.wait_ms};
	bool waits = f && w && waiter_add(l, f, w);
	pthread_mutex_unlock(&l->lock);
	if (waits)
		w = NULL;
	else if (f)
		wake(arg); /* too many, or no memory: waiting is over at once */
	return f != NULL;
}

/* ---- life ---- */

static int64_t read_waiting(void *lookups)
{
	return atomic_load_explicit(&((struct lookups *)lookups)->waiting, memory_order_relaxed);
}

static struct metric *lookup_counter(const char *label)
{
	return metric_counter("licgate_license_lookups_total",
	                      "Licence decisions by the look-up they found, and look-ups by their end.", label);
}

static void register_metrics(struct lookups *l)
{
	for (unsigned state = 0; state < STATE_COUNT; state++)
		for (unsigned source = 0; source < SOURCE_COUNT; source++) {
			char labels[80];
			struct buf b = BUF_INIT(sizeof labels);
			buf_printf(&b, "state=\"%s\",source=\"%s\"", license_state_name((enum license_state)state),
			           license_source_name((enum license_source)source));
			l->verdicts[state][source] =
			    metric_counter("licgate_license_verdicts_total", "Licence decisions by state and source.", b.data);
			buf_release(&b);
		}
	l->hit = lookup_counter("result=\"hit\"");
	l->stale = lookup_counter("result=\"stale\"");
	l->miss = lookup_counter("result=\"miss\"");
	l->ok = lookup_counter("result=\"ok\"");
	l->failed = lookup_counter("result=\"failed\"");
	l->seconds = metric_histogram("licgate_license_lookup_seconds", "How long licence look-ups took.", NULL);
	metric_gauge_fn("licgate_license_waiting", "Requests that wait for a licence look-up.", NULL, read_waiting, l);
}

enum err lookups_new(const struct lookups_options *o, struct lookups **ret)
{
	struct lookups *l = calloc(1, sizeof *l);
	if (!l)
		return ERR_NOMEM;
	l->o = *o;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->idle, NULL);
	enum err err = sweep_start(l);
	if (err == OK && (err = seat_idle_start(l)) != OK)
		timer_cancel_wait(o->timers, &l->sweep);
	if (err != OK) {
		pthread_cond_destroy(&l->idle);
		pthread_mutex_destroy(&l->lock);
		free(l);
		return err;
	}
	register_metrics(l);
	*ret = l;
	return OK;
}

static void wait_idle(struct lookups *l)
{
	pthread_mutex_lock(&l->lock);
	while (l->busy > 0)
		pthread_cond_wait(&l->idle, &l->lock);
	pthread_mutex_unlock(&l->lock);
}

void lookups_free(struct lookups *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->stopping = true;
	pthread_mutex_unlock(&l->lock);
	wait_idle(l); /* flights have their fetch's deadline, jobs the store's; waiting requests end with their flight */
	timer_cancel_wait(l->o.timers, &l->tick);
	timer_cancel_wait(l->o.timers, &l->sweep);
	timer_cancel_wait(l->o.timers, &l->idle_seats);
	for (int round = 0; round < FINAL_SWEEPS && sweep_finally(l); round++)
		wait_idle(l);
	wait_idle(l);
	metric_forget(l);
	pthread_cond_destroy(&l->idle);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
