/* deliver_metrics.c - see deliver_metrics.h. The backlog is counted in the database when somebody asks: whatever
 * process queued it, and exactly. */
#include "events/deliver_metrics.h"

#include <stdatomic.h>

#include "base/log.h"

struct count {
	const char *status;
	int64_t count;
};

static enum err count_read(struct store_tx *tx, void *arg)
{
	struct count *c = arg;
	return store_delivery_count(tx, STR(""), c->status, &c->count);
}

static int64_t count_status(const struct delivery_metrics *m, const char *status)
{
	struct count c = {.status = status};
	return store_read(m->store, count_read, &c) == OK ? c.count : -1;
}

static int64_t gauge_pending(void *m)
{
	return count_status(m, "pending");
}

static int64_t gauge_dead(void *m)
{
	return count_status(m, "dead");
}

static int64_t gauge_in_flight(void *arg)
{
	struct delivery_metrics *m = arg;
	return atomic_load(&m->in_flight);
}

void delivery_metrics_register(struct delivery_metrics *m, struct store *store)
{
	const char *help = "Attempts to deliver an event by result; dead: the last attempt failed.";
	const char *backlog = "Deliveries by status: pending ones wait or are under way.";
	m->store = store;
	m->delivered = metric_counter("licgate_delivery_attempts_total", help, "result=\"delivered\"");
	m->failed = metric_counter("licgate_delivery_attempts_total", help, "result=\"failed\"");
	m->dead = metric_counter("licgate_delivery_attempts_total", help, "result=\"dead\"");
	m->not_made = metric_counter("licgate_delivery_attempts_total", help, "result=\"not_made\"");
	m->seconds = metric_histogram("licgate_delivery_seconds", "Duration of attempts to deliver an event.", NULL);
	metric_gauge_fn("licgate_deliveries", backlog, "status=\"pending\"", gauge_pending, m);
	metric_gauge_fn("licgate_deliveries", backlog, "status=\"dead\"", gauge_dead, m);
	metric_gauge_fn("licgate_deliveries_in_flight", "Attempts under way.", NULL, gauge_in_flight, m);
}

static void log_end(const struct attempt *a, const struct verdict_on_attempt *v)
{
	const bool dead = v->result == ATTEMPT_LAST_FAILED;
	log_event(dead ? LOG_WARN : LOG_INFO, dead ? "delivery.dead" : "delivery.failed", LF_Z("endpoint", a->receiver->id),
	          LF_Z("event_id", a->event_id), LF_Z("error", v->error), LF_INT("status", a->end.status),
	          LF_INT("attempt", a->end.number), LF_INT("ms", a->duration_ms));
	if (v->gone)
		log_event(LOG_WARN, "endpoint.disabled", LF_Z("endpoint", a->receiver->id), LF_Z("reason", "gone"),
		          LF_Z("do", "it answered 410: enable it again in the admin page when it is back"));
}

void delivery_count(struct delivery_metrics *m, const struct attempt *a, const struct verdict_on_attempt *v)
{
	struct metric *by_result[] = {[ATTEMPT_DELIVERED] = m->delivered,
	                              [ATTEMPT_FAILED] = m->failed,
	                              [ATTEMPT_LAST_FAILED] = m->dead,
	                              [ATTEMPT_UNDECIDED] = m->not_made};
	metric_inc(by_result[v->result]);
	if (v->result == ATTEMPT_UNDECIDED)
		return;
	metric_observe_us(m->seconds, a->duration_ms * 1000);
	if (v->result != ATTEMPT_DELIVERED)
		log_end(a, v);
}
