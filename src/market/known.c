/* known.c - see known.h. An open table, at most three quarters full; the hash is its own place. */
#include "market/known.h"

#include <stdlib.h>
#include <string.h>

enum { SIZE_MIN = 1 << 12, SIZE_MAX_SLOTS = 1 << 20 };

enum { CAME = 1 };

/* The place of a hash in a table: its own, or the free one for it. */
static size_t place(const uint64_t *slots, size_t size, uint64_t value)
{
	size_t i = (size_t)(value >> 7) & (size - 1);
	while (slots[i] && (slots[i] | CAME) != (value | CAME))
		i = (i + 1) & (size - 1);
	return i;
}

static bool resize(struct known *k, size_t size)
{
	uint64_t *slots = size <= SIZE_MAX_SLOTS ? calloc(size, sizeof(*slots)) : NULL;
	if (!slots)
		return false;
	for (size_t i = 0; i < k->size; i++)
		if (k->slots[i])
			slots[place(slots, size, k->slots[i])] = k->slots[i];
	free(k->slots);
	k->slots = slots;
	k->size = size;
	return true;
}

void known_expect(struct known *k, uint64_t rows)
{
	size_t size = SIZE_MIN;
	while (size < SIZE_MAX_SLOTS && 4 * rows > 3 * size)
		size *= 2;
	if (size > k->size)
		(void)resize(k, size); /* else it grows by itself, or overflows */
}

/* Never 0, and without CAME. */
static uint64_t value_of(const uint8_t *hash)
{
	uint64_t value;
	memcpy(&value, hash, sizeof(value));
	value &= ~(uint64_t)CAME;
	return value ? value : 2;
}

static bool add(struct known *k, uint64_t value, uint64_t came)
{
	const bool full = 4 * (k->count + 1) > 3 * k->size;
	const bool room = !full || (k->count < KNOWN_MAX && resize(k, k->size ? 2 * k->size : SIZE_MIN));
	if (!k->size) {
		k->overflowed = true;
		return false;
	}
	uint64_t *slot = &k->slots[place(k->slots, k->size, value)];
	const bool there = *slot != 0;
	k->overflowed = k->overflowed || (!there && !room);
	if (!there && !room)
		return false;
	*slot = value | came | (*slot & CAME);
	k->count += !there;
	return there;
}

bool known_add(struct known *k, const uint8_t hash[static RAW_HASH_SIZE])
{
	return add(k, value_of(hash), CAME);
}

bool known_came(const struct known *k, const uint8_t hash[static RAW_HASH_SIZE])
{
	return k->size && k->slots[place(k->slots, k->size, value_of(hash))] & CAME;
}

struct loading {
	struct known *known;
	enum row_kind kind;
};

static enum err take(void *arg, const uint8_t *hash)
{
	(void)add(arg, value_of(hash), 0);
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
