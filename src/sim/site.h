/* site.h - one simulated Jira site: its facts, and what each action changes when.
 *
 * Pure state, no network: site_actions.c makes the calls, asks here what to send and tells what came back. An install,
 * rotation or import takes hold only when the app accepted it; until then its secret is pending, and both are good
 * for the app's own calls, because an app may call back before its answer has arrived. A rename is the site's own
 * decision and stands whatever the app says. Guarded by the sim's lock. */
#pragma once
#include "sim/keys.h"
#include "sim/log.h"
#include "sim/remote_app.h"
#include "sim/site_accounts.h"
#include "sim/site_clock.h"

enum { SITE_NAME_MAX = 63, SITE_SECRET_LEN = 64 };

enum site_status { SITE_UNINSTALLED = 0, SITE_INSTALLED, SITE_ENABLED, SITE_DISABLED };
const char *site_status_name(enum site_status s);

enum site_license_state {
	SITE_LICENSE_NONE = 0,
	SITE_LICENSE_EVALUATION,
	SITE_LICENSE_ACTIVE,
	SITE_LICENSE_EXPIRED,
	SITE_LICENSE_CANCELLED,
	SITE_LICENSE_SUSPENDED,
	SITE_LICENSE_COUNT
};
const char *site_license_name(enum site_license_state s);
bool site_license_parse(struct str text, enum site_license_state *ret);

enum site_fault { FAULT_NONE = 0, FAULT_SLOW, FAULT_ERROR, FAULT_GONE, FAULT_GARBAGE, FAULT_COUNT };
const char *site_fault_name(enum site_fault f);
bool site_fault_parse(struct str text, enum site_fault *ret);

struct site_license {
	enum site_license_state state;
	int64_t expires_at; /* of the site's calendar, ms; 0: no date */
	int64_t users;      /* -1: unlimited */
	char edition[16];   /* "", "standard", "advanced" */
	const char *type;   /* a literal: "COMMERCIAL" */
};
/* The literal of a licence type; NULL: there is none of that name. */
const char *site_license_type(struct str text);
/* When a licence of that state ends unless said otherwise. */
int64_t site_license_default_end(enum site_license_state s, int64_t now_ms);
bool site_license_valid(const struct site_license *l);                 /* the host says: licensed */
const char *site_license_capability_set(const struct site_license *l); /* NULL: the app has no editions */

struct site_identity {
	char client_key[UUID_TEXT_LEN + 1], secret[SITE_SECRET_LEN + 1];
};

/* The app's installation by Forge, beside that by Connect. */
struct site_forge {
	bool installed;
	char installation[UUID_TEXT_LEN + 1], cloud_id[UUID_TEXT_LEN + 1], system_token[UUID_TEXT_LEN + 1];
	char environment[16];
	int major; /* of the app's version */
};

struct action; /* site_actions.c */
struct site {
	char name[SITE_NAME_MAX + 1];
	struct remote_app app;
	char entitlement[UUID_TEXT_LEN + 1]; /* the customer's: stays through an import */
	struct site_identity now, pending;   /* pending.secret "": nothing under way; now.secret "": never installed */
	enum site_status status;
	struct site_license license;
	struct site_forge forge;
	enum site_fault fault;
	struct site_accounts accounts;
	struct site_clock clock;
	struct sim_log log;
	struct action *running, *waiting; /* one action at a time; the others wait in order */
};

bool site_name_ok(struct str name);
/* Takes over what app owns. NULL: out of memory. Not installed, licence active. */
struct site *site_new(struct str name, struct remote_app *app, int64_t now_ms);
void site_free(struct site *s);

enum site_action {
	ACTION_INSTALL, /* of an installed app: an upgrade, same secret */
	ACTION_UNINSTALL,
	ACTION_REINSTALL,
	ACTION_RENAME,
	ACTION_ROTATE,
	ACTION_IMPORT,
	ACTION_ENABLE,
	ACTION_DISABLE,
	ACTION_COUNT
};
bool site_action_parse(struct str text, enum site_action *ret);

enum callback { CALLBACK_NONE = 0, CALLBACK_INSTALLED, CALLBACK_UNINSTALLED, CALLBACK_ENABLED, CALLBACK_DISABLED };
const char *callback_name(enum callback c); /* "installed" */
/* The calls an action makes, in order; CALLBACK_NONE past the last. */
enum callback site_action_step(enum site_action a, enum site_status status_before, size_t step);
/* Which of them decides what the action answers. */
enum callback site_action_decisive(enum site_action a);
bool site_action_allowed(const struct site *s, enum site_action a);
/* Just before a callback: makes the pending identity of an installed one. False: no randomness. */
bool site_prepare(struct site *s, enum site_action a, enum callback c);
/* After it: whether the app accepted (installed: 200 or 204; others: 2xx) and what changes by that. */
bool callback_accepted(enum callback c, int status);
void site_answered(struct site *s, enum callback c, bool accepted);

/* {"name","base_url","client_key","status","license":{…}} and, if detailed, "forge", "user", "accounts", "clock",
 * "fault", "app". */
void site_write(const struct site *s, const char *address, bool detailed, struct jsonw *w);
