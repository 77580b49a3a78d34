/* test_configure.c - what a tenant's administrators may see and set, and that nobody else may. */
#include <stdio.h>
#include <stdlib.h>

#include "door_fixture.h"
#include "store_broken.h"

static const struct license_facts LICENSED = {.valid = true, .resource = 1, .users_max = 2, .max_age_s = -1};

static int configure_up(void **state)
{
	if (door_up(state) != 0)
		return -1;
	struct door *d = *state;
	if (door_install(d, SECRET, HOME, "") != 204)
		return -1;
	d->facts = &LICENSED;
	d->admin = ADMIN_SAYS_YES;
	d->header[0][0] = "Content-Type";
	d->header[0][1] = "application/json";
	return 0;
}

static void use(struct door *d, const char *account)
{
	d->claims.account_id = str_of(account);
	door_ask(d, page_get, "GET", "/app/export", "");
	assert_int_equal(d->answer.status, 200);
	d->claims.account_id = STR("account-1");
}

static void shows_who_holds_seats(void **state)
{
	struct door *d = *state;
	use(d, "ann");
	use(d, "bob");
	door_ask(d, api_configure_get, "GET", "/api/v1/configure", "");
	assert_int_equal(d->answer.status, 200);
	assert_string_equal(d->answer.body,
	                    "{\"seats\":{\"limit\":2,\"used\":2,\"holders\":["
	                    "{\"account_id\":\"ann\",\"seat_at\":\"2026-03-02T10:00:00Z\",\"last_seen_at\":\"2026-03-02T10:"
	                    "00:00Z\"},"
	                    "{\"account_id\":\"bob\",\"seat_at\":\"2026-03-02T10:00:00Z\",\"last_seen_at\":\"2026-03-02T10:"
	                    "00:00Z\"}]},"
	                    "\"choices\":[{\"feature\":\"board\",\"value\":\"allow\",\"options\":[\"allow\",\"read_only\"]}"
	                    "]}");
	door_ask(d, api_configure_get, "GET", "/api/v1/configure?after=ann", "");
	assert_null(strstr(d->answer.body, "\"ann\""));
	assert_non_null(strstr(d->answer.body, "\"bob\""));
}

static void many_holders_come_in_pages(void **state)
{
	struct door *d = *state;
	static const struct license_facts unlimited = {.valid = true, .resource = 1, .users_max = -1, .max_age_s = -1};
	char account[16];
	d->facts = &unlimited;
	for (int i = 0; i < 201; i++) {
		snprintf(account, sizeof account, "u%03d", i);
		use(d, account);
	}
	door_ask(d, api_configure_get, "GET", "/api/v1/configure", "");
	assert_non_null(strstr(d->answer.body, "\"limit\":null,\"used\":201"));
	assert_non_null(strstr(d->answer.body, "\"next\":\"u199\""));
	assert_null(strstr(d->answer.body, "\"u200\""));
	door_ask(d, api_configure_get, "GET", "/api/v1/configure?after=u199", "");
	assert_non_null(strstr(d->answer.body, "\"holders\":[{\"account_id\":\"u200\""));
	assert_null(strstr(d->answer.body, "\"next\""));
}

static void a_choice_is_in_force_at_once(void **state)
{
	struct door *d = *state;
	door_ask(d, api_configure_put, "PUT", "/api/v1/configure", "{\"choices\":{\"board\":\"read_only\"}}");
	assert_int_equal(d->answer.status, 200);
	assert_non_null(strstr(d->answer.body, "{\"feature\":\"board\",\"value\":\"read_only\","));
	door_ask(d, api_license, "GET", "/api/v1/license", "");
	assert_non_null(strstr(d->answer.body, "\"board\":{\"verdict\":\"read_only\",\"code\":\"ADMIN_CHOICE\"}"));
	door_ask(d, api_configure_put, "PUT", "/api/v1/configure", "{\"choices\":{}}");
	assert_non_null(strstr(d->answer.body, "\"value\":\"read_only\""));
	door_ask(d, api_configure_put, "PUT", "/api/v1/configure", "{\"choices\":{\"board\":\"allow\"}}");
	assert_non_null(strstr(d->answer.body, "\"value\":\"allow\""));
	door_ask(d, api_license, "GET", "/api/v1/license", "");
	assert_non_null(strstr(d->answer.body, "\"board\":{\"verdict\":\"allow\",\"code\":\"VALID\"}"));
}

static void bad_choices_change_nothing(void **state)
{
	struct door *d = *state;
	static const char *const bodies[] = {"",
	                                     "[]",
	                                     "{}",
	                                     "{\"choices\":[]}",
	                                     "{\"choices\":{\"board\":\"deny\"}}",
	                                     "{\"choices\":{\"board\":\"x\"}}",
	                                     "{\"choices\":{\"board\":1}}",
	                                     "{\"choices\":{\"board\":null}}",
	                                     "{\"choices\":{\"export\":\"allow\"}}",
	                                     "{\"choices\":{\"none\":\"allow\"}}",
	                                     "{\"choices\":{\"board\":\"read_only\"},\"more\":1}",
	                                     "{\"choices\":{\"board\":\"read_only\",\"export\":\"allow\"}}",
	                                     "{\"choices\":{\"board\":\"read_only\",\"board\":\"allow\"}}"};
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		door_ask(d, api_configure_put, "PUT", "/api/v1/configure", bodies[i]);
		assert_int_equal(d->answer.status, 400);
		assert_string_equal(d->answer.code, "bad_choices");
	}
	d->header[0][1] = "text/plain";
	door_ask(d, api_configure_put, "PUT", "/api/v1/configure", "{\"choices\":{\"board\":\"read_only\"}}");
	assert_int_equal(d->answer.status, 415);
	door_ask(d, api_configure_get, "GET", "/api/v1/configure", "");
	assert_non_null(strstr(d->answer.body, "\"value\":\"allow\""));
}

static void a_seat_is_freed(void **state)
{
	struct door *d = *state;
	use(d, "a:nn/1");
	use(d, "bob");
	door_ask(d, api_seat_delete, "DELETE", "/api/v1/seats/a%3Ann%2F1", "");
	assert_int_equal(d->answer.status, 204);
	assert_int_equal(seats_used(d->req.tenant), 1);
	assert_non_null(strstr(door_events(d, CLIENT, NULL), "seat.freed"));
	static const char *const nobody[] = {"/api/v1/seats/a%3Ann%2F1", "/api/v1/seats/x", "/api/v1/seats/%zz",
	                                     "/api/v1/seats/bob%00"};
	for (size_t i = 0; i < 4; i++) {
		door_ask(d, api_seat_delete, "DELETE", nobody[i], "");
		assert_int_equal(d->answer.status, 404);
		assert_string_equal(d->answer.code, "no_seat");
	}
	use(d, "cy"); /* the room it left */
}

static void administrators_alone(void **state)
{
	struct door *d = *state;
	static const struct {
		handler_fn *handler;
		const char *method, *target, *body;
	} asks[] = {{api_configure_get, "GET", "/api/v1/configure", ""},
	            {api_configure_put, "PUT", "/api/v1/configure", "{\"choices\":{\"board\":\"read_only\"}}"},
	            {api_seat_delete, "DELETE", "/api/v1/seats/ann", ""}};
	use(d, "ann");
	for (size_t i = 0; i < 3; i++) {
		const enum admin_says says[] = {ADMIN_SAYS_NO, ADMIN_SAYS_NOTHING};
		for (size_t s = 0; s < 2; s++) {
			d->admin = says[s];
			door_ask(d, asks[i].handler, asks[i].method, asks[i].target, asks[i].body);
			assert_int_equal(d->answer.status, 403);
			assert_string_equal(d->answer.code, "not_admin");
		}
		d->admin = ADMIN_SAYS_YES;
		d->claims.account_id = STR("");
		door_ask(d, asks[i].handler, asks[i].method, asks[i].target, asks[i].body);
		assert_int_equal(d->answer.status, 403);
		d->claims.account_id = STR("account-1");
	}
	d->admin = ADMIN_SAYS_YES_LATER;
	door_ask(d, api_configure_get, "GET", "/api/v1/configure", "");
	assert_int_equal(d->answer.status, 200);
	assert_non_null(strstr(d->answer.body, "\"used\":1"));
	assert_non_null(strstr(d->answer.body, "\"value\":\"allow\""));
}

static void assert_answer(struct door *d, handler_fn *handler, const char *method, const char *target, const char *body,
                          int status)
{
	door_ask(d, handler, method, target, body);
	if (d->answer.status != status)
		fail_msg("%s %s: %d", method, target, d->answer.status);
}

/* Nothing is told done that is not stored, nothing is half done, and all works again with the store. */
static void a_store_that_fails_changes_nothing(void **state)
{
	struct door *d = *state;
	const char *const target = "/api/v1/configure", *const choose = "{\"choices\":{\"board\":\"read_only\"}}";
	use(d, "ann");
	door_step(d, 0);
	store_break(d->store, BROKEN_USERS);
	assert_answer(d, api_configure_get, "GET", target, "", 500);
	assert_answer(d, api_configure_put, "PUT", target, choose, 500); /* stored, then its answer could not be read */
	assert_answer(d, api_seat_delete, "DELETE", "/api/v1/seats/ann", "", 500);
	assert_int_equal(seats_used(d->req.tenant), 1);
	store_mend(d->store, BROKEN_USERS);
	assert_answer(d, api_configure_get, "GET", target, "", 200);
	assert_non_null(strstr(d->answer.body, "\"account_id\":\"ann\""));
	assert_non_null(strstr(d->answer.body, "\"value\":\"allow\""));

	store_break(d->store, BROKEN_CHOICES);
	assert_answer(d, api_configure_put, "PUT", target, choose, 500);
	store_mend(d->store, BROKEN_CHOICES);
	door_ask(d, api_license, "GET", "/api/v1/license", "");
	assert_non_null(strstr(d->answer.body, "\"board\":{\"verdict\":\"allow\",\"code\":\"VALID\"}"));

	store_break(d->store, BROKEN_EVENTS); /* a seat that is freed is told, or it is not freed */
	assert_answer(d, api_seat_delete, "DELETE", "/api/v1/seats/ann", "", 500);
	store_mend(d->store, BROKEN_EVENTS);
	assert_int_equal(seats_used(d->req.tenant), 1);
	assert_answer(d, api_seat_delete, "DELETE", "/api/v1/seats/ann", "", 204);
	assert_answer(d, api_configure_put, "PUT", target, choose, 200);
	assert_int_equal(seats_used(d->req.tenant), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, configure_up, door_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(shows_who_holds_seats),
	    TEST(many_holders_come_in_pages),
	    TEST(a_choice_is_in_force_at_once),
	    TEST(bad_choices_change_nothing),
	    TEST(a_seat_is_freed),
	    TEST(administrators_alone),
	    TEST(a_store_that_fails_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
