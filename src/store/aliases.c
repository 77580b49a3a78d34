/* aliases.c - see aliases.h. The index holds the values in lower case, so that a search by prefix is a walk along it.
 */
#include "store/aliases.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/sql.h"

/* The largest code point: behind every text that goes on after the prefix. */
#define BEHIND "\xf4\x8f\xbf\xbf"

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Sorts, and drops what is there twice. Returns how many are left. */
static size_t settle(struct str *keys, size_t count)
{
	size_t kept = 0;
	if (count > 0)
		qsort(keys, count, sizeof(*keys), by_text);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || !str_eq(keys[kept - 1], keys[i]))
			keys[kept++] = keys[i];
	return kept;
}

enum err store_alias_find(struct store_tx *tx, struct str prefix, size_t max, struct arena *a, struct str **ret_keys,
                          size_t *ret_count)
{
	char low[ALIAS_PREFIX_MAX + sizeof(BEHIND)];
	if (prefix.len > ALIAS_PREFIX_MAX)
		return ERR_TOO_LARGE;
	for (size_t i = 0; i < prefix.len; i++) {
		low[i] = prefix.ptr[i];
		if (low[i] >= 'A' && low[i] <= 'Z')
			low[i] = (char)(low[i] + ('a' - 'A'));
	}
	memcpy(low + prefix.len, BEHIND, sizeof(BEHIND));
	__cleanup(rows_close) struct rows r =
	    sql_query(tx,
	              "SELECT client_key FROM aliases WHERE lower(value) >= $1 AND lower(value) < $2 "
	              "ORDER BY lower(value), client_key LIMIT $3",
	              V_STR(((struct str){low, prefix.len})), V_Z(low), V_INT(max));
	struct row_list keys = {.arena = a, .item_size = sizeof(struct str)};
	while (rows_next(&r)) {
		struct str *key = row_list_add(&keys, &r);
		if (key)
			*key = str_of(row_text(&r, 0, a));
	}
	if (r.err != OK)
		return r.err;
	*ret_keys = (struct str *)(void *)keys.items;
	*ret_count = settle(*ret_keys, keys.count);
	return OK;
}
