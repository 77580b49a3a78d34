/* arena.c - memory of one request. See arena.h.
 *
 * Further blocks are malloc'd: at least BLOCK_BYTES, or as large as one allocation needs. What is left of a block
 * when a new one starts is lost; requests are short. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 8192, ALIGNMENT = 16 };

struct arena_block {
	struct arena_block *next;
	size_t size; /* of bytes */
	_Alignas(ALIGNMENT) char bytes[];
};

void arena_init(struct arena *a, size_t max_bytes)
{
	a->blocks = NULL;
	a->used = 0;
	a->total = 0;
	a->max = max_bytes;
}

void arena_release(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *next = a->blocks->next;
		free(a->blocks);
		a->blocks = next;
	}
	arena_init(a, a->max);
}

static bool add_block(struct arena *a, size_t size)
{
	size_t room = a->max - a->total;
	if (size > room)
		return false;
	size_t bytes = size > BLOCK_BYTES ? size : room > BLOCK_BYTES ? BLOCK_BYTES : room;
	struct arena_block *block = malloc(sizeof(*block) + bytes);
	if (!block)
		return false;
	block->next = a->blocks;
	block->size = bytes;
	a->blocks = block;
	a->used = 0;
	a->total += bytes;
	return true;
}

void *arena_alloc(struct arena *a, size_t size)
{
	if (size > SIZE_MAX / 4)
		return NULL;
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	size_t cap = a->blocks ? a->blocks->size : sizeof(a->first);
	if (a->used > cap || cap - a->used < size) {
		if (!add_block(a, size))
			return NULL;
	}
	char *p = (a->blocks ? a->blocks->bytes : a->first) + a->used;
	a->used += size;
	return p;
}

void *arena_zalloc(struct arena *a, size_t size)
{
	void *p = arena_alloc(a, size);
	if (p)
		memset(p, 0, size);
	return p;
}

char *arena_strz(struct arena *a, struct str s)
{
	char *copy = arena_alloc(a, s.len + 1);
	if (!copy)
		return NULL;
	if (s.len)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0)
		return NULL;
	char *text = arena_alloc(a, (size_t)len + 1);
	if (!text)
		return NULL;
	va_start(args, fmt);
	(void)vsnprintf(text, (size_t)len + 1, fmt, args);
	va_end(args);
	return text;
}
