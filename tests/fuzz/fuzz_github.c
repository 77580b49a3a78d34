/* fuzz_github.c - the body of GitHub's webhook: whatever is taken of it must hold what the rest relies on. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "github/entitlement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct github_news n = {0};
	const char *why = NULL;
	arena_init(&a, 1 << 20);
	const enum err err = github_body_read((struct str){(const char *)data, size}, &a, &n, &why);
	assert(err == OK || err == ERR_NOMEM || (err == ERR_INVALID && why));
	if (err == OK && n.action != GITHUB_NOTHING) {
		assert(n.account_id && strlen(n.account_id) <= 16 &&
		       strspn(n.account_id, "0123456789") == strlen(n.account_id));
		assert(n.effective_at > 0 && n.terms.units >= 0 && github_amount_cents(&n.terms) >= 0 && n.type);
		struct github_account_row row = {0};
		struct github_outcome o;
		for (int64_t now = 1; now < 4; now++) {
			entitlement_apply(&row, &n, NULL, n.effective_at + now, 30, &o);
			row = o.row;
			if (row.account_id)
				(void)entitlement_facts(&row, STR(""));
		}
	}
	arena_release(&a);
	return 0;
}
