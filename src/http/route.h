/* route.h - what a row of the route table says, and how a raw path finds its row.
 *
 * A row names its authentication aloud: the zero value AUTH_UNSET makes the start fail. Rows are matched against the
 * raw, undecoded path, exactly: another spelling of a path is another path. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct request;

enum method {
	METHOD_OTHER,
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_DELETE,
	METHOD_PATCH,
	METHOD_OPTIONS
};
enum method method_of(struct str text);
struct str method_text(enum method m);

enum auth {
	AUTH_UNSET = 0, /* a row that forgot: the server refuses to start */
	AUTH_NONE,      /* open on purpose */
	AUTH_SELF,      /* the handler verifies what it is asked about itself (forward authentication) */
	AUTH_LIFECYCLE, /* RS256, install key */
	AUTH_PAGE,      /* HS256, computed qsh */
	AUTH_CONTEXT,   /* HS256, context-qsh or computed qsh */
	AUTH_FORGE,     /* RS256, Forge invocation token; the tenant is the handler's to find */
	AUTH_ADMIN,     /* operator's bearer token */
	AUTH_COUNT
};

/* Which part's pointer a handler gets as `room`; one value per folder that serves routes. The meaning of the
 * numbers is the composition root's (app.h). */
enum { ROOM_MAX = 16 };

typedef void handler_fn(struct request *req, void *room);

struct route {
	enum method method;  /* GET serves HEAD too */
	const char *pattern; /* "/app/license.json"; a last segment "NAME" takes [A-Za-z0-9_.-]{1,64} without "..";
	                        "KEY" in any segment takes one segment of any allowed bytes (percent-encoded);
	                        a last "REST" takes everything, slashes too, and may be empty. Literals win over NAME and
	                        KEY, these over REST. */
	enum auth auth;
	unsigned room;
	size_t max_body; /* bytes; 0 = the configured LICGATE_MAX_BODY */
	handler_fn *handler;
};

struct route_table {
	const struct route *rows;
	size_t count;
};

enum route_match { ROUTE_NOT_FOUND, ROUTE_METHOD_NOT_ALLOWED, ROUTE_FOUND };
struct route_params {
	struct str part[2]; /* raw text of NAME, KEY, REST in order */
	size_t count;
};
/* path: raw path, base path already stripped. ret and ret_params are set on ROUTE_FOUND; ret_allow, bit 1<<method of
 * every method the path has, unless ROUTE_NOT_FOUND. */
enum route_match route_find(const struct route_table *t, enum method m, struct str path, const struct route **ret,
                            struct route_params *ret_params, unsigned *ret_allow);
/* Every row has a handler, a method, an auth other than AUTH_UNSET; no two rows alike. Else names the bad row and
 * what is wrong with it. */
bool route_table_check(const struct route_table *t, const struct route **ret_row, const char **ret_why);
