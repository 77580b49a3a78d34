/* host_admin.c - is this account an administrator of the tenant's site? Asked of the host, kept five minutes.
 *
 * POST /rest/api/3/permissions/check as the app. No usable answer is a no, kept for ten seconds only. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "connect/host_internal.h"

enum { ANSWER_MAX = 64 * 1024 };

struct check {
	struct host *host;
	struct buf key;
};

struct wake_call {
	void (*wake)(void *arg);
	void *arg;
};

static void on_kept(void *wake_call, const struct kept_value *value)
{
	struct wake_call w = *(struct wake_call *)wake_call;

	(void)value;
	free(wake_call);
	w.wake(w.arg);
}

static void check_free(struct check *c)
{
	if (!c)
		return;
	buf_release(&c->key);
	free(c);
}

static void cleanup_check(struct check **c)
{
	check_free(*c);
}

static void end_check(struct check *c, enum admin_answer answer, int64_t ttl_ms)
{
	kept_answer(c->host->admins, buf_text(&c->key), kept_value_new((int)answer, NULL, (struct str){0}), ttl_ms);
	check_free(c);
}

/* {"globalPermissions":["ADMINISTER"],…}: the ones that were asked about and are held. */
static bool read_permissions(struct str body, bool *ret_admin)
{
	__cleanup_json json_t *answer = NULL;
	const json_t *held, *name;
	bool admin = false;
	size_t i;

	if (json_read_object(body, &answer) != OK)
		return false;
	held = json_object_get(answer, "globalPermissions");
	if (!json_is_array(held))
		return false;
	json_array_foreach(held, i, name)
	{
		if (json_is_string(name) &&
		    str_eqz((struct str){json_string_value(name), json_string_length(name)}, "ADMINISTER"))
			admin = true;
	}
	*ret_admin = admin;
	return true;
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct check *c = arg;
	bool admin = false;

	if (answer->err == OK && answer->status == 200 && read_permissions(answer->body, &admin)) {
		end_check(c, admin ? ADMIN_YES : ADMIN_NO, ADMIN_KEPT_MS);
		return;
	}
	log_event(LOG_WARN, "host.permissions_failed", LF_Z("error", err_name(answer->err)),
	          LF_INT("status", answer->status));
	end_check(c, ADMIN_NO, ADMIN_FAILURE_KEPT_MS);
}

/* Asks the host; c is ended in any case. */
static void ask(struct check *c, const struct tenant *tenant, struct str account_id)
{
	__cleanup(buf_release) struct buf body = BUF_INIT(4096);
	struct jsonw w = jsonw(&body);
	enum err err;

	jw_obj(&w);
	jw_key(&w, "globalPermissions");
	jw_arr(&w);
	jw_z(&w, "ADMINISTER");
	jw_end_arr(&w);
	jw_kstr(&w, "accountId", account_id);
	jw_end_obj(&w);
	const struct app_call call = {.method = "POST",
	                              .path = STR("/rest/api/3/permissions/check"),
	                              .body = buf_text(&body),
	                              .answer_max = ANSWER_MAX,
	                              .done = on_answer,
	                              .arg = c};
	err = body.err == OK ? host_call_app(c->host, tenant, &call) : body.err;
	if (err != OK)
		end_check(c, ADMIN_NO, ADMIN_FAILURE_KEPT_MS);
}

enum admin_answer host_is_admin(struct host *h, const struct tenant *tenant, struct str account_id,
                                void (*wake)(void *arg), void *arg)
{
	__cleanup(cleanup_check) struct check *c = calloc(1, sizeof *c);
	__cleanup_free struct wake_call *w = malloc(sizeof *w);
	struct kept_value *value = NULL;

	if (account_id.len == 0 || !c || !w)
		return ADMIN_NO;
	c->host = h;
	c->key = BUF_INIT(4096);
	host_key_add(&c->key, tenant->client_key);
	host_key_add(&c->key, account_id);
	if (c->key.err != OK)
		return ADMIN_NO;
	*w = (struct wake_call){.wake = wake, .arg = arg};
	switch (kept_get(h->admins, buf_text(&c->key), wake ? on_kept : NULL, w, &value)) {
	case KEPT_NOW: {
		enum admin_answer answer = (enum admin_answer)value->code;
		kept_value_unref(value);
		return answer;
	}
	case KEPT_REFUSED:
		return wake ? ADMIN_NO : ADMIN_PENDING;
	case KEPT_WAIT:
		w = NULL; /* on_kept frees it */
		return ADMIN_PENDING;
	case KEPT_ASK:
		w = NULL;
		ask(TAKE(c), tenant, account_id);
		return ADMIN_PENDING;
	}
	return ADMIN_NO;
}
