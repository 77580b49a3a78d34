/* client_mail.h - hands one mail at a time to an SMTP server, by libcurl.
 *
 * TLS is not optional: smtps, or smtp with STARTTLS, and a certificate that verifies. Plain text goes to this machine
 * only (localhost, 127.0.0.1, ::1); where LICGATE_ALLOW_INSECURE_HOSTS says so TLS is used if there is any, unverified.
 * The server is the operator's choice, so it may have a private address.
 *
 * The time-out is for everything up to the end of the text. After that the server may already be about to deliver it,
 * and who gives up too soon sends it twice: its answer is waited for as long as RFC 5321, 4.5.3.2.6, asks for. A call
 * blocks its thread that long: for the mailer's own thread, never for a worker. The connection is kept between mails,
 * unless one was not taken: a late answer to that one would be read as the answer to the next. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

enum { MAIL_ANSWER_MS = 600000 }; /* from the end of the text to the server's answer */

struct mail_client;
struct mail_client_options {
	const char *url; /* smtp:// or smtps://, may hold user:password@ */
	bool allow_insecure;
	int64_t timeout_ms; /* until the server has the whole text, connecting included */
	const struct clock *clock;
};
enum err mail_client_new(const struct mail_client_options *o, struct mail_client **ret);
void mail_client_free(struct mail_client *c); /* accepts NULL */
/* Any thread: a mail on its way may take a few seconds more, a later one ends at once. */
void mail_client_stop(struct mail_client *c);

enum mail_outcome {
	MAIL_LATER = 0, /* not taken; it may be another time */
	MAIL_REJECTED,  /* the server says that it never will (5xx) */
	MAIL_SENT       /* the server has it */
};
struct mail_answer {
	enum mail_outcome outcome;
	const char *what; /* "sent", "rejected", "deferred", "connect_failed", "tls_failed" …: a literal */
	int code;         /* last answer of the server, 0: none */
};
/* from, to: addresses alone, which mailbox_address_ok() takes. text: the whole mail, lines ended by CRLF. */
struct mail_answer mail_client_send(struct mail_client *c, const char *from, const char *to, struct str text);

/* Whether that is a URL that mail_client_new() takes. ERR_INVALID, ERR_NOMEM. */
enum err mail_url_check(const char *url);
/* Whether that URL names this machine: pure. */
bool mail_host_is_local(struct str host);
