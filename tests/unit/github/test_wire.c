/* test_wire.c - the signature of a delivery against published vectors, how plans are read, and which pages are
 * followed.
 */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/secret.h"
#include "github/purchase.h"
#include "github/rest.h"
#include "github/webhook.h"

static void signatures(void **state)
{
	(void)state;
	static const char good[] = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
	static const struct {
		const char *secret, *body, *signature;
		bool ok;
	} rows[] = {
	    {"It's a Secret to Everybody", "Hello, World!", good, true},
	    {"It's a Secret to Everybody", "Hello, World", good, false},
	    {"It's a secret to Everybody", "Hello, World!", good, false},
	    {"", "Hello, World!", good, false},
	    {"It's a Secret to Everybody", "Hello, World!", "", false},
	    {"It's a Secret to Everybody", "Hello, World!", "sha256=", false},
	    {"It's a Secret to Everybody", "Hello, World!", good + 7, false},
	    {"It's a Secret to Everybody", "Hello, World!",
	     "sha1=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", false},
	    {"It's a Secret to Everybody", "Hello, World!",
	     "SHA256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", false},
	    {"It's a Secret to Everybody", "Hello, World!",
	     "sha256=757107EA0EB2509FC211221CCE984B8A37570B6D7586C22C46F4379C8B043E17", false},
	    {"It's a Secret to Everybody", "Hello, World!",
	     "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1", false},
	    {"It's a Secret to Everybody", "Hello, World!",
	     "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e170", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (github_signature_ok(str_of(rows[i].secret), str_of(rows[i].body), str_of(rows[i].signature)) != rows[i].ok)
			fail_msg("row %zu", i);
}

static void pages(void **state)
{
	(void)state;
	static const struct {
		const char *link, *next; /* NULL: none */
		bool refused;
	} rows[] = {
	    {"<https://api.github.com/x?page=2>; rel=\"next\"", "https://api.github.com/x?page=2", false},
	    {"<https://api.github.com/x?page=9>; rel=\"last\", <https://api.github.com/x?page=2>; rel=\"next\"",
	     "https://api.github.com/x?page=2", false},
	    {"<https://api.github.com/x?page=1>; rel=\"prev\"", NULL, false},
	    {"", NULL, false},
	    {"nonsense", NULL, false},
	    {"<>; rel=\"next\"", NULL, true},
	    {"<http://api.github.com/x>; rel=\"next\"", NULL, true},
	    {"<https://api.github.com.evil.example/x>; rel=\"next\"", NULL, true},
	    {"<https://api.github.com@evil.example/x>; rel=\"next\"", NULL, true},
	    {"<https://evil.example/>; rel=\"next\"", NULL, true},
	    {"</x?page=2>; rel=\"next\"", NULL, true},
	    {"<https://api.github.com/x#y>; rel=\"next\"", NULL, true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena a;
		const char *next = NULL;
		bool refused;
		arena_init(&a, 4096);
		const bool found = github_next_page(str_of(rows[i].link), STR("https://api.github.com"), &a, &next, &refused);
		if (found != (rows[i].next != NULL) || refused != rows[i].refused)
			fail_msg("%s", rows[i].link);
		if (found)
			assert_string_equal(next, rows[i].next);
		arena_release(&a);
	}
}

/* One event with a plan of this model and these prices: what is read of them. */
static void price_models(void **state)
{
	(void)state;
	static const struct {
		const char *model, *units, *read;
		int monthly, read_units;
	} rows[] = {
	    {"\"PER_UNIT\"", "3", "per_unit", 500, 3},      {"\"per-unit\"", "3", "per_unit", 500, 3},
	    {"\"PER_UNIT\"", "0", "per_unit", 500, 1},      {"\"FLAT_RATE\"", "1", "flat_rate", 500, 1},
	    {"\"flat-rate\"", "null", "flat_rate", 500, 0}, {"\"FREE\"", "1", "free", 0, 1},
	    {"\"flat-rate\"", "1", "free", 0, 1},           {"null", "1", "flat_rate", 500, 1},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena a;
		struct github_news n;
		const char *why = NULL;
		struct buf body = BUF_INIT(4096);
		arena_init(&a, 65536);
		buf_printf(
		    &body,
		    "{\"action\":\"purchased\",\"effective_date\":\"2026-03-02T10:00:00+00:00\",\"marketplace_purchase\":{"
		    "\"account\":{\"id\":7,\"type\":\"User\",\"login\":\"a\",\"organization_billing_email\":null},"
		    "\"billing_cycle\":null,\"next_billing_date\":null,\"unit_count\":%s,\"on_free_trial\":false,"
		    "\"free_trial_ends_on\":null,\"plan\":{\"id\":2,\"name\":\"P\",\"price_model\":%s,"
		    "\"monthly_price_in_cents\":%d,\"yearly_price_in_cents\":%d}}}",
		    rows[i].units, rows[i].model, rows[i].monthly, rows[i].monthly * 10);
		if (github_body_read(buf_text(&body), &a, &n, &why) != OK)
			fail_msg("%s: %s", body.data, why);
		assert_string_equal(n.terms.price_model, rows[i].read);
		assert_int_equal(n.terms.units, rows[i].read_units);
		assert_string_equal(n.account_id, "7");
		buf_release(&body);
		arena_release(&a);
	}
}

int main(void)
{
	if (!crypto_init())
		return 1;
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(signatures),
	    cmocka_unit_test(pages),
	    cmocka_unit_test(price_models),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
