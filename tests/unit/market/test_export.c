/* test_export.c - the async export's calls against a Marketplace that says "later", or nothing that can be read.
 *
 * A second is some milliseconds here; only lower bounds of waits are looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_server.h"
#include "market/export.h"

enum { SECOND_MS = 20 };

struct place {
	struct fake_server *server;
	struct http_client *client;
	struct pace pace;
	struct export_source source;
	const char *retry_after; /* of the first `refusals` answers, which are 429 */
	unsigned refusals;
	const char *body; /* of the answers after them */
	_Atomic unsigned ticks;
	bool typed; /* a request said what its body is, and it had none */
	enum err tick_says;
};

static bool answer(void *arg, int fd, const struct fake_request *req)
{
	struct place *p = arg;
	char *type = fake_header(req, "Content-Type");
	p->typed = p->typed || type;
	free(type);
	char headers[80];
	(void)snprintf(headers, sizeof(headers), "Retry-After: %s\r\n", p->retry_after ? p->retry_after : "");
	if (req->number <= p->refusals)
		return fake_answer(fd, 429, headers, "slow down");
	return fake_answer(fd, 200, "", p->body);
}

static enum err on_tick(void *arg)
{
	struct place *p = arg;
	p->ticks++;
	return p->tick_says;
}

static void open_place(struct place *p)
{
	const struct http_client_options o = {.clock = &clock_system,
	                                      .allow_insecure = true,
	                                      .timeout_ms = 30000,
	                                      .in_flight_max = 2,
	                                      .queue_max = 4,
	                                      .per_host_max = 2};
	pace_init(&p->pace);
	p->pace.second_ms = SECOND_MS;
	p->server = fake_server_start(answer, p);
	assert_int_equal(http_client_new(&o, &p->client), OK);
	p->source = (struct export_source){.client = p->client,
	                                   .clock = &clock_system,
	                                   .pace = &p->pace,
	                                   .api = 3,
	                                   .url = fake_server_url(p->server),
	                                   .developer_id = "space",
	                                   .user = "me@vendor.example",
	                                   .token = "a-token",
	                                   .tick = on_tick,
	                                   .arg = p};
}

static void close_place(struct place *p)
{
	http_client_free(p->client);
	fake_server_stop(p->server);
	pace_release(&p->pace);
}

static const char started[] = "{\"export\":{\"id\":\"an-id\"}}";

static void a_retry_after_that_names_no_time_leaves_the_back_off(void **state)
{
	(void)state;
	static const char *const forms[] = {"0", "-5", "soon", ""};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct place p = {.retry_after = forms[i], .refusals = 2, .body = started};
		char id[EXPORT_ID_MAX + 1];
		open_place(&p);
		const int64_t began = clock_mono_ms(&clock_system);
		assert_int_equal(export_start(&p.source, "licenses", NULL, 0, id), OK);
		assert_string_equal(id, "an-id");
		assert_true(clock_mono_ms(&clock_system) - began >= (1 + 2) * SECOND_MS);
		close_place(&p);
	}
}

/* A form, curl would say, and a server may refuse what is no JSON (415). */
static void an_export_is_asked_for_without_a_body_and_says_nothing_of_one(void **state)
{
	(void)state;
	struct place p = {.body = started};
	char id[EXPORT_ID_MAX + 1];
	open_place(&p);
	assert_int_equal(export_start(&p.source, "licenses", NULL, 0, id), OK);
	close_place(&p);
	assert_false(p.typed);
}

static void a_retry_after_is_heeded(void **state)
{
	(void)state;
	struct place p = {.retry_after = "7", .refusals = 1, .body = started};
	char id[EXPORT_ID_MAX + 1];
	open_place(&p);
	const int64_t began = clock_mono_ms(&clock_system);
	assert_int_equal(export_start(&p.source, "licenses", NULL, 0, id), OK);
	assert_true(clock_mono_ms(&clock_system) - began >= 7 * SECOND_MS);
	close_place(&p);
}

static void a_long_wait_ticks(void **state)
{
	(void)state;
	struct place p = {.retry_after = "60", .refusals = 1, .body = started};
	char id[EXPORT_ID_MAX + 1];
	open_place(&p);
	assert_int_equal(export_start(&p.source, "licenses", NULL, 0, id), OK);
	assert_true(p.ticks >= 60 / 15); /* the lease wants to be kept four times in its 60 seconds */
	close_place(&p);
}

static void a_tick_that_fails_ends_the_wait(void **state)
{
	(void)state;
	struct place p = {.retry_after = "300", .refusals = 1, .body = started, .tick_says = ERR_CONFLICT};
	char id[EXPORT_ID_MAX + 1];
	open_place(&p);
	assert_int_equal(export_start(&p.source, "licenses", NULL, 0, id), ERR_CONFLICT);
	assert_int_equal(p.ticks, 1);
	assert_string_equal(p.source.failure, "");
	close_place(&p);
}

static void a_status_that_cannot_be_read_is_given_up(void **state)
{
	(void)state;
	static const char *const bodies[] = {"<html>Log in</html>", "{}", "{\"export\":{\"id\":\"an-id\",\"status\":7}}",
	                                     ""};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct place p = {.body = bodies[i]};
		open_place(&p);
		p.pace.second_ms = 1;
		assert_int_equal(export_wait(&p.source, "licenses", "an-id"), ERR_UPSTREAM);
		assert_int_equal(fake_server_requests(p.server), EXPORT_TRIES);
		assert_non_null(strstr(p.source.failure, "has no status of an export"));
		close_place(&p);
	}
}

static void a_status_that_is_not_known_is_waited_for_and_told(void **state)
{
	(void)state;
	struct place p = {.body = "{\"export\":{\"id\":\"an-id\",\"status\":\"ALMOST THERE\"}}"};
	open_place(&p);
	p.pace.second_ms = 0; /* half an hour is over at once */
	assert_int_equal(export_wait(&p.source, "licenses", "an-id"), ERR_TIMEOUT);
	assert_non_null(strstr(p.source.failure, "still says ALMOST THERE"));
	close_place(&p);
}

static void nobody_there_is_told_with_what_to_look_at(void **state)
{
	(void)state;
	struct place p = {.body = started};
	char id[EXPORT_ID_MAX + 1];
	open_place(&p);
	p.source.tries = 1;
	p.source.url = "http://127.0.0.1:1";
	assert_int_equal(export_start(&p.source, "licenses", NULL, 0, id), ERR_UPSTREAM);
	assert_non_null(strstr(p.source.failure, "cannot be reached"));
	assert_non_null(strstr(p.source.failure, "LICGATE_MARKETPLACE_URL"));
	close_place(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_retry_after_that_names_no_time_leaves_the_back_off),
	                                   cmocka_unit_test(an_export_is_asked_for_without_a_body_and_says_nothing_of_one),
	                                   cmocka_unit_test(a_retry_after_is_heeded),
	                                   cmocka_unit_test(a_long_wait_ticks),
	                                   cmocka_unit_test(a_tick_that_fails_ends_the_wait),
	                                   cmocka_unit_test(a_status_that_cannot_be_read_is_given_up),
	                                   cmocka_unit_test(a_status_that_is_not_known_is_waited_for_and_told),
	                                   cmocka_unit_test(nobody_there_is_told_with_what_to_look_at)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
