/* seat_reply.c - see seat_reply.h. */
#include "connect/seat_reply.h"

struct freed {
	struct request *req;
	enum err err;
};

static void freed(void *arg, enum err err)
{
	struct freed *f = arg;
	f->err = err;
	request_wake(f->req);
}

static void answer(struct request *req, void *room)
{
	(void)room;
	const struct freed *f = req->state;
	if (f->err == OK)
		reply_empty(req, 204);
	else if (f->err == ERR_NOT_FOUND)
		reply_problem(req, 404, "no_seat", "the account holds no seat", NULL, 0);
	else
		reply_err(req, f->err);
}

void seat_free_reply(struct request *req, struct lookups *l, struct str key, const char *why)
{
	struct str account_id;
	struct freed *f = arena_alloc(&req->arena, sizeof(*f));
	if (!f) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	*f = (struct freed){.req = req};
	req->state = f;
	request_wait(req, answer);
	enum err err = segment_decode(&req->arena, key, &account_id) ? OK : ERR_NOT_FOUND;
	if (err == OK)
		err = seat_free(l, req->tenant, account_id, why, freed, f);
	if (err != OK)
		freed(f, err);
}
