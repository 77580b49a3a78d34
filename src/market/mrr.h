/* mrr.h - monthly recurring revenue from sales, in whole cents. Pure but for the read.
 *
 * Definitions (told with every answer, mrr_definitions): a line's monthly amount is its price over the months that it
 * is for; a licence's MRR on a day is the sum over its lines whose term holds that day; a month's MRR is that of its
 * last day (of today in the current one). New, expansion, contraction and churn compare each licence's MRR with that
 * of the month before. */
#pragma once
#include "store/ledger.h"

enum { MRR_MONTHS_MAX = 240, MRR_CURRENCIES_MAX = 8, MRR_CURRENCY_SIZE = 9 };

struct mrr_line {
	enum { MRR_TERM, MRR_CHANGE, MRR_REFUND } kind; /* New and Renewal; Upgrade and Downgrade; Refund */
	int64_t sold, start, end;                       /* days; a term counts on both */
	int64_t term_start;                             /* of the line that a refund pays back; else start */
	int64_t monthly_cents;
};
/* MRR of one licence on that day; never below zero. */
int64_t mrr_on(const struct mrr_line *lines, size_t count, int64_t day);

/* Months that a New or Renewal line is for; 0: not to be told. */
int64_t mrr_months(const struct market_sale *s);
/* cents * num / den, halves away from zero; den is not 0. */
int64_t part_of(int64_t cents, int64_t num, int64_t den);

struct mrr_month {
	int64_t mrr, new_mrr, expansion, contraction, churn; /* cents; the last two not negative */
	int64_t refunds, repriced;                           /* cents of refund lines: not positive */
	int64_t customers, new_customers, churned_customers;
};
struct mrr_books {
	int64_t from, to, today; /* months, both included; a day */
	char currency[MRR_CURRENCIES_MAX][MRR_CURRENCY_SIZE];
	size_t currencies;
	struct mrr_month *months[MRR_CURRENCIES_MAX]; /* to - from + 1 each, and one before */
	int64_t unplaced;                             /* lines without a term */
};
/* to - from is under MRR_MONTHS_MAX. ERR_NOMEM. Also after an error: mrr_release. */
enum err mrr_read(struct store_tx *tx, int64_t from, int64_t to, int64_t today, struct mrr_books *ret);
void mrr_release(struct mrr_books *b);
const struct mrr_month *mrr_month(const struct mrr_books *b, size_t currency, int64_t month);
