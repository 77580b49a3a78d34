/* The static folder: what is loaded, what is refused, and how assets are served. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/log.h"
#include "http/static_files.h"
#include "raw_client.h"
#include "test_server.h"

#define H "Host: a.test\r\n"

static char dir[64];

static void write_file(const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	for (char *slash = strchr(path + strlen(dir) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof dir, "/tmp/test_static.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	static char css[4000];
	memset(css, 'a', sizeof css - 1);
	write_file("assets/app.css", css);
	write_file("assets/deep/x.js", "let x;");
	write_file("assets/logo.png", "png");
	write_file("assets/odd.xyz", "?");
	write_file("assets/.hidden", "secret");
	write_file("assets/empty.js", "");
	write_file(".git/config", "secret");
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

static struct static_files *load(const char *base)
{
	struct static_files *s = NULL;
	struct problem p;
	assert_int_equal(static_files_load(dir, base, &p, &s), OK);
	return s;
}

static void assert_problem(const char *place, const char *text)
{
	struct static_files *s = NULL;
	struct problem p = {0};
	assert_int_equal(static_files_load(dir, "", &p, &s), ERR_INVALID);
	assert_null(s);
	if (!strstr(p.place, place) || !strstr(p.text, text))
		fail_msg("%s: %s", p.place, p.text);
}

static void placeholders_of_pages_are_filled(void **state)
{
	(void)state;
	write_file("app/board.html", "<a href='{{base}}/x'>{{asset:app.css}}</a>{{ other }} {{{base}}} {{asset:");
	struct static_files *s = load("/base");
	struct str page = static_files_page(s, STR("app"), STR("board"));
	char *text = strndup(page.ptr, page.len);
	assert_non_null(text);
	unsigned long long hash_high = 0;
	int end = 0;
	assert_int_equal(sscanf(text, "<a href='/base/x'>/base/assets/app.css?v=%16llx%*4[0-9a-f]</a>%n", &hash_high, &end),
	                 1);
	assert_string_equal(text + end, "{{ other }} {/base} {{asset:");
	free(text);
	assert_null(static_files_page(s, STR("app"), STR("none")).ptr);
	assert_null(static_files_page(s, STR("assets"), STR("app")).ptr);
	static_files_free(s);
}

static void problems_say_where(void **state)
{
	(void)state;
	write_file("app/bad.html", "{{asset:nothing.css}}");
	assert_problem("app/bad.html", "nothing.css");
	write_file("app/bad.html", "");

	char link[128], target[128];
	snprintf(link, sizeof link, "%s/assets/passwd", dir);
	assert_int_equal(symlink("/etc/passwd", link), 0);
	assert_problem("assets/passwd", "out of the static folder");
	unlink(link);
	snprintf(target, sizeof target, "%s/assets/app.css", dir);
	assert_int_equal(symlink(target, link), 0); /* within the folder */
	static_files_free(load(""));
	unlink(link);
	assert_int_equal(symlink(dir, link), 0);
	assert_problem("assets/passwd", "link");
	unlink(link);

	snprintf(target, sizeof target, "%s/assets/large.bin", dir);
	write_file("assets/large.bin", "");
	assert_int_equal(truncate(target, 8 * 1024 * 1024 + 1), 0);
	assert_problem("large.bin", "8 MiB");
	unlink(target);

	struct static_files *s = NULL;
	struct problem p;
	assert_int_equal(static_files_load("/nonexistent", "", &p, &s), ERR_INVALID);
	assert_string_equal(p.place, "/nonexistent");
}

static struct static_files *served;
static const struct route rows[] = {{METHOD_GET, "/assets/REST", AUTH_NONE, 2, 0, static_files_serve}};
static const struct route_table table = {rows, 1};

static void serve_files(struct http_options *o)
{
	o->routes = &table;
	o->rooms[2] = served;
}

static void ask(struct test_server *t, const char *target, const char *headers, struct raw_answer *a)
{
	char text[512];
	snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" H "%s\r\n", target, headers);
	raw_ask(t->address, text, a);
}

static void assert_header(const struct raw_answer *a, const char *name, const char *want)
{
	const char *got = raw_header(a, name);
	if (want && (!got || strcmp(got, want) != 0))
		fail_msg("%s: %s instead of %s", name, got ? got : "(none)", want);
	if (!want)
		assert_null(got);
}

static void assets_are_typed_and_cached(struct test_server *t, char tag[64])
{
	struct raw_answer a;
	ask(t, "/assets/app.css", "", &a);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.body_len, 3999);
	assert_header(&a, "Content-Type", "text/css; charset=utf-8");
	assert_header(&a, "Cache-Control", "no-cache");
	assert_header(&a, "Vary", "Accept-Encoding");
	assert_header(&a, "Content-Encoding", NULL);
	assert_header(&a, "X-Content-Type-Options", "nosniff");
	snprintf(tag, 64, "%s", raw_header(&a, "ETag"));

	char text[256];
	snprintf(text, sizeof text, "/assets/app.css?v=%.20s", tag + 1);
	ask(t, text, "", &a);
	assert_header(&a, "Cache-Control", "public, max-age=31536000, immutable");
	ask(t, "/assets/app.css?v=other", "", &a);
	assert_header(&a, "Cache-Control", "no-cache");
}

static const struct {
	const char *accept;
	bool gzip;
} encodings[] = {
    {"gzip", true},      {"deflate, GZIP;q=0.5, br", true},
    {"gzip;q=1", true},  {"br", false},
    {"gzip;q=0", false}, {"gzip; q=0.0", false},
    {"xgzip", false},    {"", false},
};

static void compressed_where_the_client_takes_it(struct test_server *t)
{
	struct raw_answer a;
	char text[256];
	for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++) {
		snprintf(text, sizeof text, "Accept-Encoding: %s\r\n", encodings[i].accept);
		ask(t, "/assets/app.css", text, &a);
		assert_header(&a, "Content-Encoding", encodings[i].gzip ? "gzip" : NULL);
		if (!encodings[i].gzip)
			continue;
		assert_true(a.body_len < 200);
		unsigned char plain[5000];
		z_stream z = {
		    .next_in = (Bytef *)a.body, .avail_in = (uInt)a.body_len, .next_out = plain, .avail_out = sizeof plain};
		assert_int_equal(inflateInit2(&z, MAX_WBITS + 16), Z_OK);
		assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
		assert_int_equal(z.total_out, 3999);
		inflateEnd(&z);
	}
	ask(t, "/assets/deep/x.js", "Accept-Encoding: gzip\r\n", &a);
	assert_header(&a, "Content-Encoding", NULL); /* too short */
}

static void known_content_is_not_sent_again(struct test_server *t, const char *tag)
{
	struct raw_answer a;
	char text[256];
	static const char *const before[] = {"", "\"x\", W/", "*, "};
	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof text, "If-None-Match: %s%s\r\n", before[i], tag);
		ask(t, "/assets/app.css", text, &a);
		assert_int_equal(a.status, 304);
		assert_header(&a, "ETag", tag);
		assert_header(&a, "Content-Type", NULL);
	}
	snprintf(text, sizeof text, "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n", tag);
	ask(t, "/assets/app.css", text, &a); /* the compressed form is another */
	assert_int_equal(a.status, 200);
	ask(t, "/assets/app.css", "If-None-Match: \"0\"\r\n", &a);
	assert_int_equal(a.status, 200);
}

static void assets_are_served(void **state)
{
	(void)state;
	served = load("");
	struct test_server *t = test_server_start(serve_files);
	struct raw_answer a;
	char tag[64];
	assets_are_typed_and_cached(t, tag);
	compressed_where_the_client_takes_it(t);
	known_content_is_not_sent_again(t, tag);
	static const struct {
		const char *target;
		int status;
		const char *type;
	} files[] = {
	    {"/assets/logo.png", 200, "image/png"},
	    {"/assets/odd.xyz", 200, "application/octet-stream"},
	    {"/assets/deep/x.js", 200, "text/javascript; charset=utf-8"},
	    {"/assets/empty.js", 200, "text/javascript; charset=utf-8"},
	    {"/assets/.hidden", 404, "application/problem+json"},
	    {"/assets/", 404, "application/problem+json"},
	    {"/assets/deep", 404, "application/problem+json"},
	    {"/assets/../app/board.html", 404, "application/problem+json"},
	    {"/assets/%61pp.css", 404, "application/problem+json"},
	    {"/assets//app.css", 404, "application/problem+json"},
	};
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		ask(t, files[i].target, "", &a);
		assert_int_equal(a.status, files[i].status);
		assert_header(&a, "Content-Type", files[i].type);
	}
	test_server_free(t, 10000);
	static_files_free(served);
}

int main(void)
{
	log_set_sink(quiet, NULL);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(placeholders_of_pages_are_filled),
	    cmocka_unit_test(problems_say_where),
	    cmocka_unit_test(assets_are_served),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
