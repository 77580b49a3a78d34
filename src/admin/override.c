/* override.c - the operator's word over every other signal, until a date: who, why, until when.
 *
 * All members are needed: an override nobody can explain later helps nobody. Answered when it is durable. */
#include "admin/parts.h"
#include "base/cleanup.h"
#include "base/json.h"

enum { REASON_MAX = 1000, BY_MAX = 200 };

struct wanted {
	enum license_state state;
	int64_t until;
	struct str reason, by; /* in the request's body object */
};

static const char *text_member(const json_t *body, const char *name, size_t max, struct str *ret)
{
	if (json_get_str(body, name, ret) != JSON_GOT || ret->len == 0 || ret->len > max || !str_printable(*ret))
		return name;
	return NULL;
}

/* What is wrong with the body; NULL: nothing. */
static const char *wanted_read(const json_t *body, int64_t now_ms, struct wanted *ret)
{
	struct str text;
	if (json_get_str(body, "state", &text) != JSON_GOT || !license_state_parse(text, &ret->state) ||
	    ret->state == STATE_UNKNOWN)
		return "state: evaluation, active, grace, cancelled_pending, expired or none";
	if (json_get_str(body, "until", &text) != JSON_GOT || time_parse(text, &ret->until) != OK || ret->until <= now_ms)
		return "until: an RFC 3339 time in the future";
	if (text_member(body, "reason", REASON_MAX, &ret->reason))
		return "reason: text of 1 to 1000 bytes";
	if (text_member(body, "by", BY_MAX, &ret->by))
		return "by: text of 1 to 200 bytes";
	return NULL;
}

struct change {
	struct request *req;
	enum err err;
};

static void changed(void *arg, enum err err)
{
	struct change *c = arg;
	c->err = err;
	request_wake(c->req);
}

static void change_reply(struct request *req, void *room)
{
	(void)room;
	const struct change *c = req->state;
	if (c->err == OK)
		reply_empty(req, 204);
	else if (c->err == ERR_NOT_FOUND)
		reply_problem(req, 404, "no_override", "the tenant has no override", NULL, 0);
	else
		reply_err(req, c->err);
}

/* NULL: answered. */
static struct change *change_begin(struct request *req)
{
	struct change *c = arena_zalloc(&req->arena, sizeof(*c));
	if (!c) {
		reply_err(req, ERR_NOMEM);
		return NULL;
	}
	*c = (struct change){.req = req};
	req->state = c;
	request_wait(req, change_reply);
	return c;
}

void admin_override_put(struct request *req, void *room)
{
	const struct connect *connect = ((const struct admin *)room)->connect;
	__cleanup_json json_t *body = NULL;
	struct wanted wanted = {0};
	const char *wrong = NULL;
	enum err err = json_read_body(req->body, &body, &wrong);
	if (err == ERR_NOMEM) {
		reply_err(req, err);
		return;
	}
	if (err == OK)
		wrong = wanted_read(body, clock_wall_ms(connect->clock), &wanted);
	if (wrong) {
		reply_problem(req, 400, "bad_request", wrong, NULL, 0);
		return;
	}
	const struct tenant *t = tenant_of_path(req, room);
	struct change *c = t ? change_begin(req) : NULL;
	if (!c)
		return;
	err = override_set(connect->lookups, t, wanted.state, wanted.until, wanted.reason, wanted.by, changed, c);
	if (err != OK)
		changed(c, err);
}

void admin_override_delete(struct request *req, void *room)
{
	const struct connect *connect = ((const struct admin *)room)->connect;
	const struct tenant *t = tenant_of_path(req, room);
	struct change *c = t ? change_begin(req) : NULL;
	if (!c)
		return;
	enum err err = override_end(connect->lookups, t, changed, c);
	if (err != OK)
		changed(c, err);
}
