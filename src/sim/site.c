/* site.c - the state of a simulated site, as tables: what an action calls, what an answer changes.
 *
 * Source of the rules: Atlassian's lifecycle, as the apps see it. `installed` is synchronous and counts only with 200
 * or 204; the other callbacks are announcements, whose answer changes nothing at the site. */
#include "sim/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

#define DAY_MS (24 * 60 * 60 * (int64_t)1000)

static const char *const status_names[] = {"uninstalled", "installed", "enabled", "disabled"};
static const char *const license_names[SITE_LICENSE_COUNT] = {"none",    "evaluation", "active",
                                                              "expired", "cancelled",  "suspended"};
static const char *const license_types[] = {"COMMERCIAL", "ACADEMIC",      "COMMUNITY",
                                            "DEVELOPER",  "DEMONSTRATION", "STARTER"};
static const char *const fault_names[FAULT_COUNT] = {"none", "slow", "error", "gone", "garbage"};
static const char *const callback_names[] = {"none", "installed", "uninstalled", "enabled", "disabled"};

enum { STEPS_MAX = 4 };
static const struct {
	const char *name;
	bool needs_installed;
	enum callback decisive;
	enum callback steps[STEPS_MAX]; /* of an installed app */
} actions[ACTION_COUNT] = {
    [ACTION_INSTALL] = {"install", false, CALLBACK_INSTALLED, {CALLBACK_INSTALLED, CALLBACK_ENABLED}},
    [ACTION_UNINSTALL] = {"uninstall", true, CALLBACK_UNINSTALLED, {CALLBACK_UNINSTALLED}},
    [ACTION_REINSTALL] = {"reinstall",
                          false,
                          CALLBACK_INSTALLED,
                          {CALLBACK_UNINSTALLED, CALLBACK_INSTALLED, CALLBACK_ENABLED}},
    [ACTION_RENAME] = {"rename", true, CALLBACK_INSTALLED, {CALLBACK_INSTALLED}},
    [ACTION_ROTATE] = {"rotate", true, CALLBACK_INSTALLED, {CALLBACK_INSTALLED}},
    [ACTION_IMPORT] = {"import", true, CALLBACK_INSTALLED, {CALLBACK_INSTALLED}},
    [ACTION_ENABLE] = {"enable", true, CALLBACK_ENABLED, {CALLBACK_ENABLED}},
    [ACTION_DISABLE] = {"disable", true, CALLBACK_DISABLED, {CALLBACK_DISABLED}},
};

static bool name_find(const char *const *names, size_t count, struct str text, size_t *ret)
{
	for (size_t i = 0; i < count; i++)
		if (str_eqz(text, names[i])) {
			*ret = i;
			return true;
		}
	return false;
}

const char *site_status_name(enum site_status s)
{
	return status_names[s];
}

const char *site_license_name(enum site_license_state s)
{
	return license_names[s];
}

bool site_license_parse(struct str text, enum site_license_state *ret)
{
	size_t i;
	if (!name_find(license_names, SITE_LICENSE_COUNT, text, &i))
		return false;
	*ret = (enum site_license_state)i;
	return true;
}

const char *site_license_type(struct str text)
{
	size_t i;
	return name_find(license_types, sizeof(license_types) / sizeof(license_types[0]), text, &i) ? license_types[i]
	                                                                                            : NULL;
}

const char *site_fault_name(enum site_fault f)
{
	return fault_names[f];
}

bool site_fault_parse(struct str text, enum site_fault *ret)
{
	size_t i;
	if (!name_find(fault_names, FAULT_COUNT, text, &i))
		return false;
	*ret = (enum site_fault)i;
	return true;
}

const char *callback_name(enum callback c)
{
	return callback_names[c];
}

bool site_action_parse(struct str text, enum site_action *ret)
{
	for (size_t i = 0; i < ACTION_COUNT; i++)
		if (str_eqz(text, actions[i].name)) {
			*ret = (enum site_action)i;
			return true;
		}
	return false;
}

int64_t site_license_default_end(enum site_license_state s, int64_t now_ms)
{
	switch (s) {
	case SITE_LICENSE_EVALUATION:
		return now_ms + 30 * DAY_MS;
	case SITE_LICENSE_ACTIVE:
	case SITE_LICENSE_SUSPENDED:
		return now_ms + 365 * DAY_MS;
	case SITE_LICENSE_CANCELLED: /* paid until the end of its term */
		return now_ms + 20 * DAY_MS;
	case SITE_LICENSE_EXPIRED: /* longer ago than any usual grace period */
		return now_ms - 60 * DAY_MS;
	case SITE_LICENSE_NONE:
	case SITE_LICENSE_COUNT:
		break;
	}
	return 0;
}

bool site_license_valid(const struct site_license *l)
{
	return l->state == SITE_LICENSE_EVALUATION || l->state == SITE_LICENSE_ACTIVE || l->state == SITE_LICENSE_CANCELLED;
}

const char *site_license_capability_set(const struct site_license *l)
{
	if (!strcmp(l->edition, "standard"))
		return "capabilityStandard";
	return !strcmp(l->edition, "advanced") ? "capabilityAdvanced" : NULL;
}

bool site_name_ok(struct str name)
{
	if (name.len == 0 || name.len > SITE_NAME_MAX || name.ptr[0] == '-')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return true;
}

struct site *site_new(struct str name, struct remote_app *app, int64_t now_ms)
{
	struct site *s = calloc(1, sizeof(*s));
	if (!s || !uuid_text(s->now.client_key) || !uuid_text(s->entitlement) || !uuid_text(s->forge.cloud_id) ||
	    !uuid_text(s->forge.system_token) || !site_accounts_init(&s->accounts, now_ms)) {
		site_free(s);
		return NULL;
	}
	memcpy(s->name, name.ptr, name.len);
	s->clock.seen_ms = now_ms;
	s->license = (struct site_license){.state = SITE_LICENSE_ACTIVE, .users = 100, .type = license_types[0]};
	s->license.expires_at = site_license_default_end(s->license.state, now_ms);
	s->app = *app;
	*app = (struct remote_app){0};
	return s;
}

void site_free(struct site *s)
{
	if (!s)
		return;
	remote_app_release(&s->app);
	site_accounts_release(&s->accounts);
	sim_log_release(&s->log);
	wipe(&s->now, sizeof(s->now));
	wipe(&s->pending, sizeof(s->pending));
	free(s);
}

enum callback site_action_step(enum site_action a, enum site_status status_before, size_t step)
{
	/* reinstalling what is not there has nothing to uninstall first */
	if (a == ACTION_REINSTALL && status_before == SITE_UNINSTALLED)
		a = ACTION_INSTALL;
	return step < STEPS_MAX ? actions[a].steps[step] : CALLBACK_NONE;
}

enum callback site_action_decisive(enum site_action a)
{
	return actions[a].decisive;
}

bool site_action_allowed(const struct site *s, enum site_action a)
{
	return !actions[a].needs_installed || s->status != SITE_UNINSTALLED;
}

bool site_prepare(struct site *s, enum site_action a, enum callback c)
{
	if (c != CALLBACK_INSTALLED)
		return true;
	bool same_secret = (a == ACTION_RENAME || a == ACTION_INSTALL) && s->status != SITE_UNINSTALLED;
	struct site_identity next = s->now;
	if (!same_secret && !random_text(next.secret, SITE_SECRET_LEN))
		return false;
	if (a == ACTION_IMPORT && !uuid_text(next.client_key))
		return false;
	s->pending = next;
	return true;
}

bool callback_accepted(enum callback c, int status)
{
	if (c == CALLBACK_INSTALLED)
		return status == 200 || status == 204;
	return status >= 200 && status < 300;
}

void site_answered(struct site *s, enum callback c, bool accepted)
{
	switch (c) {
	case CALLBACK_INSTALLED:
		if (accepted) {
			s->now = s->pending;
			if (s->status == SITE_UNINSTALLED)
				s->status = SITE_INSTALLED;
		}
		wipe(&s->pending, sizeof(s->pending));
		break;
	case CALLBACK_UNINSTALLED:
		s->status = SITE_UNINSTALLED;
		break;
	case CALLBACK_ENABLED:
		s->status = SITE_ENABLED;
		break;
	case CALLBACK_DISABLED:
		s->status = SITE_DISABLED;
		break;
	case CALLBACK_NONE:
		break;
	}
}

static void forge_write(const struct site_forge *f, struct jsonw *w)
{
	char version[24];
	snprintf(version, sizeof(version), "%d.0.0", f->major);
	jw_key(w, "forge");
	if (!f->installed) {
		jw_null(w);
		return;
	}
	jw_obj(w);
	jw_kz(w, "installation", f->installation);
	jw_kz(w, "environment", f->environment);
	jw_kz(w, "version", version);
	jw_end_obj(w);
}

static void details_write(const struct site *s, struct jsonw *w)
{
	forge_write(&s->forge, w);
	jw_key(w, "user");
	jw_obj(w);
	jw_kz(w, "account_id", site_accounts_user(&s->accounts)->id);
	jw_kbool(w, "admin", site_accounts_user(&s->accounts)->admin);
	jw_end_obj(w);
	jw_key(w, "accounts");
	site_accounts_write(&s->accounts, w);
	jw_key(w, "clock");
	site_clock_write(s, w);
	jw_kz(w, "fault", site_fault_name(s->fault));
	jw_key(w, "app");
	jw_obj(w);
	jw_kstr(w, "key", s->app.key);
	jw_kstr(w, "name", s->app.name);
	jw_kstr(w, "base_url", s->app.base_url);
	jw_kbool(w, "licensing", s->app.licensing);
	jw_key(w, "webhooks");
	remote_app_webhooks_write(&s->app, w);
	jw_key(w, "modules");
	remote_app_modules_write(&s->app, w);
	jw_end_obj(w);
}

void site_write(const struct site *s, const char *address, bool detailed, struct jsonw *w)
{
	char base_url[SITE_NAME_MAX + 256];
	snprintf(base_url, sizeof(base_url), "http://%s/sites/%s", address, s->name);
	jw_obj(w);
	jw_kz(w, "name", s->name);
	jw_kz(w, "base_url", base_url);
	jw_kz(w, "client_key", s->now.client_key);
	jw_kz(w, "status", site_status_name(s->status));
	jw_key(w, "license");
	jw_obj(w);
	jw_kz(w, "state", site_license_name(s->license.state));
	jw_ktime(w, "expires_at", s->license.expires_at);
	jw_kint(w, "users", s->license.users);
	jw_kz(w, "edition", s->license.edition[0] ? s->license.edition : NULL);
	jw_kz(w, "type", s->license.type);
	jw_end_obj(w);
	if (detailed)
		details_write(s, w);
	jw_end_obj(w);
}
