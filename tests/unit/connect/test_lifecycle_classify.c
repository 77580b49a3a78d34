/* test_lifecycle_classify.c - each kind of "installed", told apart: what is stored, what came, what it is called. */
#include "test.h"

#include <string.h>

#include "connect/lifecycle_classify.h"

static void kinds(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		struct install_facts facts;
		const char *changes, *event;
	} rows[] = {
	    {"never seen", {0}, "first", "tenant.installed"},
	    {"new key at a known address", {.address_taken = true}, "import,first", "tenant.imported"},
	    {"back again", {.known = true, .uninstalled = true}, "reinstall", "tenant.reinstalled"},
	    {"back with a new secret",
	     {.known = true, .uninstalled = true, .secret_changed = true},
	     "reinstall,secret_rotation",
	     "tenant.reinstalled"},
	    {"another address", {.known = true, .base_url_changed = true}, "rename", "tenant.renamed"},
	    {"another address and secret",
	     {.known = true, .base_url_changed = true, .secret_changed = true},
	     "rename,secret_rotation",
	     "tenant.renamed"},
	    {"another secret", {.known = true, .secret_changed = true}, "secret_rotation", "tenant.secret_rotated"},
	    {"nothing of these", {.known = true}, "upgrade", "tenant.upgraded"},
	    {"moved to an address that is taken",
	     {.known = true, .address_taken = true, .base_url_changed = true},
	     "rename",
	     "tenant.renamed"},
	    {"everything",
	     {.known = true, .uninstalled = true, .base_url_changed = true, .secret_changed = true},
	     "reinstall,rename,secret_rotation",
	     "tenant.reinstalled"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char changes[INSTALL_KINDS_TEXT_SIZE];
		unsigned found = install_classify(&rows[i].facts);
		install_kinds_text(found, changes);
		const char *event = install_event_type(install_kind_of(found));
		if (strcmp(changes, rows[i].changes) != 0 || strcmp(event, rows[i].event) != 0)
			fail_msg("%s: got %s, %s", rows[i].what, changes, event);
	}
}

static void all_kinds_fit_the_text(void **state)
{
	(void)state;
	char changes[INSTALL_KINDS_TEXT_SIZE];
	install_kinds_text((1U << INSTALL_KIND_COUNT) - 1, changes);
	assert_string_equal(changes, "import,first,reinstall,rename,secret_rotation,upgrade");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(kinds), cmocka_unit_test(all_kinds_fit_the_text)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
