/* metrics.h - counters, gauges and histograms in Prometheus text form.
 *
 * One registry for the process. Each part registers its metrics at start and keeps the pointers; a hot path then is
 * one relaxed atomic add. Registering the same name and labels again gives the same metric. Metrics live until
 * exit. A metric that could not be registered (out of memory) is a shared dummy: counting never fails. */
#pragma once
#include <stdint.h>

#include "base/buf.h"

struct metric;
/* labels: rendered, such as `route="/installed",status="204"`, or NULL. name and help must be literals. */
struct metric *metric_counter(const char *name, const char *help, const char *labels);
struct metric *metric_gauge(const char *name, const char *help, const char *labels);
/* Seconds, buckets 1 ms to 30 s. */
struct metric *metric_histogram(const char *name, const char *help, const char *labels);
/* Asked when rendered; it may take its time, and must not forget. arg must live as long as the process, or be withdrawn
 * with metric_forget(arg), after which fn is not running. Registering again replaces fn and arg. */
void metric_gauge_fn(const char *name, const char *help, const char *labels, int64_t (*fn)(void *arg), void *arg);
void metric_forget(void *arg);

void metric_add(struct metric *m, int64_t n);
void metric_set(struct metric *m, int64_t n);
void metric_observe_us(struct metric *m, int64_t us);
int64_t metric_value(const struct metric *m); /* of a histogram: how many were observed */
/* The whole exposition: families in order of name, HELP and TYPE once each. */
void metrics_render(struct buf *out);
static inline void metric_inc(struct metric *m)
{
	metric_add(m, 1);
}
