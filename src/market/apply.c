/* apply.c - see apply.h. What one row does to the store is in apply_row.c. */
#include "market/apply.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "market/apply_row.h"

enum { SLICE_ARENA_MAX = 256 << 20, SLICE_ARENA_KEEP = 8 << 20 };

struct slice {
	struct store_job job;
	struct applier *of;
	struct arena arena;
	struct row *rows;
	size_t count, broken_count;
	struct str *broken; /* elements that were no row */
	struct apply_counts counts;
	bool busy; /* under the lock */
};

struct applier {
	struct apply_options o;
	struct tree tree;
	struct slice slices[APPLY_AHEAD];
	unsigned next;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	enum err err;
	struct apply_counts counts;
	size_t batch; /* rows that take about APPLY_JOB_US */
};

/* Of this thread: waiting for the disk or a core must not make jobs ever smaller. */
static int64_t cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- on the writer's thread ---- */

static enum err run(struct store_job *job, struct store_tx *tx)
{
	struct slice *s = (struct slice *)(void *)job;
	const struct apply_options *o = &s->of->o;
	const int64_t began = cpu_us();
	struct market_lease lease;
	enum err e = store_market_lease_get(tx, &s->arena, &lease);
	if (e == OK && !str_eqz(lease.holder, o->holder))
		e = ERR_CONFLICT;
	if (e != OK)
		return e;
	struct apply_row_place p = {.tx = tx,
	                            .keyring = o->keyring,
	                            .arena = &s->arena,
	                            .at = clock_wall_ms(o->clock),
	                            .run = o->run,
	                            .silent = o->silent,
	                            .alone = o->alone,
	                            .news_last = lease.news_last};
	s->counts = (struct apply_counts){.rows = (int64_t)s->count, .broken = (int64_t)s->broken_count};
	for (size_t i = 0; e == OK && i < s->count; i++)
		e = apply_row(&p, &s->rows[i]);
	for (size_t i = 0; e == OK && i < s->broken_count; i++)
		e = apply_broken(&p, o->row_key, s->broken[i]);
	if (e == OK)
		e = apply_oddities(&p, o->kind);
	if (e == OK)
		e = store_market_lease_keep(tx, str_of(o->holder), p.at + o->lease_ms, p.news_last);
	s->counts.changed = p.changed;
	const int64_t took = cpu_us() - began;
	pthread_mutex_lock(&s->of->lock);
	if (s->count >= APPLY_ROWS_MIN && e == OK) {
		const size_t fits = (size_t)((int64_t)s->count * APPLY_JOB_US / (took > 0 ? took : 1));
		const size_t batch = (s->of->batch * 3 + fits) / 4;
		s->of->batch = batch < APPLY_ROWS_MIN ? APPLY_ROWS_MIN : batch > APPLY_ROWS_MAX ? APPLY_ROWS_MAX : batch;
	}
	pthread_mutex_unlock(&s->of->lock);
	return e;
}

static void done(struct store_job *job, enum err e)
{
	struct slice *s = (struct slice *)(void *)job;
	struct applier *a = s->of;
	pthread_mutex_lock(&a->lock);
	if (e != OK && a->err == OK)
		a->err = e;
	if (e == OK) {
		a->counts.rows += s->counts.rows;
		a->counts.changed += s->counts.changed;
		a->counts.broken += s->counts.broken;
	}
	s->busy = false;
	pthread_cond_signal(&a->freed);
	pthread_mutex_unlock(&a->lock);
}

/* ---- on the poller's ---- */

enum err applier_new(const struct apply_options *o, struct applier **ret)
{
	struct applier *a = calloc(1, sizeof(*a));
	if (!a)
		return ERR_NOMEM;
	a->o = *o;
	a->batch = APPLY_ROWS_MIN * 8;
	tree_init(&a->tree);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->freed, NULL);
	for (size_t i = 0; i < APPLY_AHEAD; i++) {
		struct slice *s = &a->slices[i];
		s->of = a;
		arena_init(&s->arena, SLICE_ARENA_MAX);
		s->rows = calloc(APPLY_ROWS_MAX, sizeof(*s->rows));
		s->broken = calloc(APPLY_ROWS_MAX, sizeof(*s->broken));
		if (!s->rows || !s->broken) {
			applier_free(a);
			return ERR_NOMEM;
		}
	}
	*ret = a;
	return OK;
}

static void wait_for(struct applier *a, struct slice *s)
{
	pthread_mutex_lock(&a->lock);
	while (s->busy) /* the writer answers every job */
		pthread_cond_wait(&a->freed, &a->lock);
	pthread_mutex_unlock(&a->lock);
}

void applier_free(struct applier *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < APPLY_AHEAD; i++) {
		wait_for(a, &a->slices[i]);
		arena_release(&a->slices[i].arena);
		free(a->slices[i].rows);
		free(a->slices[i].broken);
	}
	tree_release(&a->tree);
	pthread_cond_destroy(&a->freed);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static enum err first_error(struct applier *a)
{
	pthread_mutex_lock(&a->lock);
	enum err e = a->err;
	pthread_mutex_unlock(&a->lock);
	return e;
}

static enum err parse(struct applier *a, struct slice *s, const struct str *elements, size_t count)
{
	arena_release(&s->arena);
	arena_init(&s->arena, SLICE_ARENA_MAX);
	s->count = s->broken_count = 0;
	for (size_t i = 0; i < count; i++) {
		enum err e = row_read(&a->tree, a->o.kind, elements[i], &s->arena, &s->rows[s->count]);
		if (e == OK)
			row_raw_hash(a->o.row_key, elements[i], row_content(&s->rows[s->count++])->raw_hash);
		else if (e == ERR_INVALID)
			s->broken[s->broken_count++] = elements[i];
		else
			return e;
	}
	return OK;
}

enum err applier_rows(struct applier *a, const struct str *elements, size_t count)
{
	enum err e = OK;
	while (e == OK && count > 0) {
		const size_t n = count < APPLY_ROWS_MAX ? count : APPLY_ROWS_MAX;
		struct slice *s = &a->slices[a->next++ % APPLY_AHEAD];
		wait_for(a, s);
		if ((e = first_error(a)) == OK)
			e = parse(a, s, elements, n);
		if (e != OK)
			return e;
		s->job = (struct store_job){.run = run, .done = done, .lazy = true};
		s->busy = true;
		e = store_submit(a->o.store, &s->job);
		s->busy = e == OK ? s->busy : false;
		elements += n;
		count -= n;
	}
	return e;
}

size_t applier_batch(const struct applier *a)
{
	struct applier *m = (struct applier *)(uintptr_t)a;
	pthread_mutex_lock(&m->lock);
	size_t batch = a->batch;
	pthread_mutex_unlock(&m->lock);
	return batch;
}

enum err applier_flush(struct applier *a)
{
	for (size_t i = 0; i < APPLY_AHEAD; i++)
		wait_for(a, &a->slices[i]);
	return first_error(a);
}

struct apply_counts applier_counts(const struct applier *a)
{
	return a->counts;
}
