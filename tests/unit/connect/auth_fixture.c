#include "auth_fixture.h"

#include <pthread.h>
#include <stdlib.h>

#include "token/minted.h"

struct outcome outcome;
struct key_script key_script;
static struct auth_fixture *current;

/* ---- doubles ---- */

struct str request_header(const struct request *req, const char *name)
{
	(void)req;
	return strcmp(name, "Authorization") == 0 ? current->authorization : (struct str){NULL, 0};
}

void request_authorized(struct request *req)
{
	assert_non_null(req->claims);
	outcome.authorized++;
}

void request_wait(struct request *req, handler_fn *then)
{
	(void)req;
	assert_null(outcome.then);
	outcome.then = then;
}

void request_wake(struct request *req)
{
	(void)req;
	__atomic_add_fetch(&outcome.woken, 1, __ATOMIC_SEQ_CST);
}

static void answered(int status, const char *problem)
{
	assert_int_equal(outcome.status, 0);
	outcome.status = status;
	outcome.problem = problem;
}

void reply_unauthorized(struct request *req)
{
	(void)req;
	answered(401, "unauthorized");
}

void reply_problem(struct request *req, int status, const char *code, const char *detail, const struct header *headers,
                   size_t header_count)
{
	(void)req, (void)detail, (void)headers, (void)header_count;
	answered(status, code);
}

void reply_err(struct request *req, enum err err)
{
	(void)req;
	answered(err_status(err), err_name(err));
}

void reply_unavailable(struct request *req, const char *code, int retry_after_s)
{
	(void)req;
	assert_true(retry_after_s > 0);
	answered(503, code);
}

struct late {
	void (*done)(void *, enum key_status, const struct rsa_key *);
	void *arg;
};
static struct late late;
static pthread_t thread;
static bool thread_runs;

static void *answer_late(void *arg)
{
	struct late *l = arg;
	l->done(l->arg, key_script.status, key_script.key);
	return NULL;
}

bool install_keys_get(struct install_keys *k, struct str kid, enum key_status *ret_status,
                      const struct rsa_key **ret_key, void (*done)(void *arg, enum key_status, const struct rsa_key *),
                      void *arg)
{
	(void)k;
	assert_true(kid.len > 0 && kid.len <= 128);
	if (done) {
		assert_non_null(outcome.then); /* the request must be waiting already */
		outcome.fetched++;
	} else {
		outcome.looked++;
	}
	if (key_script.kept || (done && key_script.came_in_between)) {
		*ret_status = key_script.status;
		*ret_key = key_script.key;
		return true;
	}
	if (!done)
		return false;
	late = (struct late){done, arg};
	if (key_script.before_return)
		done(arg, key_script.status, key_script.key);
	else if (key_script.on_thread)
		thread_runs = pthread_create(&thread, NULL, answer_late, &late) == 0;
	return false;
}

void auth_join(void)
{
	if (thread_runs)
		pthread_join(thread, NULL);
	thread_runs = false;
}

/* ---- fixture ---- */

int auth_fixture_up(void **state)
{
	static char key[] = "com.example.app", base_path[] = "/base";
	struct auth_fixture *f = calloc(1, sizeof(*f));
	if (!f || !crypto_init())
		return -1;
	clock_manual_init(&f->clock, (int64_t)FIXTURE_NOW * 1000);
	f->config.base_path = base_path;
	f->descriptor.key = key;
	f->audience = STR("https://app.example/base");
	f->connect = (struct connect){.config = &f->config,
	                              .clock = &f->clock.clock,
	                              .descriptor = &f->descriptor,
	                              .audiences = &f->audience,
	                              .audience_count = 1,
	                              .failures = failures_new()};
	f->route.pattern = "/app/NAME";
	if (!f->connect.failures || tenants_new(&f->connect.tenants) != OK)
		return -1;
	arena_init(&f->req.arena, 1 << 20);
	auth_tenant(f, "acme", "enabled", TENANT_SECRET);
	*state = current = f;
	return 0;
}

void auth_request_end(struct auth_fixture *f)
{
	if (f->req.on_end)
		f->req.on_end(&f->req, f->req.on_end_arg);
	arena_release(&f->req.arena);
	memset(&outcome, 0, sizeof(outcome));
	memset(&key_script, 0, sizeof(key_script));
}

int auth_fixture_down(void **state)
{
	struct auth_fixture *f = *state;
	auth_request_end(f);
	tenants_free(f->connect.tenants);
	failures_free(f->connect.failures);
	free(f);
	current = NULL;
	return 0;
}

void auth_request(struct auth_fixture *f, const char *method, const char *target, const char *authorization)
{
	auth_request_end(f);
	f->req.on_end = NULL;
	f->req.claims = NULL;
	f->req.tenant = NULL;
	f->req.code = NULL;
	f->req.method_name = str_of(method);
	f->req.target = str_of(target);
	f->req.route = &f->route;
	snprintf(f->req.id, sizeof(f->req.id), "request-1");
	const char *mark = strchr(target, '?');
	f->req.query = mark ? str_of(mark + 1) : (struct str){NULL, 0};
	f->authorization = authorization ? str_of(authorization) : (struct str){NULL, 0};
}

void auth_tenant(struct auth_fixture *f, const char *client_key, const char *status, struct str secret)
{
	const struct tenant_row row = {
	    .client_key = client_key, .status = status, .product_type = "jira", .base_url = "https://acme.atlassian.net"};
	assert_int_equal(tenants_put(f->connect.tenants, &row, secret), OK);
}

char *auth_token_of(const char *claims, struct str secret)
{
	char *token = minted("{\"typ\":\"JWT\",\"alg\":\"HS256\"}", str_of(claims), secret);
	size_t size = strlen(token) + sizeof("JWT ");
	char *header = malloc(size);
	snprintf(header, size, "JWT %s", token);
	free(token);
	return header;
}

char *auth_token(const char *client_key, const char *method, const char *target, struct str secret)
{
	struct arena arena;
	char qsh[QSH_LEN], claims[512];
	arena_init(&arena, 65536);
	assert_true(qsh_compute(&arena, str_of(method), str_of(target), STR("/base"), qsh));
	arena_release(&arena);
	snprintf(claims, sizeof(claims),
	         "{\"iss\":\"%s\",\"iat\":1749999990,\"exp\":1750000170,\"qsh\":\"%.*s\",\"sub\":\"5:1\"}", client_key,
	         QSH_LEN, qsh);
	return auth_token_of(claims, secret);
}
