/* fuzz_endpoint.c - bodies that an operator sends about endpoints: any bytes behind one that chooses which.
 *
 * What is accepted must hold what the deliveries rely on: an address that is safe in a header and, where insecure hosts
 * are not allowed, https; types of the catalogue alone, never an empty list of them. */
#include <assert.h>
#include <string.h>

#include "base/secret.h"
#include "events/endpoint_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_endpoint(const struct new_endpoint *e, bool allow_insecure)
{
	const size_t len = strlen(e->url);
	assert(len > 0 && len <= ENDPOINT_URL_MAX);
	for (size_t i = 0; i < len; i++)
		assert(e->url[i] > 0x20 && e->url[i] < 0x7f && e->url[i] != '\\' && e->url[i] != '#');
	assert(strncmp(e->url, "https://", 8) == 0 || (allow_insecure && strncmp(e->url, "http://", 7) == 0));
	assert(!e->types == (e->type_count == 0));
	for (size_t i = 0; i < e->type_count; i++)
		assert(event_type_known(str_of(e->types[i])));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || !crypto_init())
		return 0;
	const struct str text = {(const char *)data + 1, size - 1};
	const char *wrong = NULL;
	if (data[0] & 2) {
		int64_t after = -1;
		enum err err = replay_body_read(text, &after, &wrong);
		assert(err == OK ? after >= 0 : wrong != NULL);
		return 0;
	}
	struct arena arena;
	struct new_endpoint e = {0};
	arena_init(&arena, 1 << 20);
	enum err err = endpoint_body_read(text, data[0] & 1, &arena, &e, &wrong);
	if (err == OK)
		check_endpoint(&e, data[0] & 1);
	else
		assert(err == ERR_NOMEM || (wrong && !e.url));
	arena_release(&arena);
	return 0;
}
