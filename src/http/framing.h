/* framing.h - is this one HTTP request, in one reading only? Checked before anything else looks at it.
 *
 * libmicrohttpd's parser is lenient; whatever two parsers could read differently (request smuggling) or no client
 * may send is refused on the first call, which also closes the connection. Pure functions: fuzzed and tabled.
 * What pure functions cannot see, the raw bytes of the header block, request.c compares with what was parsed.
 * Rules: RFC 9112 sections 3, 5, 6; RFC 9110 section 5. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { FRAMING_HEADERS_MAX = 100 };

struct framing_header {
	struct str name, value;
};

struct framing_request {
	struct str method, target, version;
	const struct framing_header *headers;
	size_t header_count;
};

/* How long the body is, where the request says so. */
struct framing_body {
	bool chunked;
	uint64_t length; /* 0 when chunked or absent */
};

enum framing { /* the zero value refuses */
	           FRAMING_REFUSED = 0,
	           FRAMING_UNKNOWN_METHOD, /* 501 */
	           FRAMING_METHOD_BARRED,  /* TRACE and CONNECT: 405 on every path */
	           FRAMING_OK
};

/* Method is known; target is framing_target_ok(); version HTTP/1.x; one Host (HTTP/1.0 may lack it); never both
 * Transfer-Encoding and Content-Length; Transfer-Encoding absent or exactly "chunked", and not in HTTP/1.0; at most
 * one Content-Length, digits only; names are tokens; values hold no control bytes but tabs; at most one
 * Authorization; at most FRAMING_HEADERS_MAX headers. ret_body is set on FRAMING_OK only. ret_why: a literal like
 * "two_hosts", for the log and the metrics. */
enum framing framing_check(const struct framing_request *r, struct framing_body *ret_body, const char **ret_why);
/* The target alone: starts with '/', every byte printable ASCII, no '#', no '\', no %00, no malformed escape. */
bool framing_target_ok(struct str target, const char **ret_why);
