/* feedback.c - POST /api/v1/feedback: a message from a user of the app to its vendor.
 *
 * The sender's account is kept only with consent ("account": true), and goes when the account leaves or is closed. The
 * event of it carries no text: events leave the house, messages do not. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "connect/connect.h"
#include "connect/feedback_body.h"
#include "connect/json_body.h"
#include "events/journal.h"
#include "events/request_write.h"
#include "license/users.h"
#include "token/token.h"

struct feedback {
	struct request_write write;
	char *client_key, *account_id, *message; /* account_id NULL without consent */
	char request_id[REQUEST_ID_LEN + 1];
	int64_t at;
};

static enum err feedback_run(struct request_write *w, struct store_tx *tx)
{
	const struct feedback *f = (struct feedback *)w;
	const struct feedback_row row = {
	    .client_key = f->client_key, .account_id = f->account_id, .message = f->message, .at = f->at};
	enum err err = store_feedback_add(tx, &row);
	if (err == OK && f->account_id)
		err = user_known(tx, str_of(f->client_key), f->account_id, f->at); /* so that the host is asked about it */
	if (err != OK)
		return err;
	const struct event e = {.type = "feedback.received",
	                        .tenant = str_of(f->client_key),
	                        .source = "page",
	                        .at = f->at,
	                        .once = str_of(f->request_id)};
	return journal_add(tx, &e);
}

static void feedback_answer(struct request_write *w, struct request *req)
{
	(void)w;
	reply(req, 201, "application/json", STR("{\"received\":true}"), NULL, 0);
}

static void feedback_free(struct request_write *w)
{
	struct feedback *f = (struct feedback *)w;
	free(f->client_key);
	free(f->account_id);
	free(f->message);
	arena_release(&w->arena);
	free(f);
}

static void store_feedback(struct request *req, struct connect *c, struct str message, bool consent)
{
	struct feedback *f = calloc(1, sizeof(*f));
	if (!f) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	const struct str account = req->claims->account_id;
	const bool named = consent && account.len > 0 && !str_eqz(account, "unknown");
	f->at = clock_wall_ms(c->clock);
	f->client_key = str_dup(req->claims->iss);
	f->message = str_dup(message);
	f->account_id = named ? str_dup(account) : NULL;
	memcpy(f->request_id, req->id, sizeof(f->request_id));
	f->write.run = feedback_run;
	f->write.answer = feedback_answer;
	f->write.free = feedback_free;
	if (!f->client_key || !f->message || (named && !f->account_id)) {
		feedback_free(&f->write);
		reply_err(req, ERR_NOMEM);
		return;
	}
	request_write_start(&f->write, req, c->store);
}

void api_feedback(struct request *req, void *connect)
{
	if (!json_body_required(req))
		return;
	__cleanup_json json_t *body = NULL;
	enum err err = json_read_object(req->body, &body);
	if (err == ERR_NOMEM) {
		reply_err(req, err);
		return;
	}
	struct str message = STR("");
	bool consent = false;
	const char *wrong = err == OK ? feedback_read(body, &message, &consent) : "The body is not one JSON object.";
	if (wrong) {
		req->code = "bad_feedback";
		reply_problem(req, 400, "bad_feedback", wrong, NULL, 0);
		return;
	}
	store_feedback(req, connect, message, consent);
}
