/* fuzz_mail.c - what a contact and a template can hold: the first line is an address, the second a name, the rest a
 * template file.
 *
 * Checked: an address that mail is sent to cannot end a command or a header; whatever a name, a subject and a text
 * are, the mail has our headers and no others, its lines are short ASCII, and the text comes out of it as it went in;
 * a template is taken exactly when no problem was told. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "base/form.h"
#include "events/mail_message.h"
#include "events/mail_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 4 << 20, LINE_MAX = 998 };

static void hear(void *problems, const struct problem *p)
{
	assert(p->place[0] && p->text[0]);
	for (const char *c = p->text; *c; c++)
		assert((unsigned char)*c >= ' ' && *c != 0x7f);
	++*(size_t *)problems;
}

static void check_address(struct str text)
{
	struct mailbox m;
	if (mailbox_address_ok(text)) {
		assert(mailbox_address_plausible(text));
		for (size_t i = 0; i < text.len; i++)
			assert(text.ptr[i] > ' ' && text.ptr[i] <= '~' && !strchr("<>()[]\\,;:\"", text.ptr[i]));
	}
	if (mailbox_parse(text, &m))
		assert(mailbox_address_ok(m.address) && str_printable(m.name) && utf8_valid(m.name));
}

/* Ours, in this order and no others; folded lines begin with a blank. */
static struct str check_headers(struct str mail)
{
	static const char *const names[] = {"Date",
	                                    "From",
	                                    "To",
	                                    "Subject",
	                                    "Message-ID",
	                                    "MIME-Version",
	                                    "Content-Type",
	                                    "Content-Transfer-Encoding",
	                                    "Auto-Submitted",
	                                    "List-Unsubscribe",
	                                    "List-Unsubscribe-Post"};
	struct str rest = mail, line;
	size_t next = 0;
	while (str_split(&rest, '\n', &line)) {
		assert(line.len > 0 && line.len <= LINE_MAX && line.ptr[line.len - 1] == '\r');
		for (size_t i = 0; i + 1 < line.len; i++)
			assert(line.ptr[i] >= ' ' && line.ptr[i] <= '~');
		if (line.len == 1)
			break;
		if (line.ptr[0] == ' ')
			continue;
		const struct str name = {line.ptr, str_find(line, ':')};
		assert(next < sizeof(names) / sizeof(names[0]) && str_eqz(name, names[next]));
		next++;
	}
	assert(next == sizeof(names) / sizeof(names[0]));
	return rest.ptr ? rest : STR("");
}

static void decode(struct str text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] != '=') {
			buf_char(out, text.ptr[i]);
			continue;
		}
		assert(i + 2 < text.len);
		if (text.ptr[i + 1] != '\r')
			buf_char(out, (char)(hex_digit(text.ptr[i + 1]) * 16 + hex_digit(text.ptr[i + 2])));
		i += 2;
	}
}

/* Lines of up to 76 characters that no dot begins; what is decoded is the text with CRLF. */
static void check_body(struct str body, struct str text)
{
	struct str rest = body, line;
	while (str_split(&rest, '\n', &line)) {
		assert(line.len <= 77 && (!line.len || line.ptr[0] != '.'));
		assert(!line.len || line.ptr[line.len - 1] == '\r');
	}
	__cleanup_buf struct buf decoded = BUF_INIT(OUT_MAX);
	__cleanup_buf struct buf want = BUF_INIT(OUT_MAX);
	decode(body, &decoded);
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n')
			continue;
		if (text.ptr[i] == '\n')
			buf_char(&want, '\r');
		buf_char(&want, text.ptr[i]);
	}
	if (want.len && want.data[want.len - 1] != '\n')
		buf_z(&want, "\r\n");
	assert(str_eq(buf_text(&decoded), buf_text(&want)));
}

static void check_mail(struct str name, struct str subject, struct str body)
{
	__cleanup_buf struct buf out = BUF_INIT(OUT_MAX);
	const struct mail_message m = {.from = {name, STR("apps@acme.example")},
	                               .to = {name, STR("jo@customer.example")},
	                               .subject = subject,
	                               .body = body,
	                               .id = STR("evt_1.welcome"),
	                               .unsubscribe_url = STR("https://app.example/mail/unsubscribe/T"),
	                               .date_ms = 1772445600000};
	mail_message_write(&out, &m);
	assert(out.err == OK);
	check_body(check_headers(buf_text(&out)), body);
}

static void check_template(struct str text, struct str name)
{
	struct mail_template t = {0};
	size_t problems = 0;
	const enum err err = mail_template_parse(text, "welcome.txt", hear, &problems, &t);
	assert((err == OK) == (problems == 0));
	if (err != OK)
		return;
	__cleanup_buf struct buf subject = BUF_INIT(OUT_MAX);
	__cleanup_buf struct buf body = BUF_INIT(OUT_MAX);
	const struct mail_values v = {name.len ? name : STR("x"),
	                              name.len ? name : STR("x"),
	                              STR("s"),
	                              STR("e"),
	                              STR("2026-03-02"),
	                              STR("7"),
	                              STR("b"),
	                              STR("https://u")};
	assert(mail_fill(t.subject, &v, &subject) == OK);
	assert(mail_fill(t.body, &v, &body) == OK && str_ifind(buf_text(&body), STR("https://u")));
	check_mail(name, buf_text(&subject), buf_text(&body));
	free(t.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {(const char *)data, size}, address, name;
	if (size > 64 * 1024 || !str_split(&rest, '\n', &address) || !rest.ptr || !str_split(&rest, '\n', &name))
		return 0;
	const struct str text = rest.ptr ? rest : STR("");
	check_address(address);
	check_mail(name, address, text);
	check_template(text, name);
	return 0;
}
