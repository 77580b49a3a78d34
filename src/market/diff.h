/* diff.h - what differs between two versions of a row, for its history and for telling news from noise. Pure. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "market/row.h"

struct diff {
	size_t count;    /* members that differ */
	bool only_date;  /* nothing but lastUpdated */
	bool only_noise; /* nothing but lastUpdated and tier */
};
/* Appends {"path":[old,new],…}: top-level members, and those of nested objects as "object.member"; absent reads as
 * null. Nothing is appended where they do not differ. ERR_INVALID: one is not an object. */
enum err diff_write(struct str before, struct str after, struct buf *out, struct diff *ret);
/* The same diff without members that are no business facts: what stays of a row whose people were erased. */
enum err diff_scrub(enum row_kind kind, struct str diff, struct buf *out);
