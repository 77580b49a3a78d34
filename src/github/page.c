/* page.c - see page.h. No script; the styles are a file of the assets; forms go to this server alone. */
#include "github/page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "github/entitlement.h"

enum { PAGE_MAX = 512 * 1024 };
static const int64_t DAY_MS = 86400000;

static void text(struct buf *out, const char *z)
{
	buf_html(out, str_of(z));
}

static void head(struct buf *out, const struct github *g, const char *title)
{
	buf_z(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
	           "<meta name=\"color-scheme\" content=\"light dark\"><title>");
	text(out, title);
	buf_z(out, "</title><link rel=\"stylesheet\" href=\"");
	text(out, g->config->base_path);
	buf_z(out, "/assets/github.css\"></head><body><main>\n<h1>");
	text(out, title);
	buf_z(out, "</h1>\n");
}

static void send_page(struct request *req, int status, struct buf *out, const char *cookie)
{
	buf_z(out, "</main></body></html>\n");
	if (out->err != OK) {
		reply_err(req, out->err);
		return;
	}
	const struct header headers[] = {
	    {"Content-Security-Policy", STR("default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
	                                    "frame-ancestors 'none'; base-uri 'none'")},
	    {"Set-Cookie", str_of(cookie)},
	};
	reply(req, status, "text/html; charset=utf-8", buf_text(out), headers, cookie ? 2 : 1);
}

static void link_to(struct buf *out, const char *href, const char *label)
{
	buf_z(out, "<a class=\"button\" href=\"");
	text(out, href);
	buf_z(out, "\">");
	text(out, label);
	buf_z(out, "</a>\n");
}

/* ---- trouble ---- */

void github_page_trouble(struct request *req, const struct github *g, enum github_trouble trouble, const char *cookie)
{
	static const struct {
		int status;
		const char *code, *title, *what;
	} pages[] = {
	    [GITHUB_TROUBLE_STATE] = {400, "bad_state", "This sign-in cannot go on",
	                              "It was begun in another browser, more than ten minutes ago, or was finished before. "
	                              "Nothing has been changed."},
	    [GITHUB_TROUBLE_DENIED] = {403, "access_denied", "You did not authorize the app",
	                               "GitHub says that you declined. Without your authorization we cannot see what was "
	                               "bought. Your purchase is not lost."},
	    [GITHUB_TROUBLE_CODE] = {400, "bad_code", "GitHub did not accept this sign-in",
	                             "The code that came back from GitHub is wrong or has expired."},
	    [GITHUB_TROUBLE_UPSTREAM] = {502, "github_unavailable", "GitHub does not answer",
	                                 "We could not ask GitHub what was bought. Your purchase is not lost: try again in "
	                                 "a few minutes."},
	    [GITHUB_TROUBLE_NO_PURCHASE] = {403, "no_purchase", "Nothing was bought for your account yet",
	                                    "GitHub lists no purchase of this app for you, and nobody who bought it has "
	                                    "added you as a member."},
	    [GITHUB_TROUBLE_SIGNED_OUT] = {401, "signed_out", "You are signed out",
	                                   "Sign in with GitHub to see what was bought."},
	};
	__cleanup_buf struct buf out = BUF_INIT(PAGE_MAX);
	req->code = pages[trouble].code;
	head(&out, g, pages[trouble].title);
	buf_z(&out, "<p>");
	text(&out, pages[trouble].what);
	buf_z(&out, "</p>\n<p class=\"actions\">");
	__cleanup_buf struct buf href = BUF_INIT(2048);
	buf_printf(&href, "%s/github/setup", g->config->base_path);
	link_to(&out, buf_text(&href).ptr, "Sign in with GitHub");
	if (trouble == GITHUB_TROUBLE_NO_PURCHASE && g->config->github_listing) {
		buf_reset(&href);
		buf_printf(&href, "https://github.com/marketplace/%s", g->config->github_listing);
		link_to(&out, buf_text(&href).ptr, "See the plans");
	}
	buf_z(&out, "</p>\n");
	send_page(req, pages[trouble].status, &out, cookie);
}

/* ---- what was bought ---- */

static void fact(struct buf *out, const char *name, const char *value)
{
	buf_z(out, "<dt>");
	text(out, name);
	buf_z(out, "</dt><dd>");
	text(out, value);
	buf_z(out, "</dd>\n");
}

static void day(int64_t at, char ret[static TIME_TEXT_SIZE])
{
	time_text(at, ret);
	ret[10] = '\0';
}

static const char *status_of(const struct github_account_row *r)
{
	if (strcmp(r->status, "cancelled") == 0)
		return "Cancelled";
	if (strcmp(r->status, "expired") == 0)
		return "The free trial has ended";
	if (r->now.on_trial)
		return "Free trial";
	return github_is_free(&r->now) ? "Free plan" : "Active";
}

static void terms(struct buf *out, const struct github *g, const struct github_seen *s, const struct tenant *tenant)
{
	const struct github_account_row *r = s->account;
	char value[128], at[TIME_TEXT_SIZE];
	const int64_t now = clock_wall_ms(g->clock);
	buf_z(out, "<dl>\n");
	fact(out, "Plan", r->now.plan_name ? r->now.plan_name : "Plan");
	fact(out, "Status", status_of(r));
	if (entitlement_live(r) && r->now.on_trial) {
		const int64_t left = (r->now.trial_ends_at - now + DAY_MS - 1) / DAY_MS;
		day(r->now.trial_ends_at, at);
		(void)snprintf(value, sizeof(value), "%" PRId64 " day%s left, until %s", left > 0 ? left : 0,
		               left == 1 ? "" : "s", at);
		fact(out, "Trial", value);
	} else if (entitlement_live(r) && r->now.next_billing_at > now) {
		day(r->now.next_billing_at, at);
		fact(out, "Next billing", at);
	}
	if (r->next.effective_at > 0) {
		day(r->next.effective_at, at);
		(void)snprintf(value, sizeof(value), "%s on %s",
		               r->next.ends        ? "Ends"
		               : r->next.plan_name ? r->next.plan_name
		                                   : "Another plan",
		               at);
		fact(out, "Scheduled", value);
	}
	if (github_is_per_unit(&r->now) && entitlement_live(r)) {
		(void)snprintf(value, sizeof(value), "%" PRId64 " of %" PRId64 " taken%s", tenant ? seats_used(tenant) : 0,
		               r->now.units, s->seat ? ", one of them yours" : "");
		fact(out, "Seats", value);
	}
	buf_z(out, "</dl>\n");
}

static void member_form(struct buf *out, const struct github *g, const char *account_id, const char *login)
{
	buf_z(out, "<form method=\"post\" action=\"");
	text(out, g->config->base_path);
	buf_printf(out, "/github/members\"><input type=\"hidden\" name=\"account\" value=\"%s\">", account_id);
	if (login) {
		buf_z(out,
		      "<input type=\"hidden\" name=\"do\" value=\"remove\"><input type=\"hidden\" name=\"login\" value=\"");
		text(out, login);
		buf_z(out, "\"><span>");
		text(out, login);
		buf_z(out, "</span> <button type=\"submit\">Remove</button></form>\n");
		return;
	}
	buf_printf(
	    out,
	    "<input type=\"hidden\" name=\"do\" value=\"add\"><label for=\"m%s\">GitHub login</label> <input id=\"m%s\" "
	    "name=\"login\" maxlength=\"39\" required autocomplete=\"off\"> "
	    "<button type=\"submit\">Add member</button></form>\n",
	    account_id, account_id);
}

static void members(struct buf *out, const struct github *g, const struct github_seen *s)
{
	buf_z(out, "<h3>Members</h3>\n<p>You pick who may use the app. They sign in with GitHub at this address.</p>\n");
	for (size_t i = 0; i < s->people_count; i++)
		if (strcmp(s->people[i].role, "member") == 0)
			member_form(out, g, s->account->account_id, s->people[i].login);
	member_form(out, g, s->account->account_id, NULL);
}

static void next_step(struct buf *out, const struct github *g, const struct github_seen *s, const struct tenant *tenant)
{
	const struct github_account_row *r = s->account;
	const bool full = github_is_per_unit(&r->now) && !s->seat && tenant && seats_used(tenant) >= r->now.units;
	__cleanup_buf struct buf href = BUF_INIT(2048);
	if (!entitlement_live(r)) {
		buf_z(out, "<p class=\"next\">The app is closed for this account. Buy a plan to open it again.</p>\n");
	} else if (full) {
		buf_z(out, "<p class=\"next warn\">All seats are taken, so there is none for you. ");
		buf_z(out, s->owner ? "Add seats to go on.</p>\n" : "Ask an owner of the account to add seats.</p>\n");
		if (s->plan_number > 0 && g->config->github_listing)
			buf_printf(&href, "https://www.github.com/marketplace/%s/upgrade/%" PRId64 "/%s", g->config->github_listing,
			           s->plan_number, r->account_id);
		if (href.len > 0 && href.err == OK)
			link_to(out, href.data, "Upgrade");
	} else {
		buf_z(out, "<p class=\"next\">Everything is set up: go on and use the app. Others of this account sign in "
		           "here, too.</p>\n");
	}
}

void github_page_account(struct request *req, const struct github *g, const struct github_view *view,
                         const char *cookie)
{
	__cleanup_buf struct buf out = BUF_INIT(PAGE_MAX);
	head(&out, g, "Your purchase on GitHub Marketplace");
	buf_z(&out, "<p>Signed in as <strong>");
	text(&out, view->login);
	buf_z(&out, "</strong>.</p>\n");
	if (view->note) {
		buf_z(&out, "<p class=\"note\" role=\"status\">");
		text(&out, view->note);
		buf_z(&out, "</p>\n");
	}
	for (size_t i = 0; i < view->count; i++) {
		const struct github_seen *s = &view->at[i];
		char key[64];
		(void)snprintf(key, sizeof(key), "github:%s", s->account->account_id);
		const struct tenant *tenant = tenants_find(g->tenants, str_of(key));
		buf_z(&out, "<section><h2>");
		text(&out, s->account->login ? s->account->login : "An account");
		buf_z(&out, "</h2>\n");
		terms(&out, g, s, tenant);
		next_step(&out, g, s, tenant);
		if (s->owner && entitlement_live(s->account))
			members(&out, g, s);
		buf_z(&out, "</section>\n");
		tenant_unref(tenant);
	}
	buf_z(&out, "<form class=\"end\" method=\"post\" action=\"");
	text(&out, g->config->base_path);
	buf_z(&out, "/github/sign-out\"><button type=\"submit\">Sign out</button></form>\n");
	send_page(req, 200, &out, cookie);
}
