/* test_settle.c - news rows become events: once, in order, whatever is cut short, with the tenant that is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/secret.h"
#include "market/market_fixture.h"
#include "market/settle.h"
#include "store/market.h"

static int set_up(void **state)
{
	static struct market_fixture m;
	market_fixture_init(&m, "2026-03-10");
	*state = &m;
	return 0;
}

static int tear_down(void **state)
{
	market_fixture_release(*state);
	return 0;
}

static size_t settle(struct market_fixture *m)
{
	size_t events = 0;
	assert_int_equal(market_settle(m->fixture.store, &m->fixture.clock.clock, NULL, NULL, &events), OK);
	return events;
}

static const struct market_license trial = {.row_key = "E-1",
                                            .status = "active",
                                            .license_type = "EVALUATION",
                                            .maintenance_start = "2026-03-08",
                                            .maintenance_end = "2026-04-07",
                                            .evaluation_start = "2026-03-08"};
static const struct market_license bought = {.row_key = "E-1",
                                             .status = "active",
                                             .license_type = "COMMERCIAL",
                                             .tier = "25 Users",
                                             .maintenance_start = "2026-03-10",
                                             .maintenance_end = "2027-03-10",
                                             .evaluation_start = "2026-03-08"};
static const struct market_sale new_sale = {.transaction_id = "AT-1",
                                            .license_key = "E-1",
                                            .sale_type = "new",
                                            .tier = "25 Users",
                                            .sale_date = "2026-03-10",
                                            .price_cents = 12000};
static const struct market_sale pay_back = {.transaction_id = "AT-2",
                                            .license_key = "E-1",
                                            .sale_type = "refund",
                                            .sale_date = "2026-03-11",
                                            .original_id = "AT-1",
                                            .price_cents = -12000};
static const struct market_sale upgrade = {.transaction_id = "AT-3",
                                           .license_key = "E-1",
                                           .sale_type = "upgrade",
                                           .tier = "50 Users",
                                           .sale_date = "2026-03-11",
                                           .price_cents = 30000};

static void news_is_told_once(void **state)
{
	struct market_fixture *m = *state;
	install(m, "tenant-a", "sen", "SEN-1");
	poll_license(m, &trial);
	poll_alias(m, "E-1", "sen", "SEN-1");
	assert_int_equal(settle(m), 1);
	assert_string_equal(journal_text(m), "trial.started@2026-03-08 tenant-a");
	assert_int_equal(news_count(m), 0);
	assert_int_equal(settle(m), 0);
	poll_license(m, &trial); /* changed in what no event is made of */
	assert_int_equal(settle(m), 0);
}

static void the_first_poll_is_silent(void **state)
{
	struct market_fixture *m = *state;
	poll_license(m, &trial);
	poll_sale(m, &new_sale);
	all_told(m);
	assert_int_equal(settle(m), 0);
	poll_license(m, &bought); /* told before: AT-1; the licence now says so too */
	assert_int_equal(settle(m), 1);
	assert_string_equal(journal_text(m), "trial.converted@2026-03-10 -");
}

static void a_poll_of_both_is_told_in_the_order_of_dates(void **state)
{
	struct market_fixture *m = *state;
	poll_sale(m, &new_sale);
	poll_license(m, &trial);
	assert_int_equal(settle(m), 3);
	assert_string_equal(journal_text(m), "trial.started@2026-03-08 -\ntrial.converted@2026-03-10 -\n"
	                                     "purchase.created@2026-03-10 -");
	poll_license(m, &bought); /* the conversion was told by the sale */
	(void)settle(m);
	assert_int_equal(news_count(m), 0);
	assert_non_null(strstr(journal_text(m), "purchase.created@2026-03-10 -\0"));
	assert_null(strstr(strstr(journal_text(m), "trial.converted") + 1, "trial.converted"));
}

static enum err run_rename(struct store_tx *tx, void *arg)
{
	(void)arg;
	return store_market_license_rename(tx, STR("SEN-1"), STR("E-1"));
}

/* The sale told of the conversion under the SEN; the licence says so when it has its number. */
static void a_licence_that_gets_its_number_is_not_told_again(void **state)
{
	struct market_fixture *m = *state;
	struct market_license before = trial;
	struct market_sale sale = new_sale;
	before.row_key = sale.license_key = "SEN-1";
	poll_license(m, &before);
	poll_alias(m, "SEN-1", "sen", "SEN-1");
	(void)settle(m);
	poll_sale(m, &sale);
	(void)settle(m);
	assert_int_equal(store_write(m->fixture.store, run_rename, NULL), OK);
	poll_license(m, &bought);
	(void)settle(m);
	assert_string_equal(journal_text(m), "trial.started@2026-03-08 -\ntrial.converted@2026-03-10 -\n"
	                                     "purchase.created@2026-03-10 -");
	/* another licence with the same SEN is another licence */
	struct market_license second = trial, second_bought = bought;
	second.row_key = second_bought.row_key = "E-2";
	poll_alias(m, "E-2", "sen", "SEN-1");
	poll_license(m, &second);
	(void)settle(m);
	assert_non_null(strstr(strstr(journal_text(m), "trial.started") + 1, "trial.started"));
}

static void a_tenant_that_comes_later_makes_no_second_event(void **state)
{
	struct market_fixture *m = *state;
	poll_license(m, &trial);
	poll_alias(m, "E-1", "entitlement_id", "uuid-1");
	(void)settle(m);
	install(m, "tenant-a", "entitlement_id", "uuid-1");
	struct market_license gone = trial;
	gone.license_type = "FREE";
	poll_license(m, &gone);
	(void)settle(m);
	poll_license(m, &trial); /* back again: the same trial */
	(void)settle(m);
	assert_string_equal(journal_text(m), "trial.started@2026-03-08 -");
}

static void a_sale_finds_its_licence_by_an_older_id(void **state)
{
	struct market_fixture *m = *state;
	struct market_sale old_id = new_sale;
	old_id.license_key = "SEN-9";
	install(m, "tenant-a", "entitlement_number", "E-1");
	poll_license(m, &trial);
	poll_alias(m, "E-1", "entitlement_number", "E-1");
	poll_alias(m, "E-1", "sen", "SEN-9");
	all_told(m);
	poll_sale(m, &old_id);
	assert_int_equal(settle(m), 2);
	assert_string_equal(journal_text(m), "trial.converted@2026-03-10 tenant-a\npurchase.created@2026-03-10 tenant-a");
}

static void a_refund_waits_for_the_upgrade_its_licence_speaks_of(void **state)
{
	struct market_fixture *m = *state;
	struct market_license grown = bought;
	grown.tier = "50 Users";
	poll_license(m, &bought);
	poll_sale(m, &new_sale);
	all_told(m);
	market_today(m, "2026-03-11");
	poll_license(m, &grown);
	poll_sale(m, &pay_back);
	assert_int_equal(settle(m), 0);
	assert_int_equal(news_count(m), 1);
	market_today(m, "2026-03-12");
	poll_sale(m, &upgrade);
	assert_int_equal(settle(m), 1);
	assert_string_equal(journal_text(m), "purchase.upgraded@2026-03-11 -");
	assert_int_equal(news_count(m), 0);
}

static void a_refund_that_waits_in_vain_is_told(void **state)
{
	struct market_fixture *m = *state;
	struct market_license grown = bought;
	grown.tier = "50 Users";
	poll_license(m, &grown);
	poll_sale(m, &new_sale);
	all_told(m);
	market_today(m, "2026-03-11");
	poll_sale(m, &pay_back);
	assert_int_equal(settle(m), 0);
	market_today(m, "2026-03-13");
	assert_int_equal(settle(m), 1);
	assert_string_equal(journal_text(m), "purchase.refunded@2026-03-11 -");
}

static bool stop_at_once(void *arg)
{
	++*(int *)arg;
	return true;
}

static void what_is_cut_short_goes_on(void **state)
{
	struct market_fixture *m = *state;
	char keys[100][16];
	for (int i = 0; i < 100; i++) {
		struct market_license l = trial;
		(void)snprintf(keys[i], sizeof keys[i], "E-%d", i);
		l.row_key = keys[i];
		poll_license(m, &l);
	}
	size_t first = 0;
	int asked = 0;
	assert_int_equal(market_settle(m->fixture.store, &m->fixture.clock.clock, stop_at_once, &asked, &first), OK);
	assert_int_equal(asked, 1);
	assert_in_range(first, 1, 99);
	fixture_reopen(&m->fixture);
	assert_int_equal(first + settle(m), 100);
	assert_int_equal(news_count(m), 0);
	size_t lines = 1;
	for (const char *p = journal_text(m); (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 100);
}

int main(void)
{
	log_set_level(LOG_ERROR);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(news_is_told_once, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_licence_that_gets_its_number_is_not_told_again, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_first_poll_is_silent, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_poll_of_both_is_told_in_the_order_of_dates, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_tenant_that_comes_later_makes_no_second_event, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_sale_finds_its_licence_by_an_older_id, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_refund_waits_for_the_upgrade_its_licence_speaks_of, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_refund_that_waits_in_vain_is_told, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_is_cut_short_goes_on, set_up, tear_down),
	};
	return crypto_init() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
