/* store.c - puts the store together: finds the back end by the URL's scheme, one writer, a pool of readers.
 *
 * The seam for a second back end is the statement layer (sql.h): the verbs are SQL that both databases take, a back end
 * is a driver of some ten functions. Writes all go through the writer thread (writer.c), reads run where they are
 * called (readers.c). A database that is private to one connection (":memory:") is read between two groups of writes.
 */
#include "store/store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/readers.h"
#include "store/writer.h"

struct store {
	const struct sql_backend *sql;
	char *place;
	struct sql_target target;
	struct writer *writer;   /* NULL when read-only */
	struct readers *readers; /* NULL when the writer's connection is the only one */
};

static const struct sql_backend *const backends[] = {&sqlite_backend};

static const struct sql_backend *backend_of(struct str url, struct str *ret_place)
{
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		struct str scheme = str_of(backends[i]->scheme);
		if (!str_starts(url, scheme))
			continue;
		*ret_place = (struct str){url.ptr + scheme.len, url.len - scheme.len};
		return backends[i];
	}
	return NULL;
}

/* Never the URL: it may hold a password. */
static enum err refuse(const struct store_options *o, enum err e, struct problem *p)
{
	(void)snprintf(p->place, sizeof p->place, "LICGATE_DATABASE");
	if (!p->text[0])
		(void)snprintf(p->text, sizeof p->text, "%s", err_text(e));
	if (o->tell)
		o->tell(o->tell_arg, p);
	else
		log_event(LOG_ERROR, "store.open", LF_Z("place", p->place), LF_Z("error", err_name(e)),
		          LF_Z("problem", p->text));
	return e;
}

static enum err start_writer(struct store *s, const struct store_options *o, struct problem *ret_problem)
{
	const struct writer_options wo = {
	    .sql = s->sql, .target = &s->target, .clock = o->clock, .queue_max = o->queue_max};
	struct sql_conn *conn = NULL;
	enum err e = s->sql->open(&s->target, SQL_WRITER, ret_problem, &conn);
	if (e == OK)
		e = writer_new(&wo, conn, &s->writer);
	if (e != OK)
		s->sql->close(conn);
	/* From here on a file that is gone is not made anew: what was acknowledged was in it. */
	s->target.must_exist = true;
	return e;
}

static void cleanup_store(struct store **s)
{
	store_close(*s);
}

enum err store_open(const struct store_options *o, struct store **ret)
{
	struct str url = str_of(o->url), place = STR("");
	const struct sql_backend *sql = backend_of(url, &place);
	struct problem problem = {.text = ""};
	if (!sql) {
		(void)snprintf(problem.text, sizeof problem.text, "no such kind of database: use sqlite:FILE");
		return refuse(o, ERR_INVALID, &problem);
	}
	__cleanup(cleanup_store) struct store *s = calloc(1, sizeof(*s));
	if (!s || !(s->place = str_dup(place)))
		return refuse(o, ERR_NOMEM, &problem);
	s->sql = sql;
	s->target = (struct sql_target){s->place, o->read_only || o->must_exist, o->busy_timeout_ms};
	enum err e = OK;
	if (!o->read_only)
		e = start_writer(s, o, &problem);
	if (e == OK && (o->read_only || !sql->one_connection(s->place)))
		e = readers_new(sql, &s->target, &s->readers);
	if (e == OK && s->readers)
		e = readers_try(s->readers, &problem);
	if (e != OK)
		return refuse(o, e, &problem);
	metric_gauge_fn("licgate_store_queue_depth", "Write jobs waiting.", NULL, store_queue_depth, s);
	*ret = TAKE(s);
	return OK;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	metric_forget(s);
	writer_free(s->writer);
	readers_free(s->readers);
	free(s->place);
	free(s);
}

enum err store_submit(struct store *s, struct store_job *job)
{
	return s->writer ? writer_submit(s->writer, job) : ERR_DENIED;
}

struct waiter {
	struct store_job job;
	enum err (*fn)(struct store_tx *, void *arg);
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool is_done;
	enum err result;
};

static enum err waiter_run(struct store_job *job, struct store_tx *tx)
{
	struct waiter *w = (struct waiter *)(void *)job;
	return w->fn(tx, w->arg);
}

static void waiter_done(struct store_job *job, enum err e)
{
	struct waiter *w = (struct waiter *)(void *)job;
	pthread_mutex_lock(&w->lock);
	w->result = e;
	w->is_done = true;
	pthread_cond_signal(&w->done);
	pthread_mutex_unlock(&w->lock);
}

enum err store_write(struct store *s, enum err (*fn)(struct store_tx *, void *arg), void *arg)
{
	struct waiter w = {
	    .job = {.run = waiter_run, .done = waiter_done},
	    .fn = fn,
	    .arg = arg,
	    .lock = PTHREAD_MUTEX_INITIALIZER,
	    .done = PTHREAD_COND_INITIALIZER,
	};
	enum err e = store_submit(s, &w.job);
	if (e != OK)
		return e;
	pthread_mutex_lock(&w.lock);
	while (!w.is_done) /* the writer answers every job, within the busy time if the database is locked */
		pthread_cond_wait(&w.done, &w.lock);
	pthread_mutex_unlock(&w.lock);
	return w.result;
}

enum err store_read(struct store *s, enum err (*fn)(struct store_tx *, void *arg), void *arg)
{
	return s->readers ? readers_read(s->readers, fn, arg) : writer_read(s->writer, fn, arg);
}

int64_t store_queue_depth(void *store)
{
	struct store *s = store;
	return s->writer ? writer_depth(s->writer) : 0;
}

void store_watch_deliveries(struct store *s, void (*fn)(void *arg), void *arg)
{
	if (s->writer)
		writer_watch(s->writer, fn, arg);
}

enum err store_healthy(struct store *s)
{
	return s->writer ? writer_healthy(s->writer) : OK;
}

struct backup {
	const char *file;
	void (*progress)(void *arg, int done, int total);
	void *arg;
};

static enum err run_backup(struct store_tx *tx, void *arg)
{
	const struct backup *b = arg;
	return tx->sql->backup(tx->conn, b->file, b->progress, b->arg);
}

enum err store_backup(struct store *s, const char *file, void (*progress)(void *arg, int done, int total), void *arg)
{
	struct backup b = {file, progress, arg};
	return store_read(s, run_backup, &b);
}
