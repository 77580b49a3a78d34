/* world.c - see world.h. */
#include "world.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/secret.h"
#include "token/qsh.h"
#include "token/token.h"

#define APP_URL "http://app.example"
#define ADMIN_TOKEN "operator-of-the-fault-tests"

enum { ANSWER_LIMIT_S = 20, SETTING_MAX = 200 };

/* GET /keys/KID, GET /t/TENANT/rest/atlassian-connect/latest/license. Runs on the host's threads. */
static bool host_answers(void *arg, int fd, const struct fake_request *req)
{
	struct world *w = arg;
	if (strncmp(req->target, "/keys/", 6) == 0)
		return fake_answer(fd, 200, "Content-Type: text/plain\r\n", w->key.public_pem);
	if (atomic_load(&w->host_down))
		return fake_answer(fd, 500, "", "no");
	const char *type = "Content-Type: application/json\r\n";
	if (strncmp(req->target, "/t/paid", 7) == 0)
		return fake_answer(fd, 200, type, "{\"valid\":true,\"evaluation\":false,\"maximumNumberOfUsers\":10}");
	return fake_answer(fd, 200, type, "{\"valid\":false,\"evaluation\":false}");
}

static void app_up(struct world *w)
{
	const char *url = fake_server_url(w->host);
	char hosts[SETTING_MAX], keys[SETTING_MAX], database[SETTING_MAX];
	snprintf(hosts, sizeof hosts, "LICGATE_ALLOWED_HOSTS=%s", url + strlen("http://"));
	snprintf(keys, sizeof keys, "LICGATE_INSTALL_KEYS_URL=%s/keys", url);
	snprintf(database, sizeof database, "LICGATE_DATABASE=sqlite:%s/faults.db", w->dir);
	char fixed[][SETTING_MAX] = {
	    "LICGATE_BASE_URL=" APP_URL,
	    "LICGATE_LISTEN=127.0.0.1:0",
	    "LICGATE_ADMIN_LISTEN=127.0.0.1:0",
	    "LICGATE_ADMIN_TOKEN=" ADMIN_TOKEN,
	    "LICGATE_ALLOW_INSECURE_HOSTS=1",
	    "LICGATE_SECRET_KEYS=k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
	    "LICGATE_DESCRIPTOR=" PROJECT_DIR "/descriptor/atlassian-connect.json",
	    "LICGATE_FEATURES=" PROJECT_DIR "/descriptor/features.json",
	    "LICGATE_STATIC=" PROJECT_DIR "/static",
	    "LICGATE_LOG=error",
	    "LICGATE_THREADS=2",
	    "LICGATE_LICENSE_WAIT=1",
	    "LICGATE_LICENSE_RETRY=1",
	    "LICGATE_UPSTREAM_TIMEOUT=2",
	    "LICGATE_REQUEST_TIMEOUT=3",
	};
	enum { FIXED = sizeof fixed / sizeof fixed[0] };
	char *settings[FIXED + 4] = {hosts, keys, database};
	for (size_t i = 0; i < FIXED; i++)
		settings[i + 3] = fixed[i];
	assert(config_load(settings, print_problem, NULL, &w->config) == OK);
	assert(app_start(w->config, &w->app) == OK);
}

static void app_down(struct world *w)
{
	app_stop(w->app);
	config_free(w->config);
	w->app = NULL;
	w->config = NULL;
}

void world_start(struct world *w)
{
	memset(w, 0, sizeof *w);
	snprintf(w->dir, sizeof w->dir, "/tmp/licgate-faults-XXXXXX");
	assert(mkdtemp(w->dir) && crypto_init() && sim_key_make(&w->key) == OK);
	w->host = fake_server_start(host_answers, w);
	app_up(w);
}

void world_restart(struct world *w)
{
	app_down(w);
	app_up(w);
}

void world_stop(struct world *w)
{
	app_down(w);
	fake_server_stop(w->host);
	sim_key_release(&w->key);
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	for (size_t i = 0; i < 3; i++) {
		char path[64];
		snprintf(path, sizeof path, "%s/faults.db%s", w->dir, suffixes[i]);
		unlink(path);
	}
	rmdir(w->dir);
}

void world_secret(const char *tenant, char out[static 64])
{
	snprintf(out, 64, "shared-secret-of-%.40s", tenant);
}

/* Qsh claim of a request; out has QSH_LEN + 1 bytes. */
static void qsh_text(const char *method, const char *target, char *out)
{
	__cleanup(arena_release) struct arena arena;
	arena_init(&arena, 65536);
	assert(qsh_compute(&arena, str_of(method), str_of(target), STR(""), out));
	out[QSH_LEN] = '\0';
}

static char *token_for(const char *tenant, const char *method, const char *target, const struct sim_key *key,
                       const char *kid)
{
	char qsh[QSH_LEN + 1], claims[512], secret[64], *token = NULL;
	const long long now = (long long)time(NULL);
	qsh_text(method, target, qsh);
	snprintf(claims, sizeof claims,
	         "{\"iss\":\"%s\",\"iat\":%lld,\"exp\":%lld,\"qsh\":\"%s\",\"sub\":\"5:1\",\"aud\":[\"" APP_URL "\"]}",
	         tenant, now - 5, now + 600, qsh);
	world_secret(tenant, secret);
	enum err err = key ? token_mint_rs256(str_of(key->private_pem), str_of(kid), str_of(claims), &token)
	                   : token_mint_hs256(str_of(secret), str_of(claims), &token);
	assert(err == OK);
	return token;
}

static int connected(const char *address)
{
	const char *colon = strrchr(address, ':');
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval limit = {.tv_sec = ANSWER_LIMIT_S};
	in.sin_port = htons((uint16_t)strtol(colon + 1, NULL, 10));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert(fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof in) == 0);
	assert(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
	return fd;
}

/* Sends, reads to the end of the connection. An answer that is cut short is none. */
static void ask(const char *address, const char *request, struct page *ret)
{
	static const size_t room = 65536;
	int fd = connected(address);
	*ret = (struct page){0};
	__cleanup_free char *answer = malloc(room);
	size_t len = 0;
	ssize_t n = 1;
	assert(answer);
	if (!fake_send(fd, request, strlen(request)))
		n = 0;
	while (n > 0 && len + 1 < room) {
		n = recv(fd, answer + len, room - 1 - len, 0);
		assert(n >= 0 || errno != EAGAIN); /* the server always answers or closes */
		len += n > 0 ? (size_t)n : 0;
	}
	answer[len] = '\0';
	close(fd);
	char *body = strstr(answer, "\r\n\r\n"), *length = strcasestr(answer, "\r\nContent-Length:");
	if (!body || sscanf(answer, "HTTP/1.1 %d", &ret->status) != 1)
		return;
	body += 4;
	if (length && length < body && strlen(body) < strtoul(length + 17, NULL, 10))
		ret->status = 0;
	snprintf(ret->body, sizeof ret->body, "%s", body);
}

static void call(struct world *w, const char *method, const char *target, const char *token, const char *body,
                 struct page *ret)
{
	char *request = NULL;
	assert(asprintf(&request,
	                "%s %s HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\nAuthorization: JWT %s\r\n"
	                "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	                method, target, token, strlen(body), body) > 0);
	ask(app_public_address(w->app), request, ret);
	free(request);
}

static int lifecycle(struct world *w, const char *tenant, const char *kid, const char *event)
{
	char target[32], body[1024], secret[64];
	snprintf(target, sizeof target, "/%s", event);
	world_secret(tenant, secret);
	snprintf(body, sizeof body,
	         "{\"key\":\"com.example.licgate\",\"clientKey\":\"%s\",\"sharedSecret\":\"%s\",\"baseUrl\":\"%s/t/%s\","
	         "\"productType\":\"jira\",\"eventType\":\"%s\"}",
	         tenant, secret, fake_server_url(w->host), tenant, event);
	__cleanup_free char *token = token_for(tenant, "POST", target, &w->key, kid);
	struct page p;
	call(w, "POST", target, token, body, &p);
	return p.status;
}

int world_installed(struct world *w, const char *tenant, const char *kid)
{
	return lifecycle(w, tenant, kid, "installed");
}

int world_uninstalled(struct world *w, const char *tenant, const char *kid)
{
	return lifecycle(w, tenant, kid, "uninstalled");
}

void world_page(struct world *w, const char *tenant, const char *target, struct page *ret)
{
	__cleanup_free char *token = token_for(tenant, "GET", target, NULL, NULL);
	call(w, "GET", target, token, "", ret);
}

int world_posted(struct world *w, const char *tenant, const char *target, const char *body)
{
	__cleanup_free char *token = token_for(tenant, "POST", target, NULL, NULL);
	struct page p;
	call(w, "POST", target, token, body, &p);
	return p.status;
}

static int admin(struct world *w, const char *method, const char *path)
{
	char request[512];
	struct page p;
	snprintf(request, sizeof request,
	         "%s /admin/api/v1/%s HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n"
	         "Authorization: Bearer " ADMIN_TOKEN "\r\nContent-Length: 0\r\n\r\n",
	         method, path);
	ask(app_admin_address(w->app), request, &p);
	return p.status;
}

int world_refreshed(struct world *w, const char *tenant)
{
	char path[128];
	snprintf(path, sizeof path, "tenants/%s/refresh", tenant);
	return admin(w, "POST", path);
}

int world_listed(struct world *w)
{
	return admin(w, "GET", "tenants?limit=500");
}

int world_healthy(struct world *w)
{
	struct page p;
	ask(app_public_address(w->app), "GET /readyz HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n", &p);
	return p.status;
}
