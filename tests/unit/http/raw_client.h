/* raw_client.h - a client of plain sockets for tests: sends any bytes, reads answers, sees how a connection ends. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* address: "127.0.0.1:8080". Asserts on failure, as all of these. */
int raw_connect(const char *address);
void raw_send(int fd, const void *data, size_t len);
void raw_text(int fd, const char *text);
/* False where the peer has closed meanwhile. */
bool raw_try_send(int fd, const void *data, size_t len);

struct raw_answer {
	int status;      /* 0: the connection ended without one */
	char head[8192]; /* status line and headers */
	char body[16384];
	size_t body_len;
};
/* One answer, by its Content-Length; no body for HEAD, 204 and 304. */
void raw_read(int fd, bool is_head, struct raw_answer *ret);
/* Value of an answer's header, or NULL. Valid until the next call. */
const char *raw_header(const struct raw_answer *a, const char *name);
/* Waits for the end of the connection; false when a byte comes first. */
bool raw_ended(int fd);
/* Nothing to read and not ended at this moment. */
bool raw_is_quiet(int fd);
/* Sends, reads one answer, closes. */
void raw_ask(const char *address, const char *text, struct raw_answer *ret);
/* Checks cond every millisecond, for at most 20 s: for what another thread does after the last visible sign. */
bool raw_until(bool (*cond)(void *arg), void *arg);
