/* gate.c - see gate.h. Runs on the request's worker; nothing here blocks. */
#include "connect/gate.h"

#include "license/lookup.h"

static void wake(void *req)
{
	request_wake(req);
}

bool gate_decide(struct connect *c, struct request *req, const struct tenant *tenant, const struct request_signal *sig,
                 handler_fn *again, struct license_decision *ret)
{
	bool wait = false;
	struct license_decision d = lookups_decide(c->lookups, tenant, sig, again ? &wait : NULL);
	if (!wait) {
		*ret = d;
		return true;
	}
	gate_wait(c, req, tenant, again);
	return false;
}

void gate_wait(struct connect *c, struct request *req, const struct tenant *tenant, handler_fn *again)
{
	/* The request must be waiting before anybody may wake it. */
	request_wait(req, again);
	if (!lookups_wait(c->lookups, tenant, wake, req))
		request_wake(req);
}

bool gate_method_reads(struct str method)
{
	return str_eqz(method, "GET") || str_eqz(method, "HEAD");
}
