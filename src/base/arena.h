/* arena.h - memory of one request, freed all at once.
 *
 * Handlers allocate from the request's arena and free nothing. The first block is embedded, so that an ordinary
 * request needs no malloc at all. Not thread-safe: an arena belongs to whoever handles the request now. */
#pragma once
#include <stddef.h>

#include "base/str.h"

enum { ARENA_FIRST_BYTES = 4096 };

struct arena_block;
struct arena {
	struct arena_block *blocks; /* further blocks, newest first */
	size_t used;                /* of the newest block, or of first while blocks is NULL */
	size_t total, max;          /* bytes given out in blocks; the cap */
	_Alignas(16) char first[ARENA_FIRST_BYTES];
};

/* max_bytes caps all further blocks together. */
void arena_init(struct arena *a, size_t max_bytes);
void arena_release(struct arena *a);
/* 16-byte aligned, not zeroed; NULL when out of memory or over the cap. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, alloc_size(2)));
void *arena_zalloc(struct arena *a, size_t size) __attribute__((malloc, alloc_size(2)));
/* NUL-terminated copies; NULL on failure. */
char *arena_strz(struct arena *a, struct str s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
