/* aliases.h - which tenants were ever known by an id: SEN, entitlement, host, an older base URL. */
#pragma once
#include "store/store.h"

enum { ALIAS_PREFIX_MAX = 300 };
/* clientKeys of those that have an alias which starts with prefix, ASCII case ignored: at most max aliases are looked
 * at, so the first ones in their order. Sorted, each once. ERR_TOO_LARGE: the prefix is longer than ALIAS_PREFIX_MAX.
 */
enum err store_alias_find(struct store_tx *tx, struct str prefix, size_t max, struct arena *a, struct str **ret_keys,
                          size_t *ret_count);
