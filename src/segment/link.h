/* link.h - the address a visitor is sent on to, and what of the click may go into it. Pure, but for the arena. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum { VISITOR_ID_MAX = 100, VISITOR_ID_NEW = 32, UTM_MAX = 10, UTM_VALUE_MAX = 200 };

/* An id as libraries make them: letters, digits and '-', '_', '.', ':', '~', at most VISITOR_ID_MAX. */
bool visitor_id_ok(struct str id);
/* Of the click's raw query: the only `aid`, if it is an id; else empty. */
struct str link_visitor_id(struct arena *a, struct str query);
/* The listing's address with its own query kept, utm_* of the click's query where the address does not have that name
 * itself, and partner_anonymous_id. Fit for a header whatever the click says. */
void link_write(struct buf *out, struct arena *a, const char *url, struct str query, struct str visitor_id);
/* Value of the first cookie of that name in a Cookie header; empty: none. */
struct str cookie_value(struct str header, const char *name);
