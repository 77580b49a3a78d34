/* test_mail_template.c - which template files are taken, what is told of the others, how values get into a text. */
#include <stdio.h>
#include <stdlib.h>

#include "events/mail_message.h"
#include "events/mail_template.h"
#include "test.h"

#define END "\n\n{{unsubscribe_url}}"

struct told {
	size_t count;
	struct problem first;
};

static void note(void *arg, const struct problem *p)
{
	struct told *t = arg;
	if (t->count++ == 0)
		t->first = *p;
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text, *place, *problem; /* place NULL: taken */
	} cases[] = {
	    {"Subject: Hi\n\nHello {{name}}" END, NULL, NULL},
	    {"Subject: Hi {{ app }}\r\n\r\nHello\r\n{{unsubscribe_url}}\r\n", NULL, NULL},
	    {"Subject: Hi\n\nHello {{nmae}}" END, "x.txt:3", "{{nmae}} is unknown"},
	    {"Subject: Hi {{what}}\n\nHello" END, "x.txt:1", "{{what}} is unknown"},
	    {"Subject: Hi\n\nHello\nyou {{name" END, "x.txt:4", "without }}"},
	    {"Subject: Hi\n\nHello", "x.txt:3", "must say {{unsubscribe_url}}"},
	    {"Subject: Hi {{unsubscribe_url}}\n\nHello", "x.txt:3", "must say {{unsubscribe_url}}"},
	    {"Hello", "x.txt:1", "must start with"},
	    {"", "x.txt:1", "must start with"},
	    {"Subject:\n\nHello" END, "x.txt:1", "1 to 200 bytes"},
	    {"Subject: Hi\nHello" END, "x.txt:2", "empty line"},
	    {"Subject: Hi", "x.txt:1", "empty line"},
	    {"Subject: Hi\n\n\xff" END, "x.txt:1", "UTF-8"},
	    {"Subject: Hi\n\nHel\x01lo" END, "x.txt:3", "control byte"},
	    {"Subject: Hi\rBcc: x\n\nHello" END, "x.txt:1", "control byte"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct told told = {0};
		struct mail_template t = {0};
		const enum err err = mail_template_parse(str_of(cases[i].text), "x.txt", note, &told, &t);
		if (err != (cases[i].place ? ERR_INVALID : OK))
			fail_msg("%zu: %s", i, cases[i].text);
		if (cases[i].place && (strcmp(told.first.place, cases[i].place) || !strstr(told.first.text, cases[i].problem)))
			fail_msg("%zu: %s: %s", i, told.first.place, told.first.text);
		free(t.text);
	}
}

static void values_stand_where_they_are_named(void **state)
{
	const struct mail_values v = {.name = STR("Jo {{app}}"), .app = STR("Board"), .unsubscribe_url = STR("https://u")};
	struct buf out = BUF_INIT(200);
	(void)state;
	assert_int_equal(mail_fill(STR("{{name}}, {{ app }}: {{unsubscribe_url}} } {"), &v, &out), OK);
	assert_string_equal(out.data, "Jo {{app}}, Board: https://u } {"); /* a value is no template */
	buf_reset(&out);
	assert_int_equal(mail_fill(STR("until {{ends_on}}"), &v, &out), ERR_NOT_FOUND);
	buf_release(&out);
	struct buf small = BUF_INIT(4);
	assert_int_equal(mail_fill(STR("{{name}}"), &v, &small), ERR_TOO_LARGE);
	buf_release(&small);
}

static void a_whole_mail(void **state)
{
	const struct mail_message m = {.from = {STR("Acme Apps"), STR("apps@acme.example")},
	                               .to = {STR("Jö\r\nBcc: x@y.example"), STR("jo@customer.example")},
	                               .subject = STR("Hello\r\nX-Evil: 1"),
	                               .body = STR("Grüße\n.\nend\n"),
	                               .id = STR("evt_1.welcome"),
	                               .unsubscribe_url = STR("https://app.example/mail/unsubscribe/T"),
	                               .date_ms = 1772445600000};
	struct buf out = BUF_INIT(4000);
	(void)state;
	mail_message_write(&out, &m);
	assert_string_equal(out.data, "Date: Mon, 2 Mar 2026 10:00:00 +0000\r\n"
	                              "From: \"Acme Apps\"\r\n <apps@acme.example>\r\n"
	                              "To: =?UTF-8?B?SsO2ICBCY2M6IHhAeS5leGFtcGxl?=\r\n <jo@customer.example>\r\n"
	                              "Subject: =?UTF-8?B?SGVsbG8gIFgtRXZpbDogMQ==?=\r\n"
	                              "Message-ID: <evt_1.welcome@acme.example>\r\n"
	                              "MIME-Version: 1.0\r\n"
	                              "Content-Type: text/plain; charset=utf-8\r\n"
	                              "Content-Transfer-Encoding: quoted-printable\r\n"
	                              "Auto-Submitted: auto-generated\r\n"
	                              "List-Unsubscribe: <https://app.example/mail/unsubscribe/T>\r\n"
	                              "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
	                              "\r\n"
	                              "Gr=C3=BC=C3=9Fe\r\n=2E\r\nend\r\n");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_wrong_is_told_with_its_line),
	    cmocka_unit_test(values_stand_where_they_are_named),
	    cmocka_unit_test(a_whole_mail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
