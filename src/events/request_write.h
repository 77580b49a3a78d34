/* request_write.h - a request that waits for one store write: install, status change, webhook, feedback. Any door's.
 *
 * The request gives up its worker, the write runs on the store's writer thread, and the answer is made by the worker
 * again, after the commit: what is acknowledged is durable. The struct is embedded first in the handler's own heap
 * struct, which belongs to the request from request_write_start() on: it is freed when the request ends, also where
 * a stopping server ends it without an answer. */
#pragma once
#include "base/arena.h"
#include "http/request.h"
#include "store/store.h"

struct request_write {
	/* Writer thread, inside the transaction; may run again from the start, with the arena empty. */
	enum err (*run)(struct request_write *, struct store_tx *);
	/* Writer thread, after the commit and in commit order; may be NULL. */
	enum err (*committed)(struct request_write *);
	/* Worker; only when all went well. NULL: 204. */
	void (*answer)(struct request_write *, struct request *);
	/* Code and words of a 404, where run() gives ERR_NOT_FOUND; NULL: a plain one. */
	const char *missing_code, *missing;
	/* Releases and frees the whole struct; any thread. */
	void (*free)(struct request_write *);
	struct arena arena; /* for run: lives until free */

	struct store_job job;
	struct request *req;
	enum err err;
	void (*outer_end)(struct request *, void *arg); /* the authenticator's on_end */
	void *outer_end_arg;
};

/* From a handler, as its last act. Every outcome ends in one call of w->free. */
void request_write_start(struct request_write *w, struct request *req, struct store *store);
