/* net.h - addresses and URLs as people write them in settings and as peers are compared: parsing only, no sockets, no
 * look-up of names. All functions are pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* "10.0.0.1" or "::1" (no brackets, no zone) as 16 bytes; IPv4 is mapped into IPv6. */
bool ip_parse(struct str text, uint8_t ret[static 16]);
enum { IP_TEXT_SIZE = 46 };
/* Mapped IPv4 is written as IPv4. */
void ip_text(const uint8_t ip[static 16], char out[static IP_TEXT_SIZE]);

struct cidr {
	uint8_t addr[16];
	unsigned prefix_bits; /* of all 128: an IPv4 /8 is 104 */
};
/* "10.0.0.0/8", "fd00::/8"; without a prefix length one address alone. */
bool cidr_parse(struct str text, struct cidr *ret);
bool cidr_contains(const struct cidr *c, const uint8_t ip[static 16]);

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080". The host has no brackets and is a name of letters, digits, '-', '_'
 * and '.', or an address. Port 0 is allowed: the system chooses. */
bool host_port_parse(struct str text, struct str *ret_host, uint16_t *ret_port);

/* An http or https URL of a server: no userinfo, query, fragment, escapes, empty or dot segments. */
struct server_url {
	bool https;
	struct str origin; /* scheme://host[:port], as written */
	struct str host;   /* brackets of IPv6 left out */
	uint16_t port;     /* 0 when not written */
	struct str path;   /* without trailing slash; "" when none */
};
/* NULL, or what is wrong with it. The pieces point into text. */
const char *server_url_parse(struct str text, struct server_url *ret);
