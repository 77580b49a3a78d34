/* Amounts: what a report writes, and the cents that are meant. */
#include "market/money.h"
#include "test.h"

static const struct {
	const char *text;
	int64_t cents;
} good[] = {
    {"0", 0},
    {"-0.0", 0},
    {"62.5", 6250},
    {"62.50", 6250},
    {"1000", 100000},
    {"-20.01", -2001},
    {"0.30000000000000004", 30}, /* 0.1 + 0.2 */
    {"0.28499999999999998", 29}, /* the float nearest to 0.285 */
    {"53.125", 5313},            /* a half goes away from zero */
    {"-53.125", -5313},
    {"53.1249", 5312},
    {"0.005", 1},
    {"0.0049999999999", 1}, /* noise of a half */
    {"0.00499999", 0},
    {"9.995", 1000}, /* the carry runs through */
    {"99.999", 10000},
    {"1e3", 100000},
    {"1E+3", 100000},
    {"1.5e-2", 2},
    {"1e-7", 0},
    {"1e-399", 0},
    {"12345678901234.56", 1234567890123456},
    {"90071992547409.91", CENTS_MAX},
    {"-90071992547409.91", -CENTS_MAX},
    {"000.10", 10},
    {"0.1234567890123456789012345678901234567890123456789012345678901234567890123456789", 12},
};

static const char *const bad[] = {"",         "-",
                                  ".5",       "5.",
                                  "1,5",      "$5",
                                  "1e",       "1e+",
                                  "NaN",      "+1",
                                  "1 ",       "0x10",
                                  "1.2.3",    "90071992547409.92",
                                  "1e15",     "1e400",
                                  "Infinity", "1e99999999999999999999"};

static void cents_come_of_the_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		int64_t cents = 77;
		if (!money_cents(str_of(good[i].text), &cents) || cents != good[i].cents)
			fail_msg("%s gave %lld, not %lld", good[i].text, (long long)cents, (long long)good[i].cents);
	}
}

static void what_is_no_amount_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		int64_t cents = 77;
		if (money_cents(str_of(bad[i]), &cents))
			fail_msg("%s gave %lld", bad[i], (long long)cents);
		assert_int_equal(cents, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(cents_come_of_the_text),
	                                   cmocka_unit_test(what_is_no_amount_is_refused)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
