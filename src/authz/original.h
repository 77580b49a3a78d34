/* original.h - the request a proxy asks about: its method and target, out of the proxy's own headers. Pure; fuzzed.
 *
 * The target is only hashed and searched for a token, never routed: it may have any spelling. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

struct original {
	struct str method;
	struct str target; /* path and query; the path may be empty, as in "https://host?q" */
	struct str query;  /* ptr NULL without '?' */
};

/* url: a full URL ("https://h/p?q") or path and query. False: it is neither, or the method is no token. */
bool original_parse(struct str method, struct str url, struct original *ret);
/* Path and query of the app's own call, when the proxy calls PREFIX + original. */
bool original_join(struct arena *a, struct str method, struct str path, struct str query, struct original *ret);
