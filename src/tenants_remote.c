/* tenants_remote.c - asks the running server's admin API: refresh, override.
 *
 * The one command that calls is the only user of its HTTP client, so it simply waits for the answer. The token goes to
 * the configured admin listener alone. */
#include "tenants_remote.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "http/client.h"
#include "tenants_print.h"

enum { URL_MAX = 8192, ANSWER_MAX = 16 * 1024 * 1024, SLACK_MS = 5000 };

struct question {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool done;
	enum err err;
	int status;
	struct buf body;
};

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct question *q = arg;
	pthread_mutex_lock(&q->lock);
	q->err = answer->err;
	q->status = answer->status;
	if (answer->err == OK)
		buf_str(&q->body, answer->body);
	q->done = true;
	pthread_cond_signal(&q->answered);
	pthread_mutex_unlock(&q->lock);
}

static enum err ask(const struct config *config, const char *method, struct str url, struct str body,
                    struct question *q)
{
	const int64_t timeout_ms = config->upstream_timeout_s * 2000 + SLACK_MS; /* a refresh may ask two resources */
	const struct http_client_options o = {.clock = &clock_system,
	                                      .allow_insecure = true,
	                                      .timeout_ms = timeout_ms,
	                                      .in_flight_max = 1,
	                                      .queue_max = 1,
	                                      .per_host_max = 1};
	__cleanup(buf_wipe) struct buf bearer = BUF_INIT(URL_MAX);
	buf_printf(&bearer, "Bearer %s", config->admin_token);
	struct http_client *client = NULL;
	enum err err = bearer.err != OK ? bearer.err : http_client_new(&o, &client);
	if (err != OK)
		return err;
	const struct http_header headers[] = {{"Authorization", bearer.data}, {"Content-Type", "application/json"}};
	const struct http_call call = {.method = method,
	                               .url = url.ptr,
	                               .headers = headers,
	                               .header_count = body.len > 0 ? 2 : 1,
	                               .body = body,
	                               .answer_max = ANSWER_MAX,
	                               .done = on_answer,
	                               .arg = q};
	err = http_client_call(client, &call);
	pthread_mutex_lock(&q->lock);
	while (err == OK && !q->done)
		pthread_cond_wait(&q->answered, &q->lock);
	pthread_mutex_unlock(&q->lock);
	http_client_free(client);
	return err == OK ? q->err : err;
}

static int refused(const struct tenants_args *a, const struct question *q)
{
	__cleanup_json json_t *problem = NULL;
	struct str code = STR("no code"), detail = {0};
	if (json_read_object(buf_text(&q->body), &problem) == OK) {
		json_get_str(problem, "code", &code);
		json_get_str(problem, "detail", &detail);
	}
	if (q->status == 401)
		fputs("licgate: the server does not take this LICGATE_ADMIN_TOKEN\n", stderr);
	else
		fprintf(stderr, "licgate: %s: the server answered %d (%.*s) %.*s\n", a->key, q->status, STR_ARG(code),
		        STR_ARG(detail));
	return 1;
}

static void override_body(struct buf *out, const struct tenants_args *a)
{
	struct jsonw w = jsonw(out);
	jw_obj(&w);
	jw_kz(&w, "state", a->state);
	jw_kz(&w, "until", a->until);
	jw_kz(&w, "reason", a->reason);
	jw_kz(&w, "by", a->by);
	jw_end_obj(&w);
}

int tenants_remote(const struct config *config, const struct tenants_args *a)
{
	__cleanup_buf struct buf url = BUF_INIT(URL_MAX), body = BUF_INIT(URL_MAX);
	struct question q = {
	    .lock = PTHREAD_MUTEX_INITIALIZER, .answered = PTHREAD_COND_INITIALIZER, .body = BUF_INIT(ANSWER_MAX)};
	const char *method = "POST";
	if (!config->admin_token) {
		fputs("licgate: LICGATE_ADMIN_TOKEN is not set: it is the server's, and without it there is no admin API\n",
		      stderr);
		return 1;
	}
	buf_printf(&url, "http://%s/admin/api/v1/tenants/", config->admin_listen);
	buf_percent(&url, str_of(a->key));
	buf_z(&url, a->verb == TENANTS_REFRESH ? "/refresh" : "/override");
	if (a->verb == TENANTS_OVERRIDE) {
		method = a->end ? "DELETE" : "PUT";
		if (!a->end)
			override_body(&body, a);
	}
	enum err err = url.err != OK ? url.err : body.err;
	if (err == OK)
		err = ask(config, method, buf_text(&url), buf_text(&body), &q);
	int code = 0;
	if (err != OK) {
		fprintf(stderr,
		        "licgate: no answer from the server at %s (%s): is it running, is LICGATE_ADMIN_LISTEN its own?\n",
		        config->admin_listen, err_text(err));
		code = 1;
	} else if (q.status >= 300) {
		code = refused(a, &q);
	} else if (q.body.len > 0) {
		code = tenants_print_answer(buf_text(&q.body), a->json) ? 0 : 1;
	}
	buf_release(&q.body);
	return code;
}
