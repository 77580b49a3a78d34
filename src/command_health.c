/* command_health.c - asks the running server, through its admin listener, whether it is ready: exit 0 or 1.
 *
 * For container health checks and scripts: the image needs no curl. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/secret.h"
#include "commands.h"

enum { HEALTH_TIMEOUT_MS = 2500, HEALTH_ANSWER_MAX = 4096 };

struct answer {
	pthread_mutex_t lock;
	pthread_cond_t came;
	bool done;
	enum err err;
	int status;
	char text[HEALTH_ANSWER_MAX + 1];
};

static void store_answer(void *arg, const struct http_answer *got)
{
	struct answer *a = arg;
	pthread_mutex_lock(&a->lock);
	a->err = got->err;
	a->status = got->status;
	size_t len = got->body.len < HEALTH_ANSWER_MAX ? got->body.len : HEALTH_ANSWER_MAX;
	if (len > 0)
		memcpy(a->text, got->body.ptr, len);
	a->text[len] = '\0';
	a->done = true;
	pthread_cond_signal(&a->came);
	pthread_mutex_unlock(&a->lock);
}

/* A listener on every address is asked on the loopback one. */
static void readiness_url(const char *listen, char *out, size_t size)
{
	const char *port = strrchr(listen, ':');
	if (!strncmp(listen, "0.0.0.0:", 8))
		snprintf(out, size, "http://127.0.0.1%s/readyz", port);
	else if (!strncmp(listen, "[::]:", 5))
		snprintf(out, size, "http://[::1]%s/readyz", port);
	else
		snprintf(out, size, "http://%s/readyz", listen);
}

static enum err ask(const char *url, struct answer *a)
{
	const struct http_client_options o = {.clock = &clock_system,
	                                      .allow_insecure = true,
	                                      .timeout_ms = HEALTH_TIMEOUT_MS,
	                                      .in_flight_max = 1,
	                                      .queue_max = 1,
	                                      .per_host_max = 1};
	struct http_client *client = NULL;
	enum err err = http_client_new(&o, &client);
	if (err != OK)
		return err;
	const struct http_call call = {
	    .method = "GET", .url = url, .answer_max = HEALTH_ANSWER_MAX, .done = store_answer, .arg = a};
	err = http_client_call(client, &call);
	if (err == OK) {
		pthread_mutex_lock(&a->lock);
		while (!a->done) /* the call has its own deadline */
			pthread_cond_wait(&a->came, &a->lock);
		err = a->err;
		pthread_mutex_unlock(&a->lock);
	}
	http_client_free(client);
	return err;
}

int command_health(int argc, char **argv)
{
	if (argc > 1) {
		bool help = !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h");
		fputs("usage: licgate health\n\nAsks the server at LICGATE_ADMIN_LISTEN whether it is ready. Exit code 0: it "
		      "is; 1: not, or not there.\n",
		      help ? stdout : stderr);
		return help ? 0 : 2;
	}
	log_set_level(LOG_ERROR); /* what matters is told to the person */
	if (!crypto_init())
		return 1;
	__cleanup(config_free_p) struct config *config = NULL;
	if (config_load(environ, print_problem, NULL, &config) != OK)
		return 1;
	char url[300];
	readiness_url(config->admin_listen, url, sizeof url);
	struct answer a = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};
	enum err err = ask(url, &a);
	if (err != OK) {
		fprintf(stderr, "licgate: no answer from %s (%s): is the server running?\n", url, err_text(err));
		return 1;
	}
	FILE *out = a.status == 200 ? stdout : stderr;
	fprintf(out, "%s%s", a.text, a.text[0] && a.text[strlen(a.text) - 1] == '\n' ? "" : "\n");
	return a.status == 200 ? 0 : 1;
}
