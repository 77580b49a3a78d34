/* Long answers made page by page: whole and in order, whatever the client's pace; failures at both ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raw_client.h"
#include "test_server.h"

enum { LINE = 6, BODY_MAX = (LINE + 1) * PAGE_LINES * MANY_PAGES };

/* A body without its chunks' frames. */
struct body {
	char text[BODY_MAX];
	size_t len;
	bool whole; /* its end came */
};

static int ask(struct test_server *t, const char *method, const char *name)
{
	char text[128];
	int fd = raw_connect(t->address);
	snprintf(text, sizeof text, "%s /pages/%s HTTP/1.1\r\nHost: x\r\n\r\n", method, name);
	raw_text(fd, text);
	return fd;
}

/* Everything up to the end of the answer or of the connection. `rest`: of a chunk, what is still to come. */
static void read_chunks(int fd, struct body *b)
{
	static char got[BODY_MAX * 2];
	size_t len = 0;
	*b = (struct body){.whole = false};
	for (ssize_t n; !b->whole && (n = recv(fd, got + len, sizeof got - len, 0)) > 0;) {
		len += (size_t)n;
		b->whole = len > 5 && memcmp(got + len - 5, "0\r\n\r\n", 5) == 0;
	}
	const char *at = len ? memmem(got, len, "\r\n\r\n", 4) : NULL;
	assert_non_null(at);
	for (at += 4; at < got + len;) {
		char *end;
		const size_t size = strtoul(at, &end, 16), there = (size_t)(got + len - (end + 2));
		const size_t taken = size < there ? size : there;
		memcpy(b->text + b->len, end + 2, taken);
		b->len += taken;
		at = end + 2 + size + 2;
		if (size == 0 || size > there)
			return;
	}
}

/* Lines of every page that has some, up to that many bytes. */
static void assert_counts(const struct body *b, bool hollow)
{
	char line[LINE + 1];
	size_t at = 0;
	for (int page = 0; page < MANY_PAGES; page += hollow ? 2 : 1)
		for (int i = 0; i < PAGE_LINES && at + LINE <= b->len; i++, at += LINE) {
			snprintf(line, sizeof line, "%05d\n", page * PAGE_LINES + i);
			assert_memory_equal(b->text + at, line, LINE);
		}
	if (b->whole)
		assert_int_equal(at, b->len);
}

static void all_pages_come_in_order(void **state)
{
	(void)state;
	static struct body b;
	static const struct {
		const char *name;
		bool hollow;
		size_t pages;
	} table[] = {{"many", false, MANY_PAGES}, {"hollow", true, MANY_PAGES / 2}};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct test_server *t = test_server_start(NULL);
		int fd = ask(t, "GET", table[i].name);
		read_chunks(fd, &b);
		assert_true(b.whole);
		assert_int_equal(b.len, table[i].pages * PAGE_LINES * LINE);
		assert_counts(&b, table[i].hollow);
		/* the connection is good for more */
		struct raw_answer a;
		raw_text(fd, "GET /p HTTP/1.1\r\nHost: x\r\n\r\n");
		raw_read(fd, false, &a);
		assert_int_equal(a.status, 200);
		close(fd);
		test_server_free(t, 1000);
	}
}

static void one_page_is_an_ordinary_answer(void **state)
{
	(void)state;
	char got[PAGE_LINES * LINE + 4096];
	size_t len = 0;
	struct test_server *t = test_server_start(NULL);
	int fd = ask(t, "GET", "one");
	while (!memmem(got, len, "04999\n", 6)) {
		ssize_t n = recv(fd, got + len, sizeof got - len, 0);
		assert_true(n > 0);
		len += (size_t)n;
	}
	assert_non_null(memmem(got, len, "Content-Length: 30000\r\n", 23));
	assert_non_null(memmem(got, len, "X-Good: yes\r\n", 13));
	close(fd);
	test_server_free(t, 1000);
}

static void a_failure_of_the_first_page_is_answered(void **state)
{
	(void)state;
	struct test_server *t = test_server_start(NULL);
	struct raw_answer a;
	int fd = ask(t, "GET", "fails");
	raw_read(fd, false, &a);
	assert_int_equal(a.status, 503);
	assert_non_null(strstr(a.body, "\"busy\""));
	close(fd);
	test_server_free(t, 1000);
}

static void a_failure_later_leaves_the_body_without_an_end(void **state)
{
	(void)state;
	static struct body b;
	struct test_server *t = test_server_start(NULL);
	int fd = ask(t, "GET", "breaks");
	read_chunks(fd, &b);
	assert_false(b.whole);
	assert_counts(&b, false);
	test_server_until_open(t, 0);
	close(fd);
	test_server_free(t, 1000);
}

static void head_has_headers_alone(void **state)
{
	(void)state;
	struct test_server *t = test_server_start(NULL);
	struct raw_answer a;
	int fd = ask(t, "HEAD", "many");
	raw_read(fd, true, &a);
	assert_int_equal(a.status, 200);
	assert_string_equal(raw_header(&a, "X-Good"), "yes");
	raw_text(fd, "GET /p HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_read(fd, false, &a);
	assert_int_equal(a.status, 200);
	close(fd);
	test_server_free(t, 1000);
}

/* Reads until another page was made for it. */
static bool read_a_page(struct test_server *t, int fd)
{
	char got[4096];
	const int before = atomic_load(&t->pages);
	while (atomic_load(&t->pages) == before)
		if (recv(fd, got, sizeof got, 0) <= 0)
			return false;
	return true;
}

static void a_client_that_reads_slowly_goes_on(void **state)
{
	(void)state;
	struct test_server *t = test_server_start(NULL);
	int fd = ask(t, "GET", "endless");
	for (int i = 0; i < 20; i++) {
		assert_true(read_a_page(t, fd));
		test_server_step(t, REQUEST_MS - 1000);
	}
	close(fd);
	test_server_until_open(t, 0);
	test_server_free(t, 1000);
}

/* A page may take its client longer than a request may last. */
static void a_large_page_is_waited_for(void **state)
{
	(void)state;
	static char got[6 * 1024 * 1024]; /* more than the kernel holds of what was sent */
	const int small = 64 * 1024;
	struct test_server *t = test_server_start(NULL);
	int fd = ask(t, "GET", "large");
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
	for (int i = 0; i < 6; i++) {
		for (size_t len = 0; len < sizeof got;) {
			ssize_t n = recv(fd, got, sizeof got - len, 0);
			assert_true(n > 0);
			len += (size_t)n;
		}
		test_server_step(t, REQUEST_MS - 1000);
	}
	assert_int_equal(atomic_load(&t->pages), 1);
	close(fd);
	test_server_until_open(t, 0);
	test_server_free(t, 1000);
}

static bool waits_for_its_client(void *server)
{
	struct test_server *t = server;
	static int before;
	const int now = atomic_load(&t->pages);
	const bool same = now > 0 && now == before;
	before = now;
	return same;
}

static void a_client_that_stops_reading_is_cut(void **state)
{
	(void)state;
	struct test_server *t = test_server_start(NULL);
	int fd = ask(t, "GET", "endless");
	assert_true(raw_until(waits_for_its_client, t));
	test_server_step(t, 2 * REQUEST_MS);
	test_server_until_open(t, 0);
	assert_int_equal(atomic_load(&t->ended), 1);
	close(fd);
	test_server_free(t, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_pages_come_in_order),
	    cmocka_unit_test(one_page_is_an_ordinary_answer),
	    cmocka_unit_test(a_failure_of_the_first_page_is_answered),
	    cmocka_unit_test(a_failure_later_leaves_the_body_without_an_end),
	    cmocka_unit_test(head_has_headers_alone),
	    cmocka_unit_test(a_client_that_reads_slowly_goes_on),
	    cmocka_unit_test(a_large_page_is_waited_for),
	    cmocka_unit_test(a_client_that_stops_reading_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
