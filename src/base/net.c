/* net.c - parsing of addresses and URLs. See net.h. Stricter than RFC 3986 on purpose: what settings and tokens
 * compare must have one spelling. */
#include "base/net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool ip_parse(struct str text, uint8_t ret[static 16])
{
	char z[IP_TEXT_SIZE];
	if (text.len >= sizeof(z) || (text.len && memchr(text.ptr, '\0', text.len)))
		return false;
	(void)snprintf(z, sizeof(z), "%.*s", STR_ARG(text));
	uint8_t v4[4];
	uint8_t v6[16];
	if (inet_pton(AF_INET, z, v4) == 1) {
		memcpy(ret, mapped_prefix, sizeof(mapped_prefix));
		memcpy(ret + sizeof(mapped_prefix), v4, sizeof(v4));
		return true;
	}
	if (inet_pton(AF_INET6, z, v6) != 1)
		return false;
	memcpy(ret, v6, sizeof(v6));
	return true;
}

static bool is_mapped(const uint8_t ip[static 16])
{
	return memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

void ip_text(const uint8_t ip[static 16], char out[static IP_TEXT_SIZE])
{
	if (is_mapped(ip))
		(void)inet_ntop(AF_INET, ip + sizeof(mapped_prefix), out, IP_TEXT_SIZE);
	else
		(void)inet_ntop(AF_INET6, ip, out, IP_TEXT_SIZE);
}

bool cidr_parse(struct str text, struct cidr *ret)
{
	struct cidr c = {.prefix_bits = 128};
	size_t slash = str_find(text, '/');
	struct str address = {text.ptr, slash};
	if (!ip_parse(address, c.addr))
		return false;
	if (slash < text.len) {
		int64_t bits;
		struct str length = {text.ptr + slash + 1, text.len - slash - 1};
		int64_t most = str_find(address, ':') < address.len ? 128 : 32;
		if (length.len > 3 || str_to_int64(length, &bits) != OK || bits < 0 || bits > most)
			return false;
		c.prefix_bits = (unsigned)(bits + 128 - most);
	}
	/* What the prefix does not cover is cleared: one range, one spelling. */
	for (unsigned bit = c.prefix_bits; bit < 128; bit++)
		c.addr[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
	*ret = c;
	return true;
}

bool cidr_contains(const struct cidr *c, const uint8_t ip[static 16])
{
	unsigned bytes = c->prefix_bits / 8;
	unsigned bits = c->prefix_bits % 8;
	if (memcmp(c->addr, ip, bytes) != 0)
		return false;
	return bits == 0 || ((c->addr[bytes] ^ ip[bytes]) >> (8 - bits)) == 0;
}

static bool letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool name_ok(struct str host)
{
	if (host.len == 0 || host.len > 253 || host.ptr[0] == '.' || host.ptr[0] == '-')
		return false;
	for (size_t i = 0; i < host.len; i++) {
		char c = host.ptr[i];
		if (!letter_or_digit(c) && c != '-' && c != '_' && !(c == '.' && host.ptr[i - 1] != '.'))
			return false;
	}
	return true;
}

/* Takes a host, brackets and all, off the front of *rest. */
static bool take_host(struct str *rest, struct str *ret_host)
{
	bool bracket = rest->len > 0 && rest->ptr[0] == '[';
	size_t end = str_find(*rest, bracket ? ']' : ':');
	if (bracket && end == rest->len)
		return false;
	struct str host = bracket ? (struct str){rest->ptr + 1, end - 1} : (struct str){rest->ptr, end};
	uint8_t ip[16];
	bool ok = bracket ? str_find(host, ':') < host.len && ip_parse(host, ip) : name_ok(host);
	if (!ok)
		return false;
	end += bracket;
	*rest = (struct str){rest->ptr + end, rest->len - end};
	*ret_host = host;
	return true;
}

/* ":8080", all of it. */
static bool port_ok(struct str text, uint16_t *ret)
{
	int64_t port;
	if (text.len < 2 || text.len > 6 || text.ptr[0] != ':' || text.ptr[1] == '-' ||
	    str_to_int64((struct str){text.ptr + 1, text.len - 1}, &port) != OK || port > UINT16_MAX)
		return false;
	*ret = (uint16_t)port;
	return true;
}

bool host_port_parse(struct str text, struct str *ret_host, uint16_t *ret_port)
{
	struct str host;
	if (!take_host(&text, &host) || !port_ok(text, ret_port))
		return false;
	*ret_host = host;
	return true;
}

/* "/a/b": segments of letters, digits, "-._~", none empty or made of dots. */
static bool path_ok(struct str path)
{
	struct str segment;
	while (str_split(&path, '/', &segment)) {
		if (segment.len == 0 || str_eqz(segment, ".") || str_eqz(segment, ".."))
			return false;
		for (size_t i = 0; i < segment.len; i++)
			if (!letter_or_digit(segment.ptr[i]) && str_find(STR("-._~"), segment.ptr[i]) == 4)
				return false;
	}
	return true;
}

const char *server_url_parse(struct str text, struct server_url *ret)
{
	struct server_url url = {.https = str_starts(text, STR("https://"))};
	size_t scheme = url.https ? 8 : 7;
	if (!url.https && !str_starts(text, STR("http://")))
		return "does not start with https://";
	if (str_find(text, '@') < text.len)
		return "has a user name or an @: leave it out";
	if (str_find(text, '?') < text.len || str_find(text, '#') < text.len)
		return "has a query or a fragment: leave it out";
	struct str rest = {text.ptr + scheme, text.len - scheme};
	size_t slash = str_find(rest, '/');
	struct str authority = {rest.ptr, slash};
	struct str path = {rest.ptr + slash, rest.len - slash};
	if (path.len > 0 && path.ptr[path.len - 1] == '/')
		path.len--;
	url.origin = (struct str){text.ptr, scheme + authority.len};
	url.path = path;
	if (!take_host(&authority, &url.host))
		return "has no valid host name";
	if (authority.len > 0 && (!port_ok(authority, &url.port) || url.port == 0))
		return "has no valid port after the host";
	if (path.len > 0 && !path_ok((struct str){path.ptr + 1, path.len - 1}))
		return "has a path of other than plain segments: use letters, digits and -._~";
	*ret = url;
	return NULL;
}
