/* framing.h - is this one HTTP request, in one reading only? Checked before anything else looks at it.
 *
 * libmicrohttpd's parser is lenient; whatever two parsers could read differently (request smuggling) or no client
 * may send is refused on the first call, which also closes the connection. Pure functions: fuzzed and tabled.
 * Rules: RFC 9112 sections 3, 5, 6; RFC 9110 section 5. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct framing_header {
	struct str name, value;
};

enum framing { /* the zero value refuses */
	FRAMING_REFUSED = 0,
	FRAMING_TOO_LARGE, /* 413 */
	FRAMING_BAD_METHOD, /* 501: not a method we know; 405 is for known ones */
	FRAMING_OK
};

/* Method is known; target starts with '/', has no '#', '\', control byte, %00 or malformed escape, no byte over
 * 0x7e; one Host; never both Transfer-Encoding and Content-Length; Transfer-Encoding absent or exactly "chunked";
 * at most one Content-Length, digits only, at most max_body; names are tokens; values hold no NUL, CR, LF; at most one
 * Authorization, at most max_headers headers. ret_why: a literal for the log. */
enum framing framing_check(struct str method, struct str target, struct str version, const struct framing_header *h,
                           size_t count, size_t max_body, const char **ret_why);
/* The target alone. */
bool framing_target_ok(struct str target, const char **ret_why);
