/* fake_server.h - an HTTP server inside a test: real sockets on 127.0.0.1, every byte in the test's hand.
 *
 * Each connection has a thread that reads requests and gives them to the handler, which answers as well or as badly
 * as the test wants. Handlers run on those threads: no cmocka asserts in them. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct fake_request {
	char method[16], target[2048];
	char *head; /* request line and headers */
	char *body;
	size_t body_len;
	unsigned number; /* 1 for the server's first request */
};
/* Answers on fd. True keeps the connection for another request. */
typedef bool fake_handler(void *arg, int fd, const struct fake_request *req);

struct fake_server;
struct fake_server *fake_server_start(fake_handler *handler, void *arg);
/* Closes every connection and waits for the handlers. */
void fake_server_stop(struct fake_server *s);
const char *fake_server_url(const struct fake_server *s); /* "http://127.0.0.1:12345" */
int fake_server_port(const struct fake_server *s);
unsigned fake_server_requests(struct fake_server *s);
unsigned fake_server_connections(struct fake_server *s);
/* Waits until that many requests came. */
void fake_server_wait_requests(struct fake_server *s, unsigned count);

/* Whole answer; headers: further lines, each ending in CRLF, or "". */
bool fake_answer(int fd, int status, const char *headers, const char *body);
/* False when the client has gone. */
bool fake_send(int fd, const void *data, size_t len);
/* Waits until the client has gone, at most that long. */
bool fake_client_left(int fd, int wait_ms);
/* Value of a request header, or NULL. malloc'd. */
char *fake_header(const struct fake_request *req, const char *name);
