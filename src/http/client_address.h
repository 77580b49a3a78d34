/* client_address.h - which addresses an outgoing call may reach: public unicast ones.
 *
 * A tenant's base URL is the tenant's word, and a name may resolve to anything, so the address is judged when the
 * socket is about to open. Refused: loopback, private, link-local, shared (CGNAT), multicast, unspecified, reserved
 * and documentation ranges of the IANA special-purpose registries. IPv6 that carries an IPv4 address (mapped, NAT64,
 * 6to4) is judged by the address it carries. Pure. */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>

/* False for every family but AF_INET and AF_INET6. */
bool address_is_public(const struct sockaddr *address);
