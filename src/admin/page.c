/* page.c - the admin page: files of static/admin, and the rules a browser holds them to.
 *
 * The files are open to everybody who reaches the listener, as they hold nothing: what they show comes from the API.
 * Nothing is loaded from elsewhere, no inline script or style runs, and no other page may frame this one. */
#include "admin/admin.h"

static const struct header rules[] = {
    {"Content-Security-Policy",
     STR("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
         "form-action 'self'; base-uri 'none'; frame-ancestors 'none'")},
    {"Referrer-Policy", STR("no-referrer")},
    {"Cross-Origin-Opener-Policy", STR("same-origin")},
};

void admin_page(struct request *req, void *room)
{
	const struct admin *a = room;
	if (!a->enabled) {
		req->code = "ADMIN_OFF";
		reply_err(req, ERR_NOT_FOUND);
		return;
	}
	const struct str name = req->params.count ? req->params.part[0] : STR("index.html");
	static_files_reply(req, a->connect->files, STR("admin"), name, rules, sizeof(rules) / sizeof(rules[0]));
}

void admin_page_redirect(struct request *req, void *room)
{
	(void)room;
	const struct header h = {"Location", STR("/admin/")};
	reply_borrowed(req, 308, NULL, STR(""), &h, 1);
}
