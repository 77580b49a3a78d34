/* fake_server.c - see fake_server.h. Plain blocking sockets and a thread a connection: simple is enough in a test. */
#include "fake_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 4096, REQUEST_MAX = 256 * 1024 };

struct connection {
	struct fake_server *server;
	pthread_t thread;
	int fd;
};

struct fake_server {
	fake_handler *handler;
	void *arg;
	int listener, port;
	char url[64];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t came;
	unsigned requests, connection_count;
	bool stopping;
	struct connection connections[CONNECTIONS_MAX];
};

bool fake_send(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool fake_answer(int fd, int status, const char *headers, const char *body)
{
	char head[4096];
	int n =
	    snprintf(head, sizeof head, "HTTP/1.1 %d Fake\r\nContent-Length: %zu\r\n%s\r\n", status, strlen(body), headers);

	assert(n > 0 && (size_t)n < sizeof head);
	return fake_send(fd, head, (size_t)n) && fake_send(fd, body, strlen(body));
}

bool fake_client_left(int fd, int wait_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	return poll(&p, 1, wait_ms) > 0;
}

char *fake_header(const struct fake_request *req, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = strstr(req->head, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
			const char *value = line + len + 1 + strspn(line + len + 1, " ");
			return strndup(value, strcspn(value, "\r"));
		}
	}
	return NULL;
}

/* Reads one request into buf. False when the client has gone or sent too much. */
static bool read_request(int fd, char *buf, struct fake_request *req)
{
	size_t len = 0;
	char *end;

	do {
		ssize_t n = recv(fd, buf + len, REQUEST_MAX - len, 0);
		if (n <= 0)
			return false;
		len += (size_t)n;
		buf[len] = '\0';
		end = strstr(buf, "\r\n\r\n");
	} while (!end && len < REQUEST_MAX);
	if (!end || sscanf(buf, "%15s %2047s", req->method, req->target) != 2)
		return false;
	end[2] = '\0';
	req->head = buf;
	req->body = end + 4;
	char *length = fake_header(req, "Content-Length");
	req->body_len = length ? strtoul(length, NULL, 10) : 0;
	free(length);
	if ((size_t)(req->body - buf) + req->body_len > REQUEST_MAX)
		return false;
	while (len < (size_t)(req->body - buf) + req->body_len) {
		ssize_t n = recv(fd, buf + len, REQUEST_MAX - len, 0);
		if (n <= 0)
			return false;
		len += (size_t)n;
	}
	req->body[req->body_len] = '\0';
	return true;
}

static void *connection_thread(void *connection)
{
	struct connection *c = connection;
	struct fake_server *s = c->server;
	/* Not from malloc: tests that let allocations fail mean those of the code they test. */
	char *buf = mmap(NULL, REQUEST_MAX + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct fake_request req;

	assert(buf != MAP_FAILED);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* answers are sent in pieces */
	while (read_request(c->fd, buf, &req)) {
		pthread_mutex_lock(&s->lock);
		req.number = ++s->requests;
		pthread_cond_broadcast(&s->came);
		pthread_mutex_unlock(&s->lock);
		if (!s->handler(s->arg, c->fd, &req))
			break;
	}
	munmap(buf, REQUEST_MAX + 1);
	shutdown(c->fd, SHUT_RDWR); /* closed when the server stops: the number is not used again meanwhile */
	return NULL;
}

static void *accept_thread(void *server)
{
	struct fake_server *s = server;
	int fd;

	while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
		pthread_mutex_lock(&s->lock);
		if (s->stopping || s->connection_count == CONNECTIONS_MAX) {
			close(fd);
		} else {
			struct connection *c = &s->connections[s->connection_count];
			*c = (struct connection){.server = s, .fd = fd};
			if (pthread_create(&c->thread, NULL, connection_thread, c) == 0)
				s->connection_count++;
			else
				close(fd);
		}
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

struct fake_server *fake_server_start(fake_handler *handler, void *arg)
{
	struct fake_server *s = calloc(1, sizeof *s);
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof in;

	assert(s);
	s->handler = handler;
	s->arg = arg;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->came, NULL);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert(s->listener >= 0);
	assert(bind(s->listener, (struct sockaddr *)&in, sizeof in) == 0);
	assert(listen(s->listener, CONNECTIONS_MAX) == 0);
	assert(getsockname(s->listener, (struct sockaddr *)&in, &size) == 0);
	s->port = ntohs(in.sin_port);
	snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", s->port);
	assert(pthread_create(&s->thread, NULL, accept_thread, s) == 0);
	return s;
}

void fake_server_stop(struct fake_server *s)
{
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_mutex_unlock(&s->lock);
	shutdown(s->listener, SHUT_RDWR); /* ends accept */
	pthread_join(s->thread, NULL);
	close(s->listener);
	for (unsigned i = 0; i < s->connection_count; i++) {
		shutdown(s->connections[i].fd, SHUT_RDWR);
		pthread_join(s->connections[i].thread, NULL);
		close(s->connections[i].fd);
	}
	pthread_cond_destroy(&s->came);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

const char *fake_server_url(const struct fake_server *s)
{
	return s->url;
}

int fake_server_port(const struct fake_server *s)
{
	return s->port;
}

unsigned fake_server_requests(struct fake_server *s)
{
	pthread_mutex_lock(&s->lock);
	unsigned n = s->requests;
	pthread_mutex_unlock(&s->lock);
	return n;
}

unsigned fake_server_connections(struct fake_server *s)
{
	pthread_mutex_lock(&s->lock);
	unsigned n = s->connection_count;
	pthread_mutex_unlock(&s->lock);
	return n;
}

void fake_server_wait_requests(struct fake_server *s, unsigned count)
{
	pthread_mutex_lock(&s->lock);
	while (s->requests < count)
		pthread_cond_wait(&s->came, &s->lock);
	pthread_mutex_unlock(&s->lock);
}
