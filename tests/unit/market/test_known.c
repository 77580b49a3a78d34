/* test_known.c - what a poll remembers of a report: what is there and what came, up to a bound that holds whatever the
 * report's size. */
#include <string.h>

#include "market/known.h"
#include "test.h"

enum { SLOT_BYTES = 8, BYTES_MAX = 8 << 20 };

static void hash_of(uint64_t n, uint8_t hash[static RAW_HASH_SIZE])
{
	const uint64_t scattered = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
	memset(hash, 0, RAW_HASH_SIZE);
	memcpy(hash, &scattered, sizeof(scattered));
}

static bool add(struct known *k, uint64_t n)
{
	uint8_t hash[RAW_HASH_SIZE];
	hash_of(n, hash);
	return known_add(k, hash);
}

static bool came(const struct known *k, uint64_t n)
{
	uint8_t hash[RAW_HASH_SIZE];
	hash_of(n, hash);
	return known_came(k, hash);
}

static void what_comes_is_there_from_then_on(void **state)
{
	(void)state;
	struct known k = {0};
	assert_false(came(&k, 1));
	for (uint64_t n = 0; n < 100000; n++)
		assert_false(add(&k, n));
	for (uint64_t n = 0; n < 100000; n++)
		assert_true(add(&k, n) && came(&k, n));
	assert_false(came(&k, 100000));
	assert_false(k.overflowed);
	known_release(&k);
}

static void it_is_made_at_its_size(void **state)
{
	(void)state;
	static const struct {
		uint64_t rows;
		size_t slots;
	} rows[] = {{0, 1 << 12}, {3 << 10, 1 << 12}, {(3 << 10) + 1, 1 << 13}, {UINT64_C(1) << 40, 1 << 20}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct known k = {0};
		known_expect(&k, rows[i].rows);
		assert_int_equal(k.size, rows[i].slots);
		known_release(&k);
	}
}

/* What does not fit is parsed and compared, which is as right: so it must not be said to have come. */
static void it_stops_growing(void **state)
{
	(void)state;
	struct known k = {0};
	for (uint64_t n = 0; n < KNOWN_MAX; n++)
		assert_false(add(&k, n));
	assert_false(k.overflowed);
	assert_false(add(&k, KNOWN_MAX));
	assert_true(k.overflowed);
	assert_false(add(&k, KNOWN_MAX) || came(&k, KNOWN_MAX));
	assert_true(add(&k, 7));
	assert_true(k.size * SLOT_BYTES <= BYTES_MAX);
	known_release(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_comes_is_there_from_then_on),
	    cmocka_unit_test(it_is_made_at_its_size),
	    cmocka_unit_test(it_stops_growing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
