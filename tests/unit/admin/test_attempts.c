/* How often a wrong admin token may be tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "admin/attempts.h"
#include "base/net.h"

static struct clock_manual wall;
static struct attempts *attempts;

static int setup(void **state)
{
	(void)state;
	clock_manual_init(&wall, 1000000);
	attempts = attempts_new(&wall.clock);
	return attempts ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	attempts_free(attempts);
	return 0;
}

static const uint8_t *address(const char *text)
{
	static uint8_t ip[16];
	assert_true(ip_parse(str_of(text), ip));
	return ip;
}

static int64_t wait(const char *peer)
{
	return attempts_wait_s(attempts, address(peer));
}

static void wrong(const char *peer, int count)
{
	for (int i = 0; i < count; i++)
		attempts_wrong(attempts, address(peer));
}

static void ten_in_a_row_then_one_in_six_seconds(void **state)
{
	(void)state;
	assert_int_equal(wait("192.0.2.1"), 0);
	wrong("192.0.2.1", ATTEMPTS_BURST - 1);
	assert_int_equal(wait("192.0.2.1"), 0);
	wrong("192.0.2.1", 1);
	assert_int_equal(wait("192.0.2.1"), 6);
	assert_int_equal(wait("192.0.2.2"), 0);
	clock_manual_step(&wall, 5001);
	assert_int_equal(wait("192.0.2.1"), 1);
	clock_manual_step(&wall, 999);
	assert_int_equal(wait("192.0.2.1"), 0);
	wrong("192.0.2.1", 1);
	assert_int_equal(wait("192.0.2.1"), 6);
	clock_manual_step(&wall, 60000);
	wrong("192.0.2.1", ATTEMPTS_BURST - 1);
	assert_int_equal(wait("192.0.2.1"), 0);
}

static void of_ipv6_the_network_counts(void **state)
{
	(void)state;
	wrong("2001:db8:1:1::1", ATTEMPTS_BURST / 2);
	wrong("2001:db8:1:1:ffff::9", ATTEMPTS_BURST / 2);
	assert_int_equal(wait("2001:db8:1:1::7"), 6);
	assert_int_equal(wait("2001:db8:1:2::1"), 0);
}

static void who_knows_the_token_may_err_more_often(void **state)
{
	(void)state;
	attempts_right(attempts, address("192.0.2.1"));
	wrong("192.0.2.1", ATTEMPTS_BURST * ATTEMPTS_KNOWN_FACTOR - 1);
	assert_int_equal(wait("192.0.2.1"), 0);
	wrong("192.0.2.1", 1);
	assert_int_equal(wait("192.0.2.1"), 1);
	clock_manual_step(&wall, (ATTEMPTS_KNOWN_S + 1) * INT64_C(1000));
	wrong("192.0.2.1", ATTEMPTS_BURST);
	assert_int_equal(wait("192.0.2.1"), 6);
}

/* Strangers from everywhere: each gets its first try, none a second, and whoever comes with the right one is let in. */
static void all_together_are_limited_and_a_first_try_never_is(void **state)
{
	(void)state;
	uint8_t ip[16];
	memcpy(ip, address("192.0.2.0"), 16);
	for (int i = 0; i < ATTEMPTS_ALL_BURST + 50; i++) {
		ip[14] = (uint8_t)(i / 250);
		ip[15] = (uint8_t)(i % 250);
		assert_int_equal(attempts_wait_s(attempts, ip), 0);
		attempts_wrong(attempts, ip);
	}
	assert_int_equal(attempts_wait_s(attempts, ip), 6);
	assert_int_equal(wait("198.51.100.1"), 0);
	clock_manual_step(&wall, 50 * ATTEMPTS_ALL_EACH_MS);
	wrong("198.51.100.1", 1);
	assert_int_equal(wait("198.51.100.1"), 6);
	clock_manual_step(&wall, 2 * ATTEMPTS_ALL_EACH_MS);
	assert_int_equal(wait("198.51.100.1"), 0);
}

/* More peers than there are places: those that owe least make place, and nobody who came once is refused. */
static void the_table_is_never_full(void **state)
{
	(void)state;
	uint8_t ip[16];
	wrong("192.0.2.1", ATTEMPTS_BURST);
	memcpy(ip, address("10.0.0.0"), 16);
	for (int i = 0; i < 8 * ATTEMPTS_PEERS; i++) {
		ip[14] = (uint8_t)(i / 256);
		ip[15] = (uint8_t)(i % 256);
		assert_int_equal(attempts_wait_s(attempts, ip), 0);
		attempts_wrong(attempts, ip);
	}
	assert_true(wait("192.0.2.1") > 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(ten_in_a_row_then_one_in_six_seconds),
	    T(of_ipv6_the_network_counts),
	    T(who_knows_the_token_may_err_more_often),
	    T(all_together_are_limited_and_a_first_try_never_is),
	    T(the_table_is_never_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
