/* test_group.c - many writes, one commit: who shares one, who is told what, and what a locked database does.
 *
 * A loan holds the writer thread inside a job, so that what queues meanwhile is known exactly. */
#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/metrics.h"
#include "store/fixture.h"
#include "store/sql.h"

enum { JOBS = 64, THREADS = 8, WRITES_A_THREAD = 40 };

struct writes {
	struct fixture fixture;
	struct loan loan;
	sqlite3 *other; /* another process, as it were */
};

/* A job that puts a tenant and then says `say`. */
struct put_job {
	struct store_job job;
	char key[24];
	enum err say, result;
	bool done;
	_Atomic int *left; /* counts down when done */
};

static enum err put_run(struct store_job *job, struct store_tx *tx)
{
	struct put_job *p = (struct put_job *)(void *)job;
	struct tenant_row row = tenant_named(p->key);
	enum err e = store_tenant_put(tx, &row);
	return e == OK ? p->say : e;
}

static void put_done(struct store_job *job, enum err e)
{
	struct put_job *p = (struct put_job *)(void *)job;
	p->result = e;
	p->done = true;
	if (p->left)
		--*p->left;
}

static enum err submit_put(struct writes *w, struct put_job *p, size_t number, enum err say)
{
	*p = (struct put_job){.job = {.run = put_run, .done = put_done}, .say = say};
	snprintf(p->key, sizeof(p->key), "t%zu", number);
	return store_submit(w->fixture.store, &p->job);
}

static int64_t commits(void)
{
	return metric_value(metric_counter("licgate_store_commits_total", "", NULL));
}

static int64_t jobs(const char *labels)
{
	return metric_value(metric_counter("licgate_store_jobs_total", "", labels));
}

static int set_up(void **state)
{
	static struct writes w;
	w = (struct writes){.loan = {.state = LOAN_NONE}};
	fixture_init(&w.fixture);
	assert_int_equal(fixture_open(&w.fixture, 50, false), OK);
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct writes *w = *state;
	sqlite3_close(w->other);
	loan_return(&w->loan, ERR_INTERNAL);
	fixture_release(&w->fixture);
	return 0;
}

static enum err nothing(struct store_tx *tx, void *arg)
{
	(void)tx, (void)arg;
	return OK;
}

/* Until all that was queued before is done. */
static void flush(struct writes *w)
{
	enum err err;
	while ((err = store_write(w->fixture.store, nothing, NULL)) == ERR_FULL)
		sched_yield(); /* a test filled the queue: the writer is emptying it */
	assert_int_equal(err, OK);
}

static void what_queues_together_shares_one_commit(void **state)
{
	struct writes *w = *state;
	static struct put_job put[JOBS];
	int64_t before = commits(), ok = jobs("result=\"ok\"");
	loan_take(&w->loan, w->fixture.store);
	for (size_t i = 0; i < JOBS; i++)
		assert_int_equal(submit_put(w, &put[i], i, OK), OK);
	assert_int_equal(store_queue_depth(w->fixture.store), JOBS);
	assert_int_equal(loan_return(&w->loan, OK), OK);
	flush(w);
	for (size_t i = 0; i < JOBS; i++)
		assert_true(put[i].done && put[i].result == OK);
	assert_int_equal(count_tenants(w->fixture.store), JOBS);
	/* the loan's, the group's, and the flush's unless it came in time for the group */
	assert_in_range(commits() - before, 2, 3);
	assert_int_equal(jobs("result=\"ok\"") - ok, JOBS + 2);
}

static void a_job_that_fails_is_rolled_back_alone(void **state)
{
	struct writes *w = *state;
	struct put_job put[3];
	int64_t refused = jobs("result=\"refused\"");
	loan_take(&w->loan, w->fixture.store);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(submit_put(w, &put[i], i, i == 1 ? ERR_DENIED : OK), OK);
	assert_int_equal(loan_return(&w->loan, OK), OK);
	flush(w);
	assert_int_equal(put[0].result, OK);
	assert_int_equal(put[1].result, ERR_DENIED);
	assert_int_equal(put[2].result, OK);
	assert_true(has_tenant(w->fixture.store, "t0"));
	assert_false(has_tenant(w->fixture.store, "t1"));
	assert_true(has_tenant(w->fixture.store, "t2"));
	assert_int_equal(jobs("result=\"refused\"") - refused, 1);
	assert_int_equal(store_healthy(w->fixture.store), OK);
}

static void the_queue_is_bounded(void **state)
{
	struct writes *w = *state;
	static struct put_job put[1001];
	loan_take(&w->loan, w->fixture.store);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(submit_put(w, &put[i], i, OK), OK);
	assert_int_equal(submit_put(w, &put[1000], 1000, OK), ERR_FULL);
	assert_int_equal(loan_return(&w->loan, OK), OK);
	flush(w);
	assert_int_equal(count_tenants(w->fixture.store), 1000);
	assert_false(put[1000].done);
}

static void *close_store(void *arg)
{
	store_close(arg);
	return NULL;
}

static void closing_commits_what_is_queued_and_takes_no_more(void **state)
{
	struct writes *w = *state;
	static struct put_job put[1001];
	pthread_t closer;
	size_t accepted = 0;
	enum err e;
	loan_take(&w->loan, w->fixture.store);
	assert_int_equal(pthread_create(&closer, NULL, close_store, w->fixture.store), 0);
	while ((e = submit_put(w, &put[accepted], accepted, OK)) != ERR_STOPPING) {
		accepted += e == OK;
		sched_yield();
	}
	assert_int_equal(loan_return(&w->loan, OK), OK);
	pthread_join(closer, NULL);
	w->fixture.store = NULL;
	for (size_t i = 0; i < accepted; i++)
		assert_true(put[i].done && put[i].result == OK);
	assert_int_equal(fixture_open(&w->fixture, 50, false), OK);
	assert_int_equal(count_tenants(w->fixture.store), accepted);
}

static void lock(struct writes *w)
{
	assert_int_equal(sqlite3_open(w->fixture.file, &w->other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(w->other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

static void unlock(struct writes *w)
{
	assert_int_equal(sqlite3_exec(w->other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
}

static void a_locked_database_is_busy_within_the_bound_and_heals(void **state)
{
	struct writes *w = *state;
	struct timespec from, to;
	assert_int_equal(put_tenant(w->fixture.store, "before"), OK);
	lock(w);
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(put_tenant(w->fixture.store, "during"), ERR_BUSY);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true(to.tv_sec - from.tv_sec < 5); /* 50 ms were asked for, on a machine that may be busy */
	assert_int_equal(store_healthy(w->fixture.store), ERR_BUSY);
	assert_true(has_tenant(w->fixture.store, "before")); /* readers go on */
	unlock(w);
	assert_int_equal(put_tenant(w->fixture.store, "after"), OK);
	assert_int_equal(store_healthy(w->fixture.store), OK);
	assert_false(has_tenant(w->fixture.store, "during"));
}

static void jobs_that_waited_too_long_are_told_busy(void **state)
{
	struct writes *w = *state;
	static struct put_job put[3];
	lock(w);
	loan_return(&w->loan, OK);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(submit_put(w, &put[i], i, OK), OK);
		clock_manual_step(&w->fixture.clock, 1000);
	}
	/* all of one age or older than the bound: the last one's answer comes with or after theirs */
	assert_int_equal(put_tenant(w->fixture.store, "last"), ERR_BUSY);
	for (size_t i = 0; i < 3; i++)
		assert_true(put[i].done && put[i].result == ERR_BUSY);
	unlock(w);
	assert_int_equal(put_tenant(w->fixture.store, "last"), OK);
	assert_int_equal(count_tenants(w->fixture.store), 1);
}

static void health_is_probed_after_a_failure(void **state)
{
	struct writes *w = *state;
	lock(w);
	assert_int_equal(put_tenant(w->fixture.store, "t"), ERR_BUSY);
	unlock(w);
	assert_int_equal(store_healthy(w->fixture.store), ERR_BUSY); /* what is known; a probe is on its way */
	flush(w);
	assert_int_equal(store_healthy(w->fixture.store), OK);
}

struct hammer {
	struct store *store;
	int number, failed;
};

static void *hammer(void *arg)
{
	struct hammer *h = arg;
	for (int i = 0; i < WRITES_A_THREAD; i++) {
		char key[32];
		snprintf(key, sizeof(key), "h%d-%d", h->number, i);
		h->failed += put_tenant(h->store, key) != OK;
	}
	return NULL;
}

static void many_threads_write_and_read_at_once(void **state)
{
	struct writes *w = *state;
	struct hammer hammers[THREADS];
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++) {
		hammers[i] = (struct hammer){w->fixture.store, i, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, &hammers[i]), 0);
	}
	for (size_t seen = 0; seen < (size_t)THREADS * WRITES_A_THREAD;) {
		size_t now = count_tenants(w->fixture.store);
		assert_true(now >= seen);
		seen = now;
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(hammers[i].failed, 0);
	}
	assert_whole(w->fixture.file);
}

/* A job that notes when it ran and how the connection syncs. The two ask in texts of their own: a pragma's answer is
 * made when it is prepared, and prepared statements are kept by their text. */
struct noting_job {
	struct store_job job;
	int *order;
	int ran_as;
	int64_t synchronous;
	enum err result;
	_Atomic int *left; /* counts down when done */
};

static enum err note_run(struct store_job *job, struct store_tx *tx)
{
	struct noting_job *n = (struct noting_job *)(void *)job;
	n->ran_as = ++*n->order;
	struct rows r = sql_query_values(tx, job->lazy ? "PRAGMA synchronous" : "PRAGMA main.synchronous", NULL, 0);
	if (rows_next(&r))
		n->synchronous = row_int(&r, 0);
	rows_close(&r);
	return r.err;
}

static void note_done(struct store_job *job, enum err e)
{
	struct noting_job *n = (struct noting_job *)(void *)job;
	n->result = e;
	--*n->left;
}

static void lazy_jobs_give_way_and_are_not_synced(void **state)
{
	struct writes *w = *state;
	enum { LAZY = 6, NORMAL = 1, FULL = 2 };
	struct noting_job all[LAZY + 2];
	int order = 0;
	_Atomic int left = LAZY + 2;
	const int64_t before = commits();
	loan_take(&w->loan, w->fixture.store);
	for (size_t i = 0; i < LAZY + 2; i++) {
		all[i] = (struct noting_job){
		    .job = {.run = note_run, .done = note_done, .lazy = i < LAZY}, .order = &order, .left = &left};
		assert_int_equal(store_submit(w->fixture.store, &all[i].job), OK);
	}
	assert_int_equal(store_queue_depth(w->fixture.store), LAZY + 2);
	assert_int_equal(loan_return(&w->loan, OK), OK);
	while (left) /* not flush(): its job would go before the lazy ones under way */
		sched_yield();
	/* one lazy job, those that do not wait, the rest of the lazy ones */
	static const int want[] = {1, 4, 5, 6, 7, 8, 2, 3};
	for (size_t i = 0; i < LAZY + 2; i++) {
		assert_int_equal(all[i].result, OK);
		assert_int_equal(all[i].ran_as, want[i]);
		assert_int_equal(all[i].synchronous, i < LAZY ? NORMAL : FULL);
	}
	assert_int_equal(commits() - before, 4); /* the loan, one, two, five */
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    T(what_queues_together_shares_one_commit),
	    T(lazy_jobs_give_way_and_are_not_synced),
	    T(a_job_that_fails_is_rolled_back_alone),
	    T(the_queue_is_bounded),
	    T(closing_commits_what_is_queued_and_takes_no_more),
	    T(a_locked_database_is_busy_within_the_bound_and_heals),
	    T(jobs_that_waited_too_long_are_told_busy),
	    T(health_is_probed_after_a_failure),
	    T(many_threads_write_and_read_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
