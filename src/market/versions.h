/* versions.h - versions of a row that came beside the one that is stored, and were passed over.
 *
 * An export that was made while a row changed may hold both, and no date tells which is newer: the first counts. Once a
 * report brings such a version and not the stored one any more, it is what the row is now. */
#pragma once
#include "market/known.h"
#include "market/lease.h"

enum { VERSIONS_MAX = 4096 };

/* After a report was read whole: forgets the versions that came without the stored one, so that the report, read again,
 * brings them; VERSIONS_MAX of them, the others after the next. earlier: what came in a report before it that may have
 * the same rows in another form; or NULL. ERR_CONFLICT: the lease is lost. */
enum err versions_alone(const struct lease *l, const struct known *known, const struct known *earlier,
                        enum row_kind kind, size_t *ret);
