/* test_call.c - one signed call to the tenant's site, for the operator: is it there, and does it take our secret?
 *
 * The app's own add-on resource is asked, as every product has it. Only whether and how it answered is told, never
 * what.
 */
#include "admin/parts.h"
#include "base/cleanup.h"
#include "base/jsonw.h"
#include "connect/descriptor.h"
#include "connect/host.h"

enum { JSON_MAX = 4096 };

struct test_call {
	struct request *req;
	enum err err;
	int status;
	int64_t duration_ms;
};

static void answered(void *arg, const struct http_answer *answer)
{
	struct test_call *t = arg;
	t->err = answer->err;
	t->status = answer->status;
	t->duration_ms = answer->duration_ms;
	request_wake(t->req);
}

static const char *meaning(const struct test_call *t)
{
	if (t->err == ERR_TIMEOUT)
		return "the site did not answer in time";
	if (t->err == ERR_DENIED)
		return "the site's address is one that must not be called";
	if (t->err != OK)
		return "the site cannot be reached";
	if (t->status / 100 == 2)
		return "the site answers and takes our secret";
	if (t->status == 401 || t->status == 403)
		return "the site does not take our secret: the app must be installed again";
	if (t->status == 404)
		return "the site answers, but does not know this app: it is uninstalled there";
	return "the site answers with trouble of its own";
}

static void test_call_reply(struct request *req, void *room)
{
	(void)room;
	const struct test_call *t = req->state;
	__cleanup_buf struct buf json = BUF_INIT(JSON_MAX);
	struct jsonw w = jsonw(&json);
	jw_obj(&w);
	jw_kbool(&w, "ok", t->err == OK && t->status / 100 == 2);
	jw_key(&w, "status");
	if (t->err == OK)
		jw_int(&w, t->status);
	else
		jw_null(&w);
	jw_kint(&w, "duration_ms", t->duration_ms);
	jw_kz(&w, "failure", t->err == OK ? NULL : err_name(t->err));
	jw_kz(&w, "meaning", meaning(t));
	jw_end_obj(&w);
	reply_json_or_err(req, OK, &json);
}

void admin_tenant_test_call(struct request *req, void *room)
{
	const struct admin *a = room;
	const struct tenant *t = tenant_of_path(req, a);
	if (!t)
		return;
	struct test_call *call = arena_zalloc(&req->arena, sizeof(*call));
	const char *path =
	    arena_printf(&req->arena, "/rest/atlassian-connect/1/addons/%.400s", a->connect->descriptor->key);
	if (!call || !path || t->status == TENANT_UNINSTALLED || t->kind != TENANT_CONNECT) {
		const bool no_site = t->kind != TENANT_CONNECT;
		if (call && path && no_site)
			reply_problem(req, 409, "not_connect", "the tenant has no Connect site to call", NULL, 0);
		else if (call && path)
			reply_problem(req, 409, "uninstalled", "the tenant is uninstalled: its site answers no more", NULL, 0);
		else
			reply_err(req, ERR_NOMEM);
		return;
	}
	*call = (struct test_call){.req = req};
	req->state = call;
	request_wait(req, test_call_reply);
	const struct host_call hc = {.method = "GET", .path = str_of(path), .done = answered, .arg = call};
	enum err err = host_call(a->connect->host, t, &hc);
	if (err != OK)
		answered(call, &(struct http_answer){.err = err});
}
