/* test_follow.c - the endpoint of the settings, start after start: its secret rotates, its address moves, its id stays.
 */
#include <string.h>

#include "base/secret.h"
#include "events/endpoints.h"
#include "store/fixture.h"

static struct world {
	struct fixture fixture;
	struct keyring *keys;
} w;

static int set_up(void **state)
{
	(void)state;
	fixture_init(&w.fixture);
	assert_int_equal(fixture_open(&w.fixture, 1000, false), OK);
	assert_int_equal(keyring_random(&w.keys), OK);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fixture_release(&w.fixture);
	keyring_free(w.keys);
	return 0;
}

struct look {
	struct arena arena;
	struct endpoint_row endpoint;
};

static enum err look_run(struct store_tx *tx, void *arg)
{
	struct look *l = arg;
	return store_endpoint_get(tx, STR(ENDPOINT_OF_SETTINGS), &l->arena, &l->endpoint);
}

static enum err rotate_run(struct store_tx *tx, void *arg)
{
	struct arena a;
	arena_init(&a, 1 << 20);
	enum err err = endpoint_rotate(tx, w.keys, STR(ENDPOINT_OF_SETTINGS), 2000, &a, arg);
	arena_release(&a);
	return err;
}

static struct endpoint_row settings_row(struct look *l)
{
	arena_init(&l->arena, 1 << 20);
	assert_int_equal(store_read(w.fixture.store, look_run, l), OK);
	return l->endpoint;
}

static void assert_secret(const struct endpoint_row *e, const char *column, const char *want)
{
	struct buf plain = BUF_INIT(300);
	const struct str sealed = strcmp(column, "secret") == 0 ? e->secret_sealed : e->previous_sealed;
	assert_int_equal(unseal(w.keys, (struct seal_place){"endpoints", column, str_of(e->id)}, sealed, &plain), OK);
	assert_string_equal(plain.data, want);
	buf_release(&plain);
}

static void the_settings_are_followed_at_every_start(void **state)
{
	(void)state;
	static char url[] = "https://hooks.example.com/s", moved[] = "https://hooks.example.com/t",
	            first[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", second[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx";
	struct store *s = w.fixture.store;
	struct look l;
	char rotated[SIGNING_SECRET_SIZE];
	struct config c = {.events_url = url, .events_secret = first};
	int64_t now = 1000;
	assert_int_equal(endpoints_follow_settings(s, w.keys, &c, now), OK);
	struct endpoint_row e = settings_row(&l);
	assert_secret(&e, "secret", first);
	assert_int_equal(e.previous_sealed.len, 0);
	arena_release(&l.arena);

	/* another secret: the old one signs along; another URL: the same endpoint */
	c.events_secret = second;
	c.events_url = moved;
	assert_int_equal(endpoints_follow_settings(s, w.keys, &c, now), OK);
	e = settings_row(&l);
	assert_secret(&e, "secret", second);
	assert_secret(&e, "previous_secret", first);
	assert_int_equal(e.previous_until, now + SECRET_OVERLAP_MS);
	assert_string_equal(e.url, moved);
	arena_release(&l.arena);

	/* rotated by the operator: it stays so while the setting stays as it is */
	assert_int_equal(store_write(s, rotate_run, rotated), OK);
	assert_int_equal(endpoints_follow_settings(s, w.keys, &c, now), OK);
	e = settings_row(&l);
	assert_secret(&e, "secret", rotated);
	assert_secret(&e, "previous_secret", second);
	arena_release(&l.arena);

	/* and the setting follows: nothing to rotate */
	c.events_secret = rotated;
	assert_int_equal(endpoints_follow_settings(s, w.keys, &c, now), OK);
	e = settings_row(&l);
	assert_secret(&e, "secret", rotated);
	assert_secret(&e, "previous_secret", second);
	arena_release(&l.arena);

	/* taken out of the settings, and in again */
	const struct config without = {0};
	assert_int_equal(endpoints_follow_settings(s, w.keys, &without, now), OK);
	e = settings_row(&l);
	assert_true(e.disabled_at == now && strcmp(e.disabled_reason, "not_in_settings") == 0);
	arena_release(&l.arena);
	assert_int_equal(endpoints_follow_settings(s, w.keys, &c, now), OK);
	e = settings_row(&l);
	assert_int_equal(e.disabled_at, 0);
	arena_release(&l.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_settings_are_followed_at_every_start, set_up, tear_down),
	};
	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
