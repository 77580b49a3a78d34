/* mail.h - evaluator mail: off unless a server and a template are set; one thread that follows, sends, records.
 *
 * At least once: a mail is claimed before it is sent and recorded after. A crash in between delays it until the claim
 * ends; one between the server's yes and the record sends it again, with the same Message-ID. No address is logged,
 * and none is in the queue. */
#pragma once
#include "base/timers.h"
#include "events/mail_queue.h"
#include "http/client_mail.h"

struct mailer;
struct mailer_options {
	const struct config *config;
	const struct clock *clock;
	struct store *store;
	const struct keyring *keyring;
	mail_contact_fn *find;
	const struct mail_templates *templates; /* outlive it */
	const char *app_name;                   /* copied */
	bool threaded;                          /* false: a test calls mailer_step() itself */
	/* Hands a mail over; NULL: by SMTP. For tests. */
	struct mail_answer (*send)(void *arg, const char *from, const char *to, struct str text);
	void *send_arg;
};
/* ret NULL where no template is on. */
enum err mailer_start(const struct mailer_options *o, struct mailer **ret);
/* A mail on its way gets a few seconds. Accepts NULL. */
void mailer_stop(struct mailer *m);
/* Follows, sends at most one mail. False: nothing to do now. */
bool mailer_step(struct mailer *m);
