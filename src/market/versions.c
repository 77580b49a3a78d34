/* versions.c - see versions.h. */
#include "market/versions.h"

#include <stdlib.h>
#include <string.h>

enum { WORK_ARENA_MAX = 64 * 1024 };

struct alone {
	const struct lease *lease;
	const struct known *known, *earlier;
	enum row_kind kind;
	size_t count;
	uint8_t hashes[VERSIONS_MAX][RAW_HASH_SIZE];
};

static enum err look_at(void *arg, const uint8_t *passed, const uint8_t *stored)
{
	struct alone *a = arg;
	const bool beside = stored && (known_came(a->known, stored) || (a->earlier && known_came(a->earlier, stored)));
	if (a->count < VERSIONS_MAX && known_came(a->known, passed) && !beside)
		memcpy(a->hashes[a->count++], passed, RAW_HASH_SIZE);
	return OK;
}

static enum err find(struct store_tx *tx, void *arg)
{
	struct alone *a = arg;
	return store_market_versions(tx, a->kind == ROW_SALE, look_at, a);
}

static enum err forget(struct store_tx *tx, void *arg)
{
	const struct alone *a = arg;
	struct market_lease l;
	struct arena arena;
	arena_init(&arena, WORK_ARENA_MAX);
	enum err e = store_market_lease_get(tx, &arena, &l);
	if (e == OK && !str_eqz(l.holder, a->lease->holder))
		e = ERR_CONFLICT;
	for (size_t i = 0; e == OK && i < a->count; i++)
		e = store_market_unpass(tx, a->hashes[i]);
	arena_release(&arena);
	return e;
}

enum err versions_alone(const struct lease *l, const struct known *known, const struct known *earlier,
                        enum row_kind kind, size_t *ret)
{
	*ret = 0;
	if (known->overflowed || (earlier && earlier->overflowed)) /* what came is not known of all rows */
		return OK;
	struct alone *a = calloc(1, sizeof(*a));
	if (!a)
		return ERR_NOMEM;
	a->lease = l;
	a->known = known;
	a->earlier = earlier;
	a->kind = kind;
	enum err e = store_read(l->store, find, a);
	if (e == OK && a->count > 0)
		e = store_write(l->store, forget, a);
	if (e == OK)
		*ret = a->count;
	free(a);
	return e;
}
