/* test_mail.c - from an event of the journal to a mail that is handed over, once, to who may get it, at a pace. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/metrics.h"
#include "mail_fixture.h"
#include "store/sql.h"
#include "test.h"

static void a_trial_that_starts_is_welcomed_once(void **state)
{
	struct world *w = *state;
	happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 1);
	assert_string_equal(w->to, "jo@customer.example");
	assert_non_null(strstr(w->text, "Subject: Your evaluation of Board has started\r\n"));
	assert_non_null(strstr(w->text, "Hello Jo,"));
	assert_non_null(strstr(w->text, "List-Unsubscribe: <https://app.example/mail/unsubscribe/"));
	assert_string_equal(state_of(w, MAIL_WELCOME), "sent sent 250");
	assert_int_equal(later(w, DAY), 0);
	start(w); /* a new process */
	assert_int_equal(later(w, DAY), 0);
}

static void what_happened_before_mail_was_on_gets_none(void **state)
{
	struct world *w = *state;
	happens_at(w, "trial.started", "E-1", START - 4 * DAY, NULL);
	happens_at(w, "trial.expired", "E-2", START - 4 * DAY, NULL);
	assert_int_equal(run(w), 0);
	assert_string_equal(state_of(w, MAIL_WELCOME), "none");
}

static void only_what_is_on_is_mailed(void **state)
{
	struct world *w = *state;
	w->config.mail_welcome = false;
	start(w);
	happens(w, "trial.started", "E-1");
	happens(w, "trial.expired", "E-2");
	happens_at(w, "trial.expired", "E-3", START, "github");
	happens(w, "purchase.created", "E-4");
	assert_int_equal(run(w), 1);
	assert_non_null(strstr(w->text, "has ended"));
	assert_string_equal(state_of(w, MAIL_WELCOME), "none");
}

static void everything_off_starts_nothing(void **state)
{
	struct world *w = *state;
	w->config.mail_welcome = w->config.mail_expired = false;
	w->config.mail_ending_days = 0;
	start(w);
	assert_null(w->mailer);
}

static void a_contact_that_comes_later_is_waited_for_three_days(void **state)
{
	struct world *w = *state;
	const struct mail_contact jo = w->contact;
	w->contact = (struct mail_contact){STR(""), STR("")};
	happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 0);
	assert_string_equal(state_of(w, MAIL_WELCOME), "queued no_contact");
	w->contact = jo;
	assert_int_equal(later(w, HOUR), 1);
	w->contact = (struct mail_contact){STR(""), STR("")};
	happens(w, "trial.started", "E-2");
	for (int i = 0; i < 80; i++)
		assert_int_equal(later(w, HOUR), 0);
	w->contact = jo;
	assert_int_equal(later(w, HOUR), 0);
}

static void a_server_that_defers_is_asked_again_ever_later_and_then_no_more(void **state)
{
	struct world *w = *state;
	w->answer = (struct mail_answer){MAIL_LATER, "deferred", 451};
	happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 1);
	assert_string_equal(state_of(w, MAIL_WELCOME), "queued deferred 451");
	assert_int_equal(later(w, MINUTE - 1), 0);
	assert_int_equal(later(w, 1), 1);
	assert_int_equal(later(w, MINUTE), 0);
	assert_int_equal(later(w, 4 * MINUTE), 1);
	const int64_t waits[] = {15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR};
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(later(w, waits[i]), 1);
	assert_string_equal(state_of(w, MAIL_WELCOME), "failed deferred 451");
	assert_int_equal(later(w, 2 * DAY), 0);
}

static void a_rejected_one_is_not_tried_again(void **state)
{
	struct world *w = *state;
	w->answer = (struct mail_answer){MAIL_REJECTED, "rejected", 550};
	happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 1);
	assert_string_equal(state_of(w, MAIL_WELCOME), "failed rejected 550");
	assert_int_equal(later(w, DAY), 0);
}

static void an_address_that_could_break_a_header_gets_nothing(void **state)
{
	struct world *w = *state;
	w->contact.email = STR("jo@customer.example>\r\nRCPT TO:<x@y.example");
	happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 0);
	assert_string_equal(state_of(w, MAIL_WELCOME), "dropped bad_address");
}

static void a_name_that_could_be_an_advertisement_is_not_repeated(void **state)
{
	static const char *const names[] = {
	    "Win at https://casino.example", "www.casino.example",       "Jo\n\nClick here",       "", "casino.example",
	    "Jo, casino.example/x",          "Jo casino@casino.example", "casino.\xd1\x80\xd1\x84"};
	struct world *w = *state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		w->contact.name = str_of(names[i]);
		happens(w, "trial.started", "E-1");
		assert_int_equal(run(w), 1);
		assert_non_null(strstr(w->text, "\r\nTo: jo@customer.example\r\n"));
		assert_non_null(strstr(w->text, "Hello jo@customer.example,"));
		assert_true(!strstr(w->text, "casino") && !strstr(w->text, "lick here"));
	}
}

static void a_name_with_dots_is_repeated(void **state)
{
	static const char *const names[] = {"J.R. Doe", "Dr. Jo Doe", "Jo Doe Jr.", "J. R. Doe", "Jo.", "..."};
	struct world *w = *state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char want[40];
		snprintf(want, sizeof(want), "Hello %s,", names[i]);
		w->contact.name = str_of(names[i]);
		happens(w, "trial.started", "E-1");
		assert_int_equal(run(w), 1);
		assert_non_null(strstr(w->text, want));
	}
}

static void no_more_an_hour_than_set(void **state)
{
	struct world *w = *state;
	w->config.mail_per_hour = 2;
	start(w);
	for (int i = 0; i < 5; i++)
		happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 2);
	assert_int_equal(later(w, HOUR / 2), 0);
	assert_int_equal(later(w, HOUR / 2 + 1), 2);
	assert_int_equal(later(w, HOUR + 1), 1);
}

/* ---- a store that fails between claim and record ---- */

static enum err sql_of(struct store_tx *tx, void *text)
{
	return sql_run_values(tx, NULL, *(const char *const *)text, NULL, 0);
}

static void alter(struct world *w, const char *text)
{
	assert_int_equal(store_write(w->fixture.store, sql_of, &text), OK);
}

static void mails_are_away(struct world *w)
{
	alter(w, "ALTER TABLE mails RENAME TO mails_away");
}

static void an_answer_that_cannot_be_recorded_is_kept_until_it_can(void **state)
{
	struct world *w = *state;
	w->while_sent = mails_are_away;
	happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 1);
	w->while_sent = NULL;
	happens(w, "trial.started", "E-2");
	assert_int_equal(later(w, DAY), 0);
	alter(w, "ALTER TABLE mails_away RENAME TO mails");
	assert_int_equal(run(w), 1); /* the other one */
	assert_string_equal(state_of(w, MAIL_WELCOME), "sent sent 250");
	assert_int_equal(later(w, DAY), 0);
}

/* ---- a crash between claim and record ---- */

static enum err claim_only(struct store_tx *tx, void *arg)
{
	struct world *w = arg;
	const struct mail_rules rules = mail_rules_of(&w->config, w->keyring, mail_find);
	struct arena a;
	struct mail_claim c;
	arena_init(&a, 1 << 20);
	enum err err = mail_follow(tx, &rules, START);
	if (err == OK)
		err = mail_claim_next(tx, &rules, START, &a, &c);
	if (err == OK && c.id == 0)
		err = ERR_NOT_FOUND;
	arena_release(&a);
	return err;
}

static void a_claim_that_is_never_recorded_is_sent_when_it_ends(void **state)
{
	struct world *w = *state;
	happens(w, "trial.started", "E-1");
	assert_int_equal(store_write(w->fixture.store, claim_only, w), OK);
	fixture_reopen(&w->fixture);
	start(w);
	assert_int_equal(run(w), 0);
	/* ten seconds for the mail, ten minutes for the server's answer to it, and one to be sure */
	assert_int_equal(later(w, 11 * MINUTE), 0);
	assert_int_equal(later(w, 10 * 1000), 1);
	assert_int_equal(later(w, DAY), 0);
}

/* ---- evaluations that end ---- */

static void an_evaluation_is_mailed_seven_days_before_its_end(void **state)
{
	struct world *w = *state;
	report_says(w, "2026-04-01", "EVALUATION", "active");
	happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 1); /* the welcome */
	assert_int_equal(later(w, 22 * DAY), 0);
	assert_int_equal(later(w, DAY), 1); /* 2026-03-25 */
	assert_non_null(strstr(w->text, "Subject: Your evaluation of Board ends on 2026-04-01"));
	assert_int_equal(later(w, 30 * DAY), 0);
}

static void an_extended_one_is_mailed_later(void **state)
{
	struct world *w = *state;
	report_says(w, "2026-04-01", "EVALUATION", "active");
	happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 1);
	report_says(w, "2026-05-01", "EVALUATION", "active");
	assert_int_equal(later(w, 23 * DAY), 0);
	assert_string_equal(state_of(w, MAIL_ENDING), "queued extended");
	assert_int_equal(later(w, 30 * DAY), 1);
	assert_non_null(strstr(w->text, "ends on 2026-05-01"));
}

static void one_that_begins_anew_is_mailed_once(void **state)
{
	struct world *w = *state;
	report_says(w, "2026-04-01", "EVALUATION", "active");
	happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 1);
	report_says(w, "2026-05-01", "EVALUATION", "active");
	happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 1); /* welcome again */
	assert_int_equal(later(w, 52 * DAY), 0);
	assert_int_equal(later(w, DAY), 1);
	assert_non_null(strstr(w->text, "ends on 2026-05-01"));
}

static void one_that_began_while_mail_was_off_is_not_mailed(void **state)
{
	struct world *w = *state;
	report_says(w, "2026-04-01", "EVALUATION", "active");
	happens_at(w, "trial.started", "E-1", START - 4 * DAY, NULL);
	assert_int_equal(run(w), 0);
	assert_int_equal(later(w, 24 * DAY), 0);
}

/* Reports have all the vendor's apps. */
static void one_of_another_app_is_not_mailed(void **state)
{
	struct world *w = *state;
	alter(w, "INSERT INTO market_app (app_key) VALUES ('ours')");
	report_says(w, "2026-04-01", "EVALUATION", "active");
	alter(w, "UPDATE market_licenses SET app_key = 'theirs'");
	happens(w, "trial.started", "E-1");
	happens(w, "trial.expired", "E-1");
	assert_int_equal(run(w), 0);
	assert_string_equal(state_of(w, MAIL_WELCOME), "none");
	alter(w, "UPDATE market_licenses SET app_key = 'ours'");
	happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 1);
	alter(w, "UPDATE market_licenses SET app_key = 'theirs'"); /* after it was queued */
	assert_int_equal(later(w, 24 * DAY), 0);
	assert_string_equal(state_of(w, MAIL_ENDING), "dropped another_app");
}

static void one_that_was_bought_is_not_mailed(void **state)
{
	struct world *w = *state;
	report_says(w, "2026-04-01", "EVALUATION", "active");
	happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 1);
	report_says(w, "2027-04-01", "COMMERCIAL", "active");
	assert_int_equal(later(w, 25 * DAY), 0);
	assert_string_equal(state_of(w, MAIL_ENDING), "dropped over");
}

static void one_that_is_over_is_dropped_with_its_event(void **state)
{
	struct world *w = *state;
	report_says(w, "2026-04-01", "EVALUATION", "active");
	happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 1);
	happens(w, "trial.converted", "E-1");
	run(w);
	assert_string_equal(state_of(w, MAIL_ENDING), "dropped over");
}

/* ---- who is let alone ---- */

struct suppress {
	struct world *w;
	enum suppression why;
	char token[64];
};

/* As the unsubscribe link does it. */
static enum err unsubscribe(struct store_tx *tx, void *arg)
{
	const struct suppress *s = arg;
	struct contact_key key;
	struct address_hash address;
	enum err err = store_contact_key(tx, s->w->keyring, &key);
	if (err == OK && !mail_token_read(&key, str_of(s->token), &address))
		return ERR_INVALID;
	return err == OK ? store_suppression_put(tx, &address, s->why, 1) : err;
}

static void the_link_of_a_mail_stops_further_ones_and_no_other_text_does(void **state)
{
	struct world *w = *state;
	struct suppress s = {w, SUPPRESSION_UNSUBSCRIBED, ""};
	happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 1);
	const char *link = strstr(w->text, "/mail/unsubscribe/") + strlen("/mail/unsubscribe/");
	snprintf(s.token, sizeof(s.token), "%.43s", link);
	for (size_t i = 0; i < 43; i++) { /* any other character in any place */
		struct suppress bad = s;
		bad.token[i] = bad.token[i] == 'A' ? 'B' : 'A';
		assert_int_equal(store_write(w->fixture.store, unsubscribe, &bad), ERR_INVALID);
	}
	struct suppress cut = s;
	cut.token[42] = '\0';
	assert_int_equal(store_write(w->fixture.store, unsubscribe, &cut), ERR_INVALID);
	assert_int_equal(store_write(w->fixture.store, unsubscribe, &s), OK);
	happens(w, "trial.expired", "E-1");
	assert_int_equal(run(w), 0);
	assert_string_equal(state_of(w, MAIL_EXPIRED), "dropped suppressed");
	w->contact.email = STR("al@customer.example");
	happens(w, "trial.expired", "E-2");
	assert_int_equal(run(w), 1);
}

static enum err erase_mail(struct store_tx *tx, void *arg)
{
	struct world *w = arg;
	struct contact_key key;
	struct address_hash address;
	size_t count = 0;
	enum err err = store_contact_key(tx, w->keyring, &key);
	if (err == OK)
		err = address_hash(&key, w->contact.email, &address);
	if (err == OK)
		err = store_mail_erase(tx, &address, &count);
	return err == OK && count != 1 ? ERR_NOT_FOUND : err;
}

static void what_was_erased_is_not_queued_again(void **state)
{
	struct world *w = *state;
	happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 1);
	assert_int_equal(store_write(w->fixture.store, erase_mail, w), OK);
	happens(w, "trial.expired", "E-2");
	assert_int_equal(run(w), 1); /* that one alone */
	assert_string_equal(state_of(w, MAIL_WELCOME), "none");
}

/* ---- the thread ---- */

static void the_thread_sends_by_itself_and_ends_when_it_is_told(void **state)
{
	struct world *w = *state;
	for (int i = 0; i < 20; i++)
		happens(w, "trial.started", "E-1");
	w->threaded = true;
	start(w);
	while (w->sent < 5)
		sched_yield();
	mailer_stop(w->mailer); /* in the middle */
	w->mailer = NULL;
	const size_t sent = w->sent;
	assert_true(sent >= 5 && sent <= 20);
	w->threaded = false;
	start(w);
	assert_int_equal(run(w) + sent, 20);
}

/* ---- nothing of it in a log or a metric ---- */

static size_t leaks;
static void look_for_leaks(const char *line, size_t len, void *arg)
{
	(void)arg;
	const struct str s = {line, len};
	leaks += str_ifind(s, STR("customer.example")) || str_ifind(s, STR("jo@"));
}

static void logs_and_metrics_name_nobody(void **state)
{
	struct world *w = *state;
	struct buf metrics = BUF_INIT(1 << 20);
	leaks = 0;
	log_set_sink(look_for_leaks, NULL);
	happens(w, "trial.started", "E-1");
	assert_int_equal(run(w), 1);
	log_set_sink(quiet, NULL);
	metrics_render(&metrics);
	assert_int_equal(leaks, 0);
	assert_non_null(strstr(metrics.data, "licgate_mail_total"));
	assert_null(strstr(metrics.data, "customer.example"));
	buf_release(&metrics);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, mail_set_up, mail_tear_down)
	const struct CMUnitTest tests[] = {
	    T(a_trial_that_starts_is_welcomed_once),
	    T(what_happened_before_mail_was_on_gets_none),
	    T(only_what_is_on_is_mailed),
	    T(everything_off_starts_nothing),
	    T(a_contact_that_comes_later_is_waited_for_three_days),
	    T(a_server_that_defers_is_asked_again_ever_later_and_then_no_more),
	    T(a_rejected_one_is_not_tried_again),
	    T(an_address_that_could_break_a_header_gets_nothing),
	    T(a_name_that_could_be_an_advertisement_is_not_repeated),
	    T(a_name_with_dots_is_repeated),
	    T(no_more_an_hour_than_set),
	    T(an_answer_that_cannot_be_recorded_is_kept_until_it_can),
	    T(a_claim_that_is_never_recorded_is_sent_when_it_ends),
	    T(an_evaluation_is_mailed_seven_days_before_its_end),
	    T(an_extended_one_is_mailed_later),
	    T(one_that_begins_anew_is_mailed_once),
	    T(one_that_began_while_mail_was_off_is_not_mailed),
	    T(one_of_another_app_is_not_mailed),
	    T(one_that_was_bought_is_not_mailed),
	    T(one_that_is_over_is_dropped_with_its_event),
	    T(the_link_of_a_mail_stops_further_ones_and_no_other_text_does),
	    T(what_was_erased_is_not_queued_again),
	    T(the_thread_sends_by_itself_and_ends_when_it_is_told),
	    T(logs_and_metrics_name_nobody),
	};
	log_set_sink(quiet, NULL);
	return crypto_init() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
