/* test_mail.c - from an event of the journal to a mail that is handed over, once, to who may get it, at a pace. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/metrics.h"
#include "events/journal.h"
#include "events/mail.h"
#include "store/fixture.h"
#include "store/sql.h"
#include "test.h"

static const int64_t MINUTE = 60000, HOUR = 3600000, DAY = 86400000, START = 1772445600000; /* 2026-03-02T10:00Z */

struct world {
	struct fixture fixture;
	struct keyring *keyring;
	struct config config;
	struct mail_templates templates;
	struct mailer *mailer;
	struct mail_contact contact; /* empty address: there is none */
	_Atomic size_t sent;
	bool threaded;
	char to[200], text[4000];
	struct mail_answer answer; /* what the server says */
	int events;
};
static struct world *world; /* for the finder, which has no argument of ours */

static enum err find(struct store_tx *tx, const struct keyring *k, struct str entitlement, struct arena *a,
                     struct mail_contact *ret)
{
	(void)tx, (void)k, (void)a;
	if (!world->contact.email.len || !str_starts(entitlement, STR("E-")))
		return ERR_NOT_FOUND;
	*ret = world->contact;
	return OK;
}

static struct mail_answer hand_over(void *arg, const char *from, const char *to, struct str text)
{
	struct world *w = arg;
	assert_string_equal(from, "apps@acme.example");
	snprintf(w->to, sizeof(w->to), "%s", to);
	snprintf(w->text, sizeof(w->text), "%.*s", STR_ARG(text));
	w->sent++;
	return w->answer;
}

static void refuse(void *arg, const struct problem *p)
{
	(void)arg;
	fail_msg("%s: %s", p->place, p->text);
}

static void start(struct world *w)
{
	const struct mailer_options o = {.config = &w->config,
	                                 .clock = &w->fixture.clock.clock,
	                                 .store = w->fixture.store,
	                                 .keyring = w->keyring,
	                                 .find = find,
	                                 .templates = &w->templates,
	                                 .app_name = "Board",
	                                 .threaded = w->threaded,
	                                 .send = hand_over,
	                                 .send_arg = w};
	mailer_stop(w->mailer);
	w->mailer = NULL;
	assert_int_equal(mailer_start(&o, &w->mailer), OK);
}

static int set_up(void **state)
{
	static struct world w;
	w = (struct world){.contact = {STR("Jo"), STR("jo@customer.example")}, .answer = {MAIL_SENT, "sent", 250}};
	world = &w;
	fixture_init(&w.fixture);
	clock_manual_init(&w.fixture.clock, START);
	assert_int_equal(keyring_random(&w.keyring), OK);
	assert_int_equal(fixture_open(&w.fixture, 1000, false), OK);
	w.config = (struct config){.base_url = (char *)(uintptr_t) "https://app.example",
	                           .mail_from = (char *)(uintptr_t) "Acme <apps@acme.example>",
	                           .mail_dir = (char *)(uintptr_t)PROJECT_DIR "/mail",
	                           .mail_welcome = true,
	                           .mail_ending_days = 7,
	                           .mail_expired = true,
	                           .mail_per_hour = 100,
	                           .upstream_timeout_s = 10};
	assert_int_equal(mail_templates_load(&w.config, refuse, NULL, &w.templates), OK);
	start(&w);
	(void)mailer_step(w.mailer); /* begins at the journal's end */
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	mailer_stop(w->mailer);
	mail_templates_release(&w->templates);
	fixture_release(&w->fixture);
	keyring_free(w->keyring);
	return 0;
}

struct happening {
	const char *type, *entitlement, *marketplace;
	int64_t at;
	char once[16];
};

static enum err add_event(struct store_tx *tx, void *arg)
{
	const struct happening *h = arg;
	const struct event_field fields[] = {EF_Z("entitlement", h->entitlement)};
	const struct event e = {.type = h->type,
	                        .marketplace = h->marketplace,
	                        .at = h->at,
	                        .once = str_of(h->once),
	                        .fields = fields,
	                        .field_count = 1};
	return journal_add(tx, &e);
}

static void happens_at(struct world *w, const char *type, const char *entitlement, int64_t at, const char *marketplace)
{
	struct happening h = {type, entitlement, marketplace, at, ""};
	snprintf(h.once, sizeof(h.once), "%d", w->events++);
	assert_int_equal(store_write(w->fixture.store, add_event, &h), OK);
}

static void happens(struct world *w, const char *type, const char *entitlement)
{
	happens_at(w, type, entitlement, clock_wall_ms(&w->fixture.clock.clock), NULL);
}

/* Steps until there is nothing to do; how many were handed over. */
static size_t run(struct world *w)
{
	const size_t before = w->sent;
	for (int i = 0; i < 300 && mailer_step(w->mailer); i++)
		;
	return w->sent - before;
}

static size_t later(struct world *w, int64_t ms)
{
	clock_manual_step(&w->fixture.clock, ms);
	return run(w);
}

struct listing {
	struct arena arena;
	struct mail_row *rows;
	size_t count;
};

static enum err list_run(struct store_tx *tx, void *arg)
{
	struct listing *l = arg;
	return store_mail_list(tx, 0, 100, &l->arena, &l->rows, &l->count);
}

/* "status result" of the newest mail of that template. */
static const char *state_of(struct world *w, enum mail_kind kind)
{
	static char text[100];
	struct listing l = {.count = 0};
	arena_init(&l.arena, 1 << 20);
	snprintf(text, sizeof(text), "none");
	assert_int_equal(store_read(w->fixture.store, list_run, &l), OK);
	for (size_t i = l.count; i-- > 0;)
		if (strcmp(l.rows[i].template, mail_kind_name(kind)) == 0)
			snprintf(text, sizeof(text), "%s %s", l.rows[i].status, l.rows[i].result ? l.rows[i].result : "-");
	arena_release(&l.arena);
	return text;
}

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
	static const char *const names[] = {"Win at https://casino.example", "www.casino.example", "Jo\n\nClick here", ""};
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

/* ---- a crash between claim and record ---- */

static enum err claim_only(struct store_tx *tx, void *arg)
{
	struct world *w = arg;
	const struct mail_rules rules = mail_rules_of(&w->config, w->keyring, find);
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
	assert_int_equal(later(w, 70 * 1000), 1);
	assert_int_equal(later(w, DAY), 0);
}

/* ---- evaluations that end ---- */

struct license {
	const char *end, *type, *status;
};

static enum err put_license(struct store_tx *tx, void *arg)
{
	const struct license *l = arg;
	return sql_run(tx, NULL,
	               "INSERT INTO market_licenses (row_key, maintenance_end, license_type, status, sandbox, in_grace, "
	               "content, content_hash, first_seen, changed_at, seen_run, news_seq) "
	               "VALUES ('E-1', $1, $2, $3, 0, 0, '{}', $4, 1, 1, 1, 0) ON CONFLICT (row_key) DO UPDATE SET "
	               "maintenance_end = excluded.maintenance_end, license_type = excluded.license_type, "
	               "status = excluded.status",
	               V_Z(l->end), V_Z(l->type), V_Z(l->status), V_BLOB(STR("x")));
}

static void report_says(struct world *w, const char *end, const char *type, const char *status)
{
	struct license l = {end, type, status};
	assert_int_equal(store_write(w->fixture.store, put_license, &l), OK);
}

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
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
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
	    T(no_more_an_hour_than_set),
	    T(a_claim_that_is_never_recorded_is_sent_when_it_ends),
	    T(an_evaluation_is_mailed_seven_days_before_its_end),
	    T(an_extended_one_is_mailed_later),
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
