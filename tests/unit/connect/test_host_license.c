/* test_host_license.c - answers of the licence resources and the facts they give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "connect/host.h"

/* 2026-01-15T10:00:00Z and 2026-01-15T00:00:00Z */
#define T10 INT64_C(1768471200000)
#define T00 INT64_C(1768435200000)

static const struct {
	const char *body;
	bool usable, valid, evaluation, cancelled;
	int64_t expires_at, users_max;
	enum edition edition;
} answers[] = {
    /* the word that decides */
    {"{\"valid\":true}", .usable = true, .valid = true},
    {"{\"valid\":false}", .usable = true},
    {"{\"active\":true}", .usable = true, .valid = true},
    {"{\"active\":false}", .usable = true},
    {"{\"valid\":true,\"active\":true}", .usable = true, .valid = true},
    {"{\"valid\":true,\"active\":false}", .usable = true},
    {"{\"valid\":null,\"active\":true}", .usable = true, .valid = true},
    {"{}", .usable = false},
    {"{\"valid\":null}", .usable = false},
    {"{\"valid\":\"true\"}", .usable = false},
    {"{\"valid\":1}", .usable = false},
    {"{\"valid\":\"true\",\"active\":true}", .usable = false},
    {"{\"valid\":true,\"active\":\"true\"}", .usable = false},
    {"{\"valid\":true,\"valid\":false}", .usable = false},
    {"", .usable = false},
    {"true", .usable = false},
    {"[{\"valid\":true}]", .usable = false},
    {"<html>Log in</html>", .usable = false},
    {"{\"valid\":true", .usable = false},
    /* expiry, however it is written */
    {"{\"valid\":true,\"maintenanceExpiryDate\":\"2026-01-15T10:00:00Z\"}", .usable = true, .valid = true,
     .expires_at = T10},
    {"{\"valid\":true,\"maintenanceExpiryDate\":\"2026-01-15T11:00:00.000+01:00\"}", .usable = true, .valid = true,
     .expires_at = T10},
    {"{\"valid\":true,\"maintenanceExpiryDate\":\"2026-01-15T10:00:00.000+0000\"}", .usable = true, .valid = true,
     .expires_at = T10},
    {"{\"valid\":true,\"maintenanceExpiryDate\":\"2026-01-15T02:00:00.000-0800\"}", .usable = true, .valid = true,
     .expires_at = T10},
    {"{\"valid\":true,\"maintenanceExpiryDate\":\"2026-01-15\"}", .usable = true, .valid = true, .expires_at = T00},
    {"{\"valid\":true,\"maintenanceExpiryDate\":1768471200000}", .usable = true, .valid = true, .expires_at = T10},
    {"{\"valid\":true,\"maintenanceExpiryDate\":1.7684712e12}", .usable = true, .valid = true, .expires_at = T10},
    {"{\"valid\":true,\"maintenanceExpiryDate\":\"1768471200000\"}", .usable = true, .valid = true, .expires_at = T10},
    {"{\"valid\":true,\"expiryDate\":1768471200000}", .usable = true, .valid = true, .expires_at = T10},
    {"{\"valid\":true,\"subscriptionEndDate\":\"2026-01-15\"}", .usable = true, .valid = true, .expires_at = T00},
    {"{\"valid\":true,\"maintenanceExpiryDate\":\"soon\",\"expiryDate\":1768471200000}", .usable = true, .valid = true,
     .expires_at = T10},
    {"{\"valid\":true,\"maintenanceExpiryDate\":\"15/Jan/26\"}", .usable = true, .valid = true},
    {"{\"valid\":true,\"maintenanceExpiryDate\":-1}", .usable = true, .valid = true},
    {"{\"valid\":true,\"maintenanceExpiryDate\":1e300}", .usable = true, .valid = true},
    {"{\"valid\":true,\"maintenanceExpiryDate\":9223372036854775807}", .usable = true, .valid = true},
    {"{\"valid\":true,\"maintenanceExpiryDate\":true}", .usable = true, .valid = true},
    {"{\"valid\":true,\"maintenanceExpiryDate\":\"+0000\"}", .usable = true, .valid = true},
    {"{\"valid\":true,\"maintenanceExpiryDate\":\"2026-01-15T10:00:00 0000\"}", .usable = true, .valid = true},
    {"{\"valid\":true,\"maintenanceExpiryDate\":\"\"}", .usable = true, .valid = true},
    {"{\"valid\":true,\"maintenanceExpiryDate\":\"on the fifteenth of January in the year two thousand twenty-six\"}",
     .usable = true, .valid = true},
    {"{\"valid\":true,\"maintenanceExpiryDate\":0}", .usable = true, .valid = true},
    {"{\"valid\":true,\"maintenanceExpiryDate\":-1e300}", .usable = true, .valid = true},
    {"{\"valid\":true,\"maintenanceExpiryDate\":1.5}", .usable = true, .valid = true},
    /* users */
    {"{\"valid\":true,\"maximumNumberOfUsers\":100}", .usable = true, .valid = true, .users_max = 100},
    {"{\"valid\":true,\"maximumNumberOfUsers\":\"100\"}", .usable = true, .valid = true, .users_max = 100},
    {"{\"valid\":true,\"maximumNumberOfUsers\":-1}", .usable = true, .valid = true, .users_max = -1},
    {"{\"valid\":true,\"maximumNumberOfUsers\":-2}", .usable = true, .valid = true},
    {"{\"valid\":true,\"maximumNumberOfUsers\":\"many\"}", .usable = true, .valid = true},
    {"{\"valid\":true,\"maximumNumberOfUsers\":10.5}", .usable = true, .valid = true},
    /* the rest */
    {"{\"valid\":true,\"evaluation\":true}", .usable = true, .valid = true, .evaluation = true},
    {"{\"valid\":true,\"evaluation\":\"yes\"}", .usable = true, .valid = true},
    {"{\"valid\":true,\"status\":\"cancelled\"}", .usable = true, .valid = true, .cancelled = true},
    {"{\"valid\":true,\"status\":\"CANCELLED\"}", .usable = true, .valid = true, .cancelled = true},
    {"{\"valid\":true,\"status\":\"active\"}", .usable = true, .valid = true},
    {"{\"valid\":true,\"status\":7,\"cancelled\":\"no\"}", .usable = true, .valid = true},
    {"{\"valid\":true,\"cancelled\":false}", .usable = true, .valid = true},
    {"{\"valid\":true,\"cancelled\":true}", .usable = true, .valid = true, .cancelled = true},
    {"{\"valid\":true,\"capabilitySet\":\"capabilityAdvanced\"}", .usable = true, .valid = true,
     .edition = EDITION_ADVANCED},
    {"{\"valid\":true,\"capabilitySet\":\"capabilityStandard\"}", .usable = true, .valid = true,
     .edition = EDITION_STANDARD},
    {"{\"valid\":true,\"capabilitySet\":\"other\"}", .usable = true, .valid = true},
    {"{\"valid\":true,\"capabilitySet\":[]}", .usable = true, .valid = true},
    {"{\"valid\":true,\"nearlyExpired\":{},\"enterprise\":[1],\"unheardOf\":null}", .usable = true, .valid = true},
};

typedef bool parser(struct str, struct license_facts *, struct arena *);

static void check_answer(size_t i, const char *body, parser *parse, int resource)
{
	struct license_facts f = {.expires_at = 12345};
	struct arena a;

	arena_init(&a, 16384);
	bool usable = parse(str_of(body), &f, &a);
	if (usable != answers[i].usable)
		fail_msg("%s: usable is %d", body, usable);
	if (!usable) {
		assert_int_equal(f.expires_at, 12345); /* untouched */
	} else if (f.valid != answers[i].valid || f.evaluation != answers[i].evaluation ||
	           f.cancelled != answers[i].cancelled || f.expires_at != answers[i].expires_at ||
	           f.users_max != answers[i].users_max || f.edition != answers[i].edition || f.resource != resource ||
	           f.max_age_s != -1) {
		fail_msg("%s: other facts", body);
	}
	arena_release(&a);
}

static void latest_license_gives_facts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
		check_answer(i, answers[i].body, license_parse_latest, 1);
}

/* The same answers as the addon's license member. */
static void addon_gives_the_same_facts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		char body[512];
		if (answers[i].body[0] == '\0') /* that would be another text */
			continue;
		snprintf(body, sizeof body, "{\"key\":\"app\",\"state\":\"ENABLED\",\"license\":%s}", answers[i].body);
		check_answer(i, body, license_parse_addon, 2);
	}
}

static void addon_without_license_is_not_licensed(void **state)
{
	static const struct {
		const char *body;
		bool usable;
	} cases[] = {
	    {"{\"key\":\"app\",\"version\":\"1\",\"state\":\"ENABLED\"}", true},
	    {"{\"key\":\"app\",\"license\":null}", true},
	    {"{\"key\":\"app\",\"state\":\"DISABLED\"}", false},
	    {"{\"key\":\"app\",\"state\":\"DISABLED\",\"license\":{\"active\":true}}", false},
	    {"{\"key\":\"app\",\"license\":[]}", false},
	    {"{\"key\":\"app\",\"license\":true}", false},
	    {"{}", false},
	    {"{\"message\":\"Log in first\"}", false},
	    {"{\"key\":7}", false},
	    {"{\"key\":\"\"}", false},
	    {"{\"key\":\"app\",\"state\":7,\"host\":{\"contacts\":{}}}", true},
	    {"{\"key\":\"app\",\"host\":{\"contacts\":[]}}", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct license_facts f = {.valid = true};
		struct arena a;

		arena_init(&a, 16384);
		if (license_parse_addon(str_of(cases[i].body), &f, &a) != cases[i].usable)
			fail_msg("%s", cases[i].body);
		if (cases[i].usable)
			assert_false(f.valid);
		arena_release(&a);
	}
}

static void assert_text(struct str got, const char *want)
{
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.ptr, want, got.len);
}

static void texts_are_taken_over(void **state)
{
	struct license_facts f;
	struct arena a;

	(void)state;
	arena_init(&a, 16384);
	assert_true(license_parse_latest(STR("{\"valid\":true,\"licenseType\":\"Commercial\",\"organizationName\":\"Acme\","
	                                     "\"supportEntitlementNumber\":\"SEN-1\",\"contactEmail\":\"a@example.com\"}"),
	                                 &f, &a));
	assert_text(f.type, "COMMERCIAL");
	assert_text(f.organisation, "Acme");
	assert_text(f.sen, "SEN-1");
	assert_text(f.contact_email, "a@example.com");
	assert_text(f.entitlement_id, "");

	assert_true(license_parse_addon(STR("{\"key\":\"app\",\"host\":{\"product\":\"Jira\",\"contacts\":[7,{\"name\":"
	                                    "\"A\"},{\"email\":\"b@example.com\"}]},"
	                                    "\"license\":{\"active\":true,\"type\":\"ACADEMIC\",\"entitlementId\":\"id\","
	                                    "\"entitlementNumber\":\"E-1\"}}"),
	                                &f, &a));
	assert_text(f.type, "ACADEMIC");
	assert_text(f.entitlement_id, "id");
	assert_text(f.entitlement_number, "E-1");
	assert_text(f.contact_email, "b@example.com");

	assert_true(license_parse_latest(
	    STR("{\"valid\":true,\"type\":7,\"organizationName\":\"a\\u0007b\",\"contactEmail\":[]}"), &f, &a));
	assert_text(f.type, "");
	assert_text(f.organisation, "");
	assert_text(f.contact_email, "");

	/* the licence's own contact comes before the site's */
	assert_true(license_parse_addon(STR("{\"key\":\"app\",\"host\":{\"contacts\":[{\"email\":\"b@example.com\"}]},"
	                                    "\"license\":{\"active\":true,\"type\":\"~Demo-{1}\",\"organizationName\":\"\","
	                                    "\"organisationName\":\"Acme\",\"contactEmail\":\"a@example.com\"}}"),
	                                &f, &a));
	assert_text(f.type, "~DEMO-{1}");
	assert_text(f.organisation, "Acme");
	assert_text(f.contact_email, "a@example.com");
	arena_release(&a);
}

static void texts_have_a_length(void **state)
{
	struct license_facts f;
	struct arena a;
	char body[1024];

	(void)state;
	arena_init(&a, 16384);
	for (int len = 511; len <= 513; len++) {
		snprintf(body, sizeof body, "{\"valid\":true,\"organizationName\":\"%0*d\"}", len, 0);
		assert_true(license_parse_latest(str_of(body), &f, &a));
		assert_int_equal(f.organisation.len, len <= 512 ? len : 0);
	}
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(latest_license_gives_facts),
	    cmocka_unit_test(addon_gives_the_same_facts),
	    cmocka_unit_test(addon_without_license_is_not_licensed),
	    cmocka_unit_test(texts_are_taken_over),
	    cmocka_unit_test(texts_have_a_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
