/* mail_template.h - what a mail says: files that the vendor writes, checked before anything is sent.
 *
 * LICGATE_MAIL_DIR holds welcome.txt, ending.txt and expired.txt: "Subject: …", an empty line, the text in UTF-8.
 * `{{name}}` stands for a value; an unknown one is a mistake, and every text must say {{unsubscribe_url}}. */
#pragma once
#include "base/arena.h"
#include "config/config.h"

enum mail_kind { MAIL_WELCOME, MAIL_ENDING, MAIL_EXPIRED, MAIL_KINDS };
const char *mail_kind_name(enum mail_kind k); /* "welcome" */
bool mail_kind_parse(struct str name, enum mail_kind *ret);
/* Is that template on? */
bool mail_kind_on(const struct config *c, enum mail_kind k);

struct mail_template {
	char *text;               /* owned */
	struct str subject, body; /* pieces of text */
};
struct mail_templates {
	struct mail_template kinds[MAIL_KINDS]; /* text NULL: off */
};
/* Those that are on. Tells every problem with file and line; ERR_INVALID after one, ERR_NOMEM. */
enum err mail_templates_load(const struct config *c, problem_fn *tell, void *arg, struct mail_templates *ret);
void mail_templates_release(struct mail_templates *t);
/* One text; place is what problems name. Takes a copy. */
enum err mail_template_parse(struct str text, const char *place, problem_fn *tell, void *arg,
                             struct mail_template *ret);

struct mail_values {
	struct str name, app, site, entitlement, ends_on, days_left, base_url, unsubscribe_url;
};
/* Appends the text with its values. ERR_NOT_FOUND: one that the text needs is empty. ERR_TOO_LARGE, ERR_NOMEM. */
enum err mail_fill(struct str text, const struct mail_values *v, struct buf *out);
