/* bare.c - the yardstick: libmicrohttpd with the same settings, answering the same bytes to anything.
 *
 * usage: bare PORT THREADS BODY_FILE. Prints "ready"; ends on SIGTERM. */
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char body[65536];
static size_t body_len;

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **state)
{
	static int seen;
	(void)cls, (void)url, (void)method, (void)version, (void)upload;
	const int uploading = *upload_size > 0;
	*upload_size = 0;
	if (!*state || uploading) { /* answering on the first call would close the connection, during a body it fails */
		*state = &seen;
		return MHD_YES;
	}
	struct MHD_Response *r = MHD_create_response_from_buffer(body_len, body, MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(r, "Content-Type", "application/json");
	MHD_add_response_header(r, "Cache-Control", "no-cache, no-store");
	MHD_add_response_header(r, "Referrer-Policy", "same-origin");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "Strict-Transport-Security", "max-age=31536000; includeSubDomains");
	MHD_add_response_header(r, "X-Request-Id", "0123456789abcdefghij");
	enum MHD_Result result = MHD_queue_response(connection, 200, r);
	MHD_destroy_response(r);
	return result;
}

int main(int argc, char **argv)
{
	FILE *f = argc == 4 ? fopen(argv[3], "rb") : NULL;
	if (!f)
		return 2;
	body_len = fread(body, 1, sizeof body, f);
	fclose(f);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME;
	struct MHD_Daemon *d = MHD_start_daemon(flags, (uint16_t)strtoul(argv[1], NULL, 10), NULL, NULL, answer, NULL,
	                                        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)strtoul(argv[2], NULL, 10),
	                                        MHD_OPTION_CONNECTION_LIMIT, 4096u, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	                                        (size_t)(64 * 1024), MHD_OPTION_CONNECTION_TIMEOUT, 60u, MHD_OPTION_END);
	if (!d)
		return 1;
	puts("ready");
	fflush(stdout);
	int number;
	sigwait(&set, &number);
	MHD_stop_daemon(d);
	return 0;
}
