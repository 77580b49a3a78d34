/* sqlite_open.c - a connection to a database file: mode, pragmas, migrations.
 *
 * The file is made with mode 0600 before SQLite opens it; the -wal and -shm files take their mode from it, so no umask
 * has to change under other threads. The schema's version is user_version; a migration is one file of schema/ and runs
 * in one transaction under the write lock, so that two processes that start together do it once. A database that is
 * somebody else's, or of a newer licgate, is refused and left alone. Pragmas:
 * sqlite.org/security.html. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/sqlite.h"
#include "store/sqlite_migrations.inc"

enum {
	APPLICATION_ID = 0x4c434754, /* "LCGT", set by the first migration */
	SCHEMA_VERSION = sizeof(sqlite_migrations) / sizeof(sqlite_migrations[0]),
};

bool sqlite_one_connection(const char *place)
{
	return strcmp(place, ":memory:") == 0;
}

/* detail may be NULL. */
static enum err refuse(enum err e, struct problem *p, const char *text, const char *detail)
{
	(void)snprintf(p->place, sizeof(p->place), "LICGATE_DATABASE");
	(void)snprintf(p->text, sizeof(p->text), "%s%s%s", text, detail ? ": " : "", detail ? detail : "");
	return e;
}

static enum err refuse_rc(struct sql_conn *c, int rc, struct problem *p, const char *text)
{
	return refuse(sqlite_note(c, rc), p, text, c->db ? sqlite3_errmsg(c->db) : NULL);
}

/* Only ever creates: closing a descriptor of a database that is open elsewhere in the process would drop its locks. */
static enum err make_file(const char *path, struct problem *p)
{
	int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0) {
		close(fd);
		return OK;
	}
	if (errno != EEXIST)
		return refuse(ERR_IO, p, "the database file cannot be made", strerror(errno));
	struct stat st;
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) && st.st_uid == geteuid())
		if (chmod(path, 0600) != 0)
			return refuse(ERR_IO, p, "the database file is open to others and its mode cannot be set", strerror(errno));
	return OK;
}

static int keep_wal(void *arg, int columns, char **values, char **names)
{
	(void)names;
	*(bool *)arg = columns > 0 && values[0] && (strcmp(values[0], "wal") == 0 || strcmp(values[0], "memory") == 0);
	return 0;
}

static enum err set_pragmas(struct sql_conn *c, enum sql_role role, struct problem *p)
{
	static const char *const common =
	    "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = "
	    "ON; "
	    "PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864;";
	sqlite3_extended_result_codes(c->db, 1);
	int rc = sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(c->db, common, NULL, NULL, NULL);
	if (rc == SQLITE_OK && role == SQL_WRITER)
		rc = sqlite3_exec(c->db, "PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4000", NULL, NULL, NULL);
	if (rc == SQLITE_OK && role == SQL_READER)
		rc = sqlite3_exec(c->db, "PRAGMA query_only = ON", NULL, NULL, NULL);
	return rc == SQLITE_OK ? OK : refuse_rc(c, rc, p, "the database cannot be used");
}

/* Kept in the file, so that readers and later starts find it there. */
static enum err set_wal(struct sql_conn *c, struct problem *p)
{
	bool wal = false;
	int rc = sqlite3_exec(c->db, "PRAGMA journal_mode = WAL", keep_wal, &wal, NULL);
	if (rc != SQLITE_OK)
		return refuse_rc(c, rc, p, "the database cannot be put in WAL mode");
	return wal ? OK : refuse(ERR_IO, p, "this file system cannot hold a database in WAL mode: use a local disk", NULL);
}

struct identity {
	int application_id, version, tables;
};

static int keep_identity(void *arg, int columns, char **values, char **names)
{
	(void)names;
	struct identity *id = arg;
	if (columns != 3 || !values[0] || !values[1] || !values[2])
		return 1;
	*id = (struct identity){(int)strtol(values[0], NULL, 10), (int)strtol(values[1], NULL, 10),
	                        (int)strtol(values[2], NULL, 10)};
	return 0;
}

/* Whose the database is and which version: 0 for an empty one. One statement, so that it sees one moment: another
 * process may be making the schema. */
static enum err schema_version(struct sql_conn *c, int *ret, struct problem *p)
{
	static const char *const ask =
	    "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), "
	    "(SELECT count(*) FROM sqlite_schema)";
	struct identity id = {0, 0, 0};
	int rc = sqlite3_exec(c->db, ask, keep_identity, &id, NULL);
	if (rc != SQLITE_OK)
		return refuse_rc(c, rc, p, "the database cannot be read");
	if (id.tables ? id.application_id != APPLICATION_ID : (id.application_id != 0 || id.version != 0))
		return refuse(ERR_INVALID, p, "the file is the database of another program", NULL);
	if (id.version > SCHEMA_VERSION)
		return refuse(ERR_INVALID, p, "the database is of a newer licgate: run that, or restore a backup", NULL);
	*ret = id.version;
	return OK;
}

static enum err migrate_locked(struct sql_conn *c, struct problem *p)
{
	int version = 0;
	enum err e = schema_version(c, &version, p);
	for (; e == OK && version < SCHEMA_VERSION; version++) {
		char mark[48];
		(void)snprintf(mark, sizeof(mark), "PRAGMA user_version = %d", version + 1);
		int rc = sqlite3_exec(c->db, sqlite_migrations[version], NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(c->db, mark, NULL, NULL, NULL);
		if (rc != SQLITE_OK)
			e = refuse_rc(c, rc, p, "the database's schema cannot be brought up to date");
	}
	return e;
}

static enum err migrate(struct sql_conn *c, struct problem *p)
{
	int rc = sqlite3_exec(c->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return refuse_rc(c, rc, p, "the database cannot be locked");
	enum err e = migrate_locked(c, p);
	if (e == OK) {
		rc = sqlite3_exec(c->db, "COMMIT", NULL, NULL, NULL);
		if (rc != SQLITE_OK)
			e = refuse_rc(c, rc, p, "the database's schema cannot be stored");
	}
	if (e != OK)
		sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
	return e;
}

/* Looks before it touches: another program's database stays as it is. */
static enum err prepare_schema(struct sql_conn *c, enum sql_role role, struct problem *p)
{
	int version = 0;
	enum err e = schema_version(c, &version, p);
	if (e == OK && role == SQL_WRITER)
		e = set_wal(c, p);
	if (e != OK || version == SCHEMA_VERSION)
		return e;
	return role == SQL_WRITER
	           ? migrate(c, p)
	           : refuse(ERR_INVALID, p, "the database is empty or of an older licgate: start the server once", NULL);
}

static void cleanup_conn(struct sql_conn **c)
{
	sqlite_close(*c);
}

enum err sqlite_open(const struct sql_target *t, enum sql_role role, struct problem *ret_problem, struct sql_conn **ret)
{
	bool memory = sqlite_one_connection(t->place);
	bool create = role == SQL_WRITER && !t->must_exist;
	if (!*t->place)
		return refuse(ERR_INVALID, ret_problem, "no file is named: use sqlite:FILE", NULL);
	if (t->must_exist && !memory && access(t->place, F_OK) != 0)
		return refuse(ERR_IO, ret_problem, "the database file is not there", strerror(errno));
	enum err e = create && !memory ? make_file(t->place, ret_problem) : OK;
	if (e != OK)
		return e;
	__cleanup(cleanup_conn) struct sql_conn *c = calloc(1, sizeof(*c));
	if (!c)
		return refuse(ERR_NOMEM, ret_problem, "out of memory", NULL);
	c->memory = memory;
	/* No SQLITE_OPEN_CREATE for files and no URI names: the place is a file's name and nothing else. */
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (memory ? SQLITE_OPEN_CREATE : 0);
	int rc = sqlite3_open_v2(t->place, &c->db, flags, NULL);
	if (rc != SQLITE_OK)
		return refuse_rc(c, rc, ret_problem, "the database file cannot be opened");
	sqlite3_busy_timeout(c->db, (int)t->busy_timeout_ms);
	e = set_pragmas(c, role, ret_problem);
	if (e == OK)
		e = prepare_schema(c, role, ret_problem);
	if (e == OK)
		*ret = TAKE(c);
	return e;
}

void sqlite_close(struct sql_conn *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < STATEMENTS_MAX; i++)
		sqlite3_finalize(c->statements[i].handle);
	sqlite3_close(c->db);
	free(c);
}
