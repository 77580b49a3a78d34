/* test_base_url.c - who may be a tenant: one row an address, as an operator would write the case down. */
#include "test.h"

#include "connect/base_url.h"

static char *const ATLASSIAN[] = {"*.atlassian.net", "*.jira.com", NULL};
static char *const PORTS[] = {"127.0.0.1:8090", "[::1]:8090", "*.example.test:8443", "jira", NULL};

struct row {
	const char *url;
	enum base_url_check expected;
};

static void check(const struct row *rows, size_t count, char *const *allowed, bool insecure)
{
	for (size_t i = 0; i < count; i++) {
		enum base_url_check got = base_url_check(str_of(rows[i].url), allowed, insecure);
		if (got != rows[i].expected)
			fail_msg("%s: got %d, expected %d", rows[i].url, (int)got, (int)rows[i].expected);
	}
}
#define CHECK(rows, allowed, insecure) check(rows, sizeof(rows) / sizeof((rows)[0]), allowed, insecure)

static void default_list(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {"https://acme.atlassian.net", BASE_URL_OK},
	    {"https://acme.atlassian.net/", BASE_URL_OK},
	    {"https://acme.atlassian.net/wiki", BASE_URL_OK},
	    {"https://acme.atlassian.net/wiki/", BASE_URL_OK},
	    {"https://acme.atlassian.net/sites/a-b_c.d~e", BASE_URL_OK},
	    {"https://acme.jira.com", BASE_URL_OK},
	    {"HTTPS://ACME.Atlassian.NET", BASE_URL_OK},
	    {"https://xn--bcher-kva.atlassian.net", BASE_URL_OK},
	    {"https://acme.atlassian.net:443", BASE_URL_OK},
	    /* not https */
	    {"http://acme.atlassian.net", BASE_URL_BAD_SCHEME},
	    {"ftp://acme.atlassian.net", BASE_URL_BAD_SCHEME},
	    {"file:///etc/passwd", BASE_URL_BAD_SCHEME},
	    {"//acme.atlassian.net", BASE_URL_BAD_SCHEME},
	    {"acme.atlassian.net", BASE_URL_BAD_SCHEME},
	    {" https://acme.atlassian.net", BASE_URL_BAD_SCHEME},
	    {"", BASE_URL_BAD_SCHEME},
	    /* another host, or one that only looks like it */
	    {"https://evil.example", BASE_URL_BAD_HOST},
	    {"https://atlassian.net", BASE_URL_BAD_HOST},
	    {"https://a.b.atlassian.net", BASE_URL_BAD_HOST},
	    {"https://acme.atlassian.net.evil.example", BASE_URL_BAD_HOST},
	    {"https://acmeatlassian.net", BASE_URL_BAD_HOST},
	    {"https://acme.atlassian.net:8443", BASE_URL_BAD_HOST},
	    {"https://acme.atlassian.net:80", BASE_URL_BAD_HOST},
	    {"https://127.0.0.1", BASE_URL_BAD_HOST},
	    {"https://[::1]", BASE_URL_BAD_HOST},
	    /* userinfo */
	    {"https://acme.atlassian.net@evil.example", BASE_URL_USERINFO},
	    {"https://u:p@acme.atlassian.net", BASE_URL_USERINFO},
	    {"https://@acme.atlassian.net", BASE_URL_USERINFO},
	    /* what two parsers could read differently */
	    {"https://acme.atlassian.net.", BASE_URL_MALFORMED},
	    {"https://.atlassian.net", BASE_URL_MALFORMED},
	    {"https://acme..atlassian.net", BASE_URL_MALFORMED},
	    {"https://-acme.atlassian.net", BASE_URL_MALFORMED},
	    {"https://ac_me.atlassian.net", BASE_URL_MALFORMED},
	    {"https://acme%2eatlassian.net", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net\\@evil.example", BASE_URL_USERINFO},
	    {"https://evil.example\\.atlassian.net", BASE_URL_MALFORMED},
	    {"https://b\xc3\xbc.atlassian.net", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net:", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net:0443", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net:+443", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net:99999", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net:4a3", BASE_URL_MALFORMED},
	    {"https://", BASE_URL_MALFORMED},
	    {"https:///wiki", BASE_URL_MALFORMED},
	    {"https://[::1", BASE_URL_MALFORMED},
	    {"https://[::1]x", BASE_URL_MALFORMED},
	    {"https://[]", BASE_URL_MALFORMED},
	    {"https://[zz::]", BASE_URL_MALFORMED},
	    /* query, fragment, and paths that mean something else */
	    {"https://acme.atlassian.net?x", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net#x", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net/wiki?x=1", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net/wiki#x", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net/.", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net/a/../b", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net//", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net/a//b", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net/%2e%2e", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net/a b", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net/a;script-src", BASE_URL_MALFORMED},
	    {"https://acme.atlassian.net/a\r\nX: y", BASE_URL_MALFORMED},
	};
	CHECK(rows, ATLASSIAN, false);
}

static void insecure_hosts_may_be_http_but_must_be_listed(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {"http://127.0.0.1:8090", BASE_URL_OK},
	    {"http://127.0.0.1:8090/sites/acme", BASE_URL_OK},
	    {"http://[::1]:8090", BASE_URL_OK},
	    {"https://a.example.test:8443", BASE_URL_OK},
	    {"http://jira", BASE_URL_OK},
	    {"http://jira:80", BASE_URL_OK},
	    {"https://jira", BASE_URL_OK},
	    {"http://127.0.0.1:8091", BASE_URL_BAD_HOST},
	    {"http://127.0.0.1", BASE_URL_BAD_HOST},
	    {"http://[::2]:8090", BASE_URL_BAD_HOST},
	    {"https://a.example.test", BASE_URL_BAD_HOST},
	    {"http://jira:443", BASE_URL_BAD_HOST},
	    {"http://acme.atlassian.net", BASE_URL_BAD_HOST},
	};
	CHECK(rows, PORTS, true);
}

static void too_long(void **state)
{
	(void)state;
	char url[BASE_URL_MAX + 2] = "https://acme.atlassian.net/";
	for (size_t i = strlen(url); i < sizeof(url) - 1; i++)
		url[i] = 'a';
	url[sizeof(url) - 1] = '\0';
	assert_int_equal(base_url_check(str_of(url), ATLASSIAN, false), BASE_URL_MALFORMED);
	url[BASE_URL_MAX] = '\0';
	assert_int_equal(base_url_check(str_of(url), ATLASSIAN, false), BASE_URL_OK);
}

static void a_nul_hides_nothing(void **state)
{
	(void)state;
	assert_int_not_equal(base_url_check(STR("https://acme.atlassian.net\0.evil.example"), ATLASSIAN, false),
	                     BASE_URL_OK);
	assert_int_not_equal(base_url_check(STR("https://acme.atlassian.net/\0"), ATLASSIAN, false), BASE_URL_OK);
}

static void parts(void **state)
{
	(void)state;
	struct str url = STR("https://acme.atlassian.net/wiki");
	assert_true(str_eqz(base_url_origin(url), "https://acme.atlassian.net"));
	assert_true(str_eqz(base_url_host(url), "acme.atlassian.net"));
	assert_true(str_eqz(base_url_origin(STR("http://127.0.0.1:8090/sites/acme")), "http://127.0.0.1:8090"));
	assert_true(str_eqz(base_url_host(STR("http://127.0.0.1:8090")), "127.0.0.1:8090"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(default_list), cmocka_unit_test(insecure_hosts_may_be_http_but_must_be_listed),
	    cmocka_unit_test(too_long),     cmocka_unit_test(a_nul_hides_nothing),
	    cmocka_unit_test(parts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
