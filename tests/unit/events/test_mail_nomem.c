/* test_mail_nomem.c - mail from an event to the record of it, with each allocation failing in turn, once: every mail is
 * handed over once, a little later, and is on record as sent. */
#include <stdio.h>

#include "alloc_faults.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "mail_fixture.h"
#include "store/sql.h"
#include "test.h"

static void refuse(void *arg, const struct problem *p)
{
	(void)arg;
	fail_msg("%s: %s", p->place, p->text);
}

static enum err count_run(struct store_tx *tx, void *ret)
{
	__cleanup(rows_close) struct rows r =
	    sql_query_values(tx, "SELECT count(*) FROM mails WHERE status = 'sent'", NULL, 0);
	if (rows_next(&r))
		*(int64_t *)ret = row_int(&r, 0);
	return r.err;
}

static int64_t recorded(struct world *w)
{
	int64_t count = -1;
	assert_int_equal(store_read(w->fixture.store, count_run, &count), OK);
	return count;
}

/* A welcome, and the reminder of an evaluation that ends soon. Whether an allocation failed. */
static bool mail_two(struct world *w, long nth)
{
	const size_t sent = w->sent;
	const int64_t on_record = recorded(w);
	happens(w, "trial.started", "E-1");
	alloc_faults_arm(nth, false);
	(void)run(w);
	const bool any = alloc_faults_disarm();
	(void)run(w);
	(void)later(w, MINUTE);                  /* one for which there was no memory is tried again */
	(void)later(w, 11 * MINUTE + 10 * 1000); /* or its claim ends */
	assert_int_equal(w->sent - sent, 2);
	assert_int_equal(recorded(w) - on_record, 2);
	return any;
}

static void every_allocation_of_a_mail(void **state)
{
	struct world *w = *state;
	long nth = 0;
	w->config.mail_per_hour = 1000000;
	w->config.mail_ending_days = 60;
	start(w);
	report_says(w, "2026-04-01", "EVALUATION", "active");
	while (mail_two(w, nth))
		assert_in_range(nth++, 0, 2000);
	assert_true(nth > 20);
	print_message("%ld allocations\n", nth);
}

/* Templates, mailer and the client that talks to the server. */
static enum err begin(struct world *w)
{
	struct mail_templates templates;
	enum err err = mail_templates_load(&w->config, refuse, NULL, &templates);
	if (err != OK)
		return err;
	struct mailer *m = NULL;
	const struct mailer_options o = {.config = &w->config,
	                                 .clock = &w->fixture.clock.clock,
	                                 .store = w->fixture.store,
	                                 .keyring = w->keyring,
	                                 .find = mail_find,
	                                 .templates = &templates,
	                                 .app_name = "Board"};
	err = mailer_start(&o, &m);
	mailer_stop(m);
	mail_templates_release(&templates);
	return err;
}

static void every_allocation_of_a_start(void **state)
{
	struct world *w = *state;
	bool any = true;
	long nth = 0;
	w->config.smtp_url = (char *)(uintptr_t) "smtp://127.0.0.1:1";
	for (; any; nth++) {
		alloc_faults_arm(nth, false);
		const enum err err = begin(w);
		any = alloc_faults_disarm();
		assert_int_equal(err, any ? ERR_NOMEM : OK);
	}
	assert_true(nth > 5);
	print_message("%ld allocations\n", nth - 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, mail_set_up, mail_tear_down)
	const struct CMUnitTest tests[] = {
	    T(every_allocation_of_a_mail),
	    T(every_allocation_of_a_start),
	};
	log_set_sink(quiet, NULL);
	return crypto_init() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
