/* test_open.c - what the store opens, what it refuses and leaves alone, and how it looks on the disk. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "store/fixture.h"

enum { OPENERS = 6, NEWEST = 11 };

static char logged[2000];

static void keep_log(const char *line, size_t len, void *arg)
{
	(void)arg;
	snprintf(logged, sizeof(logged), "%.*s", (int)len, line);
}

static int set_up(void **state)
{
	static struct fixture f;
	fixture_init(&f);
	logged[0] = '\0';
	log_set_sink(keep_log, NULL);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	log_set_sink(NULL, NULL);
	fixture_release(*state);
	return 0;
}

static void run_sql(const char *file, const char *sql)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static int64_t ask_int(const char *file, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return n;
}

static void opening_again_changes_nothing(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_open(f, 1000, false), OK);
	assert_int_equal(put_tenant(f->store, "t"), OK);
	fixture_reopen(f);
	fixture_reopen(f);
	assert_true(has_tenant(f->store, "t"));
	assert_int_equal(ask_int(f->file, "PRAGMA user_version"), NEWEST);
	assert_int_equal(ask_int(f->file, "PRAGMA application_id"), 0x4c434754);
	assert_whole(f->file);
}

/* The schema before the second migration, with people in it. */
static void an_older_database_is_brought_up_to_date(void **state)
{
	struct fixture *f = *state;
	struct buf schema = BUF_INIT(1 << 16);
	assert_int_equal(file_read(PROJECT_DIR "/src/store/schema/sqlite-001.sql", &schema), OK);
	run_sql(f->file, schema.data);
	buf_release(&schema);
	run_sql(f->file,
	        "PRAGMA user_version = 1;"
	        "INSERT INTO tenants (client_key, status, first_installed_at, installed_at, updated_at, "
	        "uninstalled_at, last_seen_at) VALUES ('t', 'enabled', 1, 1, 1, 0, 0), ('u', 'enabled', 1, 1, 1, 0, 0);"
	        "INSERT INTO users VALUES ('t', 'ann', 1, 5, 3);"
	        "INSERT INTO feedback (client_key, account_id, message, at) VALUES ('t', 'ann', 'm', 7), "
	        "('t', 'bob', 'm', 8), ('t', 'bob', 'm', 9), ('u', NULL, 'm', 9);");
	assert_int_equal(fixture_open(f, 1000, false), OK);
	assert_int_equal(ask_int(f->file, "PRAGMA user_version"), NEWEST);
	assert_int_equal(ask_int(f->file, "SELECT seat_at * 100 + updated_at FROM users WHERE account_id = 'ann'"), 305);
	assert_int_equal(ask_int(f->file, "SELECT last_seen * 10 + first_seen FROM users WHERE account_id = 'bob'"), 98);
	assert_int_equal(ask_int(f->file, "SELECT count(*) FROM users"), 2);
	assert_int_equal(ask_int(f->file, "SELECT count(*) FROM reports WHERE client_key = 't' AND next_at = 0"), 1);
	assert_int_equal(ask_int(f->file, "SELECT count(*) FROM reports"), 1);
	assert_whole(f->file);
}

/* As an earlier release left it. */
static void database_of_version(const struct fixture *f, int version)
{
	char text[128];
	for (int v = 1; v <= version; v++) {
		struct buf schema = BUF_INIT(1 << 16);
		snprintf(text, sizeof(text), PROJECT_DIR "/src/store/schema/sqlite-%03d.sql", v);
		assert_int_equal(file_read(text, &schema), OK);
		run_sql(f->file, schema.data);
		buf_release(&schema);
	}
	snprintf(text, sizeof(text), "PRAGMA user_version = %d", version);
	run_sql(f->file, text);
}

static void what_version_10_held_is_there(void **state)
{
	struct fixture *f = *state;
	database_of_version(f, 10);
	run_sql(
	    f->file,
	    "INSERT INTO endpoints (id, url, all_types, setting, secret, secret_key, previous_until, created_at, "
	    "disabled_at, disabled_after) VALUES ('e', 'https://a/', 1, 0, x'01', 'k', 0, 5, 0, 0);"
	    "INSERT INTO deliveries (endpoint, event_seq, event_id, lane, status, ready, attempts, created_at, "
	    "next_attempt_at, lease_until, last_attempt_at, last_status, duration_ms, finished_at) "
	    "VALUES ('e', 7, 'evt', 't', 'dead', 0, 10, 1, 0, 0, 2, 500, 3, 4), "
	    "('e', 8, 'evt', 't', 'delivered', 0, 1, 1, 0, 0, 2, 200, 3, 4), "
	    "('e', 9, 'evt', 't', 'pending', 1, 0, 1, 0, 0, 0, 0, 0, 0), ('e', 10, 'evt', 't', 'dead', 0, 10, 1, 0, 0, 2, "
	    "500, 3, 4);"
	    "DELETE FROM deliveries WHERE event_seq = 10;"
	    "INSERT INTO contacts VALUES ('E-1', NULL, 't', x'0102', 'k', x'03', NULL, 6), "
	    "('E-2', 'E-3', NULL, NULL, NULL, NULL, 'erased', 7);"
	    "INSERT INTO market_passed (raw_hash, at) VALUES (x'04', 8);");
	assert_int_equal(fixture_open(f, 1000, false), OK);
	assert_int_equal(ask_int(f->file, "PRAGMA user_version"), NEWEST);
	static const struct {
		const char *what;
		int64_t is;
	} rows[] = {
	    {"SELECT created_at FROM endpoints WHERE id = 'e' AND held_until = 0", 5},
	    {"SELECT event_seq FROM deliveries WHERE status = 'dead'", 7},
	    {"SELECT seq FROM sqlite_sequence WHERE name = 'deliveries'", 4},
	    {"SELECT count(*) FROM delivery_attempts", 1},
	    {"SELECT number FROM delivery_attempts WHERE delivery = 1 AND at = 2 AND status = 500 AND error IS NULL AND "
	     "duration_ms = 3",
	     10},
	    {"SELECT updated_at FROM contacts WHERE license_key = 'E-1' AND tenant = 't' AND contacts = x'0102' AND "
	     "contacts_key = 'k' AND digest = x'03' AND entitlement IS NULL AND erased IS NULL",
	     6},
	    {"SELECT updated_at FROM contacts WHERE license_key = 'E-2' AND entitlement = 'E-3' AND erased = 'erased'", 7},
	    {"SELECT at FROM market_passed WHERE license_id IS NULL AND sale_id IS NULL", 8},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(ask_int(f->file, rows[i].what), rows[i].is);
	assert_whole(f->file);
}

static int mode_of(const struct fixture *f, const char *suffix)
{
	char path[128];
	struct stat st;
	snprintf(path, sizeof(path), "%s%s", f->file, suffix);
	assert_int_equal(stat(path, &st), 0);
	return (int)(st.st_mode & 0777);
}

static void its_files_are_nobody_elses(void **state)
{
	struct fixture *f = *state;
	mode_t before = umask(0);
	assert_int_equal(fixture_open(f, 1000, false), OK);
	assert_int_equal(put_tenant(f->store, "t"), OK);
	umask(before);
	assert_int_equal(mode_of(f, ""), 0600);
	assert_int_equal(mode_of(f, "-wal"), 0600);
	assert_int_equal(mode_of(f, "-shm"), 0600);
	store_close(f->store);
	f->store = NULL;
	assert_int_equal(chmod(f->file, 0644), 0);
	assert_int_equal(fixture_open(f, 1000, false), OK);
	assert_int_equal(mode_of(f, ""), 0600);
}

static enum err put_ann(struct store_tx *tx, void *arg)
{
	(void)arg;
	const struct user_row ann = {.client_key = "t", .account_id = "ann-planted", .first_seen = 1, .last_seen = 1};
	return store_user_put(tx, &ann);
}

static enum err delete_ann(struct store_tx *tx, void *arg)
{
	(void)arg;
	return store_user_delete(tx, STR("t"), STR("ann-planted"));
}

static bool file_names_ann(const struct fixture *f, const char *suffix)
{
	char path[128];
	struct buf content = BUF_INIT(1 << 22);
	snprintf(path, sizeof(path), "%s%s", f->file, suffix);
	assert_int_equal(file_read(path, &content), OK);
	const bool found = content.len && memmem(content.data, content.len, "ann-planted", strlen("ann-planted"));
	buf_release(&content);
	return found;
}

/* Whose account is closed is in no page, and not in the log of pages. */
static void who_is_erased_is_in_no_file(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_open(f, 1000, false), OK);
	assert_int_equal(put_tenant(f->store, "t"), OK);
	assert_int_equal(store_write(f->store, put_ann, NULL), OK);
	assert_true(file_names_ann(f, "-wal"));
	assert_int_equal(store_write(f->store, delete_ann, NULL), OK);
	assert_false(file_names_ann(f, ""));
	assert_false(file_names_ann(f, "-wal"));
}

static void what_is_not_ours_is_left_alone(void **state)
{
	static const struct {
		const char *sql, *says;
	} rows[] = {
	    {"CREATE TABLE places (id INTEGER)", "another program"},
	    {"CREATE TABLE places (id INTEGER); PRAGMA application_id = 7", "another program"},
	    {"PRAGMA application_id = 7", "another program"},
	    {"CREATE TABLE tenants (id INTEGER); PRAGMA application_id = 1279477588; PRAGMA user_version = 99",
	     "newer licgate"},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unlink(f->file);
		run_sql(f->file, rows[i].sql);
		int64_t version = ask_int(f->file, "PRAGMA user_version"),
		        tables = ask_int(f->file, "SELECT count(*) FROM sqlite_schema");
		assert_int_equal(fixture_open(f, 1000, false), ERR_INVALID);
		assert_null(f->store);
		assert_non_null(strstr(logged, rows[i].says));
		assert_int_equal(ask_int(f->file, "PRAGMA user_version"), version);
		assert_int_equal(ask_int(f->file, "SELECT count(*) FROM sqlite_schema"), tables);
		assert_int_equal(ask_int(f->file, "SELECT journal_mode = 'delete' FROM pragma_journal_mode"), 1);
	}
}

static void what_is_no_database_is_refused(void **state)
{
	struct fixture *f = *state;
	FILE *out = fopen(f->file, "w");
	assert_non_null(out);
	for (int i = 0; i < 1000; i++)
		fputs("this is a letter, not a database\n", out);
	fclose(out);
	assert_int_equal(fixture_open(f, 1000, false), ERR_IO);
	assert_non_null(strstr(logged, "not a database"));
}

static void only_known_schemes_open(void **state)
{
	static const char *const urls[] = {"postgresql://user:hunter2@db/licgate", "mysql:x", "licgate.db", "", "sqlite"};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		const struct store_options o = {.url = urls[i], .clock = &f->clock.clock, .queue_max = 1, .busy_timeout_ms = 1};
		logged[0] = '\0';
		assert_int_equal(store_open(&o, &f->store), ERR_INVALID);
		assert_non_null(strstr(logged, "use sqlite:FILE"));
		assert_null(strstr(logged, "hunter2"));
	}
	const struct store_options o = {.url = "sqlite:", .clock = &f->clock.clock, .queue_max = 1};
	assert_int_equal(store_open(&o, &f->store), ERR_INVALID);
}

static void a_store_that_only_looks_makes_and_writes_nothing(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(fixture_open(f, 1000, true), ERR_IO);
	assert_int_not_equal(access(f->file, F_OK), 0);
	assert_int_equal(fixture_open(f, 1000, false), OK);
	assert_int_equal(put_tenant(f->store, "t"), OK);
	struct fixture looker = *f;
	assert_int_equal(fixture_open(&looker, 1000, true), OK);
	assert_true(has_tenant(looker.store, "t"));
	assert_int_equal(put_tenant(f->store, "u"), OK); /* beside it */
	assert_true(has_tenant(looker.store, "u"));
	assert_int_equal(put_tenant(looker.store, "v"), ERR_DENIED);
	assert_int_equal(store_healthy(looker.store), OK);
	assert_int_equal(store_queue_depth(looker.store), 0);
	store_close(looker.store);
}

static void a_folder_that_is_not_there_is_told(void **state)
{
	struct fixture *f = *state;
	snprintf(f->file, sizeof(f->file), "%s/no/such.db", f->folder);
	assert_int_equal(fixture_open(f, 1000, false), ERR_IO);
	assert_non_null(strstr(logged, "No such file"));
}

struct opener {
	struct fixture *fixture;
	struct fixture own;
	enum err result;
};

static void *open_one(void *arg)
{
	struct opener *o = arg;
	o->own = *o->fixture;
	o->result = fixture_open(&o->own, 5000, false);
	return NULL;
}

/* As when a server and a command start at the same moment. */
static void several_make_the_same_new_database_at_once(void **state)
{
	struct fixture *f = *state;
	struct opener openers[OPENERS];
	pthread_t threads[OPENERS];
	for (int i = 0; i < OPENERS; i++) {
		openers[i] = (struct opener){.fixture = f};
		assert_int_equal(pthread_create(&threads[i], NULL, open_one, &openers[i]), 0);
	}
	for (int i = 0; i < OPENERS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < OPENERS; i++) {
		char key[16];
		snprintf(key, sizeof(key), "t%d", i);
		assert_int_equal(openers[i].result, OK);
		assert_int_equal(put_tenant(openers[i].own.store, key), OK);
	}
	assert_int_equal(count_tenants(openers[0].own.store), OPENERS);
	for (int i = 0; i < OPENERS; i++)
		store_close(openers[i].own.store);
	assert_whole(f->file);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    T(opening_again_changes_nothing),
	    T(an_older_database_is_brought_up_to_date),
	    T(what_version_10_held_is_there),
	    T(its_files_are_nobody_elses),
	    T(who_is_erased_is_in_no_file),
	    T(what_is_not_ours_is_left_alone),
	    T(what_is_no_database_is_refused),
	    T(only_known_schemes_open),
	    T(a_store_that_only_looks_makes_and_writes_nothing),
	    T(a_folder_that_is_not_there_is_told),
	    T(several_make_the_same_new_database_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
