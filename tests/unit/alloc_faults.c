/* alloc_faults.c - see alloc_faults.h. */
#include "alloc_faults.h"

#include <stdatomic.h>
#include <stdlib.h>

_Thread_local bool alloc_exempt;

static _Atomic long countdown;
static _Atomic bool armed, for_ever, failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
/* visible: the linker looks at shared libraries too, though it cannot wrap what they call */
__attribute__((visibility("default"))) void *__wrap_malloc(size_t size);
__attribute__((visibility("default"))) void *__wrap_calloc(size_t n, size_t size);
__attribute__((visibility("default"))) void *__wrap_realloc(void *p, size_t size);

bool alloc_fails_now(void)
{
	if (!atomic_load(&armed) || alloc_exempt)
		return false;
	const long left = atomic_fetch_sub(&countdown, 1);
	if (left > 0 || (left < 0 && !atomic_load(&for_ever)))
		return false;
	atomic_store(&failed, true);
	return true;
}

void *__wrap_malloc(size_t size)
{
	return alloc_fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return alloc_fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return alloc_fails_now() ? NULL : __real_realloc(p, size);
}

void alloc_faults_arm(long nth, bool ever)
{
	atomic_store(&failed, false);
	atomic_store(&for_ever, ever);
	atomic_store(&countdown, nth);
	atomic_store(&armed, true);
}

bool alloc_faults_disarm(void)
{
	atomic_store(&armed, false);
	return atomic_load(&failed);
}

long alloc_faults_next(long nth)
{
	return nth + 1 + nth / 128;
}
