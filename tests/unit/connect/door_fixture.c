/* door_fixture.c - see door_fixture.h. */
#include "door_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "connect/host.h"

static const int64_t START = 1772445600000; /* 2026-03-02T10:00:00Z */
static struct door *door;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken_cond = PTHREAD_COND_INITIALIZER;
static bool woken;

/* ---- doubles: the server ---- */

struct str request_header(const struct request *req, const char *name)
{
	(void)req;
	for (size_t i = 0; i < 8 && door->header[i][0]; i++)
		if (str_ieq(str_of(door->header[i][0]), str_of(name)))
			return str_of(door->header[i][1]);
	return (struct str){NULL, 0};
}

size_t request_header_count(const struct request *req, const char *name)
{
	(void)req;
	size_t count = 0;
	for (size_t i = 0; i < 8 && door->header[i][0]; i++)
		count += str_ieq(str_of(door->header[i][0]), str_of(name));
	return count;
}

void request_wait(struct request *req, handler_fn *then)
{
	assert_ptr_equal(req, &door->req);
	assert_null(door->then);
	door->then = then;
	door->waits++;
}

void request_wake(struct request *req)
{
	(void)req;
	pthread_mutex_lock(&lock);
	if (woken)
		abort(); /* twice */
	woken = true;
	pthread_cond_signal(&woken_cond);
	pthread_mutex_unlock(&lock);
}

void request_authorized(struct request *req)
{
	(void)req;
	abort();
}

void reply(struct request *req, int status, const char *content_type, struct str body, const struct header *headers,
           size_t header_count)
{
	(void)req;
	struct door_answer *a = &door->answer;
	assert_int_equal(a->status, 0);
	assert_null(door->then);
	a->status = status;
	snprintf(a->type, sizeof a->type, "%s", content_type ? content_type : "");
	snprintf(a->body, sizeof a->body, "%.*s", (int)body.len, body.ptr ? body.ptr : "");
	size_t used = 0;
	for (size_t i = 0; i < header_count; i++)
		used += (size_t)snprintf(a->headers + used, sizeof a->headers - used, "%s: %.*s\n", headers[i].name,
		                         STR_ARG(headers[i].value));
}

void reply_borrowed(struct request *req, int status, const char *content_type, struct str body,
                    const struct header *headers, size_t header_count)
{
	reply(req, status, content_type, body, headers, header_count);
}

void reply_json(struct request *req, int status, struct buf *json)
{
	reply(req, status, "application/json", buf_text(json), NULL, 0);
	buf_release(json);
}

void reply_empty(struct request *req, int status)
{
	reply(req, status, NULL, STR(""), NULL, 0);
}

void reply_problem(struct request *req, int status, const char *code, const char *detail, const struct header *headers,
                   size_t header_count)
{
	reply(req, status, "application/problem+json", str_of(detail), headers, header_count);
	snprintf(door->answer.code, sizeof door->answer.code, "%s", code);
}

void reply_unauthorized(struct request *req)
{
	reply_problem(req, 401, "unauthorized", NULL, NULL, 0);
}

void reply_err(struct request *req, enum err err)
{
	reply_problem(req, err_status(err), err_name(err), NULL, NULL, 0);
}

void reply_unavailable(struct request *req, const char *code, int retry_after_s)
{
	(void)retry_after_s;
	reply_problem(req, 503, code, NULL, NULL, 0);
}

/* ---- doubles: the host ---- */

enum admin_answer host_is_admin(struct host *h, const struct tenant *tenant, struct str account_id,
                                void (*wake)(void *arg), void *arg)
{
	(void)h;
	assert_non_null(tenant);
	assert_true(account_id.len > 0);
	switch (door->admin) {
	case ADMIN_SAYS_YES:
		return ADMIN_YES;
	case ADMIN_SAYS_YES_LATER:
		if (door->then) { /* the request waits: answer as the client's thread would */
			door->admin = ADMIN_SAYS_YES;
			wake(arg);
		}
		return ADMIN_PENDING;
	case ADMIN_SAYS_NOTHING:
		if (door->then) {
			door->admin = ADMIN_SAYS_NO;
			wake(arg);
		}
		return ADMIN_PENDING;
	case ADMIN_SAYS_NO:
	default:
		return ADMIN_NO;
	}
}

static enum err fetch(void *fetcher, const struct tenant *tenant, int resource, license_fetched_fn *done, void *arg)
{
	struct door *d = fetcher;
	(void)tenant, (void)resource;
	d->fetches++;
	if (d->held_count == sizeof d->held / sizeof d->held[0])
		abort();
	d->held[d->held_count].fetched = done;
	d->held[d->held_count++].arg = arg;
	return OK;
}

void door_host_answers(struct door *d, const struct license_facts *facts)
{
	while (d->held_count > 0) {
		d->held_count--;
		d->held[d->held_count].fetched(d->held[d->held_count].arg, facts, facts ? NULL : "timeout");
	}
}

/* ---- the fixture ---- */

static void tell(void *arg, const struct problem *p)
{
	(void)arg;
	fail_msg("%s: %s", p->place, p->text);
}

static enum err flush(struct store_tx *tx, void *arg)
{
	(void)tx, (void)arg;
	return OK;
}

static int up_parts(struct door *d)
{
	const struct store_options so = {
	    .url = "sqlite::memory:", .clock = &d->clock.clock, .queue_max = 1000, .busy_timeout_ms = 1000};
	struct problem problem;
	if (!crypto_init() || timers_new(&d->clock.clock, false, &d->connect.timers) != OK ||
	    store_open(&so, &d->store) != OK || keyring_random(&d->keyring) != OK || tenants_new(&d->tenants) != OK ||
	    static_files_load(PROJECT_DIR "/static", "", &problem, &d->files) != OK)
		return -1;
	const struct lookups_options lo = {.clock = &d->clock.clock,
	                                   .timers = d->connect.timers,
	                                   .store = d->store,
	                                   .tenants = d->tenants,
	                                   .keyring = d->keyring,
	                                   .ttl_ms = 300000,
	                                   .stale_ms = 86400000,
	                                   .retry_ms = 30000,
	                                   .wait_ms = 2000,
	                                   .grace_ms = 15LL * 86400000,
	                                   .fetch = fetch,
	                                   .fetcher = d};
	struct str features = STR("{\"features\":{\"board\":{\"active\":\"allow\",\"expired\":\"read_only\",\"choices\":["
	                          "\"allow\",\"read_only\"]},"
	                          "\"export\":{\"active\":\"allow\",\"seats\":true}},"
	                          "\"pages\":{\"/app/board\":\"board\",\"/app/export\":\"export\"}}");
	return lookups_new(&lo, &d->connect.lookups) == OK &&
	               features_parse(features, "features", tell, NULL, &d->features) == OK
	           ? 0
	           : -1;
}

int door_up(void **state)
{
	static char app_key[] = "com.example.app", atlassian[] = "*.atlassian.net", base_path[] = "";
	static char *hosts[] = {atlassian, NULL};
	struct door *d = calloc(1, sizeof *d);
	if (!d)
		return -1;
	*state = door = d;
	clock_manual_init(&d->clock, START);
	if (up_parts(d) != 0)
		return -1;
	d->config.allowed_hosts = hosts;
	d->config.retention_days = 30;
	d->config.base_path = base_path;
	d->descriptor.key = app_key;
	d->connect.config = &d->config;
	d->connect.clock = &d->clock.clock;
	d->connect.store = d->store;
	d->connect.keyring = d->keyring;
	d->connect.tenants = d->tenants;
	d->connect.features = d->features;
	d->connect.files = d->files;
	d->connect.descriptor = &d->descriptor;
	d->connect.failures = failures_new();
	d->claims = (struct claims){.iss = STR(CLIENT), .account_id = STR("account-1")};
	arena_init(&d->req.arena, 1 << 20);
	return d->connect.failures && retention_start(&d->connect) == OK ? 0 : -1;
}

static void end_request(struct door *d)
{
	if (d->req.on_end)
		d->req.on_end(&d->req, d->req.on_end_arg);
	arena_release(&d->req.arena);
	memset((char *)&d->req + offsetof(struct request, method), 0, sizeof d->req - offsetof(struct request, method));
	arena_init(&d->req.arena, 1 << 20);
	memset(&d->answer, 0, sizeof d->answer);
	d->waits = 0;
	woken = false;
}

int door_down(void **state)
{
	struct door *d = *state;
	end_request(d);
	retention_stop(&d->connect);
	door_host_answers(d, NULL);
	lookups_free(d->connect.lookups);
	store_close(d->store);
	tenants_free(d->tenants);
	failures_free(d->connect.failures);
	timers_free(d->connect.timers);
	keyring_free(d->keyring);
	features_free(d->features);
	static_files_free(d->files);
	free(d);
	return 0;
}

static void release_tenant(struct request *req, void *arg)
{
	(void)arg;
	tenant_unref(req->tenant);
}

static void await_wake(void)
{
	struct timespec limit;
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 20;
	pthread_mutex_lock(&lock);
	while (!woken)
		if (pthread_cond_timedwait(&woken_cond, &lock, &limit) != 0)
			abort(); /* nobody wakes the request */
	woken = false;
	pthread_mutex_unlock(&lock);
}

static void set_target(struct request *req, const char *target)
{
	const char *mark = strchr(target, '?'), *slash;
	req->target = str_of(target);
	req->path = req->local_path = (struct str){target, mark ? (size_t)(mark - target) : strlen(target)};
	req->query = mark ? str_of(mark + 1) : (struct str){NULL, 0};
	slash = memrchr(target, '/', req->path.len);
	req->params.part[0] = (struct str){slash + 1, (size_t)(target + req->path.len - slash - 1)};
	req->params.count = 1;
}

void door_ask(struct door *d, handler_fn *handler, const char *method, const char *target, const char *body)
{
	end_request(d);
	struct request *req = &d->req;
	req->method_name = str_of(method);
	req->method = method_of(req->method_name);
	set_target(req, target);
	req->body = str_of(body);
	d->route.pattern = target;
	req->route = &d->route;
	snprintf(req->id, sizeof req->id, "%s", "request-1");
	if (!d->authenticates_itself) {
		req->claims = &d->claims;
		req->tenant = tenants_find(d->tenants, d->claims.iss);
		req->on_end = release_tenant;
	}
	handler(req, &d->connect);
	while (d->answer.status == 0) {
		assert_non_null(d->then);
		if (d->facts)
			door_host_answers(d, d->facts);
		await_wake();
		handler_fn *then = d->then;
		d->then = NULL;
		then(req, &d->connect);
	}
	assert_null(d->then);
}

static int callback(struct door *d, handler_fn *handler, const char *event, const char *rest)
{
	char body[4096];
	snprintf(body, sizeof body,
	         "{\"key\":\"com.example.app\",\"clientKey\":\"%.*s\",\"productType\":\"jira\",\"eventType\":\"%s\"%s}",
	         STR_ARG(d->claims.iss), event, rest);
	d->header[0][0] = "Content-Type";
	d->header[0][1] = "application/json; charset=utf-8";
	char target[32];
	snprintf(target, sizeof target, "/%s", event);
	door_ask(d, handler, "POST", target, body);
	return d->answer.status;
}

int door_install(struct door *d, const char *secret, const char *base_url, const char *members)
{
	char rest[2048];
	snprintf(rest, sizeof rest, ",\"sharedSecret\":\"%s\",\"baseUrl\":\"%s\"%s", secret, base_url, members);
	return callback(d, lifecycle_installed, "installed", rest);
}

int door_lifecycle(struct door *d, handler_fn *handler, const char *event)
{
	return callback(d, handler, event, ",\"baseUrl\":\"" HOME "\"");
}

void door_step(struct door *d, int64_t ms)
{
	clock_manual_step(&d->clock, ms);
	timers_run(d->connect.timers);
	assert_int_equal(store_write(d->store, flush, NULL), OK);
}

struct read {
	const char *key, *kind, *value;
	struct arena *a;
	char *types, *last;
	struct tenant_row row;
	bool found;
};

static enum err read_events(struct store_tx *tx, void *arg)
{
	struct read *r = arg;
	struct event_row *rows = NULL;
	size_t count = 0;
	enum err err = store_event_list(tx, 0, STR(""), str_of(r->key), 100, r->a, &rows, &count);
	r->types[0] = '\0';
	for (size_t i = 0, used = 0; err == OK && i < count; i++) {
		used += (size_t)snprintf(r->types + used, 2048 - used, "%s%s", used ? " " : "", rows[i].type);
		if (r->last)
			snprintf(r->last, 4096, "%s", rows[i].json);
	}
	return err;
}

const char *door_events(struct door *d, const char *tenant, char ret_last[4096])
{
	static char types[2048];
	struct arena a;
	arena_init(&a, 1 << 20);
	struct read r = {.key = tenant, .a = &a, .types = types, .last = ret_last};
	assert_int_equal(store_read(d->store, read_events, &r), OK);
	arena_release(&a);
	return types;
}

static enum err read_row(struct store_tx *tx, void *arg)
{
	struct read *r = arg;
	enum err err = store_tenant_get(tx, str_of(r->key), r->a, &r->row);
	return err == ERR_NOT_FOUND ? OK : err;
}

struct tenant_row door_row(struct door *d, const char *client_key, struct arena *a)
{
	struct read r = {.key = client_key, .a = a};
	assert_int_equal(store_read(d->store, read_row, &r), OK);
	return r.row;
}

static enum err read_aliases(struct store_tx *tx, void *arg)
{
	struct read *r = arg;
	struct alias_row *rows = NULL;
	size_t count = 0;
	enum err err = store_alias_list(tx, str_of(r->key), r->a, &rows, &count);
	for (size_t i = 0; err == OK && i < count; i++)
		r->found = r->found || (strcmp(rows[i].kind, r->kind) == 0 && strcmp(rows[i].value, r->value) == 0);
	return err;
}

bool door_alias(struct door *d, const char *client_key, const char *kind, const char *value)
{
	struct arena a;
	arena_init(&a, 1 << 20);
	struct read r = {.key = client_key, .kind = kind, .value = value, .a = &a};
	assert_int_equal(store_read(d->store, read_aliases, &r), OK);
	arena_release(&a);
	return r.found;
}
