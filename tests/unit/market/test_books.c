/* test_books.c - recurring revenue and evaluations from known rows: every cent counted by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/secret.h"
#include "market/calendar.h"
#include "market/market_fixture.h"
#include "market/mrr.h"
#include "market/trials.h"

static int set_up(void **state)
{
	static struct market_fixture m;
	market_fixture_init(&m, "2026-12-31");
	*state = &m;
	return 0;
}

static int tear_down(void **state)
{
	market_fixture_release(*state);
	return 0;
}

struct ask {
	const char *from, *to, *today;
	struct mrr_books mrr;
	struct trial_books trials;
};

static enum err run_mrr(struct store_tx *tx, void *arg)
{
	struct ask *a = arg;
	return mrr_read(tx, month_of_day(day_or(a->from, 0)), month_of_day(day_or(a->to, 0)), day_or(a->today, 0), &a->mrr);
}

/* "2026-01 mrr=10000 new=10000 …" of each month with anything, members that are 0 left out. */
static const char *mrr_text(struct market_fixture *m, const char *from, const char *to, const char *today)
{
	static char out[4096];
	struct ask a = {.from = from, .to = to, .today = today};
	size_t len = 0;
	out[0] = '\0';
	assert_int_equal(store_read(m->fixture.store, run_mrr, &a), OK);
	for (size_t c = 0; c < a.mrr.currencies; c++)
		for (int64_t month = a.mrr.from; month <= a.mrr.to; month++) {
			const struct mrr_month *x = mrr_month(&a.mrr, c, month);
			char text[MONTH_TEXT_SIZE];
			const struct {
				const char *name;
				int64_t n;
			} at[] = {{"mrr", x->mrr},           {"new", x->new_mrr},        {"more", x->expansion},
			          {"less", x->contraction},  {"churn", x->churn},        {"refunds", x->refunds},
			          {"repriced", x->repriced}, {"customers", x->customers}};
			month_text(month, text);
			len += (size_t)snprintf(out + len, sizeof out - len, "%s%s", len ? "\n" : "", text);
			for (size_t i = 0; i < sizeof at / sizeof *at; i++)
				if (at[i].n)
					len += (size_t)snprintf(out + len, sizeof out - len, " %s=%lld", at[i].name, (long long)at[i].n);
		}
	mrr_release(&a.mrr);
	return out;
}

struct line {
	const char *id, *key, *type, *day, *start, *end, *period;
	int64_t cents;
	const char *original, *payment;
};

static void sell(struct market_fixture *m, struct line l)
{
	const struct market_sale s = {.transaction_id = l.id,
	                              .license_key = l.key,
	                              .sale_type = l.type,
	                              .sale_date = l.day,
	                              .maintenance_start = l.start,
	                              .maintenance_end = l.end,
	                              .billing_period = l.period,
	                              .price_cents = l.cents,
	                              .vendor_cents = l.cents / 2,
	                              .original_id = l.original,
	                              .payment_status = l.payment};
	poll_sale(m, &s);
}

struct sums {
	struct arena *arena;
	struct ledger_sum *at;
	size_t count;
};

static enum err run_sums(struct store_tx *tx, void *arg)
{
	struct sums *s = arg;
	return store_ledger_sums(tx, "2026-01-01", "2026-12-31", s->arena, &s->at, &s->count);
}

/* "2026-06 repricing 1 -6000" of each month and kind. */
static const char *sums_text(struct market_fixture *m)
{
	static char out[1000];
	struct sums s = {.arena = &m->arena};
	size_t len = 0;
	out[0] = '\0';
	assert_int_equal(store_read(m->fixture.store, run_sums, &s), OK);
	for (size_t i = 0; i < s.count; i++)
		len += (size_t)snprintf(out + len, sizeof out - len, "%s%s %s %lld %lld", len ? "\n" : "", s.at[i].month,
		                        s.at[i].kind, (long long)s.at[i].count, (long long)s.at[i].price_cents);
	return out;
}

static void monthly_and_annual_count_alike(void **state)
{
	struct market_fixture *m = *state;
	sell(m, (struct line){"1", "E-1", "new", "2026-01-05", "2026-01-05", "2026-02-05", "Monthly", 1000, 0, 0});
	sell(m, (struct line){"2", "E-1", "renewal", "2026-02-05", "2026-02-05", "2026-03-05", "Monthly", 1000, 0, 0});
	sell(m, (struct line){"3", "E-2", "new", "2026-01-01", "2026-01-01", "2026-12-31", "Annual", 120000, 0, 0});
	assert_string_equal(mrr_text(m, "2025-12-01", "2026-03-01", "2026-12-31"),
	                    "2025-12\n2026-01 mrr=11000 new=11000 customers=2\n2026-02 mrr=11000 customers=2\n"
	                    "2026-03 mrr=10000 churn=1000 customers=1");
}

/* Terms whose last day is the next one's first, and terms that end the day before. */
static void where_terms_meet_no_month_counts_twice_or_not_at_all(void **state)
{
	struct market_fixture *m = *state;
	sell(m, (struct line){"1", "E-1", "new", "2026-01-31", "2026-01-31", "2026-02-28", "Monthly", 1000, 0, 0});
	sell(m, (struct line){"2", "E-1", "renewal", "2026-02-28", "2026-02-28", "2026-03-31", "Monthly", 1000, 0, 0});
	sell(m, (struct line){"3", "E-2", "new", "2026-01-01", "2026-01-01", "2026-01-31", "Monthly", 500, 0, 0});
	sell(m, (struct line){"4", "E-2", "renewal", "2026-02-01", "2026-02-01", "2026-02-28", "Monthly", 500, 0, 0});
	assert_string_equal(mrr_text(m, "2026-01-01", "2026-02-01", "2026-12-31"),
	                    "2026-01 mrr=1500 new=1500 customers=2\n2026-02 mrr=1500 customers=2");
}

/* A tier that changes at the renewal: reports call the whole new term an Upgrade or a Downgrade. */
static void a_change_at_the_renewal_takes_the_term_s_place(void **state)
{
	struct market_fixture *m = *state;
	sell(m, (struct line){"1", "E-1", "new", "2026-02-28", "2026-02-28", "2026-03-31", "Monthly", 2000, 0, 0});
	sell(m, (struct line){"2", "E-1", "downgrade", "2026-03-31", "2026-03-31", "2026-04-30", "Monthly", 1500, 0, 0});
	sell(m, (struct line){"3", "E-1", "upgrade", "2026-04-30", "2026-04-30", "2026-05-31", "Monthly", 3000, 0, 0});
	sell(m, (struct line){"4", "E-1", "renewal", "2026-05-31", "2026-05-31", "2026-06-30", "Monthly", 3000, 0, 0});
	assert_string_equal(mrr_text(m, "2026-02-01", "2026-07-01", "2026-12-31"),
	                    "2026-02 mrr=2000 new=2000 customers=1\n2026-03 mrr=1500 less=500 customers=1\n"
	                    "2026-04 mrr=3000 more=1500 customers=1\n2026-05 mrr=3000 customers=1\n"
	                    "2026-06 mrr=3000 customers=1\n2026-07 churn=3000");
}

static void upgrades_and_downgrades(void **state)
{
	struct market_fixture *m = *state;
	sell(m, (struct line){"1", "E-1", "new", "2026-01-01", "2026-01-01", "2027-01-01", "Annual", 120000, 0, 0});
	/* a third of the year is left: four months of 25.00 more */
	sell(m, (struct line){"2", "E-1", "upgrade", "2026-09-01", "2026-09-01", "2027-01-01", "Annual", 10000, 0, 0});
	sell(m, (struct line){"3", "E-1", "downgrade", "2026-10-01", "2026-10-01", "2027-01-01", "Annual", -3000, 0, 0});
	assert_string_equal(mrr_text(m, "2026-08-01", "2026-10-01", "2026-12-31"),
	                    "2026-08 mrr=10000 customers=1\n2026-09 mrr=12500 more=2500 customers=1\n"
	                    "2026-10 mrr=11500 less=1000 customers=1");
}

static void refunds_take_away_what_was_sold(void **state)
{
	struct market_fixture *m = *state;
	sell(m, (struct line){"1", "E-1", "new", "2026-01-01", "2026-01-01", "2027-01-01", "Annual", 100001, 0, 0});
	sell(m, (struct line){"2", "E-1", "refund", "2026-03-10", "2026-01-01", "2027-01-01", "Annual", -100001, "1", 0});
	sell(m, (struct line){"3", "E-2", "new", "2026-01-01", "2026-01-01", "2027-01-01", "Annual", 120000, 0, 0});
	sell(m, (struct line){"4", "E-2", "refund", "2026-03-10", 0, 0, 0, -30000, "3", 0});
	assert_string_equal(mrr_text(m, "2026-02-01", "2026-04-01", "2026-12-31"),
	                    "2026-02 mrr=18333 customers=2\n"
	                    "2026-03 mrr=7500 less=2500 churn=8333 refunds=-130001 customers=1\n"
	                    "2026-04 mrr=7500 customers=1");
}

/* What never brought anything is not taken away when it is credited. */
static void a_refund_of_what_was_never_paid_takes_nothing_away(void **state)
{
	struct market_fixture *m = *state;
	sell(m, (struct line){"1", "E-1", "new", "2026-01-01", "2026-01-01", "2027-01-01", "Annual", 120000, 0, 0});
	sell(m, (struct line){"2", "E-1", "upgrade", "2026-03-01", "2026-03-01", "2027-01-01", "Annual", 50000, 0,
	                      "uncollectible"});
	sell(m, (struct line){"3", "E-1", "refund", "2026-04-10", "2026-03-01", "2027-01-01", "Annual", -50000, "2", 0});
	assert_string_equal(mrr_text(m, "2026-03-01", "2026-04-01", "2026-12-31"),
	                    "2026-03 mrr=10000 customers=1\n2026-04 mrr=10000 customers=1");
	assert_string_equal(sums_text(m), "2026-01 sale 1 120000\n2026-03 uncollectible 1 50000\n"
	                                  "2026-04 uncollectible 1 -50000");
}

static void a_repricing_is_no_loss(void **state)
{
	struct market_fixture *m = *state;
	sell(m, (struct line){"1", "E-1", "new", "2026-01-01", "2026-01-01", "2027-01-01", "Annual", 120000, 0, 0});
	sell(m, (struct line){"2", "E-1", "refund", "2026-03-10", "2026-01-01", "2027-01-01", "Annual", -120000, "1", 0});
	sell(m, (struct line){"3", "E-1", "upgrade", "2026-03-10", "2026-03-10", "2027-03-10", "Annual", 240000, 0, 0});
	assert_string_equal(mrr_text(m, "2026-02-01", "2026-03-01", "2026-12-31"),
	                    "2026-02 mrr=10000 customers=1\n2026-03 mrr=20000 more=10000 repriced=-120000 customers=1");
}

/* Half of the year is left: half of the old price comes back, half of the new one is paid. */
static void a_repricing_for_the_rest_of_a_term(void **state)
{
	struct market_fixture *m = *state;
	sell(m, (struct line){"1", "E-1", "new", "2026-01-01", "2026-01-01", "2027-01-01", "Annual", 120000, 0, 0});
	sell(m, (struct line){"2", "E-1", "refund", "2026-07-01", 0, 0, "Annual", -60000, "1", 0});
	sell(m, (struct line){"3", "E-1", "upgrade", "2026-07-01", "2026-07-01", "2027-01-01", "Annual", 120000, 0, 0});
	assert_string_equal(mrr_text(m, "2026-06-01", "2026-07-01", "2026-12-31"),
	                    "2026-06 mrr=10000 customers=1\n2026-07 mrr=20000 more=10000 repriced=-60000 customers=1");
}

static void what_is_left_out(void **state)
{
	struct market_fixture *m = *state;
	const struct market_license sandbox = {
	    .row_key = "E-9", .status = "active", .license_type = "COMMERCIAL", .sandbox = true};
	poll_license(m, &sandbox);
	poll_alias(m, "E-9", "sen", "SEN-9");
	sell(m, (struct line){"1", "SEN-9", "new", "2026-01-01", "2026-01-01", "2027-01-01", "Annual", 120000, 0, 0});
	sell(m, (struct line){"2", "E-2", "new", "2026-01-01", "2026-01-01", "2027-01-01", "Annual", 6000, 0,
	                      "uncollectible"});
	sell(m, (struct line){"3", "E-3", "new", "2026-01-01", 0, 0, 0, 6000, 0, 0});
	sell(m, (struct line){"4", "E-4", "new", "2026-01-01", "2026-01-01", "2027-01-01", "Annual", 1200, 0, 0});
	assert_string_equal(mrr_text(m, "2026-01-01", "2026-01-01", "2026-12-31"), "2026-01 mrr=100 new=100 customers=1");
}

/* A licence that got another id is one licence. */
static void a_licence_under_two_ids_is_one(void **state)
{
	struct market_fixture *m = *state;
	const struct market_license l = {.row_key = "E-1", .status = "active", .license_type = "COMMERCIAL"};
	poll_license(m, &l);
	poll_alias(m, "E-1", "sen", "SEN-1");
	sell(m, (struct line){"1", "SEN-1", "new", "2026-01-01", "2026-01-01", "2026-02-01", "Monthly", 700, 0, 0});
	sell(m, (struct line){"2", "E-1", "renewal", "2026-02-01", "2026-02-01", "2026-03-01", "Monthly", 700, 0, 0});
	assert_string_equal(mrr_text(m, "2026-01-01", "2026-02-01", "2026-12-31"),
	                    "2026-01 mrr=700 new=700 customers=1\n2026-02 mrr=700 customers=1");
}

static void the_current_month_is_counted_today(void **state)
{
	struct market_fixture *m = *state;
	sell(m, (struct line){"1", "E-1", "new", "2026-03-02", "2026-03-02", "2026-03-20", "Monthly", 700, 0, 0});
	assert_string_equal(mrr_text(m, "2026-03-01", "2026-03-01", "2026-03-10"), "2026-03 mrr=700 new=700 customers=1");
	assert_string_equal(mrr_text(m, "2026-03-01", "2026-03-01", "2026-04-10"), "2026-03");
}

static void amounts_are_divided_to_the_nearest_cent(void **state)
{
	(void)state;
	assert_int_equal(part_of(100000, 1, 12), 8333);
	assert_int_equal(part_of(6, 1, 12), 1);
	assert_int_equal(part_of(5, 1, 12), 0);
	assert_int_equal(part_of(-6, 1, 12), -1);
	assert_int_equal(part_of(8333, -100001, 100001), -8333);
	assert_int_equal(part_of(INT64_MAX, 365, 365), INT64_MAX);
	const struct market_sale two_years = {
	    .maintenance_start = "2026-01-01", .maintenance_end = "2028-01-01", .billing_period = "Annual"};
	assert_int_equal(mrr_months(&two_years), 24);
}

static void months_are_calendar_months(void **state)
{
	(void)state;
	static const struct {
		const char *start, *end;
		int64_t months;
	} cases[] = {{"2026-03-15", "2026-09-15", 6},  {"2026-03-15", "2026-09-14", 6}, {"2026-03-15", "2026-09-20", 0},
	             {"2026-01-31", "2026-02-28", 1},  {"2026-02-28", "2026-03-28", 1}, {"2026-01-01", "2026-12-31", 12},
	             {"2024-02-29", "2025-02-28", 12}, {"2026-03-02", "2026-03-02", 0}, {"2026-04-30", "2026-05-31", 1},
	             {"2026-02-28", "2027-02-27", 12}, {"2026-02-28", "2026-03-30", 1}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(whole_months(day_or(cases[i].start, 0), day_or(cases[i].end, 0)), cases[i].months);
}

/* The refund was told under the licence's SEN, the upgrade beside it under the entitlement it has since. */
static void a_repricing_under_two_ids_is_one(void **state)
{
	struct market_fixture *m = *state;
	const struct market_license l = {.row_key = "E-1", .status = "active", .license_type = "COMMERCIAL"};
	poll_license(m, &l);
	poll_alias(m, "E-1", "sen", "SEN-1");
	sell(m, (struct line){"1", "SEN-1", "refund", "2026-06-15", 0, 0, 0, -6000, 0, 0});
	sell(m, (struct line){"2", "E-1", "upgrade", "2026-06-15", "2026-06-15", "2026-12-15", "Annual", 12000, 0, 0});
	sell(m, (struct line){"3", "E-2", "refund", "2026-06-15", 0, 0, 0, -500, 0, 0});
	assert_string_equal(sums_text(m), "2026-06 refund 1 -500\n2026-06 repricing 1 -6000\n2026-06 sale 1 12000");
}

static void lines_that_name_no_licence_are_no_repricing(void **state)
{
	struct market_fixture *m = *state;
	sell(m, (struct line){"1", "", "refund", "2026-06-15", 0, 0, 0, -6000, 0, 0});
	sell(m, (struct line){"2", "", "upgrade", "2026-06-15", "2026-06-15", "2026-12-15", "Annual", 12000, 0, 0});
	assert_string_equal(sums_text(m), "2026-06 refund 1 -6000\n2026-06 sale 1 12000");
}

static enum err run_trials(struct store_tx *tx, void *arg)
{
	struct ask *a = arg;
	return trials_read(tx, 0, INT64_MAX, &a->trials);
}

static void begin_trial(struct market_fixture *m, const char *key, const char *start, const char *status,
                        const char *type)
{
	const struct market_license l = {
	    .row_key = key, .status = status, .license_type = type, .maintenance_start = start, .evaluation_start = start};
	poll_license(m, &l);
}

static void evaluations_by_month(void **state)
{
	struct market_fixture *m = *state;
	struct ask a = {.from = ""};
	begin_trial(m, "E-1", "2026-01-05", "active", "COMMERCIAL");
	begin_trial(m, "E-2", "2026-01-10", "inactive", "EVALUATION");
	begin_trial(m, "E-3", "2026-01-31", "active", "COMMERCIAL");
	begin_trial(m, "E-4", "2026-02-01", "active", "EVALUATION");
	const struct market_license sandbox = {.row_key = "E-5",
	                                       .status = "active",
	                                       .license_type = "EVALUATION",
	                                       .evaluation_start = "2026-02-02",
	                                       .sandbox = true};
	poll_license(m, &sandbox);
	sell(m, (struct line){"1", "E-1", "new", "2026-01-15", 0, 0, 0, 100, 0, 0});
	sell(m, (struct line){"2", "E-3", "new", "2026-02-25", 0, 0, 0, 100, 0, 0});
	assert_int_equal(store_read(m->fixture.store, run_trials, &a), OK);
	assert_int_equal(a.trials.count, 2);
	assert_int_equal(a.trials.months[0].started, 3);
	assert_int_equal(a.trials.months[0].converted, 2);
	assert_int_equal(a.trials.months[0].days2, 10 + 25);
	assert_int_equal(a.trials.months[1].running, 1);
	assert_int_equal(a.trials.months[1].days2, -1);
	assert_int_equal(a.trials.total.started, 4);
	assert_int_equal(a.trials.total.running, 1);
	trials_release(&a.trials);
}

/* The reports have a line of 0 for some evaluations. */
static void an_evaluation_s_own_line_is_no_purchase(void **state)
{
	struct market_fixture *m = *state;
	struct ask a = {.from = ""};
	begin_trial(m, "E-1", "2026-01-05", "inactive", "EVALUATION");
	const struct market_sale s = {.transaction_id = "1",
	                              .license_key = "E-1",
	                              .sale_type = "new",
	                              .license_type = "EVALUATION",
	                              .sale_date = "2026-01-05"};
	poll_sale(m, &s);
	assert_int_equal(store_read(m->fixture.store, run_trials, &a), OK);
	assert_int_equal(a.trials.total.started, 1);
	assert_int_equal(a.trials.total.converted, 0);
	trials_release(&a.trials);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(monthly_and_annual_count_alike, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(where_terms_meet_no_month_counts_twice_or_not_at_all, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_change_at_the_renewal_takes_the_term_s_place, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_refund_of_what_was_never_paid_takes_nothing_away, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_repricing_under_two_ids_is_one, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(lines_that_name_no_licence_are_no_repricing, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(an_evaluation_s_own_line_is_no_purchase, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(upgrades_and_downgrades, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(refunds_take_away_what_was_sold, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_repricing_is_no_loss, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_repricing_for_the_rest_of_a_term, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_is_left_out, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_licence_under_two_ids_is_one, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_current_month_is_counted_today, set_up, tear_down),
	    cmocka_unit_test(amounts_are_divided_to_the_nearest_cent),
	    cmocka_unit_test(months_are_calendar_months),
	    cmocka_unit_test_setup_teardown(evaluations_by_month, set_up, tear_down),
	};
	return crypto_init() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
