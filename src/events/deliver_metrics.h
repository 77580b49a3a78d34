/* deliver_metrics.h - what is counted and logged of deliveries. Of deliver.c alone. */
#pragma once
#include "base/metrics.h"
#include "events/deliver_endpoint.h"

struct delivery_metrics {
	struct store *store;
	_Atomic int64_t in_flight;
	struct metric *delivered, *failed, *dead, *not_made, *seconds;
};
/* m must live until metric_forget(m). */
void delivery_metrics_register(struct delivery_metrics *m, struct store *store);
/* Counts an attempt's end that is stored, and logs what went wrong. */
void delivery_count(struct delivery_metrics *m, const struct attempt *a, const struct verdict_on_attempt *v);
