/* base_url.h - may a tenant live at this address? Pure; fuzzed through the lifecycle body.
 *
 * https (http only where insecure hosts are allowed), no userinfo, no query, no fragment, no dot segment, a host of the
 * allow list. An entry is `host` (the scheme's own port) or `host:port`; `*` stands for exactly one label.
 * What is accepted is also safe inside a header (Content-Security-Policy) and in a log line: it has no blank, no
 * quote, no control byte. Rule: lifecycle callbacks of the Connect protocol; README, LICGATE_ALLOWED_HOSTS. */
#pragma once
#include <stdbool.h>

#include "base/str.h"

enum { BASE_URL_MAX = 512 };

enum base_url_check { /* the zero value refuses */
	                  BASE_URL_MALFORMED = 0,
	                  BASE_URL_BAD_SCHEME,
	                  BASE_URL_USERINFO,
	                  BASE_URL_BAD_HOST, /* the host or its port is not in the list */
	                  BASE_URL_OK
};
/* allowed: NULL-terminated patterns. */
enum base_url_check base_url_check(struct str url, char *const *allowed, bool allow_insecure);

/* "https://x.atlassian.net" of "https://x.atlassian.net/wiki": for a URL that was accepted. */
struct str base_url_origin(struct str url);
/* "x.atlassian.net" or "host:port" of the same. */
struct str base_url_host(struct str url);
/* What stands between a tenant's base URL and "/rest/…": Confluence serves REST below /wiki, which its base URL has in
 * most installs. A literal. */
const char *base_url_rest_root(struct str url, struct str product_type);
