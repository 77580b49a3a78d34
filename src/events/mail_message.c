/* mail_message.c - see mail_message.h. */
#include "events/mail_message.h"

#include <stdio.h>
#include <time.h>

static struct str host_of(struct str address)
{
	const size_t at = str_find(address, '@');
	return at < address.len ? (struct str){address.ptr + at + 1, address.len - at - 1} : address;
}

static void header_date(struct buf *out, int64_t ms)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	const time_t t = (time_t)(ms / 1000);
	struct tm tm;
	if (!gmtime_r(&t, &tm))
		return;
	buf_printf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
	           tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void mail_message_write(struct buf *out, const struct mail_message *m)
{
	header_date(out, m->date_ms);
	header_mailbox(out, "From", m->from.name, m->from.address);
	header_mailbox(out, "To", m->to.name, m->to.address);
	header_text(out, "Subject", m->subject);
	buf_printf(out, "Message-ID: <%.*s@%.*s>\r\n", STR_ARG(m->id), STR_ARG(host_of(m->from.address)));
	buf_z(out, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
	           "Content-Transfer-Encoding: quoted-printable\r\nAuto-Submitted: auto-generated\r\n");
	buf_printf(out,
	           "List-Unsubscribe: <%.*s>\r\n"
	           "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n",
	           STR_ARG(m->unsubscribe_url));
	quoted_printable(out, m->body);
}
