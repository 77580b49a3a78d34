/* revoke.c - tokens of customers who left are given back to GitHub, for as long as it takes.
 *
 * The row's next date is moved on before the question is asked, so that a crash asks again later and two servers do not
 * ask at once. What GitHub does not know any more is revoked; so is what nobody could revoke for a month, since it must
 * not be kept. Rule: "Delete an app authorization" of GitHub's REST API. */
#include "github/revoke.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "github/github_internal.h"
#include "github/rest.h"

enum { TOKEN_ROOM = 4096, FIRST_MS = 60000, ATTEMPTS_MAX = 700 /* hourly: within a month */ };
static const int64_t HOUR_MS = 3600000;

struct revocation {
	struct store_job job; /* first: the store hands it back */
	struct github *g;
	char id[64];
};

static int64_t delay_of(int64_t attempts)
{
	const int64_t delay = (int64_t)FIRST_MS << (attempts < 6 ? attempts : 6);
	return delay < HOUR_MS ? delay : HOUR_MS;
}

enum err github_revocations_take(struct github *g, struct store_tx *tx, struct arena *a, struct github_revocations *ret)
{
	const int64_t now = clock_wall_ms(g->clock);
	ret->count = 0;
	enum err err =
	    store_github_revocations_due(tx, now, GITHUB_REVOCATIONS_MAX, a, &ret->rows, &ret->count, &ret->next_at);
	for (size_t i = 0; err == OK && i < ret->count; i++) {
		struct github_revocation_row *row = &ret->rows[i];
		row->next_at = now + delay_of(row->attempts++);
		err = row->attempts > ATTEMPTS_MAX ? store_github_revocation_delete(tx, str_of(row->id))
		                                   : store_github_revocation_put(tx, row);
		if (row->next_at < ret->next_at || ret->next_at == 0)
			ret->next_at = row->next_at;
	}
	return err;
}

static enum err forget_run(struct store_job *job, struct store_tx *tx)
{
	enum err err = store_github_revocation_delete(tx, str_of(((struct revocation *)job)->id));
	return err == ERR_NOT_FOUND ? OK : err;
}

static void forget_done(struct store_job *job, enum err err)
{
	struct revocation *r = (struct revocation *)job;
	struct github *g = r->g;
	(void)err; /* asked again later, and answered with 404 */
	free(r);
	github_busy_end(g);
}

static void answered(void *arg, const struct http_answer *answer)
{
	struct revocation *r = arg;
	struct github *g = r->g;
	const bool over = answer->err == OK && (answer->status == 204 || answer->status == 404 || answer->status == 422);
	metric_inc(over ? g->parts->revoked : g->parts->revoke_failed);
	if (over) {
		r->job = (struct store_job){.run = forget_run, .done = forget_done};
		if (store_submit(g->store, &r->job) == OK)
			return;
	} else if (answer->err != ERR_STOPPING) {
		log_event(LOG_WARN, "github.revoke_failed", LF_Z("error", err_name(answer->err)),
		          LF_INT("status", answer->status));
	}
	free(r);
	github_busy_end(g);
}

static enum err ask(struct github *g, struct revocation *r, struct str token)
{
	char path[256];
	__cleanup(buf_wipe) struct buf body = BUF_INIT(2 * TOKEN_ROOM);
	struct jsonw w = jsonw(&body);
	jw_obj(&w);
	jw_kstr(&w, "access_token", token);
	jw_end_obj(&w);
	if (body.err != OK)
		return body.err;
	(void)snprintf(path, sizeof(path), "/applications/%.200s/grant", g->config->github_client_id);
	const struct github_question q = {.method = "DELETE",
	                                  .url = path,
	                                  .body = buf_text(&body),
	                                  .content_type = "application/json",
	                                  .as = GITHUB_AS_CLIENT,
	                                  .done = answered,
	                                  .arg = r};
	return github_ask(g, &q);
}

void github_revocations_send(struct github *g, const struct github_revocations *taken)
{
	for (size_t i = 0; i < taken->count && github_signs_in(g->config); i++) {
		__cleanup(buf_wipe) struct buf token = BUF_INIT(TOKEN_ROOM);
		const struct seal_place place = {"github_revocations", "token", str_of(taken->rows[i].id)};
		if (unseal(g->keyring, place, taken->rows[i].token_sealed, &token) != OK || !github_busy_begin(g))
			continue;
		struct revocation *r = calloc(1, sizeof(*r));
		if (r) {
			r->g = g;
			(void)snprintf(r->id, sizeof(r->id), "%s", taken->rows[i].id);
		}
		if (!r || ask(g, r, buf_text(&token)) != OK) {
			free(r);
			github_busy_end(g);
		}
	}
}
