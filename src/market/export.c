/* export.c - see export.h. */
#include "market/export.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"

enum {
	URL_MAX = 4096,
	ANSWER_MAX = 64 * 1024,
	STATUS_EVERY_S = 5,
	STATUS_QUICK_S = 1, /* the first times: small exports are ready at once */
	STATUS_QUICK_TIMES = 3,
	READY_WITHIN_S = 1800,
	BACKOFF_MAX_S = 10,
	RETRY_AFTER_MAX_S = 300,
	CALL_MS = 60 * 1000,
	DOWNLOAD_MS = 600 * 1000,
	TICK_MS = 500,
	TICK_RESTING_S = 5,
};

/* One call that is waited for. */
struct asking {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool done;
	struct spool *into; /* NULL: the body is kept */
	enum err err;
	int status;
	int64_t retry_after_s;
	struct buf body;
};

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct asking *a = arg;
	pthread_mutex_lock(&a->lock);
	a->err = answer->err;
	a->status = answer->status;
	a->retry_after_s = answer->retry_after_s;
	if (answer->err == OK)
		buf_str(&a->body, answer->body);
	a->done = true;
	pthread_cond_signal(&a->answered);
	pthread_mutex_unlock(&a->lock);
}

static bool on_body(void *arg, const char *data, size_t len)
{
	const struct asking *a = arg;
	return spool_take(a->into, data, len);
}

static struct timespec next_tick(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += TICK_MS * 1000000L;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* The client answers every call within its deadline, or when it stops. */
static enum err wait_for_answer(struct export_source *s, struct asking *a)
{
	enum err e = OK;
	pthread_mutex_lock(&a->lock);
	while (!a->done) {
		const struct timespec end = next_tick();
		if (pthread_cond_timedwait(&a->answered, &a->lock, &end) == 0 || !s->tick || e != OK)
			continue;
		pthread_mutex_unlock(&a->lock);
		e = s->tick(s->arg);
		pthread_mutex_lock(&a->lock);
	}
	pthread_mutex_unlock(&a->lock);
	return e;
}

static enum err ask_once(struct export_source *s, const char *method, const char *url, struct asking *a)
{
	__cleanup(buf_wipe) struct buf auth = BUF_INIT(ANSWER_MAX);
	http_basic_auth(&auth, str_of(s->user), str_of(s->token));
	if (auth.err != OK)
		return auth.err;
	const struct http_header headers[] = {{"Authorization", auth.data}, {"Accept", "application/json"}};
	const struct http_call call = {.method = method,
	                               .url = url,
	                               .headers = headers,
	                               .header_count = 2,
	                               .answer_max = a->into ? SPOOL_MAX : ANSWER_MAX,
	                               .timeout_ms = a->into ? DOWNLOAD_MS : CALL_MS,
	                               .take = a->into ? on_body : NULL,
	                               .done = on_answer,
	                               .arg = a};
	a->done = false;
	buf_reset(&a->body);
	enum err e = http_client_call(s->client, &call);
	if (e == OK)
		e = wait_for_answer(s, a);
	return e != OK ? e : a->err;
}

/* Worth another try: nobody answered, or somebody said "later". */
static bool may_pass(enum err e, int status)
{
	if (e != OK)
		return e == ERR_TIMEOUT || e == ERR_UPSTREAM || e == ERR_FULL;
	return status == 429 || status / 100 == 5;
}

static int64_t backoff_ms(const struct export_source *s, const struct asking *a, enum err e, unsigned try)
{
	int64_t seconds = INT64_C(1) << (try < 4 ? try : 4);
	seconds = seconds < BACKOFF_MAX_S ? seconds : BACKOFF_MAX_S;
	if (e == OK && a->retry_after_s > 0) /* 0: at once, which is no back-off, or a text that names no time */
		seconds = a->retry_after_s < RETRY_AFTER_MAX_S ? a->retry_after_s : RETRY_AFTER_MAX_S;
	return seconds * s->pace->second_ms;
}

/* Waits, and ticks meanwhile: a Retry-After may be longer than what the caller must keep up. */
static enum err rest(struct export_source *s, int64_t ms)
{
	const int64_t slice = TICK_RESTING_S * s->pace->second_ms;
	enum err e = OK;
	for (; e == OK && ms > 0; ms -= slice) {
		if (!pace_wait(s->pace, ms < slice ? ms : slice))
			return ERR_STOPPING;
		if (s->tick)
			e = s->tick(s->arg);
	}
	return e;
}

/* What went wrong with a call that got no answer, and what to look at. */
static const char *failure_text(enum err e)
{
	switch ((int)e) {
	case ERR_TIMEOUT:
		return "the Marketplace does not answer in time: try again later";
	case ERR_UPSTREAM:
		return "the Marketplace cannot be reached, or breaks off: see LICGATE_MARKETPLACE_URL and the network";
	case ERR_DENIED:
		return "LICGATE_MARKETPLACE_URL leads to a private address: only LICGATE_ALLOW_INSECURE_HOSTS=1 allows that";
	case ERR_IO:
		return "the folder of the database cannot be written: see whether it is full";
	case ERR_TOO_LARGE:
		return "the Marketplace's answer is too large";
	default:
		return err_text(e);
	}
}

static enum err told(struct export_source *s, enum err e, int status, const char *what)
{
	if (e == ERR_STOPPING || e == ERR_CONFLICT)
		return e;
	const char *hint = may_pass(e, status) ? ": try again later" : "";
	if (e == OK && (status == 401 || status == 403))
		hint = ": it does not take LICGATE_MARKETPLACE_USER and LICGATE_MARKETPLACE_TOKEN for that developer space";
	else if (e == OK && status == 404)
		hint = ": LICGATE_MARKETPLACE_URL or LICGATE_MARKETPLACE_DEVELOPER_ID is not right";
	if (e == OK)
		(void)snprintf(s->failure, sizeof(s->failure), "%s: the Marketplace answers %d%s", what, status, hint);
	else
		(void)snprintf(s->failure, sizeof(s->failure), "%s: %s", what, failure_text(e));
	return e == OK ? ERR_UPSTREAM : e;
}

/* Until an answer that is not "later" comes. OK: a->status is 200 to 299 or 404. */
static enum err ask(struct export_source *s, const char *method, const char *url, const char *what, struct asking *a)
{
	enum err e = OK;
	const unsigned tries = s->tries ? s->tries : EXPORT_TRIES;
	for (unsigned try = 0; try < tries; try++) {
		if (pace_stopping(s->pace))
			return ERR_STOPPING;
		if (a->into && (e = spool_reset(a->into)) != OK)
			return told(s, e, 0, what);
		e = ask_once(s, method, url, a);
		if (e == OK && (a->status / 100 == 2 || a->status == 404))
			return OK;
		if (!may_pass(e, a->status))
			break;
		log_event(LOG_DEBUG, "market.retry", LF_Z("call", what), LF_INT("status", e == OK ? a->status : 0),
		          LF_Z("error", err_name(e)));
		enum err rested = try + 1 < tries ? rest(s, backoff_ms(s, a, e, try)) : OK;
		if (rested != OK)
			return told(s, rested, 0, what);
	}
	return told(s, e, a->status, what);
}

static void asking_init(struct asking *a, struct spool *into)
{
	*a = (struct asking){.into = into, .body = BUF_INIT(ANSWER_MAX)};
	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&a->answered, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

static void asking_release(struct asking *a)
{
	buf_release(&a->body);
	pthread_cond_destroy(&a->answered);
	pthread_mutex_destroy(&a->lock);
}
#define __cleanup_asking __cleanup(asking_release)

/* ---- URLs ---- */

static void base_url(const struct export_source *s, const char *report, struct buf *out)
{
	buf_z(out, s->url);
	buf_z(out, s->api == 2 ? "/vendors/" : "/reporting/developer-space/");
	buf_percent(out, str_of(s->developer_id));
	buf_printf(out, "%s/%s/async/export", s->api == 2 ? "/reporting" : "", report);
}

static bool id_fine(struct str id)
{
	if (!id.len || id.len > EXPORT_ID_MAX)
		return false;
	for (size_t i = 0; i < id.len; i++) {
		const char c = id.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return true;
}

static const char status_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_- ";

/* {"export":{"id":…,"status":…}} */
static bool read_export(const struct buf *body, const char *member, char *out, size_t size)
{
	__cleanup_json json_t *root = NULL;
	struct str text = STR("");
	if (json_read_object(buf_text(body), &root) != OK)
		return false;
	const json_t *export = json_get_obj(root, "export");
	if (!export || json_get_str(export, member, &text) != JSON_GOT || !text.len || text.len >= size)
		return false;
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return true;
}

/* ---- the three calls ---- */

static enum err ask_start(struct export_source *s, const char *url, struct asking *a, char *ret_id)
{
	for (unsigned try = 0;; try++) {
		enum err e = ask(s, "POST", url, "export", a);
		if (e == OK && a->status == 404)
			return told(s, OK, 404, "export");
		if (e != OK || (read_export(&a->body, "id", ret_id, EXPORT_ID_MAX + 1) && id_fine(str_of(ret_id))))
			return e;
		if (try + 1 == EXPORT_TRIES) {
			(void)snprintf(s->failure, sizeof(s->failure),
			               "export: the Marketplace's answer has no id of an export: see LICGATE_MARKETPLACE_URL");
			return ERR_UPSTREAM;
		}
		if (!pace_wait(s->pace, s->pace->second_ms))
			return ERR_STOPPING;
	}
}

enum err export_start(struct export_source *s, const char *report, const struct export_parameter *parameters,
                      size_t count, char ret_id[static EXPORT_ID_MAX + 1])
{
	__cleanup_buf struct buf url = BUF_INIT(URL_MAX);
	__cleanup_asking struct asking a;
	asking_init(&a, NULL);
	base_url(s, report, &url);
	for (size_t i = 0; i < count; i++) {
		buf_char(&url, i == 0 ? '?' : '&');
		buf_z(&url, parameters[i].name);
		buf_char(&url, '=');
		buf_percent(&url, str_of(parameters[i].value));
	}
	return url.err == OK ? ask_start(s, url.data, &a, ret_id) : told(s, url.err, 0, "export");
}

/* What the answers to "how does it go" said so far. */
struct waiting {
	bool ready;
	unsigned unread; /* answers in a row that said nothing */
	char status[EXPORT_ID_MAX + 1];
};

static enum err status_once(struct export_source *s, const char *url, struct asking *a, struct waiting *w)
{
	enum err e = ask(s, "GET", url, "export status", a);
	if (e != OK)
		return e;
	if (a->status == 404) {
		(void)snprintf(s->failure, sizeof(s->failure), "export status: the Marketplace does not know the export");
		return ERR_NOT_FOUND;
	}
	if (!read_export(&a->body, "status", w->status, sizeof(w->status))) {
		if (++w->unread < EXPORT_TRIES)
			return OK; /* asked again */
		(void)snprintf(
		    s->failure, sizeof(s->failure),
		    "export status: the Marketplace's answer has no status of an export: see LICGATE_MARKETPLACE_URL");
		return ERR_UPSTREAM;
	}
	w->unread = 0;
	if (str_ieq(str_of(w->status), STR("FAILED"))) {
		(void)snprintf(s->failure, sizeof(s->failure), "export status: the Marketplace says FAILED: try again later");
		return ERR_NOT_FOUND;
	}
	w->ready = str_ieq(str_of(w->status), STR("COMPLETED"));
	return OK;
}

/* A status is the other side's text: only what is tame is shown. */
static enum err never_ready(struct export_source *s, const struct waiting *w)
{
	(void)snprintf(s->failure, sizeof(s->failure), "export status: the Marketplace still says %s: try again later",
	               w->status[strspn(w->status, status_letters)] || !w->status[0] ? "nothing known" : w->status);
	return ERR_TIMEOUT;
}

enum err export_wait(struct export_source *s, const char *report, const char *id)
{
	__cleanup_buf struct buf url = BUF_INIT(URL_MAX);
	__cleanup_asking struct asking a;
	asking_init(&a, NULL);
	base_url(s, report, &url);
	buf_printf(&url, "/%s/status", id);
	enum err e = url.err == OK ? OK : told(s, url.err, 0, "export status");
	const int64_t end = clock_mono_ms(s->clock) + READY_WITHIN_S * s->pace->second_ms;
	struct waiting w = {0};
	for (unsigned n = 0; e == OK; n++) {
		if ((e = status_once(s, url.data, &a, &w)) != OK || w.ready)
			return e;
		if (clock_mono_ms(s->clock) >= end)
			return never_ready(s, &w);
		if (s->tick && (e = s->tick(s->arg)) != OK)
			return e;
		if (!pace_wait(s->pace, (n < STATUS_QUICK_TIMES ? STATUS_QUICK_S : STATUS_EVERY_S) * s->pace->second_ms))
			return ERR_STOPPING;
	}
	return e;
}

enum err export_download(struct export_source *s, const char *report, const char *id, struct spool *into)
{
	__cleanup_buf struct buf url = BUF_INIT(URL_MAX);
	__cleanup_asking struct asking a;
	asking_init(&a, into);
	base_url(s, report, &url);
	buf_printf(&url, "/%s", id);
	enum err e = url.err == OK ? ask(s, "GET", url.data, "download", &a) : told(s, url.err, 0, "download");
	if (e == OK && a.status == 404) { /* "Export is being processed" */
		(void)snprintf(s->failure, sizeof(s->failure),
		               "download: the Marketplace says the export is not ready: try again later");
		return ERR_NOT_FOUND;
	}
	return e;
}
