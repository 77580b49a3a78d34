/* alloc_faults.h - lets the nth allocation fail: of our rooms, and of jansson, whose calls base/json.c makes.
 *
 * malloc, calloc and realloc come here by the linker (--wrap); it cannot lead other libraries' calls here, but
 * tests/faults/alloc_libraries.h knows their own hooks. A program that USES alloc_faults is linked that way. Threads
 * that set alloc_exempt are left alone: a test's own. */
#pragma once
#include <stdbool.h>

extern _Thread_local bool alloc_exempt;

/* The nth allocation from now (0: the next) fails; for_ever: every later one too. */
void alloc_faults_arm(long nth, bool for_ever);
/* Allocations work again. Whether one failed. */
bool alloc_faults_disarm(void);
/* Which n to try after this one where there are very many: each at first, then further and further apart. */
long alloc_faults_next(long nth);

/* For hooks of libraries: counts an allocation, and whether it is one that fails. */
bool alloc_fails_now(void);
