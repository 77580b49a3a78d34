/* follow.c - see follow.h. An installation that arrives is looked up by its id, else joined to the Connect tenant of
 * the same customer, else given a tenant of its own. A tenant is uninstalled when its last door is. Tokens tell their
 * own time (iat): what is older than the news that is stored changes nothing. */
#include "forge/follow.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "events/journal.h"
#include "license/join.h"

enum { ARENA_MAX = 256 * 1024, ONCE_SIZE = 320 };

static struct follow *follow_of(struct store_job *job)
{
	return (struct follow *)(void *)job;
}

static const char *text(struct follow *w, struct str s, const char *otherwise)
{
	const char *z = s.len ? arena_strz(&w->arena, s) : otherwise;
	if (s.len && !z)
		w->err = ERR_NOMEM;
	return z;
}

static struct str trim_url(struct str url)
{
	return str_trim_end(url, '/');
}

static bool is_production(const struct forge_row *row)
{
	return str_eqz(str_of(row->environment), "PRODUCTION");
}

static struct join_facts facts_of(const struct forge_row *row)
{
	return (struct join_facts){.installation_id = str_of(row->installation_id),
	                           .entitlement_id = str_of(row->entitlement_id),
	                           .entitlement_number = str_of(row->entitlement_number),
	                           .sen = str_of(row->sen),
	                           .cloud_id = str_of(row->cloud_id),
	                           .url = str_of(row->site_url),
	                           .product = str_of(row->product),
	                           .any_id = is_production(row)};
}

/* What the token tells replaces what is stored; what it leaves out stays. */
static void merge(struct follow *w, struct forge_row *row)
{
	const struct fit *f = w->fit;
	row->installation_id = text(w, f->installation_id, NULL);
	row->environment = text(w, f->environment, row->environment);
	row->environment_id = text(w, f->environment_id, row->environment_id);
	row->app_version = text(w, f->app_version, row->app_version);
	row->product = text(w, f->product, row->product);
	row->cloud_id = text(w, f->cloud_id, row->cloud_id);
	row->site_url = text(w, trim_url(f->site_url), row->site_url);
	row->entitlement_id = text(w, f->entitlement_id, row->entitlement_id);
	row->entitlement_number = text(w, f->entitlement_number, row->entitlement_number);
	row->sen = text(w, f->sen, row->sen);
}

/* ---- journal ---- */

static enum err tell(struct follow *w, struct store_tx *tx, const char *type, const char *changes, const char *version)
{
	const struct forge_row *row = &w->row;
	char once[ONCE_SIZE];
	/* an upgrade is told once for each version, everything else by its time */
	snprintf(once, sizeof(once), "%.200s:%s:%.40s:%" PRId64, row->installation_id, changes, version ? version : "",
	         version ? row->installed_at : w->at);
	const struct event_field fields[] = {
	    EF_Z("changes", changes),
	    EF_Z("door", "forge"),
	    EF_Z("installation_id", row->installation_id),
	    EF_Z("environment", row->environment),
	    EF_Z("app_version", version ? version : row->app_version),
	    EF_Z("base_url", row->site_url),
	    EF_Z("joined_by", row->joined_by),
	    EF_Z("joined_from", w->adopted),
	    EF_Z("entitlement", row->entitlement_number ? row->entitlement_number : row->sen),
	};
	const struct event e = {.type = type,
	                        .tenant = str_of(row->client_key),
	                        .source = "forge",
	                        .at = w->at,
	                        .once = str_of(once),
	                        .fields = fields,
	                        .field_count = sizeof(fields) / sizeof(fields[0])};
	return journal_add(tx, &e);
}

/* ---- tenants ---- */

static void set_time(struct follow *w, int64_t previous)
{
	const int64_t now = clock_wall_ms(w->f->o.clock);
	const int64_t after = now > previous ? now : previous + 1;
	if (after > w->at)
		w->at = after;
}

static const char *lower(struct follow *w, const char *z)
{
	char *copy = arena_strz(&w->arena, str_of(z));
	for (char *c = copy; c && *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c | 0x20);
	if (!copy)
		w->err = ERR_NOMEM;
	return copy;
}

/* The tenant's row made, or brought up to what the installation tells. */
static enum err put_own_tenant(struct follow *w, struct store_tx *tx, bool there)
{
	struct tenant_row *t = &w->tenant;
	if (!there)
		*t = (struct tenant_row){.client_key = w->row.client_key, .first_installed_at = w->at, .installed_at = w->at};
	else if (tenant_status_parse(str_of(t->status)) == TENANT_UNINSTALLED)
		t->installed_at = w->at;
	t->status = tenant_status_name(TENANT_INSTALLED);
	t->product_type = w->row.product ? lower(w, w->row.product) : t->product_type;
	t->base_url = w->row.site_url ? w->row.site_url : t->base_url;
	t->installation_id = w->row.installation_id;
	t->shared_secret_sealed = (struct str){NULL, 0};
	t->uninstalled_at = 0;
	t->updated_at = w->at;
	if (w->err != OK)
		return w->err;
	w->tenant_new = true;
	return store_tenant_put(tx, t);
}

/* A Connect tenant that was uninstalled there goes on by Forge, without its secret. */
static enum err revive(struct follow *w, struct store_tx *tx)
{
	enum err err = store_tenant_leave_connect(tx, str_of(w->row.client_key), w->at);
	w->tenant.status = tenant_status_name(TENANT_INSTALLED);
	w->tenant.shared_secret_sealed = (struct str){NULL, 0};
	w->tenant.oauth_client_id = NULL;
	w->tenant.uninstalled_at = 0;
	w->tenant.updated_at = w->at;
	w->tenant_new = true;
	return err;
}

static enum err put_aliases(struct follow *w, struct store_tx *tx)
{
	const struct forge_row *row = &w->row;
	const struct {
		const char *kind, *value;
		bool always;
	} aliases[] = {
	    {"installation_id", row->installation_id, true},
	    {"base_url", row->site_url, true},
	    {"cloud_id", row->cloud_id, false},
	    {"entitlement_id", row->entitlement_id, false},
	    {"entitlement_number", row->entitlement_number, false},
	    {"sen", row->sen, false},
	};
	enum err err = OK;
	for (size_t i = 0; err == OK && i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (aliases[i].value && (aliases[i].always || is_production(row)))
			err = store_alias_put(tx, str_of(row->client_key), aliases[i].kind, str_of(aliases[i].value), w->at);
	return err;
}

/* ---- arriving ---- */

/* The Connect tenant of the same customer becomes the installation's; ERR_NOT_FOUND where there is none. */
static enum err join(struct follow *w, struct store_tx *tx)
{
	const struct join_facts facts = facts_of(&w->row);
	const char *own = w->known ? w->row.client_key : NULL, *key, *by;
	enum err err = join_find_connect(tx, &facts, &w->arena, &key, &by);
	if (err != OK)
		return err;
	struct tenant_row found = {0};
	if ((err = store_tenant_get(tx, str_of(key), &w->arena, &found)) != OK)
		return err;
	w->tenant = found;
	set_time(w, found.updated_at);
	if (own && (err = join_adopt(tx, str_of(own), str_of(key), by, w->at)) != OK)
		return err;
	w->adopted = own;
	w->row.client_key = key;
	w->row.joined_by = by;
	w->row.joined_at = w->at;
	return OK;
}

static bool is_gone(const struct tenant_row *t)
{
	return tenant_status_parse(str_of(t->status)) == TENANT_UNINSTALLED;
}

/* A Connect tenant: told what came, and brought back if need be. */
static enum err arrive_at_connect(struct follow *w, struct store_tx *tx, bool is_news)
{
	const bool back = is_gone(&w->tenant);
	enum err err = back ? revive(w, tx) : OK;
	if (err == OK)
		err = store_forge_put(tx, &w->row);
	if (err == OK && (back || is_news))
		err = tell(w, tx, back ? "tenant.reinstalled" : "tenant.upgraded", "forge_joined", NULL);
	return err;
}

static enum err arrive_at_own(struct follow *w, struct store_tx *tx)
{
	char *key = arena_printf(&w->arena, FORGE_TENANT_PREFIX "%s", w->row.installation_id);
	if (!key)
		return ERR_NOMEM;
	w->row.client_key = key;
	enum err err = store_tenant_get(tx, str_of(key), &w->arena, &w->tenant);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	const bool there = err == OK, back = there && is_gone(&w->tenant);
	set_time(w, there ? w->tenant.updated_at : 0);
	if ((err = put_own_tenant(w, tx, there)) == OK)
		err = store_forge_put(tx, &w->row);
	if (err == OK && !there)
		err = tell(w, tx, "tenant.installed", "first", NULL);
	else if (err == OK && back)
		err = tell(w, tx, "tenant.reinstalled", "reinstall", NULL);
	return err;
}

static enum err arrive(struct follow *w, struct store_tx *tx)
{
	const bool fresh = !w->known, back = w->known && w->row.uninstalled_at > 0;
	/* Tokens tell seconds: of one second, a call is of before, but an announcement comes in its order. */
	const int64_t earliest = w->kind == FOLLOW_INSTALLED ? w->row.uninstalled_iat : w->row.uninstalled_iat + 1;
	if (back && w->fit->iat_s < earliest) {
		w->gone = true;
		return OK;
	}
	if (fresh && installs_full(w->f->installs))
		return ERR_FULL;
	set_time(w, w->row.updated_at);
	merge(w, &w->row);
	w->row.updated_at = w->row.last_seen_at = w->at;
	if (fresh || back) {
		w->row.installed_at = w->at;
		w->row.installed_iat = w->fit->iat_s;
		w->row.uninstalled_at = 0;
	}
	enum err err = w->err;
	const bool own = fresh || tenant_kind_of(str_of(w->row.client_key)) == TENANT_FORGE;
	if (err == OK && own) {
		err = join(w, tx);
		if (err == OK)
			err = arrive_at_connect(w, tx, true);
		else if (err == ERR_NOT_FOUND)
			err = arrive_at_own(w, tx);
	} else if (err == OK) {
		err = store_tenant_get(tx, str_of(w->row.client_key), &w->arena, &w->tenant);
		if (err == OK)
			set_time(w, w->tenant.updated_at);
		if (err == OK)
			err = arrive_at_connect(w, tx, back);
	}
	w->known = err == OK;
	if (err == OK)
		err = put_aliases(w, tx);
	if (err == OK && w->kind == FOLLOW_UPGRADED)
		err = tell(w, tx, "tenant.upgraded", "forge_upgrade", text(w, w->version, w->row.app_version));
	return err == OK ? w->err : err;
}

/* ---- leaving ---- */

static enum err leave(struct follow *w, struct store_tx *tx)
{
	int64_t others = 0;
	const bool late = w->fit->iat_s<w->row.installed_iat, again = w->row.uninstalled_at> 0;
	if (late)
		return OK;
	if (w->row.uninstalled_iat < w->fit->iat_s)
		w->row.uninstalled_iat = w->fit->iat_s;
	enum err err = store_tenant_get(tx, str_of(w->row.client_key), &w->arena, &w->tenant);
	if (err != OK)
		return err;
	set_time(w, w->tenant.updated_at);
	if (!again)
		w->row.uninstalled_at = w->row.updated_at = w->at;
	if ((err = store_forge_put(tx, &w->row)) != OK || again)
		return err;
	err = store_forge_live(tx, str_of(w->row.client_key), &others);
	if (err != OK || is_gone(&w->tenant))
		return err;
	if (others > 0 || w->tenant.shared_secret_sealed.len > 0)
		return tell(w, tx, "tenant.upgraded", "forge_left", NULL);
	w->tenant_left = true;
	err = store_tenant_status(tx, str_of(w->row.client_key), tenant_status_name(TENANT_UNINSTALLED), w->at);
	return err == OK ? tell(w, tx, "tenant.uninstalled", "forge_left", NULL) : err;
}

/* ---- the job ---- */

static enum err run(struct store_job *job, struct store_tx *tx)
{
	struct follow *w = follow_of(job);
	arena_release(&w->arena);
	arena_init(&w->arena, ARENA_MAX);
	w->row = (struct forge_row){0};
	w->tenant = (struct tenant_row){0};
	w->adopted = NULL;
	w->gone = w->tenant_new = w->tenant_left = false;
	w->at = 0;
	w->err = OK;
	enum err err = store_forge_get(tx, w->fit->installation_id, &w->arena, &w->row);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	w->known = err == OK;
	if (w->kind == FOLLOW_UNINSTALLED)
		return w->known ? leave(w, tx) : OK; /* never heard of: nothing to forget */
	return arrive(w, tx);
}

static enum err remember(struct follow *w)
{
	struct tenants *tenants = w->f->o.tenants;
	enum err err = OK;
	if (w->tenant_new)
		err = tenants_put(tenants, &w->tenant, STR(""));
	if (w->adopted)
		join_adopted(tenants, str_of(w->adopted), str_of(w->row.client_key), w->at);
	if (w->tenant_left)
		tenants_set_status(tenants, str_of(w->row.client_key), TENANT_UNINSTALLED, w->at);
	if (w->known && !w->gone && err == OK)
		err = installs_put(w->f->installs, &w->row);
	return err;
}

static void done(struct store_job *job, enum err err)
{
	struct follow *w = follow_of(job);
	w->err = err == OK ? remember(w) : err;
	request_wake(w->req); /* w may be gone from here */
}

void follow_start(struct forge *f, struct request *req, enum follow_kind kind, struct str version, handler_fn *then)
{
	struct visit *v = visit_of(req);
	struct follow *w = calloc(1, sizeof(*w));
	if (!w) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	w->job = (struct store_job){.run = run, .done = done};
	w->f = f;
	w->req = req;
	w->fit = req->fit;
	w->kind = kind;
	w->version = version;
	arena_init(&w->arena, ARENA_MAX);
	follow_free(v->follow);
	v->follow = w;
	request_wait(req, then);
	enum err err = store_submit(f->o.store, &w->job);
	if (err != OK)
		done(&w->job, err);
}

void follow_free(struct follow *w)
{
	if (!w)
		return;
	arena_release(&w->arena);
	free(w);
}
