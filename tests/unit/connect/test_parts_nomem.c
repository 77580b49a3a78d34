/* test_parts_nomem.c - the door's parts made, and answers and tokens read and made, with each allocation failing in
 * turn: once, and from then on. What cannot be whole is an error that leaves nothing behind. */
#include "test.h"

#include <stdlib.h>

#include "alloc_faults.h"
#include "base/log.h"
#include "base/secret.h"
#include "connect/connect.h"
#include "connect/host.h"
#include "install_key.h"
#include "token/token.h"

static struct clock_manual now;
static struct store *store;
static struct timers *timers;

/* Does its work and cleans up after it; what it says is checked by every_allocation(). */
typedef enum err part_fn(void);

static void every_allocation(part_fn *part, const char *name)
{
	assert_int_equal(part(), OK); /* and metrics, which are made once and can be done without, are there */
	for (int for_ever = 0; for_ever < 2; for_ever++) {
		bool any = true;
		long nth = 0;
		for (; any; nth++) {
			alloc_faults_arm(nth, for_ever);
			const enum err err = part();
			any = alloc_faults_disarm();
			if (err != (any ? ERR_NOMEM : OK))
				fail_msg("%s, allocation %ld: %s", name, nth, err_name(err));
			assert_in_range(nth, 0, 1000);
		}
		assert_true(nth > 1); /* there is something to fail */
	}
}

/* ---- parts ---- */

static enum err host_part(void)
{
	const struct host_options o = {.clock = &now.clock, .app_key = "app", .timeout_ms = 1000};
	struct host *h = NULL;
	const enum err err = host_new(&o, &h);
	assert_int_equal(err == OK, h != NULL);
	host_free(h);
	return err;
}

/* A stored key that cannot be read for want of memory is asked for again: that is no reason not to start. */
static enum err keys_part(void)
{
	const struct install_keys_options o = {.clock = &now.clock, .store = store, .timeout_ms = 1000};
	const struct rsa_key *key;
	enum key_status status = KEY_UNKNOWN;
	struct install_keys *keys = NULL;
	enum err err = install_keys_new(&o, &keys);
	assert_int_equal(err == OK, keys != NULL);
	if (!keys)
		return err;
	if (!install_keys_get(keys, STR("kid-1"), &status, &key, NULL, NULL))
		err = ERR_NOMEM;
	else
		assert_int_equal(status, KEY_FOUND);
	install_keys_free(keys);
	return err;
}

static enum err upkeep_part(void)
{
	struct config config = {.retention_days = 30};
	struct connect c = {.config = &config, .clock = &now.clock, .timers = timers, .store = store};
	const enum err err = retention_start(&c);
	assert_int_equal(err == OK, c.upkeep != NULL);
	retention_stop(&c);
	assert_null(c.upkeep);
	return err;
}

/* ---- answers ---- */

/* Texts so long that they do not fit an arena's first bytes. */
#define LONG                                                                                                           \
	"-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789"   \
	"-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789"   \
	"-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789"
#define LICENSE(contact)                                                                                               \
	"{\"active\":true,\"type\":\"academic" LONG "\",\"organizationName\":\"o" LONG                                     \
	"\",\"supportEntitlementNumber\":\"s" LONG "\",\"entitlementId\":\"i" LONG "\",\"entitlementNumber\":\"n" LONG     \
	"\"" contact "}"

typedef bool license_parser(struct str body, struct license_facts *ret, struct arena *a);

/* room: of the arena, besides what it has of itself. */
static enum err parse_within(license_parser *parse, const char *body, size_t room)
{
	struct license_facts f = {.users_max = 7};
	struct arena a;
	arena_init(&a, room);
	assert_non_null(arena_alloc(&a, ARENA_FIRST_BYTES)); /* every text is an allocation */
	const bool parsed = parse(str_of(body), &f, &a);
	assert_int_equal(f.users_max, parsed ? 0 : 7); /* untouched */
	if (parsed) {
		assert_true(str_eqz(f.type, "ACADEMIC" LONG) && str_eqz(f.organisation, "o" LONG));
		assert_true(str_eqz(f.sen, "s" LONG) && str_eqz(f.entitlement_id, "i" LONG));
		assert_true(str_eqz(f.entitlement_number, "n" LONG) && str_eqz(f.contact_email, "jo@acme.example"));
	}
	arena_release(&a);
	return parsed ? OK : ERR_NOMEM;
}

#define LATEST_BODY LICENSE(",\"contactEmail\":\"jo@acme.example\"")
#define ADDON_BODY                                                                                                     \
	"{\"key\":\"app\",\"license\":" LICENSE("") ",\"host\":{\"contacts\":[{\"email\":\"jo@acme.example\"}]}}"

static enum err latest_part(void)
{
	return parse_within(license_parse_latest, LATEST_BODY, 1 << 16);
}

static enum err addon_part(void)
{
	return parse_within(license_parse_addon, ADDON_BODY, 1 << 16);
}

/* An answer with more text than there is room for is not read in part. */
static void test_texts_fit_or_the_answer_is_not_read(void **state)
{
	(void)state;
	size_t refused = 0, accepted = 0;
	for (size_t room = 0; room < 4096; room += 16) {
		const enum err latest = parse_within(license_parse_latest, LATEST_BODY, room);
		assert_int_equal(latest, parse_within(license_parse_addon, ADDON_BODY, room));
		refused += latest != OK;
		accepted += latest == OK;
	}
	assert_true(refused > 20 && accepted > 20);
}

static enum err mint_part(void)
{
	char *token = NULL;
	const enum err err = token_mint_hs256(STR("secret"), STR("{\"iss\":\"app\"}"), &token);
	assert_int_equal(err == OK, token != NULL);
	free(token);
	return err;
}

static void test_every_part(void **state)
{
	static const struct {
		const char *name;
		part_fn *part;
	} parts[] = {{"host", host_part},     {"install keys", keys_part}, {"upkeep", upkeep_part},
	             {"latest", latest_part}, {"addon", addon_part},       {"token", mint_part}};
	(void)state;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		every_allocation(parts[i].part, parts[i].name);
}

/* ---- what they stand on ---- */

static enum err write_key(struct store_tx *tx, void *arg)
{
	(void)arg;
	return store_install_key_put(tx, STR("kid-1"), STR(key_2048), 1);
}

static int begin(void **state)
{
	const struct store_options so = {
	    .url = "sqlite::memory:", .clock = &clock_system, .queue_max = 100, .busy_timeout_ms = 1000};
	(void)state;
	log_set_sink(quiet, NULL);
	clock_manual_init(&now, INT64_C(1768471200000));
	if (!crypto_init() || store_open(&so, &store) != OK || timers_new(&now.clock, false, &timers) != OK)
		return -1;
	return store_write(store, write_key, NULL) == OK ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	timers_free(timers);
	store_close(store);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_part),
	    cmocka_unit_test(test_texts_fit_or_the_answer_is_not_read),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
