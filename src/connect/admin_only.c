/* admin_only.c - see admin_only.h. A request that must wait for the host gives its worker back, once. */
#include "connect/admin_only.h"

#include "connect/host.h"
#include "token/token.h"

struct step {
	handler_fn *then, *deny;
};

static void refuse(struct request *req, struct connect *c, handler_fn *deny)
{
	const struct failure f = {.at = clock_wall_ms(c->clock),
	                          .route = req->route->pattern,
	                          .code = token_code_name(TOKEN_NOT_ADMIN),
	                          .text = token_code_text(TOKEN_NOT_ADMIN),
	                          .tenant = arena_strz(&req->arena, req->claims->iss),
	                          .request_id = req->id};
	failures_add(c->failures, &f);
	deny(req, c);
}

static void nobody(void *arg)
{
	(void)arg;
}

static void wake(void *req)
{
	request_wake(req);
}

static enum admin_answer ask(struct request *req, struct connect *c, void (*then)(void *))
{
	return host_is_admin(c->host, req->tenant, req->claims->account_id, then, req);
}

static void waited(struct request *req, void *connect)
{
	const struct step *s = req->state;
	if (ask(req, connect, nobody) == ADMIN_YES)
		s->then(req, connect);
	else
		refuse(req, connect, s->deny);
}

void admin_only(struct request *req, struct connect *c, handler_fn *then, handler_fn *deny)
{
	if (req->claims->account_id.len == 0) {
		refuse(req, c, deny);
		return;
	}
	/* Asked twice, so that a known answer costs no wait: the request must be waiting before anybody may wake it. */
	enum admin_answer answer = ask(req, c, nobody);
	if (answer == ADMIN_YES) {
		then(req, c);
		return;
	}
	struct step *s = answer == ADMIN_PENDING ? arena_alloc(&req->arena, sizeof(*s)) : NULL;
	if (!s) {
		refuse(req, c, deny);
		return;
	}
	*s = (struct step){then, deny};
	req->state = s;
	request_wait(req, waited);
	if (ask(req, c, wake) != ADMIN_PENDING)
		request_wake(req);
}
