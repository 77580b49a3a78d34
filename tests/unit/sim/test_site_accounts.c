/* The people of a site: few, kept by use, names cut at a character's end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "sim/site_accounts.h"

static void it_starts_with_an_administrator_who_looks(void **state)
{
	(void)state;
	struct site_accounts a = {0};
	assert_true(site_accounts_init(&a, 1));
	assert_int_equal(a.count, 3);
	assert_true(site_accounts_user(&a)->admin);
	for (size_t i = 1; i < a.count; i++)
		assert_false(a.all[i].admin);
	site_accounts_release(&a);
}

static void who_looks_stays_when_others_make_place(void **state)
{
	(void)state;
	struct site_accounts a = {0};
	char id[32];
	assert_true(site_accounts_init(&a, 1));
	for (int i = 0; i < 3 * SITE_ACCOUNTS_MAX; i++) {
		char user[SITE_ACCOUNT_MAX + 1];
		memcpy(user, site_accounts_user(&a)->id, sizeof(user));
		snprintf(id, sizeof(id), "user-%d", i);
		struct site_account *added = site_accounts_put(&a, str_of(id), i);
		assert_non_null(added);
		assert_string_equal(added->id, id);
		assert_string_equal(added->name, id);
		assert_false(added->admin);
		assert_string_equal(site_accounts_user(&a)->id, user);
		assert_in_range(a.count, 1, SITE_ACCOUNTS_MAX);
		if (i % 40 == 7)
			site_accounts_become(&a, added);
	}
	assert_non_null(site_accounts_find(&a, str_of(id)));
	assert_null(site_accounts_find(&a, STR("user-0")));
	struct site_account *known = site_accounts_find(&a, str_of(id));
	assert_ptr_equal(site_accounts_put(&a, str_of(id), 5), known);
	site_accounts_release(&a);
}

static void names_are_cut_at_a_characters_end(void **state)
{
	(void)state;
	struct site_account account = {0};
	char name[SITE_ACCOUNT_NAME_MAX + 8];
	memset(name, 'a', sizeof(name));
	memcpy(name + SITE_ACCOUNT_NAME_MAX - 1, "\xc3\xa4", 2);
	site_account_rename(&account, (struct str){name, sizeof(name)});
	assert_int_equal(strlen(account.name), SITE_ACCOUNT_NAME_MAX - 1);
	site_account_rename(&account, STR("ok\xff more"));
	assert_string_equal(account.name, "ok");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_starts_with_an_administrator_who_looks),
	    cmocka_unit_test(who_looks_stays_when_others_make_place),
	    cmocka_unit_test(names_are_cut_at_a_characters_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
