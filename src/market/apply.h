/* apply.h - puts elements of a report into the store: parsed here, written by short jobs of the store's writer.
 *
 * The caller's thread parses the next rows while the writer puts down the last ones; at most APPLY_AHEAD jobs are under
 * way, each of a size that takes about APPLY_JOB_US, so that an install that comes meanwhile waits for a moment only.
 * Every job is whole: rows, ids, history, contacts, oddities, counters and the lease are one piece, so that a kill at
 * any point leaves what a later poll goes on from. A job of a poller that lost its lease changes nothing: ERR_CONFLICT.
 */
#pragma once
#include "market/row.h"

enum { APPLY_AHEAD = 6, APPLY_JOB_US = 15 * 1000, APPLY_ROWS_MIN = 50, APPLY_ROWS_MAX = 600 };

struct apply_options {
	struct store *store;
	const struct keyring *keyring;
	const struct row_key *row_key; /* must outlive the applier */
	const struct clock *clock;
	const char *holder; /* of the lease; must outlive the applier */
	int64_t lease_ms;
	int64_t run;
	enum row_kind kind;
	bool silent; /* what is brought is no news */
	bool alone;  /* the stored versions of these rows are not in the report: these count, however old they are */
};
struct apply_counts {
	int64_t rows, changed, broken; /* broken: elements that were no row, or too large */
};

struct applier;
enum err applier_new(const struct apply_options *o, struct applier **ret);
/* Waits for the jobs under way; accepts NULL. */
void applier_free(struct applier *a);
/* One of SCAN_ELEMENT_MAX bytes that is not whole is the beginning of one that is too large. Elements live until
 * applier_flush, or until APPLY_AHEAD later calls returned. The first error of any job sticks. */
enum err applier_rows(struct applier *a, const struct str *elements, size_t count);
/* How many rows a call should bring. */
size_t applier_batch(const struct applier *a);
enum err applier_flush(struct applier *a);
/* After a flush. */
struct apply_counts applier_counts(const struct applier *a);
