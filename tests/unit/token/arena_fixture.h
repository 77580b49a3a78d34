/* arena_fixture.h - an arena and working cryptography for each test of a program that needs nothing else. */
#pragma once
#include "base/arena.h"
#include "base/secret.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return crypto_init() ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}
