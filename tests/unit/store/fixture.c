/* fixture.c - see fixture.h. */
#include "store/fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void turn(struct loan *l, int from, int to)
{
	pthread_mutex_lock(&l->lock);
	while ((int)l->state != from)
		pthread_cond_wait(&l->turned, &l->lock);
	l->state = (__typeof__(l->state))to;
	pthread_cond_broadcast(&l->turned);
	pthread_mutex_unlock(&l->lock);
}

static void await(struct loan *l, int state)
{
	turn(l, state, state);
}

static enum err lend(struct store_job *job, struct store_tx *tx)
{
	struct loan *l = (struct loan *)(void *)job;
	l->tx = tx;
	turn(l, LOAN_ASKED, LOAN_LENT);
	await(l, LOAN_RETURNED);
	return l->back;
}

static void lent(struct store_job *job, enum err e)
{
	struct loan *l = (struct loan *)(void *)job;
	l->result = e;
	turn(l, LOAN_RETURNED, LOAN_DONE);
}

struct store_tx *loan_take(struct loan *l, struct store *s)
{
	*l = (struct loan){.job = {.run = lend, .done = lent}, .state = LOAN_ASKED};
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->turned, NULL);
	assert_int_equal(store_submit(s, &l->job), OK);
	await(l, LOAN_LENT);
	return l->tx;
}

enum err loan_return(struct loan *l, enum err back)
{
	if (l->state == LOAN_NONE)
		return OK;
	l->back = back;
	turn(l, LOAN_LENT, LOAN_RETURNED);
	await(l, LOAN_DONE);
	l->state = LOAN_NONE;
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->turned);
	return l->result;
}

void fixture_init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	/* In memory where there is such a place: syncs cost nothing there. */
	snprintf(f->folder, sizeof(f->folder), "%s/licgate-store-XXXXXX",
	         access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->file, sizeof(f->file), "%s/licgate.db", f->folder);
	clock_manual_init(&f->clock, 1767225600000);
}

void fixture_release(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", f->folder);
	assert_int_equal(system(command), 0);
}

enum err fixture_open(struct fixture *f, int64_t busy_timeout_ms, bool read_only)
{
	char url[128];
	snprintf(url, sizeof(url), "sqlite:%s", f->file);
	const struct store_options o = {
	    .url = url,
	    .clock = &f->clock.clock,
	    .queue_max = 1000,
	    .busy_timeout_ms = busy_timeout_ms,
	    .read_only = read_only,
	};
	return store_open(&o, &f->store);
}

void fixture_reopen(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
	assert_int_equal(fixture_open(f, 1000, false), OK);
}

struct tenant_row tenant_named(const char *client_key)
{
	return (struct tenant_row){
	    .client_key = client_key,
	    .status = "installed",
	    .base_url = "https://acme.atlassian.net",
	    .shared_secret_sealed = STR("\x01\x01kcipher"),
	    .first_installed_at = 1000,
	    .installed_at = 1000,
	    .updated_at = 1000,
	};
}

static enum err run_put(struct store_tx *tx, void *arg)
{
	struct tenant_row row = tenant_named(arg);
	return store_tenant_put(tx, &row);
}

enum err put_tenant(struct store *s, const char *client_key)
{
	char key[64];
	snprintf(key, sizeof(key), "%s", client_key);
	return store_write(s, run_put, key);
}

static enum err run_get(struct store_tx *tx, void *arg)
{
	struct arena a;
	arena_init(&a, 1 << 20);
	struct tenant_row row;
	enum err e = store_tenant_get(tx, str_of(arg), &a, &row);
	arena_release(&a);
	return e;
}

bool has_tenant(struct store *s, const char *client_key)
{
	char key[64];
	snprintf(key, sizeof(key), "%s", client_key);
	enum err e = store_read(s, run_get, key);
	assert_true(e == OK || e == ERR_NOT_FOUND);
	return e == OK;
}

static enum err count_one(void *arg, const struct tenant_row *row)
{
	assert_non_null(row->client_key);
	++*(size_t *)arg;
	return OK;
}

static enum err run_count(struct store_tx *tx, void *arg)
{
	return store_tenant_each(tx, count_one, arg);
}

size_t count_tenants(struct store *s)
{
	size_t n = 0;
	assert_int_equal(store_read(s, run_count, &n), OK);
	return n;
}

void assert_whole(const char *file)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *check = NULL;
	assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &check, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(check), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(check, 0), "ok");
	sqlite3_finalize(check);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA foreign_key_check", -1, &check, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(check), SQLITE_DONE);
	sqlite3_finalize(check);
	sqlite3_close(db);
}
