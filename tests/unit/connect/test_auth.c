/* The authenticators: what is let through, what each refusal answers and what it leaves for the operator. */
#include "auth_fixture.h"

#include <stdlib.h>

#define TARGET "/app/license.json?lic=active&x=%2f"

/* The last refusal kept, or one without a code. */
static struct failure last_failure(struct auth_fixture *f, struct arena *a)
{
	struct failure *list, none = {.code = ""};
	size_t count;
	arena_init(a, 1 << 20);
	assert_int_equal(failures_list(f->connect.failures, a, &list, &count), OK);
	return count ? list[0] : none;
}

static void assert_refused(struct auth_fixture *f, int status, enum token_code code)
{
	struct arena a;
	struct failure e = last_failure(f, &a);
	assert_int_equal(outcome.authorized, 0);
	assert_null(f->req.claims);
	assert_null(f->req.tenant);
	assert_null(f->req.on_end);
	if (outcome.status != status || strcmp(e.code, token_code_name(code)) != 0)
		fail_msg("%d %s, recorded %s instead of %s", outcome.status, outcome.problem, e.code, token_code_name(code));
	assert_string_equal(f->req.code, token_code_name(code));
	assert_string_equal(e.text, token_code_text(code));
	assert_string_equal(e.route, "/app/NAME");
	assert_string_equal(e.request_id, "request-1");
	assert_int_equal(e.at, (int64_t)FIXTURE_NOW * 1000);
	arena_release(&a);
}

static void test_page_is_let_through(void **state)
{
	struct auth_fixture *f = *state;
	/* with the base path in front and without it: the qsh is the same */
	static const char *const targets[] = {TARGET, "/base" TARGET};
	for (size_t i = 0; i < 2; i++) {
		char *token = auth_token("acme", "GET", TARGET, TENANT_SECRET);
		auth_request(f, "GET", targets[i], token);
		auth_page(&f->req, &f->connect);
		assert_int_equal(outcome.authorized, 1);
		assert_int_equal(outcome.status, 0);
		assert_str(f->req.claims->account_id, STR("5:1"));
		assert_str(f->req.tenant->client_key, STR("acme"));
		assert_int_equal(tenant_last_seen(f->req.tenant), (int64_t)FIXTURE_NOW * 1000);
		assert_int_equal(f->req.tenant->refs, 2); /* the table's and the request's */
		const struct tenant *tenant = f->req.tenant;
		f->req.on_end(&f->req, f->req.on_end_arg);
		f->req.on_end = NULL;
		assert_int_equal(tenant->refs, 1);
		free(token);
	}
}

static void test_token_in_the_query(void **state)
{
	struct auth_fixture *f = *state;
	char target[2048];
	char *token = auth_token("acme", "GET", TARGET, TENANT_SECRET);
	snprintf(target, sizeof(target), "%s&%%6Awt=%s", TARGET, token + 4);
	auth_request(f, "GET", target, NULL);
	auth_page(&f->req, &f->connect);
	assert_int_equal(outcome.authorized, 1);
	free(token);
}

struct refusal {
	const char *what, *method, *target, *client_key;
	int status;
	enum token_code code;
};

static void test_refusals(void **state)
{
	struct auth_fixture *f = *state;
	/* the token is acme's or another's, for GET TARGET */
	static const struct refusal cases[] = {
	    {"other method", "POST", TARGET, "acme", 401, TOKEN_BAD_QSH},
	    {"HEAD is not GET", "HEAD", TARGET, "acme", 401, TOKEN_BAD_QSH},
	    {"lic changed", "GET", "/app/license.json?lic=none&x=%2f", "acme", 401, TOKEN_BAD_QSH},
	    {"lic doubled", "GET", TARGET "&lic=active", "acme", 401, TOKEN_BAD_QSH},
	    {"other path", "GET", "/app/license", "acme", 401, TOKEN_BAD_QSH},
	    {"unknown tenant", "GET", TARGET, "nobody", 401, TOKEN_UNKNOWN_TENANT},
	    {"tenant in another case", "GET", TARGET, "ACME", 401, TOKEN_UNKNOWN_TENANT},
	    {"uninstalled", "GET", TARGET, "gone", 401, TOKEN_TENANT_GONE},
	    {"no secret", "GET", TARGET, "sealed", 401, TOKEN_NO_SECRET},
	    {"another's secret", "GET", TARGET, "other", 401, TOKEN_BAD_SIGNATURE},
	    {"not UTF-8", "GET", TARGET "&a=%ff", "acme", 400, TOKEN_NOT_UTF8},
	    {"two tokens", "GET", TARGET "&jwt=x", "acme", 400, TOKEN_TWO},
	};
	auth_tenant(f, "gone", "uninstalled", TENANT_SECRET);
	auth_tenant(f, "sealed", "enabled", STR(""));
	auth_tenant(f, "other", "enabled", STR("secret-of-other"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *token = auth_token(cases[i].client_key, "GET", TARGET, TENANT_SECRET);
		auth_request(f, cases[i].method, cases[i].target, token);
		auth_page(&f->req, &f->connect);
		assert_refused(f, cases[i].status, cases[i].code);
		auth_request(f, cases[i].method, cases[i].target, token);
		auth_context(&f->req, &f->connect);
		assert_refused(f, cases[i].status, cases[i].code);
		free(token);
	}
	auth_request(f, "GET", TARGET, NULL);
	auth_page(&f->req, &f->connect);
	assert_refused(f, 401, TOKEN_MISSING);
	auth_request(f, "GET", TARGET, "Bearer a.b.c");
	auth_page(&f->req, &f->connect);
	assert_refused(f, 401, TOKEN_MISSING);
	auth_request(f, "GET", TARGET, "JWT a.b.c");
	auth_page(&f->req, &f->connect);
	assert_refused(f, 401, TOKEN_INVALID);
}

static void test_statuses_that_may_call(void **state)
{
	struct auth_fixture *f = *state;
	static const char *const statuses[] = {"installed", "enabled", "disabled"};
	for (size_t i = 0; i < 3; i++) {
		auth_tenant(f, "acme", statuses[i], TENANT_SECRET);
		char *token = auth_token("acme", "POST", "/enabled", TENANT_SECRET);
		auth_request(f, "POST", "/enabled", token);
		auth_page(&f->req, &f->connect);
		assert_int_equal(outcome.authorized, 1);
		free(token);
	}
}

static void test_context_tokens(void **state)
{
	struct auth_fixture *f = *state;
	char *token = auth_token_of("{\"iss\":\"acme\",\"iat\":1749999990,\"exp\":1750000170,\"qsh\":\"context-qsh\"}",
	                            TENANT_SECRET);
	auth_request(f, "GET", "/api/v1/license?lic=active", token);
	auth_context(&f->req, &f->connect);
	assert_int_equal(outcome.authorized, 1);
	assert_true(f->req.claims->is_context);
	auth_request(f, "GET", "/app/license", token);
	auth_page(&f->req, &f->connect);
	assert_refused(f, 401, TOKEN_CONTEXT_NOT_HERE);
	free(token);
}

static void test_record_shows_both_requests(void **state)
{
	struct auth_fixture *f = *state;
	struct arena a;
	char *token = auth_token("acme", "GET", "/app/other", TENANT_SECRET), target[2048];
	snprintf(target, sizeof(target), "/base%s&jwt=%s", TARGET, token + 4);
	auth_request(f, "GET", target, NULL);
	auth_page(&f->req, &f->connect);
	assert_refused(f, 401, TOKEN_BAD_QSH);
	struct failure e = last_failure(f, &a);
	assert_string_equal(e.tenant, "acme");
	assert_string_equal(e.computed_canonical, "GET&/app/license.json&lic=active&x=%2F");
	assert_int_equal(strlen(e.computed_qsh), QSH_LEN);
	assert_int_equal(strlen(e.received_qsh), QSH_LEN);
	assert_string_not_equal(e.computed_qsh, e.received_qsh);
	arena_release(&a);
	/* what never got so far says so */
	auth_request(f, "GET", "/app/x", NULL);
	auth_page(&f->req, &f->connect);
	e = last_failure(f, &a);
	assert_true(!e.tenant && !e.computed_canonical && !e.computed_qsh && !e.received_qsh);
	arena_release(&a);
	free(token);
}

static void test_for_another_request(void **state)
{
	struct auth_fixture *f = *state;
	const struct claims *claims = NULL;
	const struct tenant *tenant = NULL;
	char *token = auth_token("acme", "PUT", "/any//path/?q=%zz", TENANT_SECRET);
	struct arena a;
	arena_init(&a, 65536);
	assert_int_equal(auth_verify_for(&f->connect, &a, STR("PUT"), STR("/base/any//path/?q=%zz"), str_of(token + 4),
	                                 false, "/authz/nginx", "r", &claims, &tenant),
	                 TOKEN_OK);
	assert_str(tenant->client_key, STR("acme"));
	tenant_unref(tenant);
	claims = NULL;
	tenant = NULL;
	assert_int_equal(auth_verify_for(&f->connect, &a, STR("GET"), STR("/base/any//path/?q=%zz"), str_of(token + 4),
	                                 false, "/authz/nginx", "r", &claims, &tenant),
	                 TOKEN_BAD_QSH);
	assert_true(!claims && !tenant);
	arena_release(&a);
	free(token);
}

static void test_out_of_memory(void **state)
{
	struct auth_fixture *f = *state;
	char *token = auth_token("acme", "GET", TARGET, TENANT_SECRET);
	int refused = 0, let_through = 0;
	for (size_t room = 0; room <= 2048; room += 16) {
		auth_request(f, "GET", TARGET, token);
		f->req.arena.max = 0;
		assert_non_null(arena_alloc(&f->req.arena, ARENA_FIRST_BYTES - room));
		auth_page(&f->req, &f->connect);
		assert_int_equal(outcome.authorized + (outcome.status == 503), 1);
		refused += outcome.status == 503;
		let_through += outcome.authorized;
	}
	f->req.arena.max = 1 << 20;
	assert_true(refused > 5 && let_through > 5);
	free(token);
}

static void test_signals(void **state)
{
	(void)state;
	static const struct {
		const char *query;
		enum signal lic;
		enum edition edition;
	} cases[] = {
	    {NULL, SIGNAL_ABSENT, EDITION_NONE},
	    {"", SIGNAL_ABSENT, EDITION_NONE},
	    {"x=lic&LIC=active", SIGNAL_ABSENT, EDITION_NONE},
	    {"lic=active", SIGNAL_LICENSED, EDITION_NONE},
	    {"a=1&%6cic=%61ctive", SIGNAL_LICENSED, EDITION_NONE},
	    {"lic=expired", SIGNAL_EXPIRED, EDITION_NONE},
	    {"lic=none", SIGNAL_NOT_LICENSED, EDITION_NONE},
	    {"lic=", SIGNAL_AMBIGUOUS, EDITION_NONE},
	    {"lic", SIGNAL_AMBIGUOUS, EDITION_NONE},
	    {"lic=Active", SIGNAL_AMBIGUOUS, EDITION_NONE},
	    {"lic=active+", SIGNAL_AMBIGUOUS, EDITION_NONE},
	    {"lic=active,none", SIGNAL_AMBIGUOUS, EDITION_NONE},
	    {"lic=active&lic=active", SIGNAL_AMBIGUOUS, EDITION_NONE},
	    {"lic=active&lic=none&lic=active", SIGNAL_AMBIGUOUS, EDITION_NONE},
	    {"capSet=capabilityAdvanced&lic=active", SIGNAL_LICENSED, EDITION_ADVANCED},
	    {"capSet=capabilityStandard", SIGNAL_ABSENT, EDITION_STANDARD},
	    {"capSet=other", SIGNAL_ABSENT, EDITION_NONE},
	    {"capSet=capabilityAdvanced&capSet=capabilityAdvanced", SIGNAL_ABSENT, EDITION_NONE},
	};
	struct arena a;
	struct claims claims = {.has_license = false, .license_active = true};
	arena_init(&a, 65536);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str query = {cases[i].query, cases[i].query ? strlen(cases[i].query) : 0};
		struct request_signal s = auth_signal(&a, &claims, query);
		if (s.lic != cases[i].lic || s.edition != cases[i].edition || s.claim != SIGNAL_ABSENT)
			fail_msg("%s: %d %d %d", cases[i].query, (int)s.lic, (int)s.edition, (int)s.claim);
	}
	claims.has_license = true;
	assert_int_equal(auth_signal(&a, &claims, STR("")).claim, SIGNAL_LICENSED);
	claims.license_active = false;
	assert_int_equal(auth_signal(&a, &claims, STR("")).claim, SIGNAL_NOT_LICENSED);
	/* without memory to decode a value it is no licence */
	arena_release(&a);
	arena_init(&a, 0);
	assert_non_null(arena_alloc(&a, ARENA_FIRST_BYTES));
	assert_int_equal(auth_signal(&a, &claims, STR("lic=%61ctive")).lic, SIGNAL_AMBIGUOUS);
	arena_release(&a);
}

#define T(name) cmocka_unit_test_setup_teardown(name, auth_fixture_up, auth_fixture_down)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_page_is_let_through),    T(test_token_in_the_query), T(test_refusals),
	    T(test_statuses_that_may_call), T(test_context_tokens),     T(test_record_shows_both_requests),
	    T(test_for_another_request),    T(test_out_of_memory),      cmocka_unit_test(test_signals),
	};
	return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
