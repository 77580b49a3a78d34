/* alloc_faults.h - lets the nth allocation fail: of our rooms, and of jansson, OpenSSL, SQLite and libcurl.
 *
 * Our rooms' malloc, calloc and realloc come here by the linker (--wrap), the libraries' by their own hooks. Threads
 * that set alloc_exempt are left alone: the test's own. libmicrohttpd has no hook. */
#pragma once
#include <stdbool.h>

extern _Thread_local bool alloc_exempt;

/* First thing in main: libraries take their allocator once. */
void alloc_faults_install(void);
/* The nth allocation from now (0: the next) fails; for_ever: every later one too. */
void alloc_faults_arm(long nth, bool for_ever);
/* Allocations work again. Whether one failed. */
bool alloc_faults_disarm(void);
/* Which n to try after this one: each at first, then further and further apart. */
long alloc_faults_next(long nth);
