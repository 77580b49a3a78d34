/* mail_message.h - the mail as it goes over the wire (RFC 5322): headers and a quoted-printable text.
 *
 * It says that a program sent it (Auto-Submitted, RFC 3834) and how to get no more (List-Unsubscribe, RFC 2369;
 * one click, RFC 8058). Values are cleaned where headers are made: nothing of a name or a subject can start a header
 * of its own. Pure. */
#pragma once
#include "base/mailbox.h"

struct mail_message {
	struct mailbox from, to;
	struct str subject, body; /* UTF-8 */
	struct str id;            /* Message-ID without its host: the same for every attempt */
	struct str unsubscribe_url;
	int64_t date_ms;
};
void mail_message_write(struct buf *out, const struct mail_message *m);
