/* raw_client.c - see raw_client.h. Reads have a time limit, so that a test fails instead of hanging. */
#include "raw_client.h"

#include <netdb.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LIMIT_MS = 20000 };

int raw_connect(const char *address)
{
	char host[64];
	const char *colon = strrchr(address, ':');
	const bool six = address[0] == '[';
	snprintf(host, sizeof host, "%.*s", (int)(colon - address) - 2 * six, address + six);
	struct addrinfo *a = NULL;
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
	assert_int_equal(getaddrinfo(host, colon + 1, &hints, &a), 0);
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, a->ai_addr, a->ai_addrlen), 0);
	freeaddrinfo(a);
	return fd;
}

bool raw_try_send(int fd, const void *data, size_t len)
{
	const char *at = data;
	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

void raw_send(int fd, const void *data, size_t len)
{
	assert_true(raw_try_send(fd, data, len));
}

void raw_text(int fd, const char *text)
{
	raw_send(fd, text, strlen(text));
}

/* 0 at the end of the connection. */
static size_t receive(int fd, char *out, size_t room)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
	ssize_t n = recv(fd, out, room, 0);
	return n > 0 ? (size_t)n : 0;
}

const char *raw_header(const struct raw_answer *a, const char *name)
{
	static char value[1024];
	const size_t len = strlen(name);
	for (const char *line = strstr(a->head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
		if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':') {
			snprintf(value, sizeof value, "%.*s", (int)strcspn(line + 4 + len, "\r"), line + 4 + len);
			return value;
		}
	return NULL;
}

void raw_read(int fd, bool is_head, struct raw_answer *ret)
{
	memset(ret, 0, sizeof *ret);
	size_t len = 0;
	while (!strstr(ret->head, "\r\n\r\n")) {
		assert_true(len + 1 < sizeof ret->head);
		if (receive(fd, ret->head + len, 1) == 0)
			return;
		len++;
	}
	if (sscanf(ret->head, "HTTP/1.%*1[01] %d", &ret->status) != 1)
		return;
	const char *length = raw_header(ret, "Content-Length");
	if (is_head || ret->status == 204 || ret->status == 304 || !length)
		return;
	const size_t want = strtoul(length, NULL, 10);
	assert_true(want < sizeof ret->body);
	while (ret->body_len < want) {
		const size_t n = receive(fd, ret->body + ret->body_len, want - ret->body_len);
		assert_true(n > 0);
		ret->body_len += n;
	}
}

bool raw_ended(int fd)
{
	char c;
	return receive(fd, &c, 1) == 0;
}

bool raw_is_quiet(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, 0) == 0;
}

void raw_ask(const char *address, const char *text, struct raw_answer *ret)
{
	int fd = raw_connect(address);
	raw_text(fd, text);
	raw_read(fd, strncmp(text, "HEAD", 4) == 0, ret);
	close(fd);
}

bool raw_until(bool (*cond)(void *arg), void *arg)
{
	for (int i = 0; i < LIMIT_MS; i++) {
		if (cond(arg))
			return true;
		poll(NULL, 0, 1);
	}
	return false;
}
