/* writer.c - the one thread that writes: everything that has queued meanwhile shares one transaction and one fsync.
 *
 * A group: wait for the write lock, then take all that waits, a savepoint for each job, one commit, then tell each job.
 * A job that fails is rolled back alone. What loses the whole group (a failed commit, a full disk, a transaction that
 * the database ended by itself) fails every job of it: none is told OK that is not on the disk. After a failure the
 * connection is rolled back, or made anew where that does not help, so that the next group starts clean. While another
 * process holds the write lock, a job waits at most busy_timeout_ms from when it was queued: ERR_BUSY.
 *
 * Lazy jobs (store.h) queue by themselves and are committed without a sync. They take turns with the others, and a
 * group of them ends as soon as another job waits: what is left of it goes on later. Threads: `lock` guards the queue
 * and is held for moments; `conn_lock` guards the connection and is held for a group.
 */
#include "store/writer.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/readers.h"

enum { GROUP_MAX = 256, EMPTY_LOG_WAIT_MS = 200, EMPTY_LOG_PAUSE_MS = 1000 };

struct queue {
	struct store_job *head, **tail;
	unsigned count;
};

struct writer {
	const struct sql_backend *sql;
	const struct sql_target *target;
	const struct clock *clock;
	unsigned queue_max;
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t came;
	struct queue queue, lazy;
	bool lazy_last; /* the last group's kind: the other one is next */
	bool stopping;

	pthread_mutex_t conn_lock;
	struct sql_conn *conn; /* NULL after a failure: made anew by the next group */

	pthread_mutex_t watch_lock; /* held while the watcher runs */
	void (*watch)(void *arg);   /* told after a commit that queued deliveries; may be NULL */
	void *watch_arg;
	bool deliveries_queued;  /* by the group under way; writer thread */
	bool erased;             /* by it, or by one before after which the log could not be emptied; likewise */
	int64_t emptied_mono_ms; /* when the log was; 0: never; likewise */

	_Atomic int health;   /* enum err of the last group */
	_Atomic bool probing; /* the probe is queued */
	struct store_job probe;

	struct metric *commits, *commit_seconds, *jobs_ok, *jobs_refused, *jobs_failed;
};

/* ---- queue ---- */

static void push(struct queue *q, struct store_job *job)
{
	if (!q->count)
		q->tail = &q->head;
	job->next = NULL;
	*q->tail = job;
	q->tail = &job->next;
	q->count++;
}

static struct store_job *pop(struct queue *q)
{
	struct store_job *job = q->head;
	q->head = job->next;
	q->count--;
	return job;
}

enum err writer_submit(struct writer *w, struct store_job *job)
{
	enum err e = OK;
	job->result = OK;
	job->queued_mono_ms = clock_mono_ms(w->clock);
	pthread_mutex_lock(&w->lock);
	if (w->stopping)
		e = ERR_STOPPING;
	else if (w->queue.count + w->lazy.count >= w->queue_max)
		e = ERR_FULL;
	else
		push(job->lazy ? &w->lazy : &w->queue, job);
	pthread_cond_signal(&w->came);
	pthread_mutex_unlock(&w->lock);
	return e;
}

int64_t writer_depth(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	int64_t depth = w->queue.count + w->lazy.count;
	pthread_mutex_unlock(&w->lock);
	return depth;
}

/* Which jobs are next; NULL: stopping, and nothing waits any more. ret_oldest: when the oldest was queued. */
static struct queue *wait_for_jobs(struct writer *w, int64_t *ret_oldest)
{
	pthread_mutex_lock(&w->lock);
	while (!w->queue.count && !w->lazy.count && !w->stopping)
		pthread_cond_wait(&w->came, &w->lock);
	struct queue *q = w->lazy.count && (!w->queue.count || !w->lazy_last) ? &w->lazy : &w->queue;
	w->lazy_last = q == &w->lazy;
	if (q->count)
		*ret_oldest = q->head->queued_mono_ms;
	else
		q = NULL;
	pthread_mutex_unlock(&w->lock);
	return q;
}

/* At most GROUP_MAX jobs queued not later than `until`. */
static struct queue take(struct writer *w, struct queue *from, int64_t until)
{
	struct queue group = {0};
	pthread_mutex_lock(&w->lock);
	while (from->count && group.count < GROUP_MAX && from->head->queued_mono_ms <= until)
		push(&group, pop(from));
	pthread_mutex_unlock(&w->lock);
	return group;
}

/* What is behind the last job that ran goes back to the front, where it came from. */
static void put_back(struct writer *w, struct queue *group, struct store_job *last, unsigned ran)
{
	struct queue rest = {.head = last->next, .tail = group->tail, .count = group->count - ran};
	last->next = NULL;
	group->tail = &last->next;
	group->count = ran;
	pthread_mutex_lock(&w->lock);
	*rest.tail = w->lazy.count ? w->lazy.head : NULL;
	if (!w->lazy.count)
		w->lazy.tail = rest.tail;
	w->lazy.head = rest.head;
	w->lazy.count += rest.count;
	pthread_mutex_unlock(&w->lock);
}

static bool others_wait(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	bool wait = w->queue.count > 0;
	pthread_mutex_unlock(&w->lock);
	return wait;
}

/* ---- a group ---- */

static enum err control(struct writer *w, const char *text)
{
	struct store_tx tx = {.sql = w->sql, .conn = w->conn, .writable = true};
	return sql_run_values(&tx, NULL, text, NULL, 0);
}

/* The job's own outcome goes into job->result; the answer is the group's: not OK when the transaction is lost.
 * ret_failed is set where the database failed this job, but not the group. */
static enum err run_job(struct writer *w, struct store_job *job, enum err *ret_failed)
{
	struct store_tx tx = {.sql = w->sql, .conn = w->conn, .writable = true};
	enum err e = control(w, "SAVEPOINT job");
	if (e != OK)
		return e;
	e = job->run(job, &tx);
	if (tx.failed != OK)
		*ret_failed = e = tx.failed;
	job->result = e;
	w->deliveries_queued = w->deliveries_queued || (e == OK && tx.deliveries_queued);
	w->erased = w->erased || (e == OK && tx.erased);
	if (!w->sql->in_transaction(w->conn))
		return e != OK ? e : ERR_IO;
	if (e != OK && control(w, "ROLLBACK TO job") != OK)
		return e;
	return control(w, "RELEASE job");
}

static enum err run_group(struct writer *w, struct queue *group, enum err *ret_failed)
{
	unsigned ran = 0;
	for (struct store_job *job = group->head; job; job = job->next) {
		enum err e = run_job(w, job, ret_failed);
		if (e != OK)
			return e;
		ran++;
		if (job->lazy && job->next && others_wait(w))
			put_back(w, group, job, ran);
	}
	struct timespec from, to;
	clock_gettime(CLOCK_MONOTONIC, &from);
	enum err e = w->sql->commit(w->conn);
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (e != OK)
		return e;
	metric_inc(w->commits);
	metric_observe_us(w->commit_seconds, (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000);
	return OK;
}

/* Says it when the store's health turns, not for every group. */
static void note_health(struct writer *w, enum err e, const char *trouble)
{
	enum err before = (enum err)atomic_exchange(&w->health, (int)e);
	if (e != OK && before == OK)
		log_event(LOG_ERROR, "store.failed", LF_Z("error", err_name(e)), LF_Z("trouble", trouble));
	else if (e == OK && before != OK)
		log_event(LOG_WARN, "store.healed", LF_Z("after", err_name(before)));
}

/* The connection, in a write transaction. */
static enum err begin_group(struct writer *w, int64_t oldest, bool lazy, struct problem *ret_problem)
{
	enum err e = OK;
	if (!w->conn)
		e = w->sql->open(w->target, SQL_WRITER, ret_problem, &w->conn);
	if (e == OK)
		e = w->sql->durable(w->conn, !lazy);
	if (e != OK)
		return e;
	int64_t left = oldest + w->target->busy_timeout_ms - clock_mono_ms(w->clock);
	return w->sql->begin(w->conn, true, left > 0 ? left : 0);
}

static void tell(struct writer *w, struct queue *group, enum err lost)
{
	while (group->count) {
		struct store_job *job = pop(group); /* done may free it */
		enum err e = lost != OK ? lost : job->result;
		metric_inc(e == OK ? w->jobs_ok : lost != OK ? w->jobs_failed : w->jobs_refused);
		job->done(job, e);
	}
}

static void tell_watcher(struct writer *w)
{
	pthread_mutex_lock(&w->watch_lock);
	if (w->watch)
		w->watch(w->watch_arg);
	pthread_mutex_unlock(&w->watch_lock);
}

void writer_watch(struct writer *w, void (*fn)(void *arg), void *arg)
{
	pthread_mutex_lock(&w->watch_lock);
	w->watch = fn;
	w->watch_arg = arg;
	pthread_mutex_unlock(&w->watch_lock);
}

/* Where the log is in use for longer, a later group tries again; so it is where it was emptied a moment ago: a poll may
 * bring thousands who were erased. */
static void empty_log(struct writer *w)
{
	const int64_t now = clock_mono_ms(w->clock);
	if (!w->erased || !w->conn || (w->emptied_mono_ms != 0 && now - w->emptied_mono_ms < EMPTY_LOG_PAUSE_MS))
		return;
	w->erased = w->sql->empty_log(w->conn, EMPTY_LOG_WAIT_MS) != OK;
	w->emptied_mono_ms = now > 0 ? now : 1;
}

static void write_group(struct writer *w, struct queue *from, int64_t oldest)
{
	w->deliveries_queued = false;
	struct problem problem = {.text = ""};
	struct queue group;
	pthread_mutex_lock(&w->conn_lock);
	enum err e = begin_group(w, oldest, from == &w->lazy, &problem);
	if (e == ERR_BUSY) {
		/* Those that waited long enough; at least the oldest, whose time the wait was. */
		int64_t late = clock_mono_ms(w->clock) - w->target->busy_timeout_ms;
		group = take(w, from, late > oldest ? late : oldest);
	} else {
		group = take(w, from, INT64_MAX);
	}
	enum err failed = OK;
	if (e == OK)
		e = run_group(w, &group, &failed);
	note_health(w, e != OK ? e : failed, w->conn ? w->sql->trouble(w->conn) : problem.text);
	if (w->conn && !w->sql->rollback(w->conn)) {
		w->sql->close(w->conn);
		w->conn = NULL;
	}
	empty_log(w);
	pthread_mutex_unlock(&w->conn_lock);
	tell(w, &group, e);
	if (e == OK && w->deliveries_queued)
		tell_watcher(w);
}

static void *writer_main(void *arg)
{
	struct writer *w = arg;
	int64_t oldest = 0;
	struct queue *from;
	while ((from = wait_for_jobs(w, &oldest)))
		write_group(w, from, oldest);
	return NULL;
}

/* ---- health ---- */

static enum err probe_run(struct store_job *job, struct store_tx *tx)
{
	(void)job;
	return sql_run(tx, NULL,
	               "INSERT INTO probes (name, at) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET at = probes.at + 1",
	               V_Z("write"));
}

static void probe_done(struct store_job *job, enum err e)
{
	(void)e; /* the group has told note_health */
	struct writer *w = (struct writer *)(void *)((char *)job - offsetof(struct writer, probe));
	atomic_store(&w->probing, false);
}

enum err writer_healthy(struct writer *w)
{
	enum err e = (enum err)atomic_load(&w->health);
	if (e != OK && !atomic_exchange(&w->probing, true)) {
		w->probe = (struct store_job){.run = probe_run, .done = probe_done};
		if (writer_submit(w, &w->probe) != OK)
			atomic_store(&w->probing, false);
	}
	return e;
}

/* ---- life ---- */

enum err writer_read(struct writer *w, enum err (*fn)(struct store_tx *, void *arg), void *arg)
{
	bool usable; /* one that is not is seen to by the next group */
	pthread_mutex_lock(&w->conn_lock);
	enum err e = w->conn ? read_on(w->sql, w->conn, w->target->busy_timeout_ms, fn, arg, &usable) : ERR_IO;
	pthread_mutex_unlock(&w->conn_lock);
	return e;
}

enum err writer_new(const struct writer_options *o, struct sql_conn *conn, struct writer **ret)
{
	struct writer *w = calloc(1, sizeof(*w));
	if (!w)
		return ERR_NOMEM;
	w->sql = o->sql;
	w->target = o->target;
	w->clock = o->clock;
	w->queue_max = o->queue_max;
	w->conn = conn;
	w->commits = metric_counter("licgate_store_commits_total", "Transactions committed.", NULL);
	w->commit_seconds = metric_histogram("licgate_store_commit_seconds", "Time to commit, sync included.", NULL);
	const char *help = "Write jobs by result: refused by their own code, failed by the database.";
	w->jobs_ok = metric_counter("licgate_store_jobs_total", help, "result=\"ok\"");
	w->jobs_refused = metric_counter("licgate_store_jobs_total", help, "result=\"refused\"");
	w->jobs_failed = metric_counter("licgate_store_jobs_total", help, "result=\"failed\"");
	pthread_mutex_init(&w->lock, NULL);
	pthread_mutex_init(&w->conn_lock, NULL);
	pthread_mutex_init(&w->watch_lock, NULL);
	pthread_cond_init(&w->came, NULL);
	if (pthread_create(&w->thread, NULL, writer_main, w) != 0) {
		free(w);
		return ERR_NOMEM;
	}
	*ret = w;
	return OK;
}

void writer_free(struct writer *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->came);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	if (w->erased && w->conn)
		(void)w->sql->empty_log(w->conn, w->target->busy_timeout_ms);
	w->sql->close(w->conn);
	pthread_cond_destroy(&w->came);
	pthread_mutex_destroy(&w->watch_lock);
	pthread_mutex_destroy(&w->conn_lock);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
