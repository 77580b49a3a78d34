/* What framing_check refuses and why, as a table: a request of one line each, with the one thing that matters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/framing.h"

#define HOST "Host: a.test\n"

static const struct {
	const char *method, *target, *version;
	const char *headers; /* "name: value\n" each */
	enum framing want;
	const char *why;
	struct framing_body body;
} cases[] = {
    {"GET", "/p?a=1", "HTTP/1.1", HOST, FRAMING_OK, NULL, {0}},
    {"GET", "/", "HTTP/1.1", "hOST:a\n", FRAMING_OK, NULL, {0}},
    {"GET", "/", "HTTP/1.0", "", FRAMING_OK, NULL, {0}},
    {"POST", "/", "HTTP/1.1", HOST "Content-Length: 5\n", FRAMING_OK, NULL, {.length = 5}},
    {"POST", "/", "HTTP/1.1", HOST "Content-Length: 00\n", FRAMING_OK, NULL, {.length = 0}},
    {"POST",
     "/",
     "HTTP/1.1",
     HOST "Content-Length: 999999999999999999\n",
     FRAMING_OK,
     NULL,
     {.length = 999999999999999999}},
    {"POST", "/", "HTTP/1.1", HOST "Content-Length: 1000000000000000000\n", FRAMING_OK, NULL, {.length = UINT64_MAX}},
    {"POST",
     "/",
     "HTTP/1.1",
     HOST "Content-Length: 99999999999999999999999999\n",
     FRAMING_OK,
     NULL,
     {.length = UINT64_MAX}},
    {"POST", "/", "HTTP/1.1", HOST "transfer-encoding: chunked\n", FRAMING_OK, NULL, {.chunked = true}},
    {"POST", "/", "HTTP/1.1", HOST "Transfer-Encoding: CHUNKED\n", FRAMING_OK, NULL, {.chunked = true}},
    {"GET", "/", "HTTP/1.1", HOST "Authorization: JWT x\nX-A: \t \xc3\xa9\n", FRAMING_OK, NULL, {0}},
    {"OPTIONS", "/a%41%fF;x=[]{}|^`\"<>'()*!$,~", "HTTP/1.1", HOST, FRAMING_OK, NULL, {0}},
    {"PATCH", "/?%00x", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_nul", {0}},
    /* the request line */
    {"GET", "/", "HTTP/2.0", HOST, FRAMING_REFUSED, "version", {0}},
    {"GET", "/", "HTTP/1.x", HOST, FRAMING_REFUSED, "version", {0}},
    {"GET", "/", "HTTP/1.10", HOST, FRAMING_REFUSED, "version", {0}},
    {"GET", "/", "", HOST, FRAMING_REFUSED, "version", {0}},
    {"BREW", "/", "HTTP/1.1", HOST, FRAMING_UNKNOWN_METHOD, "method_unknown", {0}},
    {"get", "/", "HTTP/1.1", HOST, FRAMING_UNKNOWN_METHOD, "method_unknown", {0}},
    {"GE(T", "/", "HTTP/1.1", HOST, FRAMING_REFUSED, "method_token", {0}},
    {"", "/", "HTTP/1.1", HOST, FRAMING_REFUSED, "method_token", {0}},
    {"TRACE", "/", "HTTP/1.1", HOST, FRAMING_METHOD_BARRED, "method_barred", {0}},
    {"CONNECT", "a:443", "HTTP/1.1", HOST, FRAMING_METHOD_BARRED, "method_barred", {0}},
    {"GET", "", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_form", {0}},
    {"GET", "p", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_form", {0}},
    {"OPTIONS", "*", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_form", {0}},
    {"GET", "http://a.test/", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_form", {0}},
    {"GET", "/a b", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_byte", {0}},
    {"GET", "/a\tb", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_byte", {0}},
    {"GET", "/a\x01", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_byte", {0}},
    {"GET", "/a\x7f", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_byte", {0}},
    {"GET", "/\xff", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_byte", {0}},
    {"GET", "/a#b", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_byte", {0}},
    {"GET", "/a\\b", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_byte", {0}},
    {"GET", "/p%00x", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_nul", {0}},
    {"GET", "/p?a=%00", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_nul", {0}},
    {"GET", "/p%", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_escape", {0}},
    {"GET", "/p%4", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_escape", {0}},
    {"GET", "/p?%zz", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_escape", {0}},
    {"GET", "/p?%4g", "HTTP/1.1", HOST, FRAMING_REFUSED, "target_escape", {0}},
    /* headers */
    {"GET", "/", "HTTP/1.1", "", FRAMING_REFUSED, "no_host", {0}},
    {"GET", "/", "HTTP/1.1", HOST HOST, FRAMING_REFUSED, "two_hosts", {0}},
    {"GET", "/", "HTTP/1.0", HOST HOST, FRAMING_REFUSED, "two_hosts", {0}},
    {"GET", "/", "HTTP/1.1", "Host: a,b\n", FRAMING_REFUSED, "host_value", {0}},
    {"GET", "/", "HTTP/1.1", "Host: u@b\n", FRAMING_REFUSED, "host_value", {0}},
    {"GET", "/", "HTTP/1.1", HOST "X-[]: t\n", FRAMING_REFUSED, "header_name", {0}},
    {"GET", "/", "HTTP/1.1", HOST "X A: t\n", FRAMING_REFUSED, "header_name", {0}},
    {"GET", "/", "HTTP/1.1", HOST "Content-Length : 3\n", FRAMING_REFUSED, "header_name", {0}},
    {"GET", "/", "HTTP/1.1", HOST ": t\n", FRAMING_REFUSED, "header_name", {0}},
    {"GET", "/", "HTTP/1.1", HOST "X: a\rb\n", FRAMING_REFUSED, "header_value", {0}},
    {"GET", "/", "HTTP/1.1", HOST "X: a\x7f\n", FRAMING_REFUSED, "header_value", {0}},
    {"GET",
     "/",
     "HTTP/1.1",
     HOST "Authorization: JWT a\nauthorization: JWT a\n",
     FRAMING_REFUSED,
     "two_authorizations",
     {0}},
    /* the body's length */
    {"POST", "/", "HTTP/1.1", HOST "Content-Length: 5\nContent-Length: 5\n", FRAMING_REFUSED, "two_lengths", {0}},
    {"POST",
     "/",
     "HTTP/1.1",
     HOST "Content-Length: 5\nTransfer-Encoding: chunked\n",
     FRAMING_REFUSED,
     "length_and_encoding",
     {0}},
    {"POST",
     "/",
     "HTTP/1.1",
     HOST "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n",
     FRAMING_REFUSED,
     "two_encodings",
     {0}},
    {"POST", "/", "HTTP/1.1", HOST "Transfer-Encoding: gzip, chunked\n", FRAMING_REFUSED, "encoding", {0}},
    {"POST", "/", "HTTP/1.1", HOST "Transfer-Encoding: \"chunked\"\n", FRAMING_REFUSED, "encoding", {0}},
    {"POST", "/", "HTTP/1.1", HOST "Transfer-Encoding: chunked \n", FRAMING_REFUSED, "encoding", {0}},
    {"POST", "/", "HTTP/1.1", HOST "Transfer-Encoding:\n", FRAMING_REFUSED, "encoding", {0}},
    {"POST", "/", "HTTP/1.1", HOST "Transfer-Encoding: identity\n", FRAMING_REFUSED, "encoding", {0}},
    {"POST", "/", "HTTP/1.0", HOST "Transfer-Encoding: chunked\n", FRAMING_REFUSED, "encoding", {0}},
    {"POST", "/", "HTTP/1.1", HOST "Content-Length: +5\n", FRAMING_REFUSED, "length", {0}},
    {"POST", "/", "HTTP/1.1", HOST "Content-Length: -5\n", FRAMING_REFUSED, "length", {0}},
    {"POST", "/", "HTTP/1.1", HOST "Content-Length: 5, 5\n", FRAMING_REFUSED, "length", {0}},
    {"POST", "/", "HTTP/1.1", HOST "Content-Length: 0x5\n", FRAMING_REFUSED, "length", {0}},
    {"POST", "/", "HTTP/1.1", HOST "Content-Length:\n", FRAMING_REFUSED, "length", {0}},
    {"POST", "/", "HTTP/1.1", HOST "Content-Length: 9999999999999999999x\n", FRAMING_REFUSED, "length", {0}},
};

/* Splits at the line's end, the first colon and one blank after it. */
static size_t split_headers(const char *text, struct framing_header *h)
{
	size_t count = 0;
	struct str rest = str_of(text), line;
	while (str_split(&rest, '\n', &line) && rest.ptr) {
		const size_t colon = str_find(line, ':');
		struct str value = {line.ptr + colon + 1, line.len - colon - 1};
		if (value.len > 0 && value.ptr[0] == ' ')
			value = (struct str){value.ptr + 1, value.len - 1};
		h[count++] = (struct framing_header){{line.ptr, colon}, value};
	}
	return count;
}

static void reads_a_request_in_one_way_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct framing_header h[8];
		struct framing_request r = {str_of(cases[i].method), str_of(cases[i].target), str_of(cases[i].version), h,
		                            split_headers(cases[i].headers, h)};
		struct framing_body body = {0};
		const char *why = NULL;
		print_message("%s %s %s %s\n", cases[i].method, cases[i].target, cases[i].version, cases[i].headers);
		assert_int_equal(framing_check(&r, &body, &why), cases[i].want);
		if (cases[i].want != FRAMING_OK)
			assert_string_equal(why, cases[i].why);
		assert_int_equal(body.chunked, cases[i].body.chunked);
		assert_int_equal(body.length, cases[i].body.length);
	}
}

static void bytes_that_c_strings_hide_are_seen(void **state)
{
	(void)state;
	const char *why = NULL;
	assert_false(framing_target_ok((struct str){"/p\0x", 4}, &why));
	assert_string_equal(why, "target_byte");
	struct framing_header h[] = {{STR("Host"), STR("a")}, {STR("X"), {"a\0b", 3}}};
	struct framing_request r = {STR("GET"), STR("/"), STR("HTTP/1.1"), h, 2};
	struct framing_body body;
	assert_int_equal(framing_check(&r, &body, &why), FRAMING_REFUSED);
	assert_string_equal(why, "header_value");
	h[1] = (struct framing_header){{"X\0Y", 3}, STR("a")};
	assert_int_equal(framing_check(&r, &body, &why), FRAMING_REFUSED);
	assert_string_equal(why, "header_name");
}

static void headers_are_counted(void **state)
{
	(void)state;
	struct framing_header h[FRAMING_HEADERS_MAX + 1];
	h[0] = (struct framing_header){STR("Host"), STR("a")};
	for (size_t i = 1; i <= FRAMING_HEADERS_MAX; i++)
		h[i] = (struct framing_header){STR("X"), STR("")};
	struct framing_request r = {STR("GET"), STR("/"), STR("HTTP/1.1"), h, FRAMING_HEADERS_MAX};
	struct framing_body body;
	const char *why = NULL;
	assert_int_equal(framing_check(&r, &body, &why), FRAMING_OK);
	r.header_count++;
	assert_int_equal(framing_check(&r, &body, &why), FRAMING_REFUSED);
	assert_string_equal(why, "header_count");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_a_request_in_one_way_only),
	    cmocka_unit_test(bytes_that_c_strings_hide_are_seen),
	    cmocka_unit_test(headers_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
