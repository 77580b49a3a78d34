/* Addresses, ranges, host:port and server URLs as settings have them. */
#include "check.h"

#include "base/net.h"

static void reads_addresses(void **state)
{
	(void)state;
	static const struct {
		const char *text, *normal; /* NULL: refused */
	} rows[] = {
	    {"127.0.0.1", "127.0.0.1"},
	    {"::1", "::1"},
	    {"0:0:0:0:0:0:0:1", "::1"},
	    {"FD00::A", "fd00::a"},
	    {"::ffff:10.0.0.1", "10.0.0.1"},
	    {"127.1", NULL},
	    {"010.0.0.1", NULL},
	    {"256.0.0.1", NULL},
	    {"[::1]", NULL},
	    {"fe80::1%eth0", NULL},
	    {"localhost", NULL},
	    {"", NULL},
	    {" 127.0.0.1", NULL},
	    {"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", NULL},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t ip[16];
		char text[IP_TEXT_SIZE];
		if (ip_parse(str_of(rows[i].text), ip) != (rows[i].normal != NULL))
			fail_msg("%s", rows[i].text);
		if (!rows[i].normal)
			continue;
		ip_text(ip, text);
		assert_string_equal(text, rows[i].normal);
	}
	uint8_t ip[16];
	assert_false(ip_parse((struct str){"::1\0", 4}, ip));
}

static void ranges_contain_addresses(void **state)
{
	(void)state;
	static const struct {
		const char *range, *ip;
		bool inside;
	} rows[] = {
	    {"10.0.0.0/8", "10.255.0.1", true},
	    {"10.0.0.0/8", "11.0.0.0", false},
	    {"10.0.0.0/8", "::ffff:10.1.1.1", true},
	    {"10.1.2.3/8", "10.9.9.9", true},
	    {"192.168.1.64/26", "192.168.1.127", true},
	    {"192.168.1.64/26", "192.168.1.128", false},
	    {"127.0.0.1", "127.0.0.1", true},
	    {"127.0.0.1", "127.0.0.2", false},
	    {"0.0.0.0/0", "8.8.8.8", true},
	    {"0.0.0.0/0", "2001:db8::1", false},
	    {"::/0", "2001:db8::1", true},
	    {"::/0", "8.8.8.8", true},
	    {"fd00::/8", "fdff::1", true},
	    {"fd00::/8", "fe00::1", false},
	    {"::1", "::1", true},
	    {"::1/128", "::2", false},
	    {"2001:db8::/33", "2001:db8:7fff::", true},
	    {"2001:db8::/33", "2001:db8:8000::", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cidr range;
		uint8_t ip[16];
		assert_true(cidr_parse(str_of(rows[i].range), &range));
		assert_true(ip_parse(str_of(rows[i].ip), ip));
		if (cidr_contains(&range, ip) != rows[i].inside)
			fail_msg("%s in %s", rows[i].ip, rows[i].range);
	}
	static const char *const bad[] = {"",       "10.0.0.0/33", "10.0.0.0/",   "10.0.0.0/-1", "10.0.0.0/8/8", "/8",
	                                  "::/129", "10.0.0/8",    "10.0.0.0/ 8", "a/8",         "10.0.0.0/0008"};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct cidr range;
		if (cidr_parse(str_of(bad[i]), &range))
			fail_msg("%s", bad[i]);
	}
}

static void reads_host_and_port(void **state)
{
	(void)state;
	static const struct {
		const char *text, *host;
		unsigned port;
	} rows[] = {
	    {"127.0.0.1:8080", "127.0.0.1", 8080},
	    {"localhost:0", "localhost", 0},
	    {"[::1]:8080", "::1", 8080},
	    {"a-b_c.example:65535", "a-b_c.example", 65535},
	    {"localhost", NULL, 0},
	    {":8080", NULL, 0},
	    {"localhost:", NULL, 0},
	    {"localhost:65536", NULL, 0},
	    {"localhost:-1", NULL, 0},
	    {"localhost:80x", NULL, 0},
	    {"localhost: 80", NULL, 0},
	    {"::1:8080", NULL, 0},
	    {"[::1]", NULL, 0},
	    {"[::1]8080", NULL, 0},
	    {"[::1:8080", NULL, 0},
	    {"[127.0.0.1]:8080", NULL, 0},
	    {"[x]:80", NULL, 0},
	    {"a..b:80", NULL, 0},
	    {".a:80", NULL, 0},
	    {"-a:80", NULL, 0},
	    {"a b:80", NULL, 0},
	    {"a/b:80", NULL, 0},
	    {"*:80", NULL, 0},
	    {"", NULL, 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct str host;
		uint16_t port;
		if (host_port_parse(str_of(rows[i].text), &host, &port) != (rows[i].host != NULL))
			fail_msg("%s", rows[i].text);
		if (!rows[i].host)
			continue;
		assert_text(host, rows[i].host);
		assert_int_equal(port, rows[i].port);
	}
}

static void reads_server_urls(void **state)
{
	(void)state;
	static const struct {
		const char *text, *origin, *host, *path;
		unsigned port;
		bool https;
	} rows[] = {
	    {"https://app.example", "https://app.example", "app.example", "", 0, true},
	    {"https://app.example/", "https://app.example", "app.example", "", 0, true},
	    {"https://app.example/a/b-1/", "https://app.example", "app.example", "/a/b-1", 0, true},
	    {"http://127.0.0.1:8080/x", "http://127.0.0.1:8080", "127.0.0.1", "/x", 8080, false},
	    {"http://[::1]:80", "http://[::1]:80", "::1", "", 80, false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct server_url url;
		assert_null(server_url_parse(str_of(rows[i].text), &url));
		assert_text(url.origin, rows[i].origin);
		assert_text(url.host, rows[i].host);
		assert_text(url.path, rows[i].path);
		assert_int_equal(url.port, rows[i].port);
		assert_int_equal(url.https, rows[i].https);
	}
	static const char *const bad[] = {
	    "",
	    "app.example",
	    "ftp://app.example",
	    "HTTPS://app.example",
	    "https:/app.example",
	    "https://",
	    "https:///a",
	    "https://user@app.example",
	    "https://user:pw@app.example",
	    "https://app.example?a=1",
	    "https://app.example/#a",
	    "https://app.example:0",
	    "https://app.example:99999",
	    "https://app.example:",
	    "https://app.example//",
	    "https://app.example//a",
	    "https://app.example/a//b",
	    "https://app.example/./a",
	    "https://app.example/a/..",
	    "https://app.example/%61",
	    "https://app.example/a b",
	    "https://app.example\\a",
	    "https://app_\xc3\xa9.example",
	    "https://*.example",
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct server_url url;
		if (!server_url_parse(str_of(bad[i]), &url))
			fail_msg("%s", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_addresses),
	    cmocka_unit_test(ranges_contain_addresses),
	    cmocka_unit_test(reads_host_and_port),
	    cmocka_unit_test(reads_server_urls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
