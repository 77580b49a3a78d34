/* sql.h - the seam between the domain verbs and a database. Of the store's room alone.
 *
 * The verbs (tenants.c, licenses.c …) are written once, in SQL that SQLite and PostgreSQL both take: $1, $2 … in order
 * of first appearance, ON CONFLICT, no functions of one dialect. A back end is one `struct sql_backend`: some ten
 * functions that connect, run a statement and say how a transaction went. That is why the seam is here and not at the
 * verbs: a second back end costs a driver and a schema, not forty verbs, and cannot drift from the first. A double that
 * injects faults wraps the same functions.
 *
 * Errors: CONFLICT (a key is there already), NOT_FOUND (the owner of the row is not there), INVALID, TOO_LARGE are
 * answers and leave the transaction usable. Every other error sticks to the transaction: later statements are
 * refused with it and the job cannot succeed, even if its code overlooks the error. */
#pragma once
#include "store/store.h"

struct sql_conn; /* of the back end; one thread at a time */
struct sql_stmt; /* of the back end; a statement being run */

struct sql_value {
	enum { SQL_NULL, SQL_INT, SQL_TEXT, SQL_BLOB } kind;
	int64_t num;
	struct str bytes; /* borrowed until the statement is finished */
};
#define V_INT(n) ((struct sql_value){.kind = SQL_INT, .num = (int64_t)(n)})
#define V_STR(s) ((struct sql_value){.kind = SQL_TEXT, .bytes = (s)})
#define V_Z(z) sql_value_of_z(z)       /* NULL is null */
#define V_BLOB(s) sql_value_of_blob(s) /* empty is null */
struct sql_value sql_value_of_z(const char *z);
struct sql_value sql_value_of_blob(struct str s);

enum sql_role {
	SQL_WRITER, /* brings the schema up to date when it connects */
	SQL_READER, /* cannot write; wants a schema that is up to date */
};
struct sql_target {
	const char *place; /* the URL after its scheme */
	bool must_exist;   /* a read-only store creates nothing */
	int64_t busy_timeout_ms;
};

struct sql_backend {
	const char *scheme; /* "sqlite:" */
	/* Whether the data is private to one connection, which then serves readers too. */
	bool (*one_connection)(const char *place);
	enum err (*open)(const struct sql_target *t, enum sql_role role, struct problem *ret_problem,
	                 struct sql_conn **ret);
	void (*close)(struct sql_conn *c); /* accepts NULL */
	/* Waits for the write lock at most wait_ms: ERR_BUSY. */
	enum err (*begin)(struct sql_conn *c, bool write, int64_t wait_ms);
	enum err (*commit)(struct sql_conn *c);
	/* Outside of a transaction: whether a commit that returned is on the disk. It is, unless this says otherwise. */
	enum err (*durable)(struct sql_conn *c, bool durable);
	/* Outside of a transaction: what was changed or deleted stands in the log no more. ERR_BUSY: others needed the log
	 * for all of wait_ms. */
	enum err (*empty_log)(struct sql_conn *c, int64_t wait_ms);
	/* False: the connection should not be used again. */
	bool (*rollback)(struct sql_conn *c);
	/* Some failures end the whole transaction behind our back. */
	bool (*in_transaction)(struct sql_conn *c);
	/* text is a literal: its address is the key of the statement cache. */
	enum err (*start)(struct sql_conn *c, const char *text, const struct sql_value *values, size_t count,
	                  struct sql_stmt **ret);
	enum err (*step)(struct sql_stmt *s, bool *ret_row);
	/* Bytes are valid until the next step; text is NUL-terminated. */
	enum err (*column)(struct sql_stmt *s, int column, struct sql_value *ret);
	int64_t (*changed)(struct sql_stmt *s); /* rows the statement changed */
	void (*finish)(struct sql_stmt *s);     /* accepts NULL */
	enum err (*backup)(struct sql_conn *c, const char *file, void (*progress)(void *arg, int done, int total),
	                   void *arg);
	/* The last trouble in words, without values. For the log. */
	const char *(*trouble)(struct sql_conn *c);
};
extern const struct sql_backend sqlite_backend;

struct store_tx {
	const struct sql_backend *sql;
	struct sql_conn *conn;
	bool writable;
	enum err failed;        /* sticks: see above */
	bool deliveries_queued; /* endpoints or deliveries changed: whoever watches the store is to be told */
	bool erased;            /* a person was: what the log still has of it is to go too */
};

/* enum err e = sql_run(tx, &changed, "DELETE FROM users WHERE client_key = $1", V_STR(key)); ret_changed may be NULL.
 */
#define sql_run(tx, ret_changed, text, ...)                                                                            \
	sql_run_values((tx), (ret_changed), (text), (const struct sql_value[]){__VA_ARGS__},                               \
	               sizeof((const struct sql_value[]){__VA_ARGS__}) / sizeof(struct sql_value))
enum err sql_run_values(struct store_tx *tx, int64_t *ret_changed, const char *text, const struct sql_value *values,
                        size_t count);
/* Like sql_run, but `none` where no row was changed. */
#define sql_run_one(tx, none, text, ...)                                                                               \
	sql_run_one_values((tx), (none), (text), (const struct sql_value[]){__VA_ARGS__},                                  \
	                   sizeof((const struct sql_value[]){__VA_ARGS__}) / sizeof(struct sql_value))
enum err sql_run_one_values(struct store_tx *tx, enum err none, const char *text, const struct sql_value *values,
                            size_t count);

/* Rows of a query, with a sticky error:
 *     __cleanup(rows_close) struct rows r = sql_query(tx, "SELECT a, b FROM t WHERE c = $1", V_STR(c));
 *     while (rows_next(&r))
 *         use(row_text(&r, 0, arena), row_int(&r, 1));
 *     return r.err; */
struct rows {
	struct store_tx *tx;
	struct sql_stmt *stmt;
	enum err err;
};
#define sql_query(tx, text, ...)                                                                                       \
	sql_query_values((tx), (text), (const struct sql_value[]){__VA_ARGS__},                                            \
	                 sizeof((const struct sql_value[]){__VA_ARGS__}) / sizeof(struct sql_value))
struct rows sql_query_values(struct store_tx *tx, const char *text, const struct sql_value *values, size_t count);
bool rows_next(struct rows *r);
void rows_close(struct rows *r);
/* Borrowed until the next row where a is NULL, else copied into a. After an error NULL, empty or 0, and r->err is set.
 */
const char *row_text(struct rows *r, int column, struct arena *a);
struct str row_blob(struct rows *r, int column, struct arena *a);
int64_t row_int(struct rows *r, int column);
bool row_bool(struct rows *r, int column);

/* An array that grows in an arena: for verbs that list. */
struct row_list {
	struct arena *arena;
	size_t item_size, count, cap;
	char *items;
};
/* Zeroed room for one more; NULL sets r->err. */
void *row_list_add(struct row_list *list, struct rows *r);
