/* page_reply.c - see page_reply.h.
 *
 * What a denied visitor reads stands in one table; its page is static/app/denied.html, which a vendor may rewrite. */
#include "connect/page_reply.h"

#include <string.h>

#include "connect/base_url.h"

enum { PAGE_MAX = 1024 * 1024 };

/* Where the host's page script comes from, and the themes it loads when a page wants the host's colours; the fonts of
 * its present look. Source: Atlassian's "Theming Connect apps", and the script itself. */
#define HOST_FILES "https://connect-cdn.atl-paas.net"
#define HOST_FONTS "https://ds-cdn.prod-east.frontend.public.atl-paas.net"

struct reason {
	const char *code, *heading, *what, *todo;
};
static const struct reason REASONS[] = {
    {"EXPIRED", "The licence has ended",
     "The licence of this app has run out for your site, so this part of it is closed. Nothing has been deleted.",
     "An administrator can renew it under Manage apps. It opens again a few minutes after the renewal."},
    {"NO_LICENSE", "This app has no licence here",
     "This part of the app needs a licence, and your site has none for it.",
     "An administrator can start a trial or buy a licence under Manage apps."},
    {"SEATS_EXCEEDED", "All seats are taken",
     "Everyone the licence covers already uses this part of the app, so there is no seat left for you.",
     "An administrator can free a seat on the app's Configure page, or move the licence to a larger number of users "
     "under Manage apps."},
    {"EDITION_REQUIRED", "Part of a larger edition",
     "Your site is licensed for this app, but this part belongs to another edition of it.",
     "An administrator can change the edition under Manage apps."},
    {"ADMIN_CHOICE", "Closed by an administrator",
     "An administrator of your site has closed this part of the app for everybody. It has nothing to do with the "
     "licence.",
     "An administrator can open it again on the app's Configure page."},
    {"UNKNOWN", "The licence could not be checked",
     "Your site did not tell us yet whether this app is licensed, so this part of it stays closed for now.",
     "Try again in a minute. If it stays like this, an administrator can check under Manage apps that the app is "
     "installed and enabled."},
    {"not_admin", "For administrators only",
     "This page changes settings for the whole site. Your account is not an administrator of it, or the site did not "
     "confirm that it is.",
     "Ask an administrator of your site, or try again in a minute if you are one."},
};
static const struct reason OTHER_REASON = {"", "Not open here",
                                           "The licence of your site does not include this part of the app.",
                                           "An administrator can see what is licensed under Manage apps."};

static const struct reason *reason_for(const char *code)
{
	for (size_t i = 0; i < sizeof(REASONS) / sizeof(REASONS[0]); i++)
		if (strcmp(REASONS[i].code, code) == 0)
			return &REASONS[i];
	return &OTHER_REASON;
}

/* Length of the placeholder `{{name}}` in front of text, 0 if it is none of ours. */
static size_t placeholder(struct str text, const struct page_value *values, size_t count, const struct page_value **ret)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(values[i].name);
		if (text.len >= len + 4 && memcmp(text.ptr, "{{", 2) == 0 && memcmp(text.ptr + 2, values[i].name, len) == 0 &&
		    memcmp(text.ptr + 2 + len, "}}", 2) == 0) {
			*ret = &values[i];
			return len + 4;
		}
	}
	return 0;
}

struct str page_fill(struct arena *a, struct str page, const struct page_value *values, size_t count)
{
	__cleanup_buf struct buf out = BUF_INIT(PAGE_MAX);
	size_t done = 0;
	for (size_t at = 0; at < page.len;) {
		const struct page_value *value = NULL;
		size_t len =
		    page.ptr[at] == '{' ? placeholder((struct str){page.ptr + at, page.len - at}, values, count, &value) : 0;
		if (len == 0) {
			at++;
			continue;
		}
		buf_add(&out, page.ptr + done, at - done);
		buf_html(&out, value->value);
		done = at += len;
	}
	buf_add(&out, page.ptr + done, page.len - done);
	const char *filled = out.err == OK ? arena_strz(a, buf_text(&out)) : NULL;
	return (struct str){filled, filled ? out.len : 0};
}

void page_reply(struct request *req, int status, struct str html, const char *code)
{
	const struct str origin = base_url_origin(req->tenant->base_url);
	const char *policy =
	    arena_printf(&req->arena,
	                 "default-src 'none'; script-src 'self' " HOST_FILES "; style-src 'self' " HOST_FILES " " HOST_FONTS
	                 "; font-src " HOST_FONTS "; img-src 'self' data:; "
	                 "connect-src 'self'; frame-ancestors %.*s; form-action 'none'; base-uri 'none'",
	                 STR_ARG(origin));
	if (!policy) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	const struct header headers[] = {{"Content-Security-Policy", str_of(policy)}, {"X-Licgate-Code", str_of(code)}};
	reply(req, status, "text/html; charset=utf-8", html, headers, code ? 2 : 1);
}

static bool wants_json(const struct request *req)
{
	struct str accept = request_header(req, "Accept");
	return accept.ptr && !str_ifind(accept, STR("text/html")) &&
	       (str_ifind(accept, STR("application/json")) || str_ifind(accept, STR("application/problem+json")));
}

void page_deny(struct request *req, const struct connect *c, const char *code, const char *feature)
{
	const struct reason *reason = reason_for(code);
	req->code = code;
	struct str template = static_files_page(c->files, STR("app"), STR("denied"));
	if (wants_json(req) || !template.ptr) {
		const struct header header = {"X-Licgate-Code", str_of(code)};
		reply_problem(req, 403, code, reason->what, &header, 1);
		return;
	}
	const char *manage = arena_printf(&req->arena, "%.*s/plugins/servlet/upm", STR_ARG(req->tenant->base_url));
	const struct page_value values[] = {
	    {"heading", str_of(reason->heading)}, {"what", str_of(reason->what)},
	    {"todo", str_of(reason->todo)},       {"code", str_of(code)},
	    {"feature", str_of(feature)},         {"manage_url", str_of(manage)},
	};
	struct str page = page_fill(&req->arena, template, values, sizeof(values) / sizeof(values[0]));
	if (!manage || !page.ptr)
		reply_err(req, ERR_NOMEM);
	else
		page_reply(req, 403, page, code);
}
