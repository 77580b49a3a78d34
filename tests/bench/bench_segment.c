/* bench_segment.c - what SQLite alone makes of the rows that the Segment door keeps: the yardstick of its bench.
 *
 * usage: bench_segment FILE BATCHES. Prepared statements over the same three tables, 2,500 events a transaction, WAL
 * and synchronous=FULL as the server has it; every event is of a new visitor. Prints events a second. No other work is
 * done: no parsing, no hashing, no conflict to resolve. */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { EVENTS = 2500 };

static void run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s\n", sqlite3_errmsg(db));
		exit(1);
	}
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s = NULL;
	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) != SQLITE_OK)
		exit(1);
	return s;
}

/* SplitMix64: hashes lie all over the tree, as they do in earnest. */
static int64_t spread(uint64_t n)
{
	n = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
	n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	return (int64_t)(n ^ n >> 27);
}

static void step(sqlite3_stmt *s)
{
	if (sqlite3_step(s) != SQLITE_DONE)
		exit(1);
	sqlite3_reset(s);
}

int main(int argc, char **argv)
{
	sqlite3 *db = NULL;
	struct timespec from, to;
	if (argc != 3 || sqlite3_open(argv[1], &db) != SQLITE_OK)
		return 2;
	const int batches = (int)strtol(argv[2], NULL, 10);
	run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	        "CREATE TABLE messages (id INTEGER PRIMARY KEY NOT NULL, day INTEGER NOT NULL) STRICT;"
	        "CREATE TABLE visitors (id INTEGER PRIMARY KEY NOT NULL, visitor INTEGER NOT NULL, day INTEGER NOT NULL) "
	        "STRICT;"
	        "CREATE TABLE steps (step INTEGER NOT NULL, day INTEGER NOT NULL, visitor INTEGER NOT NULL, plugin TEXT "
	        "NOT NULL,"
	        " at INTEGER NOT NULL, campaign TEXT NOT NULL, PRIMARY KEY (step, day, visitor, plugin)) STRICT, WITHOUT "
	        "ROWID;");
	sqlite3_stmt *message = prepare(db, "INSERT INTO messages VALUES (?, 20000)");
	sqlite3_stmt *visitor = prepare(db, "INSERT INTO visitors VALUES (?, ?, 20000)");
	sqlite3_stmt *visit = prepare(db, "INSERT INTO steps VALUES (1, 20000, ?, '', 1728000000000, 'spring')");
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int b = 0; b < batches; b++) {
		run(db, "BEGIN IMMEDIATE");
		for (int i = 0; i < EVENTS; i++) {
			const uint64_t n = (uint64_t)b * EVENTS + (uint64_t)i;
			sqlite3_bind_int64(message, 1, spread(2 * n));
			step(message);
			sqlite3_bind_int64(visitor, 1, spread(2 * n + 1));
			sqlite3_bind_int64(visitor, 2, (int64_t)n);
			step(visitor);
			sqlite3_bind_int64(visit, 1, (int64_t)n);
			step(visit);
		}
		run(db, "COMMIT");
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	const double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	printf("%.0f\n", (double)batches * EVENTS / seconds);
	sqlite3_finalize(message);
	sqlite3_finalize(visitor);
	sqlite3_finalize(visit);
	sqlite3_close(db);
	return 0;
}
