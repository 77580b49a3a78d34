/* pages.h - a long answer, made page by page while its client takes it: it costs the memory of a page, however long.
 *
 * The first page is made before anything is sent, so that its failure is answered like any other; a failure later cuts
 * the connection, which a client sees as a body without an end. The request's time begins anew with each block that is
 * taken: a slow client that goes on reading gets all of it. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "http/reply.h"

struct pages {
	/* Appends the next page to `out`. What is allocated in `memory` is there until the call after this one has ended.
	 * ret_more: there is another page. Runs on the connection's worker, which it may block only where its listener
	 * allows that. */
	enum err (*next)(void *state, struct arena *memory, struct buf *out, bool *ret_more);
	void *state;                 /* in the request's arena */
	size_t page_max, memory_max; /* bytes of a page's text, and of what it allocates */
	const char *content_type;    /* a literal, as the headers' names and values */
	const struct header *headers;
	size_t header_count;
};
/* 200, or the error's answer. */
void reply_pages(struct request *req, const struct pages *p);
