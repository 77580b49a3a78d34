/* test_report.c - personal-data reporting: what is asked when, what an answer changes, and what it cannot. */
#include "door_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "connect/host.h"
#include "connect/report.h"
#include "connect/report_wire.h"

#define MINUTE 60000LL
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* ---- the words ---- */

static void cycle_periods(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int days;
	} rows[] = {{"P7D", 7},
	            {"25 Days", 25},
	            {"1 day", 1},
	            {"P1D", 1},
	            {"P2W", 14},
	            {" P10D ", 10},
	            {"P400D", 90},
	            {"P99W", 90},
	            {"", 7},
	            {"0 Days", 7},
	            {"-3 Days", 7},
	            {"P0D", 7},
	            {"P7", 7},
	            {"PD", 7},
	            {"P7H", 7},
	            {"P1Y", 7},
	            {"25Days", 7},
	            {"25 Months", 7},
	            {"25 Days or", 7},
	            {"Days", 7},
	            {"P 7D", 7},
	            {"P7.5D", 7},
	            {"99999999999999999999 Days", 7},
	            {"P9223372036854775807W", 90}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(report_cycle_days(str_of(rows[i].text)), rows[i].days);
	assert_int_equal(report_cycle_days((struct str){NULL, 0}), 7);
}

static void answers(void **state)
{
	(void)state;
	static char a[] = "a", b[] = "b";
	static char *const ids[] = {a, b};
	static const struct {
		const char *body;
		enum err err;
		enum account_word a, b;
	} rows[] = {
	    {"{\"accounts\":[]}", OK, ACCOUNT_KEPT, ACCOUNT_KEPT},
	    {"{\"accounts\":[{\"accountId\":\"b\",\"status\":\"closed\"},{\"accountId\":\"a\",\"status\":\"updated\"}]}",
	     OK, ACCOUNT_UPDATED, ACCOUNT_CLOSED},
	    {"{\"accounts\":[{\"accountId\":\"c\",\"status\":\"closed\"}]}", OK, ACCOUNT_KEPT, ACCOUNT_KEPT},
	    {"{\"accounts\":[{\"accountId\":\"a\",\"status\":\"Closed\"},{\"accountId\":\"b\"},7,[]]}", OK, ACCOUNT_KEPT,
	     ACCOUNT_KEPT},
	    {"{\"accounts\":{}}", ERR_INVALID, ACCOUNT_KEPT, ACCOUNT_KEPT},
	    {"{}", ERR_INVALID, ACCOUNT_KEPT, ACCOUNT_KEPT},
	    {"[]", ERR_INVALID, ACCOUNT_KEPT, ACCOUNT_KEPT},
	    {"<html>", ERR_INVALID, ACCOUNT_KEPT, ACCOUNT_KEPT},
	    {"", ERR_INVALID, ACCOUNT_KEPT, ACCOUNT_KEPT},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		enum account_word words[2] = {ACCOUNT_KEPT, ACCOUNT_KEPT};
		assert_int_equal(report_read(str_of(rows[i].body), ids, 2, words), rows[i].err);
		assert_int_equal(words[0], rows[i].a);
		assert_int_equal(words[1], rows[i].b);
	}
}

/* ---- the host ---- */

static struct {
	pthread_mutex_t lock;
	int calls;
	bool held; /* a call waits for its answer */
	struct host_call call;
	char path[128], body[16384];
	enum err refuse;
} host = {.lock = PTHREAD_MUTEX_INITIALIZER};

enum err host_call(struct host *h, const struct tenant *tenant, const struct host_call *call)
{
	(void)h, (void)tenant;
	pthread_mutex_lock(&host.lock);
	enum err err = host.refuse;
	host.calls++;
	if (err == OK) {
		if (host.held || call->account_id.len || strcmp(call->method, "POST") != 0)
			abort();
		host.held = true;
		host.call = *call;
		snprintf(host.path, sizeof host.path, "%.*s", STR_ARG(call->path));
		snprintf(host.body, sizeof host.body, "%.*s", STR_ARG(call->body));
	}
	pthread_mutex_unlock(&host.lock);
	return err;
}

static const char *cycle_period;

static struct str header(const struct http_answer *answer, const char *name)
{
	(void)answer;
	return strcmp(name, "Cycle-Period") == 0 ? str_of(cycle_period) : (struct str){NULL, 0};
}

static void answer(struct door *d, const struct http_answer *a)
{
	struct http_answer full = *a;
	full.header = header;
	pthread_mutex_lock(&host.lock);
	const struct host_call call = host.call;
	assert_true(host.held);
	host.held = false;
	pthread_mutex_unlock(&host.lock);
	call.done(call.arg, &full);
	door_step(d, 0); /* until it is stored */
}

static void says(struct door *d, int status, const char *body)
{
	const struct http_answer a = {.status = status, .body = str_of(body), .retry_after_s = -1, .max_age_s = -1};
	answer(d, &a);
}

/* Whether the host is being asked after so long. */
static bool asked(struct door *d, int64_t ms)
{
	door_step(d, ms);
	pthread_mutex_lock(&host.lock);
	bool held = host.held;
	pthread_mutex_unlock(&host.lock);
	return held;
}

static int accounts_asked(void)
{
	int n = 0;
	for (const char *p = host.body; (p = strstr(p, "accountId")); p++)
		n++;
	return n;
}

static void hook(struct door *d, const char *name, const char *account)
{
	char target[64], body[128];
	static int serial;
	char identifier[16];
	snprintf(target, sizeof target, "/webhooks/%s", name);
	snprintf(body, sizeof body, "{\"user\":{\"accountId\":\"%s\"}}", account);
	snprintf(identifier, sizeof identifier, "w%d", ++serial);
	d->header[0][0] = "Content-Type";
	d->header[0][1] = "application/json";
	d->header[1][0] = "X-Atlassian-Webhook-Identifier";
	d->header[1][1] = identifier;
	door_ask(d, webhook_receive, "POST", target, body);
	d->header[1][0] = NULL;
	assert_int_equal(d->answer.status, 204);
}

static int report_up(void **state)
{
	if (door_up(state) != 0)
		return -1;
	struct door *d = *state;
	host.calls = 0;
	host.held = false;
	host.refuse = OK;
	cycle_period = NULL;
	return door_install(d, SECRET, HOME, "") == 204 && report_start(&d->connect) == OK ? 0 : -1;
}

static int report_down(void **state)
{
	struct door *d = *state;
	const struct http_answer stopping = {.err = ERR_STOPPING};
	if (host.held)
		host.call.done(host.call.arg, &stopping);
	report_stop(&d->connect);
	return door_down(state);
}

struct list {
	struct arena a;
	size_t count;
	char text[256];
};

static enum err list_run(struct store_tx *tx, void *arg)
{
	struct list *l = arg;
	struct user_row *rows = NULL;
	enum err err = store_account_list(tx, STR(CLIENT), STR(""), 1000, &l->a, &rows, &l->count);
	l->text[0] = '\0';
	for (size_t i = 0, used = 0; err == OK && i < l->count && i < 10; i++)
		used += (size_t)snprintf(l->text + used, sizeof l->text - used, "%s%s", used ? " " : "", rows[i].account_id);
	return err;
}

static const char *kept(struct door *d)
{
	static struct list l;
	arena_init(&l.a, 1 << 20);
	assert_int_equal(store_read(d->store, list_run, &l), OK);
	arena_release(&l.a);
	return l.text;
}

static void accounts_are_reported_once_a_cycle(void **state)
{
	struct door *d = *state;
	assert_false(asked(d, 2 * MINUTE)); /* nobody to ask about */
	hook(d, "user_created", "ann");
	hook(d, "user_created", "bob");
	assert_true(asked(d, MINUTE));
	assert_string_equal(host.path, "/rest/atlassian-connect/latest/report-accounts");
	assert_string_equal(host.body, "{\"accounts\":[{\"accountId\":\"ann\",\"updatedAt\":\"2026-03-02T10:02:00Z\"},"
	                               "{\"accountId\":\"bob\",\"updatedAt\":\"2026-03-02T10:02:00Z\"}]}");
	says(d, 204, "");
	assert_false(asked(d, 7 * DAY - 1));
	assert_true(asked(d, MINUTE));
	cycle_period = "25 Days";
	says(d, 200, "{\"accounts\":[]}");
	assert_false(asked(d, 25 * DAY - 1));
	assert_true(asked(d, MINUTE));
	assert_int_equal(host.calls, 3);
}

static void closed_accounts_are_erased(void **state)
{
	struct door *d = *state;
	char last[4096];
	hook(d, "user_created", "ann");
	hook(d, "user_created", "bob");
	hook(d, "user_created", "cy");
	hook(d, "user_deleted", "cy");
	assert_true(asked(d, 2000));
	assert_int_equal(accounts_asked(), 3); /* one that left too: its id is in the journal */
	says(d, 200,
	     "{\"accounts\":[{\"accountId\":\"ann\",\"status\":\"closed\"},{\"accountId\":\"cy\",\"status\":"
	     "\"closed\"},{\"accountId\":\"bob\",\"status\":\"updated\"},{\"accountId\":\"dee\",\"status\":"
	     "\"closed\"}]}");
	assert_string_equal(kept(d), "bob");
	assert_string_equal(door_events(d, CLIENT, last),
	                    "tenant.installed user.added user.added user.added user.removed user.removed");
	assert_non_null(strstr(last, "\"reason\":\"account_closed\""));
	assert_null(strstr(last, "ann"));
	assert_true(asked(d, 7 * DAY));
	assert_non_null(strstr(host.body, "\"bob\",\"updatedAt\":\"2026-03-02T10:00:02Z\"")); /* known anew since then */
	says(d, 200, "{\"accounts\":[{\"accountId\":\"bob\",\"status\":\"closed\"}]}");
	assert_string_equal(kept(d), "");
	assert_false(asked(d, 8 * DAY)); /* nobody left to ask about */
}

static void at_most_ninety_a_call_and_a_restart_goes_on(void **state)
{
	struct door *d = *state;
	char account[16];
	for (int i = 0; i < 200; i++) {
		snprintf(account, sizeof account, "u%03d", i);
		hook(d, "user_created", account);
	}
	assert_true(asked(d, 2000));
	assert_int_equal(accounts_asked(), 90);
	says(d, 200, "{\"accounts\":[{\"accountId\":\"u000\",\"status\":\"closed\"}]}");
	report_stop(&d->connect);
	assert_int_equal(report_start(&d->connect), OK);
	assert_true(asked(d, 2000));
	assert_int_equal(accounts_asked(), 90);
	assert_non_null(strstr(host.body, "{\"accounts\":[{\"accountId\":\"u090\""));
	says(d, 204, "");
	assert_true(asked(d, 100));
	assert_int_equal(accounts_asked(), 20);
	says(d, 204, "");
	assert_false(asked(d, 7 * DAY - 1));
	assert_true(asked(d, MINUTE));
	assert_non_null(strstr(host.body, "{\"accounts\":[{\"accountId\":\"u001\""));
}

static void exactly_ninety_are_one_call(void **state)
{
	struct door *d = *state;
	char account[16];
	for (int i = 0; i < 90; i++) {
		snprintf(account, sizeof account, "u%03d", i);
		hook(d, "user_created", account);
	}
	assert_true(asked(d, 2000));
	cycle_period = "P25D";
	says(d, 204, "");
	assert_false(asked(d, 24 * DAY));
}

static void a_host_that_fails_is_asked_again_later(void **state)
{
	struct door *d = *state;
	hook(d, "user_created", "ann");
	assert_true(asked(d, 2000));
	static const struct {
		struct http_answer answer;
		int64_t wait;
	} rows[] = {
	    {{.status = 500, .retry_after_s = -1}, HOUR},
	    {{.status = 401, .retry_after_s = -1}, HOUR},
	    {{.status = 200, .retry_after_s = -1, .body = {"<html>", 6}}, HOUR},
	    {{.status = 200, .retry_after_s = -1, .body = {"{\"accounts\":1}", 14}}, HOUR},
	    {{.err = ERR_TIMEOUT, .retry_after_s = -1}, HOUR},
	    {{.status = 503, .retry_after_s = 5}, HOUR},
	    {{.status = 429, .retry_after_s = 600}, 10 * MINUTE},
	    {{.status = 429, .retry_after_s = 0}, MINUTE},
	    {{.status = 429, .retry_after_s = -1}, HOUR},
	    {{.status = 429, .retry_after_s = INT64_MAX}, DAY},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		answer(d, &rows[i].answer);
		assert_false(asked(d, rows[i].wait - 1));
		assert_true(asked(d, MINUTE));
	}
	assert_string_equal(kept(d), "ann");
	pthread_mutex_lock(&host.lock);
	host.refuse = ERR_FULL;
	pthread_mutex_unlock(&host.lock);
	says(d, 204, "");
	assert_false(asked(d, 7 * DAY + MINUTE));
	door_step(d, 0); /* the writer noted the refusal itself, behind what was waited for */
	pthread_mutex_lock(&host.lock);
	host.refuse = OK;
	pthread_mutex_unlock(&host.lock);
	assert_true(asked(d, HOUR));
}

static void hosts_of_tenants_that_left_are_not_asked(void **state)
{
	struct door *d = *state;
	hook(d, "user_created", "ann");
	assert_int_equal(door_lifecycle(d, lifecycle_uninstalled, "uninstalled"), 204);
	assert_false(asked(d, 2000));
	assert_int_equal(door_install(d, SECRET, HOME, ""), 204);
	assert_false(asked(d, DAY - 1));
	assert_true(asked(d, MINUTE));
	assert_int_equal(host.calls, 1);
}

static void a_tenant_purged_meanwhile_is_no_trouble(void **state)
{
	struct door *d = *state;
	hook(d, "user_created", "ann");
	assert_true(asked(d, 2000));
	assert_int_equal(door_lifecycle(d, lifecycle_uninstalled, "uninstalled"), 204);
	door_step(d, 31 * DAY);
	door_step(d, DAY);
	says(d, 200, "{\"accounts\":[{\"accountId\":\"ann\",\"status\":\"closed\"}]}");
	assert_false(asked(d, DAY));
}

static void a_sender_with_consent_is_asked_about(void **state)
{
	struct door *d = *state;
	d->header[0][0] = "Content-Type";
	d->header[0][1] = "application/json";
	door_ask(d, api_feedback, "POST", "/api/v1/feedback", "{\"message\":\"hello\"}");
	assert_int_equal(d->answer.status, 201);
	assert_false(asked(d, 2000));
	door_ask(d, api_feedback, "POST", "/api/v1/feedback", "{\"message\":\"hello\",\"account\":true}");
	assert_int_equal(d->answer.status, 201);
	assert_true(asked(d, MINUTE));
	assert_non_null(strstr(host.body, "\"account-1\""));
	says(d, 200, "{\"accounts\":[{\"accountId\":\"account-1\",\"status\":\"closed\"}]}");
	assert_string_equal(kept(d), "");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, report_up, report_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cycle_periods),
	    cmocka_unit_test(answers),
	    TEST(accounts_are_reported_once_a_cycle),
	    TEST(closed_accounts_are_erased),
	    TEST(at_most_ninety_a_call_and_a_restart_goes_on),
	    TEST(exactly_ninety_are_one_call),
	    TEST(a_host_that_fails_is_asked_again_later),
	    TEST(hosts_of_tenants_that_left_are_not_asked),
	    TEST(a_tenant_purged_meanwhile_is_no_trouble),
	    TEST(a_sender_with_consent_is_asked_about),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
