/* client_address.c - the ranges that are not public. Sources: IANA IPv4 and IPv6 special-purpose address registries,
 * RFC 6890, RFC 6052 (NAT64), RFC 3056 (6to4), RFC 9637 (documentation). */
#include "http/client_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

static const struct {
	uint32_t net;
	unsigned bits;
} not_public_v4[] = {
    {0x00000000, 8},  /* this network, unspecified */
    {0x0a000000, 8},  /* private */
    {0x64400000, 10}, /* shared, carrier-grade NAT */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* link-local, clouds' metadata services */
    {0xac100000, 12}, /* private */
    {0xc0000000, 24}, /* protocol assignments */
    {0xc0000200, 24}, /* documentation */
    {0xc0586300, 24}, /* 6to4 relays */
    {0xc0a80000, 16}, /* private */
    {0xc6120000, 15}, /* benchmarks */
    {0xc6336400, 24}, /* documentation */
    {0xcb007100, 24}, /* documentation */
    {0xe0000000, 4},  /* multicast */
    {0xf0000000, 4},  /* reserved, broadcast */
};

/* Ranges inside 2000::/3; all outside it but those that carry IPv4 is refused anyway. */
static const struct {
	uint8_t net[4];
	unsigned bits;
} not_public_v6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23}, /* protocol assignments, Teredo, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x3f, 0xff, 0x00, 0x00}, 20}, /* documentation */
};

static bool is_public_v4(uint32_t addr)
{
	for (size_t i = 0; i < sizeof not_public_v4 / sizeof *not_public_v4; i++)
		if ((addr ^ not_public_v4[i].net) >> (32 - not_public_v4[i].bits) == 0)
			return false;
	return true;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is_public_v6(const uint8_t a[static 16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};

	if (memcmp(a, mapped, sizeof mapped) == 0 || memcmp(a, nat64, sizeof nat64) == 0)
		return is_public_v4(be32(a + 12));
	if (a[0] == 0x20 && a[1] == 0x02) /* 6to4 */
		return is_public_v4(be32(a + 2));
	if ((a[0] & 0xe0) != 0x20) /* only 2000::/3 is global unicast */
		return false;
	for (size_t i = 0; i < sizeof not_public_v6 / sizeof *not_public_v6; i++)
		if ((be32(a) ^ be32(not_public_v6[i].net)) >> (32 - not_public_v6[i].bits) == 0)
			return false;
	return true;
}

bool address_is_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof in);
		return is_public_v4(ntohl(in.sin_addr.s_addr));
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, address, sizeof in6);
		return is_public_v6(in6.sin6_addr.s6_addr);
	}
	return false;
}
