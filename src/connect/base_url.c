/* base_url.c - the allow list of tenants' addresses. See base_url.h.
 *
 * Compared label by label on the raw bytes, never decoded: a host that needs decoding (percent, backslash, a byte
 * over 0x7e) is no host. So nothing that another URL parser would read differently gets through. */
#include "connect/base_url.h"

#include <assert.h>
#include <string.h>

static bool alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Takes host and port apart: "h", "h:1", "[::1]:1". An absent port leaves ret_port empty. */
static bool split_port(struct str authority, struct str *ret_host, struct str *ret_port)
{
	size_t host_len = 0;
	if (authority.len > 0 && authority.ptr[0] == '[') {
		host_len = str_find(authority, ']') + 1;
		if (host_len > authority.len)
			return false;
	} else {
		host_len = str_find(authority, ':');
	}
	*ret_host = (struct str){authority.ptr, host_len};
	if (host_len == authority.len) {
		*ret_port = (struct str){authority.ptr + host_len, 0};
		return true;
	}
	*ret_port = (struct str){authority.ptr + host_len + 1, authority.len - host_len - 1};
	int64_t port = 0;
	return authority.ptr[host_len] == ':' && ret_port->len <= 5 && ret_port->len > 0 && ret_port->ptr[0] != '0' &&
	       alnum(ret_port->ptr[0]) && str_to_int64(*ret_port, &port) == OK && port <= 65535;
}

static bool label_ok(struct str label)
{
	if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!alnum(label.ptr[i]) && label.ptr[i] != '-')
			return false;
	return true;
}

static bool host_ok(struct str host)
{
	if (host.len == 0 || host.len > 253)
		return false;
	if (host.ptr[0] == '[') {
		for (size_t i = 1; i + 1 < host.len; i++)
			if (!strchr("0123456789abcdefABCDEF:.", host.ptr[i]) || host.ptr[i] == '\0')
				return false;
		return host.len > 3;
	}
	struct str rest = host, label = {0};
	while (str_split(&rest, '.', &label))
		if (!label_ok(label))
			return false;
	return true;
}

static bool labels_match(struct str pattern, struct str host)
{
	struct str p = {0}, h = {0};
	while (str_split(&pattern, '.', &p)) {
		if (!str_split(&host, '.', &h))
			return false;
		if (!str_eqz(p, "*") && !str_ieq(p, h))
			return false;
	}
	return host.ptr == NULL;
}

static bool entry_allows(const char *entry, struct str host, struct str port, const char *default_port)
{
	struct str entry_host = {0}, entry_port = {0};
	if (!split_port(str_trim(str_of(entry)), &entry_host, &entry_port))
		return false;
	struct str own = str_of(default_port);
	if (!str_eq(entry_port.len ? entry_port : own, port.len ? port : own))
		return false;
	return host.ptr[0] == '[' ? str_ieq(entry_host, host) : labels_match(entry_host, host);
}

/* "" or "/a/b": unreserved and sub-delimiter bytes that mean nothing to a header or a page, no empty or dot segment. */
static bool path_ok(struct str path)
{
	if (path.len == 0 || str_eqz(path, "/"))
		return true;
	for (size_t i = 0; i < path.len; i++)
		if (!alnum(path.ptr[i]) && (path.ptr[i] == '\0' || !strchr("/-._~", path.ptr[i])))
			return false;
	struct str rest = {path.ptr + 1, path.len - 1}, segment = {0};
	if (rest.ptr[rest.len - 1] == '/')
		rest.len--;
	while (str_split(&rest, '/', &segment))
		if (segment.len == 0 || str_eqz(segment, ".") || str_eqz(segment, ".."))
			return false;
	return true;
}

/* Length of "https://" or "http://" in front, 0 if neither. */
static size_t scheme_len(struct str url)
{
	if (str_istarts(url, STR("https://")))
		return strlen("https://");
	return str_istarts(url, STR("http://")) ? strlen("http://") : 0;
}

static struct str authority_of(struct str url)
{
	size_t start = scheme_len(url);
	struct str rest = {url.ptr + start, url.len - start};
	size_t len = 0;
	while (len < rest.len && !(rest.ptr[len] == '/' || rest.ptr[len] == '?' || rest.ptr[len] == '#'))
		len++;
	return (struct str){rest.ptr, len};
}

enum base_url_check base_url_check(struct str url, char *const *allowed, bool allow_insecure)
{
	size_t start = scheme_len(url);
	bool https = start == strlen("https://");
	if (url.len > BASE_URL_MAX)
		return BASE_URL_MALFORMED;
	if (start == 0 || !(https || allow_insecure))
		return BASE_URL_BAD_SCHEME;
	struct str authority = authority_of(url), host = {0}, port = {0};
	if (str_find(authority, '@') < authority.len)
		return BASE_URL_USERINFO;
	size_t path_at = start + authority.len;
	if (!split_port(authority, &host, &port) || !host_ok(host) ||
	    !path_ok((struct str){url.ptr + path_at, url.len - path_at}))
		return BASE_URL_MALFORMED;
	for (char *const *entry = allowed; *entry; entry++)
		if (entry_allows(*entry, host, port, https ? "443" : "80"))
			return BASE_URL_OK;
	return BASE_URL_BAD_HOST;
}

struct str base_url_origin(struct str url)
{
	return (struct str){url.ptr, scheme_len(url) + authority_of(url).len};
}

struct str base_url_host(struct str url)
{
	return authority_of(url);
}

const char *base_url_rest_root(struct str url, struct str product_type)
{
	return str_ieq(product_type, STR("confluence")) && !str_ends(str_trim_end(url, '/'), STR("/wiki")) ? "/wiki" : "";
}
