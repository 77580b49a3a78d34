/* metrics.c - the registry. See metrics.h; format: Prometheus text exposition 0.0.4.
 *
 * Metrics hang in a list kept in order of name, so that rendering is one pass and every family stands together. The
 * lock guards the list; values are atomics that hot paths touch without it. What is asked when rendered may look into
 * the database: the lock is let go meanwhile, so that nobody who counts waits for that, and `rendering` keeps what is
 * being asked from being forgotten. `rendering` is taken before the lock. */
#include "base/metrics.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum kind { COUNTER, GAUGE, HISTOGRAM };
static const char *const kind_names[] = {"counter", "gauge", "histogram"};

static const struct bucket {
	int64_t us;
	const char *le;
} buckets[] = {
    {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"},
    {50000, "0.05"},  {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},
    {2500000, "2.5"}, {5000000, "5"},   {10000000, "10"}, {30000000, "30"}, {INT64_MAX, "+Inf"},
};
enum { BUCKETS = sizeof(buckets) / sizeof(buckets[0]) };

struct metric {
	struct metric *next;
	const char *name, *help;
	char *labels; /* "" when none */
	enum kind kind;
	_Atomic int64_t value; /* of a histogram: sum in microseconds */
	_Atomic int64_t counts[BUCKETS];
	int64_t (*fn)(void *arg); /* instead of value */
	void *arg;
};

static pthread_mutex_t rendering = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct metric *first;
static struct metric dummy;

/* Where a metric of that name and labels is, or where it belongs. */
static struct metric **find(const char *name, const char *labels)
{
	struct metric **at = &first;
	for (; *at; at = &(*at)->next) {
		int order = strcmp((*at)->name, name);
		if (order > 0 || (order == 0 && strcmp((*at)->labels, labels) == 0))
			break;
	}
	return at;
}

/* With the lock held. NULL when out of memory. */
static struct metric *find_or_add(const char *name, const char *help, const char *labels, enum kind kind)
{
	labels = labels ? labels : "";
	struct metric **at = find(name, labels);
	if (*at && strcmp((*at)->name, name) == 0) {
		assert((*at)->kind == kind);
		return *at;
	}
	struct metric *m = calloc(1, sizeof(*m));
	char *copy = str_dup(str_of(labels));
	if (!m || !copy) {
		free(m);
		free(copy);
		return NULL;
	}
	m->name = name;
	m->help = help;
	m->labels = copy;
	m->kind = kind;
	m->next = *at;
	*at = m;
	return m;
}

static struct metric *add(const char *name, const char *help, const char *labels, enum kind kind)
{
	pthread_mutex_lock(&lock);
	struct metric *m = find_or_add(name, help, labels, kind);
	pthread_mutex_unlock(&lock);
	return m ? m : &dummy;
}

struct metric *metric_counter(const char *name, const char *help, const char *labels)
{
	return add(name, help, labels, COUNTER);
}

struct metric *metric_gauge(const char *name, const char *help, const char *labels)
{
	return add(name, help, labels, GAUGE);
}

struct metric *metric_histogram(const char *name, const char *help, const char *labels)
{
	return add(name, help, labels, HISTOGRAM);
}

void metric_gauge_fn(const char *name, const char *help, const char *labels, int64_t (*fn)(void *arg), void *arg)
{
	pthread_mutex_lock(&lock);
	struct metric *m = find_or_add(name, help, labels, GAUGE);
	if (m) {
		m->fn = fn;
		m->arg = arg;
	}
	pthread_mutex_unlock(&lock);
}

void metric_forget(void *arg)
{
	pthread_mutex_lock(&rendering);
	pthread_mutex_lock(&lock);
	struct metric **at = &first;
	while (*at) {
		struct metric *m = *at;
		if (m->fn && m->arg == arg) {
			*at = m->next;
			free(m->labels);
			free(m);
		} else {
			at = &m->next;
		}
	}
	pthread_mutex_unlock(&lock);
	pthread_mutex_unlock(&rendering);
}

void metric_add(struct metric *m, int64_t n)
{
	atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

void metric_set(struct metric *m, int64_t n)
{
	atomic_store_explicit(&m->value, n, memory_order_relaxed);
}

void metric_observe_us(struct metric *m, int64_t us)
{
	size_t i = 0;
	us = us < 0 ? 0 : us;
	while (us > buckets[i].us)
		i++;
	atomic_fetch_add_explicit(&m->counts[i], 1, memory_order_relaxed);
	metric_add(m, us);
}

int64_t metric_value(const struct metric *m)
{
	if (m->kind != HISTOGRAM)
		return atomic_load_explicit(&m->value, memory_order_relaxed);
	int64_t count = 0;
	for (size_t i = 0; i < BUCKETS; i++)
		count += atomic_load_explicit(&m->counts[i], memory_order_relaxed);
	return count;
}

/* name_suffix{labels,le="..."}, as far as there are any. */
static void write_name(struct buf *out, const struct metric *m, const char *suffix, const char *le)
{
	buf_z(out, m->name);
	buf_z(out, suffix);
	if (m->labels[0] || le) {
		buf_char(out, '{');
		buf_z(out, m->labels);
		if (le)
			buf_printf(out, "%sle=\"%s\"", m->labels[0] ? "," : "", le);
		buf_char(out, '}');
	}
	buf_char(out, ' ');
}

static void write_histogram(struct buf *out, const struct metric *m)
{
	int64_t sum = atomic_load_explicit(&m->value, memory_order_relaxed);
	int64_t count = 0;
	for (size_t i = 0; i < BUCKETS; i++) {
		count += atomic_load_explicit(&m->counts[i], memory_order_relaxed);
		write_name(out, m, "_bucket", buckets[i].le);
		buf_printf(out, "%lld\n", (long long)count);
	}
	write_name(out, m, "_sum", NULL);
	buf_printf(out, "%lld.%06lld\n", (long long)(sum / 1000000), (long long)(sum % 1000000));
	write_name(out, m, "_count", NULL);
	buf_printf(out, "%lld\n", (long long)count); /* the very sum of the buckets, as readers check */
}

/* With both locks held. */
static int64_t ask(const struct metric *m)
{
	int64_t (*const fn)(void *arg) = m->fn;
	void *const arg = m->arg;
	pthread_mutex_unlock(&lock);
	const int64_t value = fn(arg);
	pthread_mutex_lock(&lock);
	return value;
}

void metrics_render(struct buf *out)
{
	pthread_mutex_lock(&rendering);
	pthread_mutex_lock(&lock);
	const char *family = "";
	for (const struct metric *m = first; m; m = m->next) {
		if (strcmp(m->name, family) != 0)
			buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, kind_names[m->kind]);
		family = m->name;
		if (m->kind == HISTOGRAM) {
			write_histogram(out, m);
			continue;
		}
		write_name(out, m, "", NULL);
		buf_int(out, m->fn ? ask(m) : metric_value(m));
		buf_char(out, '\n');
	}
	pthread_mutex_unlock(&lock);
	pthread_mutex_unlock(&rendering);
}
