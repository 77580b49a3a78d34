/* test_backup.c - copies and re-sealing while the store goes on. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "store/fixture.h"

enum { TENANTS = 400, BODY_BYTES = 6000 }; /* some 2,400 kB: several steps of a copy */

static const char old_key[] = "old:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
static const char both_keys[] =
    "new:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=,old:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
static const char new_key[] = "new:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

struct safe {
	struct fixture fixture;
	char copy[128];
	struct keyring *old, *both, *new;
	int steps, written;
};

static struct keyring *ring(const char *text)
{
	struct keyring *k = NULL;
	struct problem p;
	assert_int_equal(keyring_parse(str_of(text), &p, &k), OK);
	return k;
}

static enum err fill(struct store_tx *tx, void *arg)
{
	struct safe *s = arg;
	static char body[BODY_BYTES];
	memset(body, 'b', sizeof(body) - 1);
	for (int i = 0; i < TENANTS; i++) {
		char key[16];
		snprintf(key, sizeof(key), "t%03d", i);
		struct buf sealed = BUF_INIT(1000), contact = BUF_INIT(1000);
		enum err e = seal(s->old, (struct seal_place){"tenants", "shared_secret", str_of(key)}, str_of(key), &sealed);
		if (e == OK)
			e = seal(s->old, (struct seal_place){"licenses", "contact", str_of(key)}, str_of(key), &contact);
		struct tenant_row t = tenant_named(key);
		t.install_body = body;
		t.shared_secret_sealed = buf_text(&sealed);
		struct license_row l = {.contact_sealed = buf_text(&contact)};
		if (e == OK)
			e = store_tenant_put(tx, &t);
		if (e == OK)
			e = store_license_put(tx, str_of(key), &l);
		buf_release(&sealed);
		buf_release(&contact);
		if (e != OK)
			return e;
	}
	return OK;
}

static int set_up(void **state)
{
	static struct safe s;
	s = (struct safe){.old = ring(old_key), .both = ring(both_keys), .new = ring(new_key)};
	fixture_init(&s.fixture);
	snprintf(s.copy, sizeof(s.copy), "%s/copy.db", s.fixture.folder);
	assert_int_equal(fixture_open(&s.fixture, 5000, false), OK);
	assert_int_equal(store_write(s.fixture.store, fill, &s), OK);
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	struct safe *s = *state;
	fixture_release(&s->fixture);
	keyring_free(s->old);
	keyring_free(s->both);
	keyring_free(s->new);
	return 0;
}

/* ---- backup ---- */

static void write_meanwhile(void *arg, int done, int total)
{
	struct safe *s = arg;
	char key[16];
	assert_in_range(done, 0, total);
	snprintf(key, sizeof(key), "during%d", s->steps++);
	s->written += put_tenant(s->fixture.store, key) == OK;
}

static size_t files_in(const char *folder)
{
	char command[128];
	snprintf(command, sizeof(command), "ls -A '%s' | wc -l", folder);
	FILE *p = popen(command, "r");
	size_t n = 0;
	assert_int_equal(fscanf(p, "%zu", &n), 1);
	pclose(p);
	return n;
}

static void a_backup_is_of_one_moment_while_writes_go_on(void **state)
{
	struct safe *s = *state;
	assert_int_equal(store_backup(s->fixture.store, s->copy, write_meanwhile, s), OK);
	assert_true(s->steps > 2);
	assert_int_equal(s->written, s->steps); /* nobody waited for the copy */
	assert_int_equal(count_tenants(s->fixture.store), TENANTS + s->steps);
	struct stat st;
	assert_int_equal(stat(s->copy, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(files_in(s->fixture.folder), 4); /* the database with -wal and -shm, and the copy */
	assert_whole(s->copy);

	/* and it opens as a store */
	struct fixture restored = s->fixture;
	snprintf(restored.file, sizeof(restored.file), "%.90s", s->copy);
	assert_int_equal(fixture_open(&restored, 1000, false), OK);
	assert_int_equal(count_tenants(restored.store), TENANTS);
	assert_int_equal(put_tenant(restored.store, "later"), OK);
	store_close(restored.store);
}

static void a_backup_replaces_nothing(void **state)
{
	struct safe *s = *state;
	FILE *there = fopen(s->copy, "w");
	fputs("mine", there);
	fclose(there);
	assert_int_equal(store_backup(s->fixture.store, s->copy, NULL, NULL), ERR_CONFLICT);
	struct stat st;
	assert_int_equal(stat(s->copy, &st), 0);
	assert_int_equal(st.st_size, 4);
	snprintf(s->copy, sizeof(s->copy), "%s/no/copy.db", s->fixture.folder);
	assert_int_equal(store_backup(s->fixture.store, s->copy, NULL, NULL), ERR_IO);
}

/* Somebody else takes the name while the copy grows. */
static void take_the_name(void *arg, int done, int total)
{
	(void)done, (void)total;
	fclose(fopen(((struct safe *)arg)->copy, "w"));
}

static void a_name_taken_meanwhile_is_not_replaced(void **state)
{
	struct safe *s = *state;
	assert_int_equal(store_backup(s->fixture.store, s->copy, take_the_name, s), ERR_CONFLICT);
	assert_int_equal(files_in(s->fixture.folder), 4);
	struct stat st;
	assert_int_equal(stat(s->copy, &st), 0);
	assert_int_equal(st.st_size, 0);
}

static void a_database_in_memory_is_copied_too(void **state)
{
	struct safe *s = *state;
	struct store *memory = NULL;
	const struct store_options o = {
	    .url = "sqlite::memory:", .clock = &s->fixture.clock.clock, .queue_max = 10, .busy_timeout_ms = 1000};
	assert_int_equal(store_open(&o, &memory), OK);
	assert_int_equal(put_tenant(memory, "t"), OK);
	assert_int_equal(store_backup(memory, s->copy, NULL, NULL), OK);
	store_close(memory);
	assert_whole(s->copy);
}

/* ---- rekey ---- */

struct check {
	const struct keyring *keyring;
	size_t opened;
};

static enum err open_secret(void *arg, const struct tenant_row *row)
{
	struct check *c = arg;
	struct buf plain = BUF_INIT(100);
	const struct seal_place place = {"tenants", "shared_secret", str_of(row->client_key)};
	if (unseal(c->keyring, place, row->shared_secret_sealed, &plain) == OK)
		c->opened += str_eqz(buf_text(&plain), row->client_key);
	buf_wipe(&plain);
	return OK;
}

static enum err open_contact(void *arg, const char *client_key, const struct license_row *row)
{
	struct check *c = arg;
	struct buf plain = BUF_INIT(100);
	const struct seal_place place = {"licenses", "contact", str_of(client_key)};
	if (unseal(c->keyring, place, row->contact_sealed, &plain) == OK)
		c->opened += str_eqz(buf_text(&plain), client_key);
	buf_wipe(&plain);
	return OK;
}

static enum err open_all(struct store_tx *tx, void *arg)
{
	enum err e = store_tenant_each(tx, open_secret, arg);
	return e == OK ? store_license_each(tx, open_contact, arg) : e;
}

static size_t opened_with(struct safe *s, const struct keyring *k)
{
	struct check c = {k, 0};
	assert_int_equal(store_read(s->fixture.store, open_all, &c), OK);
	return c.opened;
}

static void rekey_seals_all_anew_with_the_newest_key(void **state)
{
	struct safe *s = *state;
	struct rekey r = {0};
	assert_int_equal(opened_with(s, s->new), 0);
	assert_int_equal(store_rekey(s->fixture.store, s->both, &r), OK);
	assert_int_equal(r.resealed, 2 * TENANTS);
	assert_int_equal(r.unopened_count, 0);
	assert_true(r.settled);
	assert_int_equal(opened_with(s, s->new), 2 * TENANTS);
	assert_int_equal(store_rekey(s->fixture.store, s->both, &r), OK);
	assert_int_equal(r.resealed, 0);
}

static enum err spoil(struct store_tx *tx, void *arg)
{
	(void)arg;
	struct tenant_row t = tenant_named("t000"); /* its value was sealed with no key of ours */
	return store_tenant_put(tx, &t);
}

static void keep_key(void *arg, const struct sealed_row *row)
{
	snprintf(arg, 64, "%s.%s %s", row->table, row->column, row->row_key);
}

static void what_does_not_open_is_told_and_passed_by(void **state)
{
	struct safe *s = *state;
	char told[64] = "";
	struct rekey r = {.unopened = keep_key, .arg = told};
	assert_int_equal(store_write(s->fixture.store, spoil, NULL), OK);
	assert_int_equal(store_rekey(s->fixture.store, s->both, &r), OK);
	assert_int_equal(r.resealed, 2 * TENANTS - 1);
	assert_int_equal(r.unopened_count, 1);
	assert_string_equal(told, "tenants.shared_secret t000");
	assert_int_equal(opened_with(s, s->new), 2 * TENANTS - 1);
}

/* A server that has not got the new key yet installs a tenant again. */
static enum err reinstall(struct store_tx *tx, void *arg)
{
	struct safe *s = arg;
	struct buf sealed = BUF_INIT(1000);
	enum err e = seal(s->old, (struct seal_place){"tenants", "shared_secret", STR("t050")}, STR("t050"), &sealed);
	struct tenant_row t = tenant_named("t050");
	t.shared_secret_sealed = buf_text(&sealed);
	if (e == OK)
		e = store_tenant_put(tx, &t);
	buf_release(&sealed);
	return e;
}

static void reinstall_once(void *arg, size_t resealed)
{
	struct safe *s = arg;
	if (!s->steps++)
		assert_int_equal(store_write(s->fixture.store, reinstall, s), OK);
	assert_true(resealed > 0);
}

static void rekey_goes_on_beside_a_server(void **state)
{
	struct safe *s = *state;
	struct rekey r = {.progress = reinstall_once, .arg = s};
	assert_int_equal(store_rekey(s->fixture.store, s->both, &r), OK);
	assert_int_equal(opened_with(s, s->new), 2 * TENANTS);
	assert_true(r.settled);
}

/* The callback runs between reading a piece and writing it back: the reinstalled row has changed under the walk. */
static void reinstall_in_the_same_piece(void *arg, const struct sealed_row *row)
{
	struct safe *s = arg;
	assert_string_equal(row->row_key, "t000");
	if (!s->steps++)
		assert_int_equal(store_write(s->fixture.store, reinstall, s), OK);
}

/* It never learns: rekey says so instead of going on for ever. */
static void reinstall_always(void *arg, size_t resealed)
{
	struct safe *s = arg;
	assert_true(resealed > 0);
	assert_int_equal(store_write(s->fixture.store, reinstall, s), OK);
}

static void rekey_tells_when_a_server_keeps_the_old_key(void **state)
{
	struct safe *s = *state;
	struct rekey r = {.progress = reinstall_always, .arg = s};
	assert_int_equal(store_rekey(s->fixture.store, s->both, &r), OK);
	assert_false(r.settled);
}

static void a_row_that_changed_meanwhile_is_left_to_a_further_pass(void **state)
{
	struct safe *s = *state;
	struct rekey r = {.unopened = reinstall_in_the_same_piece, .arg = s};
	assert_int_equal(store_write(s->fixture.store, spoil, NULL), OK);
	assert_int_equal(store_rekey(s->fixture.store, s->both, &r), OK);
	assert_int_equal(s->steps, 1);
	assert_true(r.settled);
	assert_int_equal(r.unopened_count, 1);
	assert_int_equal(opened_with(s, s->new), 2 * TENANTS - 1);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    T(a_backup_is_of_one_moment_while_writes_go_on),
	    T(a_backup_replaces_nothing),
	    T(a_name_taken_meanwhile_is_not_replaced),
	    T(a_database_in_memory_is_copied_too),
	    T(rekey_seals_all_anew_with_the_newest_key),
	    T(what_does_not_open_is_told_and_passed_by),
	    T(rekey_goes_on_beside_a_server),
	    T(rekey_tells_when_a_server_keeps_the_old_key),
	    T(a_row_that_changed_meanwhile_is_left_to_a_further_pass),
	};
	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
