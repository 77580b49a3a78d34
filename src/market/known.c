/* known.c - see known.h. An open table, at most three quarters full; the hash is its own place. */
#include "market/known.h"

#include <stdlib.h>
#include <string.h>

enum { SIZE_MIN = 1 << 12, SIZE_MAX_SLOTS = 4 << 20 };

static bool put(uint64_t *slots, size_t size, uint64_t value)
{
	size_t i = (size_t)(value >> 7) & (size - 1);
	while (slots[i] && slots[i] != value)
		i = (i + 1) & (size - 1);
	const bool there = slots[i] == value;
	slots[i] = value;
	return there;
}

static bool contains(const struct known *k, uint64_t value)
{
	size_t i = k->size ? (size_t)(value >> 7) & (k->size - 1) : 0;
	while (k->size && k->slots[i] && k->slots[i] != value)
		i = (i + 1) & (k->size - 1);
	return k->size && k->slots[i] == value;
}

static bool grow(struct known *k)
{
	const size_t size = k->size ? 2 * k->size : SIZE_MIN;
	uint64_t *slots = size <= SIZE_MAX_SLOTS ? calloc(size, sizeof(*slots)) : NULL;
	if (!slots)
		return false;
	for (size_t i = 0; i < k->size; i++)
		if (k->slots[i])
			(void)put(slots, size, k->slots[i]);
	free(k->slots);
	k->slots = slots;
	k->size = size;
	return true;
}

bool known_add(struct known *k, const uint8_t hash[static RAW_HASH_SIZE])
{
	uint64_t value;
	memcpy(&value, hash, sizeof(value));
	value = value ? value : 1;
	const bool full = 4 * (k->count + 1) > 3 * k->size;
	if (full && (k->count >= KNOWN_MAX || !grow(k)))
		return contains(k, value);
	const bool there = put(k->slots, k->size, value);
	k->count += !there;
	return there;
}

struct loading {
	struct known *known;
	enum row_kind kind;
};

static enum err take(void *arg, const uint8_t *hash)
{
	struct known *k = arg;
	(void)known_add(k, hash);
	return OK;
}

static enum err load(struct store_tx *tx, void *arg)
{
	const struct loading *l = arg;
	return store_market_hashes(tx, l->kind == ROW_SALE, take, l->known);
}

enum err known_load(struct known *k, struct store *store, enum row_kind kind)
{
	struct loading l = {k, kind};
	return store_read(store, load, &l);
}

void known_release(struct known *k)
{
	free(k->slots);
	*k = (struct known){0};
}
