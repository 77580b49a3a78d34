/* sqlite.c - the SQLite back end: statements, transactions, result codes.
 *
 * Each connection keeps its statements prepared, found by the address of their text, so that a verb costs binding and
 * stepping alone. WAL with synchronous=FULL: a commit that returned is on the disk (sqlite_open.c sets that up). BEGIN
 * IMMEDIATE takes the write lock at once, so that a transaction can only be busy at its start.
 * Result codes: sqlite.org/rescode.html. Thread rule: a connection is used by one thread at a time
 * (SQLITE_OPEN_NOMUTEX). */
#include "store/sqlite.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static enum err constraint(int rc)
{
	switch (rc) {
	case SQLITE_CONSTRAINT_FOREIGNKEY:
		return ERR_NOT_FOUND;
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_ROWID:
		return ERR_CONFLICT;
	default:
		return ERR_INVALID;
	}
}

enum err sqlite_note(struct sql_conn *c, int rc)
{
	if (rc == SQLITE_IOERR_NOMEM)
		return ERR_NOMEM;
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return OK;
	case SQLITE_NOMEM:
		return ERR_NOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_BUSY;
	case SQLITE_FULL:
		return ERR_FULL;
	case SQLITE_CONSTRAINT:
		return constraint(rc);
	case SQLITE_TOOBIG:
		return ERR_TOO_LARGE;
	case SQLITE_ERROR:
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		return ERR_INTERNAL;
	default: /* IOERR CORRUPT NOTADB CANTOPEN READONLY PROTOCOL … */
		c->broken = !c->memory;
		return ERR_IO;
	}
}

/* Of a call that gave nothing to use: never OK, whatever the code. */
static enum err failure(struct sql_conn *c, int rc)
{
	enum err e = sqlite_note(c, rc);
	return e != OK ? e : ERR_INTERNAL;
}

/* ---- statements ---- */

/* Parameters are numbered by first appearance here and by their digits in PostgreSQL: they must agree. */
static bool parameters_in_order(sqlite3_stmt *handle)
{
	for (int i = 1; i <= sqlite3_bind_parameter_count(handle); i++) {
		const char *name = sqlite3_bind_parameter_name(handle, i);
		if (!name || name[0] != '$' || strtol(name + 1, NULL, 10) != i)
			return false;
	}
	return true;
}

/* NULL: it cannot be prepared, ret_rc says why. */
static struct sql_stmt *prepared(struct sql_conn *c, const char *text, int *ret_rc)
{
	size_t i = ((uintptr_t)text >> 3) % STATEMENTS_MAX;
	while (c->statements[i].text && c->statements[i].text != text)
		i = (i + 1) % STATEMENTS_MAX;
	struct sql_stmt *s = &c->statements[i];
	if (!s->text) {
		assert(c->statement_count < STATEMENTS_MAX - 1);
		int rc = sqlite3_prepare_v3(c->db, text, -1, SQLITE_PREPARE_PERSISTENT, &s->handle, NULL);
		if (rc != SQLITE_OK) {
			*ret_rc = rc;
			return NULL;
		}
		assert(parameters_in_order(s->handle));
		s->text = text;
		s->conn = c;
		c->statement_count++;
	}
	assert(!s->in_use); /* a walk inside the same walk */
	return s;
}

static int bind(sqlite3_stmt *handle, int i, const struct sql_value *v)
{
	const char *bytes = v->bytes.ptr ? v->bytes.ptr : "";
	switch (v->kind) {
	case SQL_INT:
		return sqlite3_bind_int64(handle, i, v->num);
	case SQL_TEXT:
		return sqlite3_bind_text64(handle, i, bytes, v->bytes.len, SQLITE_STATIC, SQLITE_UTF8);
	case SQL_BLOB:
		return sqlite3_bind_blob64(handle, i, bytes, v->bytes.len, SQLITE_STATIC);
	case SQL_NULL:
	default:
		return sqlite3_bind_null(handle, i);
	}
}

static void finish(struct sql_stmt *s)
{
	if (!s)
		return;
	sqlite3_reset(s->handle);
	sqlite3_clear_bindings(s->handle); /* they point to what the caller owns */
	s->in_use = false;
}

static enum err start(struct sql_conn *c, const char *text, const struct sql_value *values, size_t count,
                      struct sql_stmt **ret)
{
	int rc = SQLITE_OK;
	struct sql_stmt *s = prepared(c, text, &rc);
	if (!s)
		return failure(c, rc);
	assert((size_t)sqlite3_bind_parameter_count(s->handle) == count);
	s->in_use = true;
	for (size_t i = 0; i < count; i++) {
		rc = bind(s->handle, (int)i + 1, &values[i]);
		if (rc != SQLITE_OK) {
			finish(s);
			return failure(c, rc);
		}
	}
	*ret = s;
	return OK;
}

static enum err step(struct sql_stmt *s, bool *ret_row)
{
	int rc = sqlite3_step(s->handle);
	*ret_row = rc == SQLITE_ROW;
	return sqlite_note(s->conn, rc);
}

static enum err column(struct sql_stmt *s, int i, struct sql_value *ret)
{
	const void *bytes = NULL;
	switch (sqlite3_column_type(s->handle, i)) {
	case SQLITE_INTEGER:
		*ret = V_INT(sqlite3_column_int64(s->handle, i));
		return OK;
	case SQLITE_TEXT:
		ret->kind = SQL_TEXT;
		bytes = sqlite3_column_text(s->handle, i);
		break;
	case SQLITE_BLOB:
		ret->kind = SQL_BLOB;
		bytes = sqlite3_column_blob(s->handle, i);
		break;
	default:
		*ret = (struct sql_value){.kind = SQL_NULL};
		return OK;
	}
	size_t len = (size_t)sqlite3_column_bytes(s->handle, i);
	if (!bytes && (len || ret->kind == SQL_TEXT))
		return ERR_NOMEM;
	ret->bytes = (struct str){bytes, len};
	return OK;
}

static int64_t changed(struct sql_stmt *s)
{
	return sqlite3_changes64(s->conn->db);
}

/* ---- transactions ---- */

static enum err run(struct sql_conn *c, const char *text)
{
	struct sql_stmt *s = NULL;
	bool row;
	enum err e = start(c, text, NULL, 0, &s);
	if (e == OK)
		e = step(s, &row);
	finish(s);
	return e;
}

static bool in_transaction(struct sql_conn *c)
{
	return !sqlite3_get_autocommit(c->db);
}

static enum err begin(struct sql_conn *c, bool write, int64_t wait_ms)
{
	sqlite3_busy_timeout(c->db, wait_ms > INT_MAX ? INT_MAX : (int)wait_ms);
	return run(c, write ? "BEGIN IMMEDIATE" : "BEGIN");
}

/* WAL with synchronous=NORMAL: the log is synced before a checkpoint alone, so what is lost is lost from the end. */
static enum err durable(struct sql_conn *c, bool durable)
{
	if (c->lazy != durable)
		return OK;
	/* never a kept statement: this pragma acts while it is prepared, not when it is run */
	enum err e =
	    sqlite_note(c, sqlite3_exec(c->db, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", NULL,
	                                NULL, NULL));
	if (e == OK)
		c->lazy = !durable;
	return e;
}

static enum err commit(struct sql_conn *c)
{
	return run(c, "COMMIT");
}

/* The log keeps what pages held before until it is written over, which may be never. */
static enum err empty_log(struct sql_conn *c, int64_t wait_ms)
{
	sqlite3_busy_timeout(c->db, wait_ms > INT_MAX ? INT_MAX : (int)wait_ms);
	return sqlite_note(c, sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
}

static bool rollback(struct sql_conn *c)
{
	if (in_transaction(c))
		run(c, "ROLLBACK");
	return !in_transaction(c) && !c->broken;
}

static const char *trouble(struct sql_conn *c)
{
	return sqlite3_errmsg(c->db);
}

const struct sql_backend sqlite_backend = {
    .scheme = "sqlite:",
    .one_connection = sqlite_one_connection,
    .open = sqlite_open,
    .close = sqlite_close,
    .begin = begin,
    .commit = commit,
    .durable = durable,
    .empty_log = empty_log,
    .rollback = rollback,
    .in_transaction = in_transaction,
    .start = start,
    .step = step,
    .column = column,
    .changed = changed,
    .finish = finish,
    .backup = sqlite_backup,
    .trouble = trouble,
};
