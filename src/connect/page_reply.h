/* page_reply.h - the two ways a page request ends: the page, or a page that says why not.
 *
 * Both may be framed by the tenant's site alone and run no script but our own and the host's page library. */
#pragma once
#include "connect/connect.h"

void page_reply(struct request *req, int status, struct str html, const char *code);

/* 403 with `code` ("EXPIRED", "not_admin"): in the problem where the caller wants JSON, else in a page that says what
 * happened and what an administrator can do; X-Licgate-Code has it either way. feature may be NULL. */
void page_deny(struct request *req, const struct connect *c, const char *code, const char *feature);

/* Fills {{name}} with the HTML-escaped value; other text is left as it is. In the arena; ptr NULL: out of memory. */
struct page_value {
	const char *name;
	struct str value;
};
struct str page_fill(struct arena *a, struct str page, const struct page_value *values, size_t count);
