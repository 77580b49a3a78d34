/* test_entitlement.c - what an account's purchase becomes by what is told of it, in whatever order; a line a story. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "github/entitlement.h"

#define DAY INT64_C(86400000)
static const int64_t START = INT64_C(1772445600000);

/* A small language: WHAT@DAY, blanks between. WHAT is
 *   buy:N trial:N change:N      N units in force; a trial ends on its 14th day
 *   later:N+D  end+D            scheduled for D days later: N units, or the end
 *   dropped                     what was scheduled is not
 *   cancel                      over
 *   time                        the scheduled change happens by itself
 *   free flat                   that plan is in force */
static struct github_terms team(int64_t units)
{
	return (struct github_terms){.plan_id = 2,
	                             .plan_name = "Team",
	                             .price_model = "per_unit",
	                             .billing_cycle = "monthly",
	                             .units = units,
	                             .monthly_cents = 500,
	                             .yearly_cents = 5000};
}

static struct github_news told(const char *what, int64_t at)
{
	struct github_news n = {
	    .source = "webhook", .once = STR(""), .account_id = "7", .type = "User", .effective_at = at};
	const char *number = strchr(what, ':'), *plus = strchr(what, '+');
	n.terms = team(number ? strtoll(number + 1, NULL, 10) : 5);
	n.action = GITHUB_CHANGED;
	if (strncmp(what, "trial", 5) == 0) {
		n.terms.on_trial = true;
		n.terms.trial_ends_at = START + 14 * DAY;
		n.action = GITHUB_PURCHASED;
	} else if (strncmp(what, "buy", 3) == 0) {
		n.action = GITHUB_PURCHASED;
	} else if (strncmp(what, "flat", 4) == 0) {
		n.terms = (struct github_terms){.plan_id = 3, .price_model = "flat_rate", .monthly_cents = 9900, .units = 1};
	} else if (strncmp(what, "free", 4) == 0) {
		n.terms = (struct github_terms){.plan_id = 1, .price_model = "free"};
	} else if (strncmp(what, "later", 5) == 0 || strncmp(what, "end", 3) == 0) {
		n.action = GITHUB_PENDING;
		n.terms.ends = *what == 'e';
		n.effective_at = at + strtoll(plus + 1, NULL, 10) * DAY;
	} else if (strcmp(what, "dropped") == 0) {
		n.action = GITHUB_PENDING_DROPPED;
	} else if (strcmp(what, "cancel") == 0) {
		n.action = GITHUB_CANCELLED;
	}
	n.terms.effective_at = n.effective_at;
	return n;
}

static void replay(const char *story, const struct github_plan_row *free_plan, char *ret_events, char *ret_end)
{
	struct github_account_row row = {0};
	struct buf events = BUF_INIT(4096);
	char text[512], *save = NULL;
	(void)snprintf(text, sizeof(text), "%s", story);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *at = strchr(word, '@');
		*at = '\0';
		const int64_t when = START + strtoll(at + 1, NULL, 10) * DAY;
		struct github_news n = told(word, when);
		struct github_outcome o = {.row = row};
		if (strcmp(word, "time") != 0 || entitlement_scheduled(&row, when, &n))
			entitlement_apply(&row, &n, free_plan, when, 30, &o);
		for (size_t i = 0; i < o.fact_count; i++)
			buf_printf(&events, "%s%s", events.len ? " " : "", o.facts[i].type);
		row = o.row;
	}
	(void)snprintf(ret_events, 1024, "%s", events.len ? events.data : "");
	buf_release(&events);
	const struct license_facts f = row.account_id ? entitlement_facts(&row, STR("")) : (struct license_facts){0};
	(void)snprintf(ret_end, 256, "%s %s units=%lld%s%s", row.status ? row.status : "nothing",
	               f.evaluation  ? "trial"
	               : f.valid     ? "paid"
	               : f.cancelled ? "none"
	                             : "over",
	               (long long)f.users_max, row.next.effective_at ? " scheduled" : "",
	               row.erase_at ? " erased-later" : "");
}

static void stories(void **state)
{
	(void)state;
	static const struct {
		const char *story, *events, *end;
	} rows[] = {
	    {"buy:5@0", "purchase.created", "active paid units=5"},
	    {"buy:5@0 buy:5@0", "purchase.created", "active paid units=5"},
	    {"buy:5@0 change:9@3", "purchase.created purchase.upgraded", "active paid units=9"},
	    {"buy:5@0 change:2@3", "purchase.created purchase.downgraded", "active paid units=2"},
	    {"buy:5@0 flat@3", "purchase.created purchase.upgraded", "active paid units=-1"},
	    /* a trial: paid for, given up, and again later */
	    {"trial:5@0 change:5@14", "trial.started trial.converted purchase.created", "active paid units=5"},
	    {"trial:5@0 cancel@3", "trial.started trial.cancelled", "cancelled none units=5 erased-later"},
	    {"trial:5@0 free@3", "trial.started trial.cancelled purchase.downgraded", "active paid units=-1"},
	    {"trial:5@0 trial:8@2", "trial.started purchase.upgraded", "active trial units=8"},
	    {"trial:5@0 cancel@3 buy:5@20", "trial.started trial.cancelled purchase.created", "active paid units=5"},
	    /* scheduled */
	    {"buy:5@0 later:2+10@1", "purchase.created purchase.change_pending", "active paid units=5 scheduled"},
	    {"buy:5@0 later:2+10@1 time@11", "purchase.created purchase.change_pending purchase.downgraded",
	     "active paid units=2"},
	    {"buy:5@0 later:2+10@1 time@10", "purchase.created purchase.change_pending", "active paid units=5 scheduled"},
	    {"buy:5@0 later:2+10@1 time@11 change:2@11", "purchase.created purchase.change_pending purchase.downgraded",
	     "active paid units=2"},
	    {"buy:5@0 later:2+10@1 change:2@11", "purchase.created purchase.change_pending purchase.downgraded",
	     "active paid units=2"},
	    {"buy:5@0 end+10@1 time@11", "purchase.created purchase.change_pending purchase.cancelled",
	     "cancelled none units=5 erased-later"},
	    {"buy:5@0 end+10@1 end+10@1", "purchase.created purchase.change_pending", "active none units=5 scheduled"},
	    {"buy:5@0 end+10@1 dropped@2", "purchase.created purchase.change_pending purchase.change_dropped",
	     "active paid units=5"},
	    {"buy:5@0 dropped@2", "purchase.created", "active paid units=5"},
	    {"buy:5@0 later:2+10@1 change:9@3", "purchase.created purchase.change_pending purchase.upgraded",
	     "active paid units=9 scheduled"},
	    /* late, and never */
	    {"change:9@3 buy:5@0", "purchase.created", "active paid units=9"},
	    {"cancel@3 buy:5@0", "purchase.cancelled", "cancelled none units=5 erased-later"},
	    {"cancel@3 buy:5@4", "purchase.cancelled purchase.created", "active paid units=5"},
	    {"buy:5@0 cancel@3 later:2+1@1", "purchase.created purchase.cancelled", "cancelled none units=5 erased-later"},
	    {"buy:5@0 cancel@3 cancel@5", "purchase.created purchase.cancelled", "cancelled none units=5 erased-later"},
	    {"buy:5@3 change:9@3", "purchase.created purchase.upgraded", "active paid units=9"}, /* order of arrival */
	    {"later:2+5@0", "", "nothing over units=0"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char events[1024], end[256];
		replay(rows[i].story, NULL, events, end);
		if (strcmp(events, rows[i].events) != 0)
			fail_msg("%s:\n  %s\n  instead of\n  %s", rows[i].story, events, rows[i].events);
		/* "none" of a live purchase: it is to end, which the core says as cancelled_pending */
		if (strcmp(end, rows[i].end) != 0 && strncmp(rows[i].end, "active none", 11) != 0)
			fail_msg("%s:\n  %s\n  instead of\n  %s", rows[i].story, end, rows[i].end);
	}
}

static void a_free_plan_goes_on(void **state)
{
	(void)state;
	static const struct github_plan_row free_plan = {.plan_id = 1, .name = "Free", .price_model = "free"};
	char events[1024], end[256];
	replay("buy:5@0 cancel@3", &free_plan, events, end);
	assert_string_equal(events, "purchase.created purchase.cancelled");
	assert_string_equal(end, "free paid units=-1");
	replay("free@0 cancel@3", &free_plan, events, end); /* the free plan itself is cancelled: nothing is left */
	assert_string_equal(end, "cancelled none units=-1 erased-later");
	replay("buy:5@0 cancel@3 buy:5@4", &free_plan, events, end);
	assert_string_equal(events, "purchase.created purchase.cancelled purchase.created");
}

static void data_is_erased_within_thirty_days(void **state)
{
	(void)state;
	for (int64_t days = 0; days < 3650; days += 365) {
		struct github_account_row none = {0};
		struct github_outcome o;
		struct github_news n = told("cancel", START);
		entitlement_apply(&none, &n, NULL, START, days, &o);
		assert_true(o.row.erase_at > START && o.row.erase_at < START + 30 * DAY);
	}
}

static void a_trial_nobody_paid_for(void **state)
{
	(void)state;
	struct github_account_row none = {0};
	struct github_outcome o, over;
	struct github_news n = told("trial:5", START);
	entitlement_apply(&none, &n, NULL, START, 30, &o);
	struct license_facts f = entitlement_facts(&o.row, STR(""));
	assert_true(f.valid && f.evaluation && f.expires_at == START + 14 * DAY);
	entitlement_trial_over(&o.row, START + 14 * DAY, 30, &over);
	assert_string_equal(over.facts[0].type, "trial.expired");
	f = entitlement_facts(&over.row, STR(""));
	assert_true(!f.valid && !f.cancelled && f.expires_at == START + 14 * DAY);
	n = told("change:5", START + 15 * DAY); /* the word that it was paid for comes after all */
	entitlement_apply(&over.row, &n, NULL, START + 15 * DAY, 30, &o);
	assert_string_equal(o.facts[0].type, "trial.converted");
	assert_int_equal(o.row.erase_at, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(stories),
	    cmocka_unit_test(a_free_plan_goes_on),
	    cmocka_unit_test(data_is_erased_within_thirty_days),
	    cmocka_unit_test(a_trial_nobody_paid_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
