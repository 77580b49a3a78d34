/* site_pages.c - opens an app's page as the host would: the module's URL, the host's parameters, a signed token.
 *
 * Source of the parameters: Atlassian's iframe URLs (xdm_e, xdm_c, cp, cv, lic, capSet, jwt). Placeholders such as
 * {issue.key} get example values, or those of this request's parameters of the same name. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "sim/sim_parts.h"

enum { PAGE_URL_MAX = 16 * 1024 };

static const struct {
	const char *name, *value;
} examples[] = {
    {"issue.key", "DEMO-1"}, {"issue.id", "10001"},   {"issuetype.id", "10100"},
    {"project.key", "DEMO"}, {"project.id", "10000"}, {"user.isExternal", "false"},
    {"addon.key", ""},       {"version.id", "10200"}, {"component.id", "10300"},
};

static void add_param(struct buf *out, const char *name, struct str value)
{
	bool first = str_find(buf_text(out), '?') == out->len;
	buf_char(out, first ? '?' : '&');
	buf_z(out, name);
	buf_char(out, '=');
	buf_percent(out, value);
}

static struct str placeholder_value(struct request *req, struct str name)
{
	size_t count = 0;
	char *wanted = arena_strz(&req->arena, name);
	struct str value = wanted ? query_get(&req->arena, req->query, wanted, &count) : (struct str){0};
	if (count > 0)
		return value;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		if (str_eqz(name, examples[i].name))
			return str_of(examples[i].value);
	return (struct str){0};
}

void sim_fill_url(struct buf *out, struct request *req, struct str url)
{
	while (url.len > 0) {
		size_t open = str_find(url, '{');
		buf_add(out, url.ptr, open);
		url = (struct str){url.ptr + open, url.len - open};
		size_t close = str_find(url, '}');
		if (close == url.len) {
			buf_percent(out, url);
			return;
		}
		if (close > 0)
			buf_percent(out, placeholder_value(req, (struct str){url.ptr + 1, close - 1}));
		url = (struct str){url.ptr + close + 1, url.len - close - 1};
	}
}

static const char *lic_of(const struct site_license *l)
{
	if (site_license_valid(l))
		return "active";
	return l->state == SITE_LICENSE_EXPIRED ? "expired" : "none";
}

/* What went to the app through the browser: its answer is not seen here. */
static void log_given(struct sim *s, struct site *site, struct str url, const char *token, const char *what)
{
	struct sim_log_entry e = {.at = clock_wall_ms(s->clock), .direction = "out", .method = "GET", .note = what};
	e.verdict = "given";
	sim_log_add(&site->log, &e, url, str_of(token));
}

/* Lock held. The page's URL without its token; false: the app has no such page. Out of memory sticks in out. */
static bool page_url(struct sim *s, const struct site *site, struct request *req, struct str module, struct buf *out)
{
	struct str relative;
	if (!remote_app_module(&site->app, module, &relative))
		return false;
	struct str url = {0};
	bool joined = remote_app_url(&site->app, relative, &req->arena, &url);
	if (joined && url.len == 0)
		return false;
	char *origin = arena_printf(&req->arena, "http://%s", sim_address(s));
	char *context_path = arena_printf(&req->arena, "/sites/%s", site->name);
	char *channel = arena_printf(&req->arena, "channel-%.*s__%.*s", STR_ARG(site->app.key), STR_ARG(module));
	if (!joined || !origin || !context_path || !channel) {
		out->err = ERR_NOMEM;
		return true;
	}
	sim_fill_url(out, req, url);
	add_param(out, "xdm_e", str_of(origin));
	add_param(out, "xdm_c", str_of(channel));
	add_param(out, "cp", str_of(context_path));
	add_param(out, "lic", str_of(lic_of(&site->license)));
	add_param(out, "cv", STR("1001.0.0"));
	if (site_license_capability_set(&site->license))
		add_param(out, "capSet", str_of(site_license_capability_set(&site->license)));
	return true;
}

void sim_page(struct request *req, void *room)
{
	struct sim *s = room;
	size_t count = 0;
	struct str module = query_get(&req->arena, req->query, "module", &count);
	__cleanup_buf struct buf url = BUF_INIT(PAGE_URL_MAX);
	__cleanup_free char *token = NULL;
	struct site *site = sim_enter(req, s);
	if (!site)
		return;
	bool found = count == 1 && page_url(s, site, req, module, &url);
	struct token_subject subject = token_subject(site, false);
	sim_unlock(s);
	if (!found) {
		reply_problem(req, 404, "no_such_module", "module: the key of a page of the app's descriptor", NULL, 0);
		return;
	}
	if (!subject.secret[0]) {
		reply_problem(req, 409, "not_now", "the app was never installed in this site", NULL, 0);
		return;
	}
	token = url.err == OK ? token_for_app(s, &subject, &site->app, "GET", buf_text(&url), true) : NULL;
	wipe(&subject, sizeof(subject));
	if (!token) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	add_param(&url, "jwt", str_of(token));
	pthread_mutex_lock(&s->lock);
	log_given(s, site, buf_text(&url), token, "opened in the browser, which sees the answer");
	sim_unlock(s);
	__cleanup_buf struct buf json = BUF_INIT(SIM_ANSWER_MAX);
	struct jsonw w = jsonw(&json);
	jw_obj(&w);
	jw_kstr(&w, "url", buf_text(&url));
	jw_key(&w, "token");
	token_decoded_write(&w, str_of(token));
	jw_end_obj(&w);
	sim_reply(req, url.err == OK ? 200 : 503, &json);
}

void sim_context_token(struct request *req, void *room)
{
	struct sim *s = room;
	__cleanup_free char *token = NULL;
	if (!sim_same_origin(req))
		return;
	struct site *site = sim_enter(req, s);
	if (!site)
		return;
	struct token_subject subject = token_subject(site, false);
	sim_unlock(s);
	if (!subject.secret[0]) {
		reply_problem(req, 409, "not_now", "the app was never installed in this site", NULL, 0);
		return;
	}
	token = token_for_context(s, &subject);
	wipe(&subject, sizeof(subject));
	if (!token) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	pthread_mutex_lock(&s->lock);
	char *asked = arena_printf(&req->arena, "http://%s%.*s", sim_address(s), STR_ARG(req->path));
	log_given(s, site, str_of(asked), token, "AP.context.getToken: a context token for the page");
	sim_unlock(s);
	__cleanup_buf struct buf json = BUF_INIT(SIM_ANSWER_MAX);
	struct jsonw w = jsonw(&json);
	jw_obj(&w);
	jw_kz(&w, "token", token);
	jw_end_obj(&w);
	sim_reply(req, 200, &json);
}
