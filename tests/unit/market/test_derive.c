/* test_derive.c - runs derive.rules: given rows, expected events. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/secret.h"
#include "license/rules_file.h"
#include "market/derive.h"

enum { SALES_MAX = 8, DAY_MS = 86400000 };

struct given {
	struct arena arena;
	struct market_license license, before;
	struct market_sale sales[SALES_MAX];
	size_t sale_count;
	struct market_case c;
};

static const char *copy(struct given *g, struct str s)
{
	const char *z = arena_strz(&g->arena, s);
	assert_non_null(z);
	return z;
}

static int64_t day(const char *text)
{
	int64_t ms;
	assert_int_equal(time_parse(str_of(text), &ms), OK);
	return ms;
}

/* "active,EVALUATION" */
static void status_and_type(struct given *g, const char *text, struct market_license *l)
{
	struct str rest = str_of(text), status = {0};
	str_split(&rest, ',', &status);
	l->row_key = "E-1";
	l->status = copy(g, status);
	l->license_type = copy(g, rest);
	l->maintenance_start = "2026-01-01";
	l->maintenance_end = "2026-12-31";
}

static void sale_word(struct given *g, struct market_sale *s, struct str word)
{
	const struct str of = STR("of="), tier = STR("tier=");
	if (str_eqz(word, "told"))
		s->news_seq = 0;
	else if (str_eqz(word, "changed"))
		s->news_previous = "{\"paymentStatus\":\"Open\"}";
	else if (str_eqz(word, "failed_before"))
		s->news_previous = "{\"paymentStatus\":\"Uncollectible\"}";
	else if (str_eqz(word, "trial"))
		s->license_type = "EVALUATION";
	else if (str_eqz(word, "noid"))
		s->license_key = "";
	else if (str_starts(word, of))
		s->original_id = copy(g, (struct str){word.ptr + of.len, word.len - of.len});
	else if (str_starts(word, tier))
		s->tier = copy(g, (struct str){word.ptr + tier.len, word.len - tier.len});
	else
		s->payment_status = copy(g, word);
}

/* "upgrade=3@2026-03-05:30000:told" */
static void sale_of_word(struct given *g, struct str type, struct str line)
{
	struct str rest = line, number = {0}, date = {0}, cents = {0}, word;
	assert_true(g->sale_count < SALES_MAX);
	struct market_sale *s = &g->sales[g->sale_count++];
	assert_true(str_split(&rest, '@', &number) && str_split(&rest, ':', &date) && str_split(&rest, ':', &cents));
	*s = (struct market_sale){.transaction_id = copy(g, number),
	                          .line_id = "l",
	                          .license_key = "E-1",
	                          .sale_type = copy(g, type),
	                          .license_type = "COMMERCIAL",
	                          .payment_status = "paid",
	                          .sale_date = copy(g, date),
	                          .news_seq = 1};
	assert_int_equal(str_to_int64(cents, &s->price_cents), OK);
	while (str_split(&rest, ':', &word))
		sale_word(g, s, word);
}

static void read_sales(struct given *g, const struct rule *r)
{
	static const char *const types[] = {"new", "renewal", "upgrade", "downgrade", "refund", "gift"};
	for (int i = 0; i < r->word_count; i++) {
		struct str rest = str_of(r->words[i]), name = {0};
		str_split(&rest, '=', &name);
		for (size_t t = 0; t < sizeof types / sizeof *types; t++)
			if (str_eqz(name, types[t]) && rest.ptr)
				sale_of_word(g, name, rest);
	}
}

static void read_given(struct given *g, const struct rule *r)
{
	const char *now = rule_get(r, "now"), *was = rule_get(r, "was"), *eval = rule_get(r, "eval"),
	           *was_eval = rule_get(r, "was_eval"), *end = rule_get(r, "end"), *today = rule_get(r, "today");
	g->c.now = day(today ? today : "2026-03-10") + DAY_MS / 2;
	if (now) {
		status_and_type(g, now, &g->license);
		g->license.evaluation_start = eval;
		g->license.sandbox = rule_has(r, "sandbox");
		g->license.maintenance_end = end ? end : "2026-12-31";
		g->license.tier = rule_get(r, "tier");
		g->license.changed_at = g->c.now;
		g->c.license = &g->license;
		g->c.license_news = !rule_has(r, "told");
	}
	if (was) {
		status_and_type(g, was, &g->before);
		g->before.evaluation_start = was_eval ? was_eval : eval;
		if (was_eval && strcmp(was_eval, "none") == 0)
			g->before.evaluation_start = NULL;
		g->before.sandbox = rule_has(r, "was_sandbox");
		g->c.before = &g->before;
	}
	read_sales(g, r);
	g->c.sales = g->sales;
	g->c.sale_count = g->sale_count;
}

static void print_event(const struct market_event *e, char out[RULE_LINE_MAX])
{
	char at[TIME_TEXT_SIZE], cents[32] = "", refund[32] = "";
	time_text(e->effective_at, at);
	at[10] = '\0';
	if (e->sale)
		(void)snprintf(cents, sizeof cents, "+%" PRId64, e->sale->price_cents);
	if (e->refund_cents)
		(void)snprintf(refund, sizeof refund, ",refund=%" PRId64, e->refund_cents);
	const char *part = "";
	if (strcmp(e->type, "purchase.refunded") == 0 && e->previous)
		part = -e->sale->price_cents < e->previous->price_cents ? ",partial" : ",full";
	(void)snprintf(out, RULE_LINE_MAX, "%s%s@%s%s%s%s%s", "", e->type, at, cents, part,
	               e->repricing ? ",repricing" : "", refund);
}

static bool derive(void *arg, const struct rule *r, char got[static RULE_LINE_MAX])
{
	(void)arg;
	static struct given g;
	struct market_event at[MARKET_EVENTS_MAX(SALES_MAX)];
	struct market_events events = {.at = at, .cap = MARKET_EVENTS_MAX(SALES_MAX)};
	bool held[SALES_MAX];
	char one[RULE_LINE_MAX];
	size_t len = 0;
	g = (struct given){.sale_count = 0};
	arena_init(&g.arena, 1 << 20);
	read_given(&g, r);
	market_derive(&g.c, &events, held);
	got[0] = '\0';
	for (size_t i = 0; i < events.count; i++) {
		print_event(&at[i], one);
		len += (size_t)snprintf(got + len, RULE_LINE_MAX - len, "%s%s", len ? " " : "", one);
	}
	for (size_t i = 0; i < g.sale_count; i++)
		if (held[i])
			len += (size_t)snprintf(got + len, RULE_LINE_MAX - len, "%sheld=%s", len ? " " : "",
			                        g.sales[i].transaction_id);
	if (len == 0)
		(void)snprintf(got, RULE_LINE_MAX, "nothing");
	arena_release(&g.arena);
	return true;
}

static void test_rules(void **state)
{
	(void)state;
	rules_check(TESTS_DIR "/unit/market/derive.rules", derive, NULL, 60);
}

/* The report's own JSON, in any case, with numbers where texts should be. */
static void test_a_licence_as_it_was(void **state)
{
	(void)state;
	struct arena a;
	struct market_license l;
	arena_init(&a, 1 << 20);
	assert_int_equal(market_license_was(STR("{\"status\":\"Active\",\"licenseType\":\"Evaluation\",\"tier\":25,"
	                                        "\"installedOnSandbox\":\"yes\",\"latestEvaluationStartDate\":null}"),
	                                    &a, &l),
	                 OK);
	assert_string_equal(l.status, "active");
	assert_string_equal(l.license_type, "EVALUATION");
	assert_string_equal(l.tier, "25");
	assert_null(l.evaluation_start);
	assert_true(l.sandbox);
	assert_int_equal(market_license_was(STR("[]"), &a, &l), ERR_INVALID);
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rules),
	    cmocka_unit_test(test_a_licence_as_it_was),
	};
	return crypto_init() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
