/* site_rest.c - the few resources of Jira's REST API that pages and apps ask most: who am I, this site, one project,
 * one issue, the people.
 *
 * The same answers for the app with its own token and for AP.request of a page as the user who looks at it. Everything
 * else is a 404 in Jira's words. The data is one made-up project. */
#include <string.h>

#include "sim/sim_parts.h"

static void user_write(const struct site *site, const struct rest_ask *ask, const struct site_account *u,
                       struct jsonw *w)
{
	char self[SITE_NAME_MAX + SITE_ACCOUNT_MAX + 256];
	snprintf(self, sizeof(self), "http://%s/sites/%s/rest/api/3/user?accountId=%s", ask->address, site->name, u->id);
	jw_obj(w);
	jw_kz(w, "self", self);
	jw_kz(w, "accountId", u->id);
	jw_kz(w, "accountType", "atlassian");
	jw_kz(w, "displayName", u->name);
	jw_kbool(w, "active", !u->deleted);
	jw_kz(w, "timeZone", "Etc/UTC");
	jw_kz(w, "locale", "en_US");
	jw_end_obj(w);
}

static int not_there(struct jsonw *w, const char *why)
{
	jw_obj(w);
	jw_key(w, "errorMessages");
	jw_arr(w);
	jw_z(w, why);
	jw_end_arr(w);
	jw_key(w, "errors");
	jw_raw(w, STR("{}"));
	jw_end_obj(w);
	return 404;
}

static int myself(const struct site *site, const struct rest_ask *ask, struct jsonw *w)
{
	if (ask->as) {
		user_write(site, ask, ask->as, w);
		return 200;
	}
	jw_obj(w);
	jw_kz(w, "accountId", site->now.client_key);
	jw_kz(w, "accountType", "app");
	jw_kstr(w, "displayName", site->app.name);
	jw_kbool(w, "active", true);
	jw_end_obj(w);
	return 200;
}

static int user(const struct site *site, const struct rest_ask *ask, struct jsonw *w)
{
	size_t count = 0;
	struct str id = query_get(ask->arena, ask->query, "accountId", &count);
	const struct site_account *known = count == 1 ? site_accounts_find(&site->accounts, id) : NULL;
	if (!known)
		return not_there(w, "Specified user does not exist or you do not have required permissions");
	user_write(site, ask, known, w);
	return 200;
}

static int users(const struct site *site, const struct rest_ask *ask, struct jsonw *w)
{
	jw_arr(w);
	for (size_t i = 0; i < site->accounts.count; i++)
		if (!site->accounts.all[i].deleted)
			user_write(site, ask, &site->accounts.all[i], w);
	jw_end_arr(w);
	return 200;
}

struct bulk {
	const struct site *site;
	const struct rest_ask *ask;
	struct jsonw *w;
	int64_t total;
};

static bool bulk_one(void *arg, struct str name, struct str value)
{
	struct bulk *b = arg;
	const struct site_account *known =
	    str_eqz(name, "accountId") ? site_accounts_find(&b->site->accounts, value) : NULL;
	if (known) {
		user_write(b->site, b->ask, known, b->w);
		b->total++;
	}
	return true;
}

/* One page: whoever is asked for and known. */
static int users_bulk(const struct site *site, const struct rest_ask *ask, struct jsonw *w)
{
	struct bulk b = {.site = site, .ask = ask, .w = w};
	jw_obj(w);
	jw_key(w, "values");
	jw_arr(w);
	bool whole = query_each(ask->arena, ask->query, bulk_one, &b);
	jw_end_arr(w);
	jw_kint(w, "startAt", 0);
	jw_kint(w, "total", b.total);
	jw_kbool(w, "isLast", true);
	jw_end_obj(w);
	return whole ? 200 : 503;
}

static int server_info(const struct site *site, const struct rest_ask *ask, struct jsonw *w)
{
	char base_url[SITE_NAME_MAX + 256];
	snprintf(base_url, sizeof(base_url), "http://%s/sites/%s", ask->address, site->name);
	jw_obj(w);
	jw_kz(w, "baseUrl", base_url);
	jw_kz(w, "version", "1001.0.0-SIMULATED");
	jw_kz(w, "deploymentType", "Cloud");
	jw_kz(w, "serverTitle", site->name);
	jw_end_obj(w);
	return 200;
}

static const char project_json[] = "{\"id\":\"10000\",\"key\":\"DEMO\",\"name\":\"Demo project\",\"projectTypeKey\":"
                                   "\"software\",\"simplified\":true}";

static int project(const struct site *site, const struct rest_ask *ask, struct jsonw *w)
{
	(void)site, (void)ask;
	jw_raw(w, STR(project_json));
	return 200;
}

static int issue(const struct site *site, const struct rest_ask *ask, struct jsonw *w)
{
	jw_obj(w);
	jw_kz(w, "id", "10001");
	jw_kz(w, "key", "DEMO-1");
	jw_key(w, "fields");
	jw_obj(w);
	jw_kz(w, "summary", SIM_ISSUE_SUMMARY);
	jw_key(w, "issuetype");
	jw_raw(w, STR("{\"id\":\"10100\",\"name\":\"Task\",\"subtask\":false}"));
	jw_key(w, "status");
	jw_raw(w, STR("{\"id\":\"3\",\"name\":\"In Progress\"}"));
	jw_key(w, "project");
	jw_raw(w, STR(project_json));
	jw_key(w, "reporter");
	user_write(site, ask, &site->accounts.all[0], w);
	jw_end_obj(w);
	jw_end_obj(w);
	return 200;
}

static int my_permissions(const struct site *site, const struct rest_ask *ask, struct jsonw *w)
{
	(void)site;
	static const char *const names[] = {"ADMINISTER", "BROWSE_PROJECTS", "EDIT_ISSUES"};
	size_t count = 0;
	struct str asked = query_get(ask->arena, ask->query, "permissions", &count), name;
	jw_obj(w);
	jw_key(w, "permissions");
	jw_obj(w);
	while (count == 1 && asked.ptr && str_split(&asked, ',', &name)) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (!str_eqz(name, names[i]))
				continue;
			jw_key(w, names[i]);
			jw_obj(w);
			jw_kz(w, "key", names[i]);
			jw_kbool(w, "havePermission", i > 0 || (ask->as && ask->as->admin));
			jw_end_obj(w);
		}
	}
	jw_end_obj(w);
	jw_end_obj(w);
	return 200;
}

static const struct {
	const char *path; /* below /rest/api/2 and /rest/api/3 */
	int (*write)(const struct site *, const struct rest_ask *, struct jsonw *);
} resources[] = {
    {"/myself", myself},          {"/user", user},
    {"/users/search", users},     {"/user/bulk", users_bulk},
    {"/serverInfo", server_info}, {"/project/DEMO", project},
    {"/project/10000", project},  {"/issue/DEMO-1", issue},
    {"/issue/10001", issue},      {"/mypermissions", my_permissions},
};

int rest_answer(const struct site *site, const struct rest_ask *ask, struct jsonw *w)
{
	static const char *const prefixes[] = {"/rest/api/3", "/rest/api/2", "/rest/api/latest"};
	for (size_t p = 0; p < sizeof(prefixes) / sizeof(prefixes[0]); p++) {
		struct str prefix = str_of(prefixes[p]);
		if (!str_starts(ask->path, prefix))
			continue;
		struct str rest = {ask->path.ptr + prefix.len, ask->path.len - prefix.len};
		for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
			if (!strcmp(ask->method, "GET") && str_eqz(rest, resources[i].path))
				return resources[i].write(site, ask, w);
	}
	return not_there(w, "The simulated site does not have this resource");
}
