/* ordered.h - the elements of an export in the order of their ids, for the first import.
 *
 * An export comes in no order, and a row put down in no order changes a page of each table and index it goes into; in
 * the order of the ids most of them go where the last one went. An id is looked for as text and no more than a hint: an
 * element whose id is not seen is read all the same. PART_ELEMENTS of them are put in order at a time, so that memory
 * is bounded; those with the same id stay in the export's order. Not thread-safe. */
#pragma once
#include "market/row.h"
#include "market/scan.h"
#include "market/spool.h"

struct ordered;
/* scanner reads that spool; both must outlive it. */
enum err ordered_new(struct scanner *scanner, const struct spool *spool, enum row_kind kind, struct ordered **ret);
void ordered_free(struct ordered *o); /* accepts NULL */
/* As scanner_next, but that the end, or where the text breaks off, is told after what came before it. */
enum scan ordered_next(struct ordered *o, struct str *ret);
