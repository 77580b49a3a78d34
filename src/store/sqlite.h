/* sqlite.h - what the files of the SQLite back end share. */
#pragma once
#include <sqlite3.h>

#include "store/sql.h"

enum { STATEMENTS_MAX = 512 }; /* places in a connection's statement cache, a power of two */

struct sql_stmt {
	const char *text; /* NULL: free place */
	sqlite3_stmt *handle;
	struct sql_conn *conn;
	bool in_use;
};

struct sql_conn {
	sqlite3 *db;
	struct sql_stmt statements[STATEMENTS_MAX];
	unsigned statement_count;
	bool lazy;   /* commits are not synced */
	bool memory; /* its data is nowhere else */
	bool broken; /* the file failed us: a new connection starts from what is on disk */
};

/* The error of a result code; remembers what makes the connection suspect. */
enum err sqlite_note(struct sql_conn *c, int rc);
/* sqlite_open.c */
enum err sqlite_open(const struct sql_target *t, enum sql_role role, struct problem *ret_problem,
                     struct sql_conn **ret);
void sqlite_close(struct sql_conn *c);
bool sqlite_one_connection(const char *place);
/* sqlite_backup.c */
enum err sqlite_backup(struct sql_conn *c, const char *file, void (*progress)(void *arg, int done, int total),
                       void *arg);
