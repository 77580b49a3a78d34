/* known.h - the hashes of all rows of a report that are stored already, in memory for one reading of it.
 *
 * Eight bytes of a keyed hash a row, so that no two rows meet by chance; at most KNOWN_MAX rows, whatever is stored: a
 * row beyond them is parsed and compared by its content, which is slower and as right. Not thread-safe. */
#pragma once
#include "market/row.h"
#include "store/store.h"

enum { KNOWN_MAX = 3 << 18 }; /* of 8 MiB */

struct known {
	uint64_t *slots; /* 0: free; the lowest bit: it came in this reading */
	size_t count, size;
	bool overflowed; /* there was no room for all */
};
/* Reads what is stored. ERR_NOMEM, or an error of the store. Zeroed before; known_release also after a failure. */
enum err known_load(struct known *k, struct store *store, enum row_kind kind);
void known_release(struct known *k);
/* Room for that many at once: growing holds a table and a half. */
void known_expect(struct known *k, uint64_t rows);
/* It came. Whether it was there; where it was not, it is from now on, as far as there is room. */
bool known_add(struct known *k, const uint8_t hash[static RAW_HASH_SIZE]);
/* Whether it came in this reading; false where that did not fit. */
bool known_came(const struct known *k, const uint8_t hash[static RAW_HASH_SIZE]);
