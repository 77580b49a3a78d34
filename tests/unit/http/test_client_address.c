/* test_client_address.c - which addresses outgoing calls may reach. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "http/client_address.h"

static const struct {
	const char *address;
	bool is_public;
} cases[] = {
    {"8.8.8.8", true},
    {"104.192.142.1", true},
    {"0.0.0.0", false},
    {"0.1.2.3", false},
    {"10.0.0.1", false},
    {"9.255.255.255", true},
    {"11.0.0.0", true},
    {"100.63.255.255", true},
    {"100.64.0.1", false},
    {"100.127.255.255", false},
    {"100.128.0.0", true},
    {"127.0.0.1", false},
    {"127.255.255.254", false},
    {"169.254.169.254", false},
    {"172.15.255.255", true},
    {"172.16.0.1", false},
    {"172.31.255.255", false},
    {"172.32.0.0", true},
    {"192.0.0.8", false},
    {"192.0.2.1", false},
    {"192.88.99.1", false},
    {"192.168.1.1", false},
    {"198.18.0.1", false},
    {"198.19.255.255", false},
    {"198.51.100.7", false},
    {"203.0.113.7", false},
    {"224.0.0.1", false},
    {"239.255.255.255", false},
    {"240.0.0.1", false},
    {"255.255.255.255", false},
    {"::", false},
    {"::1", false},
    {"::127.0.0.1", false}, /* IPv4-compatible, long dead */
    {"::8.8.8.8", false},
    {"::ffff:8.8.8.8", true}, /* mapped */
    {"::ffff:127.0.0.1", false},
    {"::ffff:10.1.2.3", false},
    {"::ffff:169.254.169.254", false},
    {"64:ff9b::8.8.8.8", true}, /* NAT64 */
    {"64:ff9b::10.0.0.1", false},
    {"64:ff9b:1::8.8.8.8", false}, /* NAT64 of a private prefix */
    {"2002:0808:0808::1", true},   /* 6to4 of 8.8.8.8 */
    {"2002:7f00:0001::1", false},
    {"2002:c0a8:0101::1", false},
    {"2001::1", false},    /* Teredo */
    {"2001:20::1", false}, /* ORCHID */
    {"2001:1ff:ffff::1", false},
    {"2001:200::1", true},
    {"2001:db8::1", false},
    {"2606:4700::1111", true},
    {"3fff::1", false},
    {"3fff:1000::1", true},
    {"4000::1", false},
    {"100::1", false},  /* discard */
    {"fc00::1", false}, /* unique local */
    {"fdff::1", false},
    {"fe80::1", false},
    {"fec0::1", false},
    {"ff02::1", false},
};

static void addresses_are_judged_by_range(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sockaddr_storage ss = {0};
		struct sockaddr_in *in = (struct sockaddr_in *)&ss;
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;

		if (inet_pton(AF_INET, cases[i].address, &in->sin_addr) == 1)
			in->sin_family = AF_INET;
		else if (inet_pton(AF_INET6, cases[i].address, &in6->sin6_addr) == 1)
			in6->sin6_family = AF_INET6;
		else
			fail_msg("%s is no address", cases[i].address);
		if (address_is_public((struct sockaddr *)&ss) != cases[i].is_public)
			fail_msg("%s should %sbe public", cases[i].address, cases[i].is_public ? "" : "not ");
	}
}

static void other_families_are_refused(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	(void)state;
	assert_false(address_is_public((struct sockaddr *)&un));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_are_judged_by_range),
	    cmocka_unit_test(other_families_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
