/* test_mailbox.c - which addresses mail may be sent to, and what headers and texts look like on the wire. */
#include "base/mailbox.h"
#include "test.h"

static void addresses(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
	    {"jo@acme.example", true},
	    {"Jo.Doe+x_y%z@mail.acme-corp.co", true},
	    {"o'neil@acme.example", true},
	    {"", false},
	    {"@acme.example", false},
	    {"jo@", false},
	    {"jo@acme", false},
	    {"jo@@acme.example", false},
	    {"jo@acme.example@x.example", false},
	    {".jo@acme.example", false},
	    {"jo.@acme.example", false},
	    {"jo..doe@acme.example", false},
	    {"jo@-acme.example", false},
	    {"jo@acme..example", false},
	    {"jo@acme.example.", false},
	    {"jo doe@acme.example", false},
	    {"\"jo\"@acme.example", false},
	    {"<jo@acme.example>", false},
	    {"jo@acme.example\r\nRCPT TO:<x@y.example>", false},
	    {"jo@acme.example,al@acme.example", false},
	    {"jo@[127.0.0.1]", false},
	    {"j\xc3\xb6@acme.example", false},
	    {"jo@\xc3\xa4.example", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (mailbox_address_ok(str_of(cases[i].text)) != cases[i].ok)
			fail_msg("%s", cases[i].text);
	assert_false(mailbox_address_ok((struct str){"jo@acme\0.example", 16}));
}

static void what_may_be_looked_for(void **state)
{
	static const char *const yes[] = {"jo@acme.example", "j\xc3\xb6@\xc3\xa4.example", "o'neil+x@acme"};
	static const char *const no[] = {"<jo@acme.example>",   "mailto:jo@acme.example", "jo@acme.example,",
	                                 "jo@acme.example;",    "jo acme.example",        "jo @acme.example",
	                                 "\"jo\"@acme.example", "@acme.example"};
	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(mailbox_address_plausible(str_of(yes[i])));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(mailbox_address_plausible(str_of(no[i])));
}

static void mailboxes(void **state)
{
	static const struct {
		const char *text, *name, *address; /* address NULL: refused */
	} cases[] = {
	    {"jo@acme.example", "", "jo@acme.example"},
	    {"Acme Apps <jo@acme.example>", "Acme Apps", "jo@acme.example"},
	    {"\"Acme, Apps\" <jo@acme.example>", "Acme, Apps", "jo@acme.example"},
	    {"J\xc3\xb6 <jo@acme.example>", "J\xc3\xb6", "jo@acme.example"},
	    {"<jo@acme.example>", "", "jo@acme.example"},
	    {"Acme <jo@acme.example> x", NULL, NULL},
	    {"Acme <jo@acme>", NULL, NULL},
	    {"Acme\r\nBcc: x <jo@acme.example>", NULL, NULL},
	    {"A\"b <jo@acme.example>", NULL, NULL},
	    {"\xff <jo@acme.example>", NULL, NULL},
	    {"", NULL, NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mailbox m;
		const bool ok = mailbox_parse(str_of(cases[i].text), &m);
		if (ok != (cases[i].address != NULL))
			fail_msg("%s", cases[i].text);
		if (ok && (!str_eqz(m.name, cases[i].name) || !str_eqz(m.address, cases[i].address)))
			fail_msg("%s", cases[i].text);
	}
}

static void assert_header(const char *text, const char *want)
{
	struct buf out = BUF_INIT(10000);
	header_text(&out, "Subject", str_of(text));
	assert_int_equal(out.err, OK);
	assert_string_equal(out.data, want);
	buf_release(&out);
}

static void headers(void **state)
{
	(void)state;
	assert_header("Hello", "Subject: Hello\r\n");
	assert_header("Grüße", "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\n");
	assert_header("=?UTF-8?B?eA==?=", "Subject: =?UTF-8?B?PT9VVEYtOD9CP2VBPT0/PQ==?=\r\n"); /* said, not meant */
	assert_header("a\r\nBcc: x@y.example", "Subject: =?UTF-8?B?YSAgQmNjOiB4QHkuZXhhbXBsZQ==?=\r\n"); /* "a  Bcc: …" */
	assert_header("one two three four five six seven eight nine ten eleven twelve thirteen fourteen",
	              "Subject: one two three four five six seven eight nine ten eleven\r\n twelve thirteen fourteen\r\n");
	/* cut between characters, 45 bytes a word */
	assert_header("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
	              "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac",
	              "Subject: =?UTF-8?B?4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs?=\r\n"
	              " =?UTF-8?B?4oKs?=\r\n");
}

static void assert_mailbox(const char *name, const char *want)
{
	struct buf out = BUF_INIT(10000);
	header_mailbox(&out, "To", str_of(name), STR("jo@acme.example"));
	assert_string_equal(out.data, want);
	buf_release(&out);
}

static void names_in_headers(void **state)
{
	(void)state;
	assert_mailbox("", "To: jo@acme.example\r\n");
	assert_mailbox("Jo Doe", "To: \"Jo Doe\"\r\n <jo@acme.example>\r\n");
	assert_mailbox("Doe, Jo", "To: \"Doe, Jo\"\r\n <jo@acme.example>\r\n");
	assert_mailbox("Jo \"J\" Doe", "To: =?UTF-8?B?Sm8gIkoiIERvZQ==?=\r\n <jo@acme.example>\r\n");
	assert_mailbox("x\r\nBcc: y@z.example", "To: =?UTF-8?B?eCAgQmNjOiB5QHouZXhhbXBsZQ==?=\r\n <jo@acme.example>\r\n");
}

static void assert_body(const char *text, const char *want)
{
	struct buf out = BUF_INIT(10000);
	quoted_printable(&out, str_of(text));
	assert_string_equal(buf_text(&out).ptr, want);
	buf_release(&out);
}

static void bodies(void **state)
{
	(void)state;
	assert_body("Hello\nyou\n", "Hello\r\nyou\r\n");
	assert_body("Hello\r\nyou", "Hello\r\nyou\r\n");
	assert_body("a=b", "a=3Db\r\n");
	assert_body("\xc3\xa4", "=C3=A4\r\n");
	assert_body(".\nx", "=2E\r\nx\r\n");
	assert_body("end \nx\t", "end=20\r\nx=09\r\n");
	assert_body("a\rb", "a=0Db\r\n");
	assert_body("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=\r\n"
	            "aaaaaaaaaaaaaaa\r\n");
	assert_body("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b",
	            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=\r\n=2Eb\r\n");
	assert_body("", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses), cmocka_unit_test(what_may_be_looked_for), cmocka_unit_test(mailboxes),
	    cmocka_unit_test(headers),   cmocka_unit_test(names_in_headers),       cmocka_unit_test(bodies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
