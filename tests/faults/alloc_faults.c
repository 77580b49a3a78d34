/* alloc_faults.c - see alloc_faults.h. */
#include "alloc_faults.h"

#include <assert.h>
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

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

static bool fails_now(void)
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
	return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails_now() ? NULL : __real_realloc(p, size);
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return __wrap_malloc(size);
}

static void *crypto_realloc(void *p, size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return __wrap_realloc(p, size);
}

static void crypto_free(void *p, const char *file, int line)
{
	(void)file, (void)line;
	free(p);
}

static char *wrapped_strdup(const char *text)
{
	const size_t size = strlen(text) + 1;
	char *copy = __wrap_malloc(size);
	return copy ? memcpy(copy, text, size) : NULL;
}

static sqlite3_mem_methods sqlite_own;

static void *sqlite_malloc(int size)
{
	return fails_now() ? NULL : sqlite_own.xMalloc(size);
}

static void *sqlite_realloc(void *p, int size)
{
	return fails_now() ? NULL : sqlite_own.xRealloc(p, size);
}

void alloc_faults_install(void)
{
	assert(CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) == 1);
	assert(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_own) == SQLITE_OK);
	sqlite3_mem_methods wrapped = sqlite_own;
	wrapped.xMalloc = sqlite_malloc;
	wrapped.xRealloc = sqlite_realloc;
	assert(sqlite3_config(SQLITE_CONFIG_MALLOC, &wrapped) == SQLITE_OK);
	assert(curl_global_init_mem(CURL_GLOBAL_DEFAULT, __wrap_malloc, free, __wrap_realloc, wrapped_strdup,
	                            __wrap_calloc) == CURLE_OK);
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
