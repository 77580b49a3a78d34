/* pages.c - the pages the host shows in its frame, and the licence answer for them and for their scripts.
 *
 * Steps of a page: it exists, the account may administer (admin pages only), the licence lets it. A step that must
 * wait for the host gives the worker back and goes on where it was; it waits once, then decides with what is known. */
#include "connect/admin_only.h"
#include "connect/connect.h"
#include "connect/descriptor.h"
#include "connect/gate.h"
#include "connect/page_reply.h"
#include "token/token.h"

/* A page route's token covers the whole query, and so does a token made for this very API request; a context token
 * covers nothing. */
static struct request_signal signal_of(struct request *req)
{
	return auth_signal(&req->arena, req->claims, req->claims->is_context ? STR("") : req->query);
}

static void serve_page(struct request *req, struct connect *c, handler_fn *again)
{
	const struct feature *f = features_for_page(c->features, req->local_path);
	if (f) {
		struct request_signal sig = signal_of(req);
		struct license_decision d;
		if (!gate_decide(c, req, req->tenant, &sig, again, &d))
			return;
		struct ruling r = feature_use(c->lookups, f, req->tenant, &d, req->claims->account_id);
		if (r.verdict == VERDICT_DENY) {
			page_deny(req, c, policy_code_name(r.code), f->name);
			return;
		}
	}
	page_reply(req, 200, static_files_page(c->files, STR("app"), req->params.part[0]), NULL);
}

static void page_waited(struct request *req, void *connect)
{
	serve_page(req, connect, NULL);
}

static void serve_admin_page(struct request *req, void *connect)
{
	serve_page(req, connect, page_waited);
}

static void deny_not_admin(struct request *req, void *connect)
{
	page_deny(req, connect, "not_admin", NULL);
}

void page_get(struct request *req, void *connect)
{
	struct connect *c = connect;
	const struct str name = req->params.part[0];
	/* denied.html is a form to fill in, not a page to visit. */
	if (!static_files_page(c->files, STR("app"), name).ptr || str_eqz(name, "denied")) {
		reply_problem(req, 404, "no_such_page", NULL, NULL, 0);
		return;
	}
	user_seen(c->lookups, req->tenant, req->claims->account_id);
	if (str_eqz(name, "configure") || descriptor_is_admin_path(c->descriptor, req->local_path))
		admin_only(req, c, serve_admin_page, deny_not_admin);
	else
		serve_page(req, c, page_waited);
}

enum { ANSWER_MAX = 64 * 1024 };

static void serve_license(struct request *req, struct connect *c, handler_fn *again)
{
	struct request_signal sig = signal_of(req);
	struct license_decision d;
	if (!gate_decide(c, req, req->tenant, &sig, again, &d))
		return;
	struct buf json = BUF_INIT(ANSWER_MAX);
	struct jsonw w = jsonw(&json);
	license_answer(&w, c->lookups, c->features, req->tenant, &d, req->claims->account_id);
	if (json.err == OK) {
		reply_json(req, 200, &json);
		return;
	}
	buf_release(&json);
	reply_err(req, ERR_NOMEM);
}

static void license_waited(struct request *req, void *connect)
{
	serve_license(req, connect, NULL);
}

void page_license_json(struct request *req, void *connect)
{
	struct connect *c = connect;
	user_seen(c->lookups, req->tenant, req->claims->account_id);
	serve_license(req, c, license_waited);
}

void api_license(struct request *req, void *connect)
{
	page_license_json(req, connect);
}
