/* migration.c - GET migration?stage=&cursor=&limit=: which customers still come by Connect, which by both doors, which
 * have moved to Forge. JSON, or CSV of all of them.
 *
 * Connect's support ends, so the operator wants to know who is left. A customer with both doors counts as moved where
 * Connect is gone or was not seen for a week; one that Connect never knew is Forge's own. The tenants are in memory,
 * the installations are read from the store: one walk of each. Those that are uninstalled are in none of it. */
#include <stdlib.h>
#include <string.h>

#include "admin/csv.h"
#include "admin/params.h"
#include "admin/parts.h"
#include "base/cleanup.h"
#include "base/jsonw.h"
#include "forge/forge.h"
#include "store/forge.h"

enum { ROWS_ARENA_MAX = 256 * 1024 * 1024, JSON_MAX = 16 * 1024 * 1024, CSV_MAX = 256 * 1024 * 1024, QUIET_DAYS = 7 };
static const int64_t DAY_MS = 86400000;

enum stage { STAGE_CONNECT, STAGE_BOTH, STAGE_MOVED, STAGE_FORGE, STAGE_COUNT };
static const char *const stage_names[STAGE_COUNT] = {"connect", "both", "moved", "forge"};

/* How long ago a door was last used. */
enum { AGE_DAY, AGE_WEEK, AGE_MONTH, AGE_LONGER, AGE_NEVER, AGE_COUNT };
static const char *const age_names[AGE_COUNT] = {"day", "week", "month", "longer", "never"};

struct installation {
	const char *client_key, *id, *environment, *app_version, *joined_by;
	int64_t installed_at, joined_at, last_seen_at;
};

struct view {
	const struct admin *admin;
	struct arena arena;
	struct installation *at; /* live ones, by client_key */
	size_t count, cap;

	const struct tenant **tenants; /* references, of the wanted stage, by client_key */
	size_t tenant_count, tenant_cap;
	bool all_stages, nomem;
	enum stage wanted;
	int64_t now;
	int64_t stages[STAGE_COUNT], connect_age[AGE_COUNT], forge_age[AGE_COUNT];
};

/* ---- reading ---- */

static enum err keep(void *arg, const struct forge_row *row)
{
	struct view *v = arg;
	if (row->uninstalled_at > 0)
		return OK;
	if (v->count == v->cap) {
		const size_t cap = v->cap ? v->cap * 2 : 256;
		struct installation *grown = realloc(v->at, cap * sizeof(*grown));
		if (!grown)
			return ERR_NOMEM;
		v->at = grown;
		v->cap = cap;
	}
	const int64_t seen = forge_last_seen(v->admin->connect->forge, str_of(row->installation_id));
	struct installation *i = &v->at[v->count];
	*i = (struct installation){.client_key = arena_strz(&v->arena, str_of(row->client_key)),
	                           .id = arena_strz(&v->arena, str_of(row->installation_id)),
	                           .environment = arena_strz(&v->arena, str_of(row->environment)),
	                           .app_version = arena_strz(&v->arena, str_of(row->app_version)),
	                           .joined_by = arena_strz(&v->arena, str_of(row->joined_by)),
	                           .installed_at = row->installed_at,
	                           .joined_at = row->joined_at,
	                           .last_seen_at = seen > row->last_seen_at ? seen : row->last_seen_at};
	v->count++;
	return i->client_key && i->id && i->environment && i->app_version && i->joined_by ? OK : ERR_NOMEM;
}

static enum err read_all(struct store_tx *tx, void *arg)
{
	return store_forge_each(tx, keep, arg);
}

/* Of one tenant, the one that called last stands first. */
static int by_tenant(const void *a, const void *b)
{
	const struct installation *x = a, *y = b;
	const int order = strcmp(x->client_key, y->client_key);
	if (order != 0)
		return order;
	return x->last_seen_at == y->last_seen_at ? strcmp(x->id, y->id) : x->last_seen_at < y->last_seen_at ? 1 : -1;
}

/* The first installation of the tenant; NULL: none is live. */
static const struct installation *find(const struct view *v, struct str client_key, size_t *ret_count)
{
	size_t low = 0, high = v->count;
	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		if (str_cmp(str_of(v->at[mid].client_key), client_key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	size_t n = 0;
	while (low + n < v->count && str_eqz(client_key, v->at[low + n].client_key))
		n++;
	*ret_count = n;
	return n > 0 ? &v->at[low] : NULL;
}

/* ---- judging ---- */

static bool has_connect(const struct tenant *t)
{
	return t->kind == TENANT_CONNECT && t->shared_secret.len > 0;
}

static int64_t connect_seen(const struct tenant *t)
{
	return t->kind == TENANT_CONNECT ? tenant_seen_own(t) : 0;
}

static enum stage stage_of(const struct view *v, const struct tenant *t, const struct installation *i)
{
	if (t->kind == TENANT_FORGE)
		return STAGE_FORGE;
	if (!i)
		return STAGE_CONNECT;
	/* one that never used Connect since it was installed there is measured by the install */
	const int64_t seen = connect_seen(t) > t->installed_at ? connect_seen(t) : t->installed_at;
	return has_connect(t) && v->now - seen < QUIET_DAYS * DAY_MS ? STAGE_BOTH : STAGE_MOVED;
}

static int age_of(const struct view *v, int64_t seen)
{
	const int64_t age = v->now - seen;
	if (seen == 0)
		return AGE_NEVER;
	if (age < DAY_MS)
		return AGE_DAY;
	return age < 7 * DAY_MS ? AGE_WEEK : age < 30 * DAY_MS ? AGE_MONTH : AGE_LONGER;
}

static bool grow(struct view *v)
{
	if (v->tenant_count < v->tenant_cap)
		return true;
	const size_t cap = v->tenant_cap ? v->tenant_cap * 2 : 256;
	const struct tenant **grown = realloc(v->tenants, cap * sizeof(*grown));
	if (!grown)
		return false;
	v->tenants = grown;
	v->tenant_cap = cap;
	return true;
}

static bool look(void *arg, const struct tenant *t)
{
	struct view *v = arg;
	size_t count;
	if (t->status == TENANT_UNINSTALLED || t->kind == TENANT_GITHUB)
		return true;
	const struct installation *i = find(v, t->client_key, &count);
	const enum stage stage = stage_of(v, t, i);
	v->stages[stage]++;
	if (has_connect(t))
		v->connect_age[age_of(v, connect_seen(t))]++;
	if (i)
		v->forge_age[age_of(v, i->last_seen_at)]++;
	if (!v->all_stages && stage != v->wanted)
		return true;
	if (!grow(v)) {
		v->nomem = true;
		return false;
	}
	tenant_ref(t);
	v->tenants[v->tenant_count++] = t;
	return true;
}

static int by_key(const void *a, const void *b)
{
	return str_cmp((*(const struct tenant *const *)a)->client_key, (*(const struct tenant *const *)b)->client_key);
}

static void release(struct view *v)
{
	for (size_t i = 0; i < v->tenant_count; i++)
		tenant_unref(v->tenants[i]);
	free(v->tenants);
	free(v->at);
	arena_release(&v->arena);
}

static enum err make(struct view *v)
{
	enum err err = store_read(v->admin->connect->store, read_all, v);
	if (err != OK)
		return err;
	if (v->count > 0)
		qsort(v->at, v->count, sizeof(*v->at), by_tenant);
	tenants_each(v->admin->connect->tenants, look, v);
	if (v->nomem)
		return ERR_NOMEM;
	if (v->tenant_count > 0)
		qsort(v->tenants, v->tenant_count, sizeof(*v->tenants), by_key);
	return OK;
}

/* ---- writing ---- */

static const char *or_null(const char *z)
{
	return z && *z ? z : NULL;
}

static void tenant_json(struct jsonw *w, const struct view *v, const struct tenant *t)
{
	size_t count;
	const struct installation *i = find(v, t->client_key, &count);
	jw_obj(w);
	jw_kstr(w, "tenant", t->client_key);
	jw_kstr(w, "base_url", t->base_url);
	jw_kstr(w, "product_type", t->product_type);
	jw_kz(w, "stage", stage_names[stage_of(v, t, i)]);
	jw_key(w, "connect");
	if (t->kind == TENANT_CONNECT) {
		jw_obj(w);
		jw_kz(w, "status", has_connect(t) ? tenant_status_name(t->status) : "uninstalled");
		jw_ktime(w, "last_seen_at", connect_seen(t));
		jw_end_obj(w);
	} else {
		jw_null(w);
	}
	jw_key(w, "forge");
	if (i) {
		jw_obj(w);
		jw_kz(w, "installation_id", i->id);
		jw_kint(w, "installations", (int64_t)count);
		jw_kz(w, "environment", or_null(i->environment));
		jw_kz(w, "app_version", or_null(i->app_version));
		jw_kz(w, "joined_by", or_null(i->joined_by));
		jw_ktime(w, "joined_at", i->joined_at);
		jw_ktime(w, "installed_at", i->installed_at);
		jw_ktime(w, "last_seen_at", i->last_seen_at);
		jw_end_obj(w);
	} else {
		jw_null(w);
	}
	jw_end_obj(w);
}

static void counts_json(struct jsonw *w, const char *key, const char *const *names, const int64_t *counts, size_t count)
{
	jw_key(w, key);
	jw_obj(w);
	for (size_t i = 0; i < count; i++)
		jw_kint(w, names[i], counts[i]);
	jw_end_obj(w);
}

static void view_json(struct buf *out, const struct view *v, struct str after, size_t limit)
{
	struct jsonw w = jsonw(out);
	size_t first = 0, i;
	while (first < v->tenant_count && after.len && str_cmp(v->tenants[first]->client_key, after) <= 0)
		first++;
	jw_obj(&w);
	counts_json(&w, "summary", stage_names, v->stages, STAGE_COUNT);
	jw_key(&w, "last_seen");
	jw_obj(&w);
	counts_json(&w, "connect", age_names, v->connect_age, AGE_COUNT);
	counts_json(&w, "forge", age_names, v->forge_age, AGE_COUNT);
	jw_end_obj(&w);
	jw_key(&w, "tenants");
	jw_arr(&w);
	for (i = first; i < v->tenant_count && i - first < limit; i++)
		tenant_json(&w, v, v->tenants[i]);
	jw_end_arr(&w);
	if (i < v->tenant_count) {
		__cleanup_buf struct buf cursor = BUF_INIT(CURSOR_TEXT_MAX);
		cursor_write(&cursor, v->tenants[i - 1]->client_key);
		jw_kstr(&w, "next", buf_text(&cursor));
	}
	jw_end_obj(&w);
}

static void view_csv(struct buf *out, const struct view *v)
{
	struct csv c = csv(out);
	csv_header(&c, "tenant,base_url,product_type,stage,connect_status,connect_last_seen_at,forge_installation_id,"
	               "forge_installations,forge_environment,forge_app_version,joined_by,joined_at,forge_installed_at,"
	               "forge_last_seen_at");
	for (size_t k = 0; k < v->tenant_count; k++) {
		const struct tenant *t = v->tenants[k];
		size_t count;
		const struct installation none = {0}, *found = find(v, t->client_key, &count), *i = found ? found : &none;
		csv_str(&c, t->client_key);
		csv_str(&c, t->base_url);
		csv_str(&c, t->product_type);
		csv_z(&c, stage_names[stage_of(v, t, found)]);
		csv_z(&c, t->kind != TENANT_CONNECT ? NULL : has_connect(t) ? tenant_status_name(t->status) : "uninstalled");
		csv_time(&c, connect_seen(t));
		csv_z(&c, i->id);
		csv_int(&c, (int64_t)count);
		csv_z(&c, i->environment);
		csv_z(&c, i->app_version);
		csv_z(&c, i->joined_by);
		csv_time(&c, i->joined_at);
		csv_time(&c, i->installed_at);
		csv_time(&c, i->last_seen_at);
		csv_end_row(&c);
	}
}

/* ---- the request ---- */

static bool stage_read(struct request *req, struct view *v)
{
	size_t count = 0;
	const struct str text = query_get(&req->arena, req->query, "stage", &count);
	v->all_stages = count == 0 || (count == 1 && text.len == 0);
	for (int s = 0; s < STAGE_COUNT && count == 1; s++)
		if (str_eqz(text, stage_names[s])) {
			v->wanted = (enum stage)s;
			return true;
		}
	if (!v->all_stages)
		reply_problem(req, 400, "bad_request", "stage: connect, both, moved or forge", NULL, 0);
	return v->all_stages;
}

void admin_migration(struct request *req, void *room)
{
	struct list_params p;
	struct str after = STR("");
	struct view v = {.admin = room};
	if (!list_params_read(req, &p) || !stage_read(req, &v))
		return;
	if (!cursor_read(&req->arena, p.cursor, &after)) {
		reply_problem(req, 400, "bad_request", CURSOR_WRONG, NULL, 0);
		return;
	}
	v.now = clock_wall_ms(v.admin->connect->clock);
	arena_init(&v.arena, ROWS_ARENA_MAX);
	__cleanup_buf struct buf out = BUF_INIT(p.csv ? CSV_MAX : JSON_MAX);
	const enum err err = make(&v);
	if (err == OK && p.csv) {
		view_csv(&out, &v);
		reply_csv(req, "migration", &out);
	} else {
		if (err == OK)
			view_json(&out, &v, after, p.limit);
		reply_json_or_err(req, err, &out);
	}
	release(&v);
}
