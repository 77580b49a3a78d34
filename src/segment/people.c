/* people.c - see people.h. Open addressing, doubled at two thirds; union by pointing at the older one, paths halved. */
#include "segment/people.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_TABLE = 1024 };

void people_release(struct people *p)
{
	free(p->at);
	free(p->table);
	*p = (struct people){0};
}

/* Numbers are given in sequence: spread them (the multiplier of SplitMix64). */
static size_t slot_of(const struct people *p, int64_t number)
{
	uint64_t h = (uint64_t)number * UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(h ^ h >> 32) & (p->table_size - 1);
}

static void put(struct people *p, size_t index)
{
	size_t slot = slot_of(p, p->at[index].number);
	while (p->table[slot])
		slot = (slot + 1) & (p->table_size - 1);
	p->table[slot] = (uint32_t)index + 1;
}

static bool grow_table(struct people *p)
{
	const size_t size = p->table_size ? p->table_size * 2 : FIRST_TABLE;
	uint32_t *table = calloc(size, sizeof(*table));
	if (!table)
		return false;
	free(p->table);
	p->table = table;
	p->table_size = size;
	for (size_t i = 0; i < p->count; i++)
		put(p, i);
	return true;
}

static bool grow_people(struct people *p)
{
	const size_t cap = p->cap ? p->cap * 2 : FIRST_TABLE;
	struct person *at = realloc(p->at, cap * sizeof(*at));
	if (!at)
		return false;
	p->at = at;
	p->cap = cap;
	return true;
}

static size_t root_of(struct people *p, size_t i)
{
	while (p->at[i].parent != i) {
		p->at[i].parent = p->at[p->at[i].parent].parent;
		i = p->at[i].parent;
	}
	return i;
}

struct person *people_get(struct people *p, int64_t number, enum err *ret_err)
{
	*ret_err = OK;
	if (p->table_size > 0) {
		for (size_t slot = slot_of(p, number); p->table[slot]; slot = (slot + 1) & (p->table_size - 1))
			if (p->at[p->table[slot] - 1].number == number)
				return &p->at[root_of(p, p->table[slot] - 1)];
	}
	if (p->count >= PEOPLE_MAX) {
		*ret_err = ERR_TOO_LARGE;
		return NULL;
	}
	if ((p->count == p->cap && !grow_people(p)) || ((p->count + 1) * 3 > p->table_size * 2 && !grow_table(p))) {
		*ret_err = ERR_NOMEM;
		return NULL;
	}
	struct person *one = &p->at[p->count];
	memset(one, 0, sizeof(*one));
	one->number = number;
	one->parent = (uint32_t)p->count;
	put(p, p->count++);
	return one;
}

enum err people_join(struct people *p, int64_t number, int64_t other)
{
	enum err err;
	const struct person *a = people_get(p, number, &err);
	if (!a)
		return err;
	const size_t first = (size_t)(a - p->at); /* the next call may move it */
	const struct person *b = people_get(p, other, &err);
	if (!b)
		return err;
	p->at[b - p->at].parent = (uint32_t)first;
	return OK;
}
