/* gate.c - see gate.h. Runs on the request's worker; nothing here blocks. */
#include "connect/gate.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/metrics.h"
#include "license/lookup.h"

static void wake(void *req)
{
	request_wake(req);
}

bool gate_decide(struct connect *c, struct request *req, const struct tenant *tenant, const struct request_signal *sig,
                 handler_fn *again, struct license_decision *ret)
{
	bool wait = false;
	struct license_decision d = lookups_decide(c->lookups, tenant, sig, &wait);
	if (!wait || !again) {
		*ret = d;
		return true;
	}
	/* The request must be waiting before anybody may wake it. */
	request_wait(req, again);
	if (!lookups_wait(c->lookups, tenant, wake, req))
		request_wake(req);
	return false;
}

/* One counter for each combination, registered when it is first seen. */
static void count_verdict(const struct ruling *r, const struct license_decision *d)
{
	static _Atomic(struct metric *) counters[VERDICT_ALLOW + 1][STATE_COUNT][SOURCE_COUNT];
	_Atomic(struct metric *) *slot = &counters[r->verdict][d->state][d->source];
	struct metric *m = atomic_load_explicit(slot, memory_order_acquire);
	if (!m) {
		char labels[128];
		snprintf(labels, sizeof(labels), "verdict=\"%s\",state=\"%s\",source=\"%s\"", verdict_name(r->verdict),
		         license_state_name(d->state), license_source_name(d->source));
		m = metric_counter("licgate_verdicts_total", "Rulings on gated requests.", labels);
		atomic_store_explicit(slot, m, memory_order_release);
	}
	metric_inc(m);
}

struct ruling gate_rule(struct connect *c, const struct feature *f, const struct tenant *tenant,
                        const struct license_decision *d, struct str account_id)
{
	struct ruling r = feature_ruling(c->lookups, f, tenant, d, account_id);
	/* A seat is taken last, so that a request that is denied for another reason takes none. */
	if (r.verdict != VERDICT_DENY && f->seats)
		r = policy_rule(f, d, tenant->first_installed_at, seat_take(c->lookups, tenant, account_id));
	count_verdict(&r, d);
	return r;
}

bool gate_method_reads(struct str method)
{
	return str_eqz(method, "GET") || str_eqz(method, "HEAD");
}
