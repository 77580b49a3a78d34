/* gate.h - what the licence lets a verified request do: shared by pages, API and forward authentication. */
#pragma once
#include "connect/connect.h"

/* The licence decision for this request. Where nothing is known yet and `again` is given, the request waits for the
 * look-up and `again` runs instead: false, the caller returns at once. Without `again` what is known now is taken. */
bool gate_decide(struct connect *c, struct request *req, const struct tenant *tenant, const struct request_signal *sig,
                 handler_fn *again, struct license_decision *ret);

/* The waiting alone: `again` runs when the look-up under way ends. */
void gate_wait(struct connect *c, struct request *req, const struct tenant *tenant, handler_fn *again);

/* Read-only means: look, do not change. */
bool gate_method_reads(struct str method);
