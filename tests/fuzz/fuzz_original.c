/* fuzz_original.c - forward authentication: "<method>\n<url>\n<query of the call>".
 *
 * Checked: an original that is accepted is pieces of what the proxy said, starts as a target does and ends at its
 * query; a call by prefix says the same as the header would; a demand that is not understood refuses. */
#include <assert.h>
#include <string.h>

#include "authz/demand.h"
#include "authz/original.h"
#include "base/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool within(struct str part, struct str whole)
{
	return part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len;
}

static void check_original(struct arena *a, struct str method, struct str url)
{
	struct original o, joined;
	if (!original_parse(method, url, &o))
		return;
	assert(str_eq(o.method, method) && within(o.target, url) && str_printable(o.target));
	assert(o.target.len == 0 || o.target.ptr[0] == '/' || o.target.ptr[0] == '?');
	size_t mark = str_find(o.target, '?');
	assert((mark < o.target.len) == (o.query.ptr != NULL));
	if (o.query.ptr)
		assert(o.query.ptr == o.target.ptr + mark + 1 && o.query.len == o.target.len - mark - 1);
	if (o.target.len == 0 || o.target.ptr[0] != '/')
		return;
	if (original_join(a, method, (struct str){o.target.ptr, mark}, o.query, &joined))
		assert(str_eq(joined.target, o.target) && str_eq(joined.query, o.query));
	else
		assert(url.len > 32 * 1024); /* only memory may stop it */
}

static void check_demand(struct arena *a, struct str query)
{
	static struct features *features;
	size_t problems = 0;
	if (!features)
		(void)features_parse(STR("{\"features\":{\"board\":{\"active\":\"allow\"}}}"), "f", NULL, &problems, &features);
	struct demand d = {0};
	const char *refusal = demand_parse(a, query, features, &d);
	if (refusal)
		return;
	assert((d.feature != NULL) == (d.feature_name.len > 0));
	assert(!d.feature || str_eqz(d.feature_name, "board"));
	if (query.len == 0)
		assert(!d.context && !d.required && !d.feature);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {(const char *)data, size}, method = {0}, url = {0};
	if (size == 0 || size > 65536 || !crypto_init())
		return 0;
	if (!str_split(&rest, '\n', &method) || !str_split(&rest, '\n', &url))
		return 0;
	struct arena arena;
	arena_init(&arena, 1 << 20);
	check_original(&arena, method, url);
	check_demand(&arena, rest);
	arena_release(&arena);
	return 0;
}
