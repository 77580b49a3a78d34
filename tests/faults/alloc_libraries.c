/* alloc_libraries.c - see alloc_libraries.h. */
#include "alloc_libraries.h"

#include <assert.h>
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

/* malloc, calloc and realloc are the failing ones here as everywhere in the program. */

static void *crypto_malloc(size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return malloc(size);
}

static void *crypto_realloc(void *p, size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return realloc(p, size);
}

static void crypto_free(void *p, const char *file, int line)
{
	(void)file, (void)line;
	free(p);
}

static char *text_copy(const char *text)
{
	const size_t size = strlen(text) + 1;
	char *copy = malloc(size);
	return copy ? memcpy(copy, text, size) : NULL;
}

static sqlite3_mem_methods sqlite_own;

static void *sqlite_malloc(int size)
{
	return alloc_fails_now() ? NULL : sqlite_own.xMalloc(size);
}

static void *sqlite_realloc(void *p, int size)
{
	return alloc_fails_now() ? NULL : sqlite_own.xRealloc(p, size);
}

void alloc_libraries_install(void)
{
	assert(CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) == 1);
	assert(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_own) == SQLITE_OK);
	sqlite3_mem_methods wrapped = sqlite_own;
	wrapped.xMalloc = sqlite_malloc;
	wrapped.xRealloc = sqlite_realloc;
	assert(sqlite3_config(SQLITE_CONFIG_MALLOC, &wrapped) == SQLITE_OK);
	assert(curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, free, realloc, text_copy, calloc) == CURLE_OK);
}
