/* mail_fixture.h - a mailer between a journal and a mail server that the test plays, with a clock that it steps. */
#pragma once
#include "events/mail.h"
#include "store/fixture.h"

static const int64_t MINUTE = 60000, HOUR = 3600000, DAY = 86400000, START = 1772445600000; /* 2026-03-02T10:00Z */

struct world {
	struct fixture fixture;
	struct keyring *keyring;
	struct config config;
	struct mail_templates templates;
	struct mailer *mailer;
	struct mail_contact contact; /* empty address: there is none */
	_Atomic size_t sent;
	bool threaded;
	char to[200], text[4000];
	struct mail_answer answer;           /* what the server says */
	void (*while_sent)(struct world *w); /* NULL, or what happens before it says so */
	int events;
};

int mail_set_up(void **state);
int mail_tear_down(void **state);
/* A mail_contact_fn: the world's contact, of entitlements that start with "E-". */
enum err mail_find(struct store_tx *tx, const struct keyring *k, struct str entitlement, struct arena *a,
                   struct mail_contact *ret);
/* The mailer anew, as the config says now: a new process. */
void start(struct world *w);
/* An event of the journal; marketplace NULL: atlassian. */
void happens_at(struct world *w, const char *type, const char *entitlement, int64_t at, const char *marketplace);
void happens(struct world *w, const char *type, const char *entitlement);
/* What a report says of E-1. */
void report_says(struct world *w, const char *end, const char *type, const char *status);
/* Steps until there is nothing to do; how many were handed over. */
size_t run(struct world *w);
size_t later(struct world *w, int64_t ms);
/* "status result" of the newest mail of that template. */
const char *state_of(struct world *w, enum mail_kind kind);
