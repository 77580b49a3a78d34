/* Settings: one table of what is taken and one of what is refused, each row beside two settings that are right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/secret.h"
#include "config/config.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

enum { MORE = 6 };
static char base_url[] = "LICGATE_BASE_URL=https://app.example/gate/";
static char secret_keys[] = "LICGATE_SECRET_KEYS=k1:" KEY;

struct told {
	size_t count;
	struct problem last;
	char all[8192];
};

static void hear(void *arg, const struct problem *p)
{
	struct told *t = arg;
	t->count++;
	t->last = *p;
	size_t len = strlen(t->all);
	(void)snprintf(t->all + len, sizeof(t->all) - len, "%s %s\n", p->place, p->text);
}

static enum err load(char *const *environment, struct told *told, struct config **ret)
{
	*told = (struct told){0};
	*ret = NULL;
	enum err err = config_load(environment, hear, told, ret);
	assert_int_equal(err == OK, *ret != NULL);
	assert_int_equal(err == ERR_INVALID, told->count > 0);
	return err;
}

/* Loads the settings given next to a base URL and a key; one given again replaces it. Fails the test on a problem. */
static struct config *good(const char *const *more)
{
	char *environment[MORE + 4] = {NULL};
	size_t n = 0;
	char text[MORE][600];
	for (size_t i = 0; i < MORE && more[i]; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "%s", more[i]);
		environment[n++] = text[i];
	}
	environment[n++] = base_url; /* the first of a name counts */
	environment[n] = secret_keys;
	struct told told;
	struct config *c;
	if (load(environment, &told, &c) != OK)
		fail_msg("%s", told.all);
	return c;
}

static void defaults(void **state)
{
	(void)state;
	struct config *c = good((const char *const[MORE]){NULL});
	assert_string_equal(c->base_url, "https://app.example/gate");
	assert_string_equal(c->base_origin, "https://app.example");
	assert_string_equal(c->base_path, "/gate");
	assert_null(c->allowed_base_urls[0]);
	assert_string_equal(c->listen, "127.0.0.1:8080");
	assert_string_equal(c->admin_listen, "127.0.0.1:8081");
	assert_string_equal(c->sim_listen, "127.0.0.1:8090");
	assert_null(c->tls_cert);
	assert_null(c->tls_key);
	assert_int_equal(c->trusted_proxies.count, 0);
	assert_string_equal(c->database, "sqlite:licgate.db");
	assert_string_equal(c->descriptor, "descriptor/atlassian-connect.json");
	assert_string_equal(c->features, "descriptor/features.json");
	assert_string_equal(c->static_dir, "static/");
	assert_null(c->admin_token);
	assert_string_equal(c->allowed_hosts[0], "*.atlassian.net");
	assert_string_equal(c->allowed_hosts[1], "*.jira.com");
	assert_null(c->allowed_hosts[2]);
	assert_false(c->allow_insecure_hosts);
	assert_string_equal(c->install_keys_url[0], "https://connect-install-keys.atlassian.com");
	assert_non_null(c->install_keys_url[1]);
	assert_int_equal(c->license_ttl_s, 300);
	assert_int_equal(c->license_stale_s, 86400);
	assert_int_equal(c->license_retry_s, 30);
	assert_int_equal(c->license_wait_s, 2);
	assert_int_equal(c->grace_days, 15);
	assert_int_equal(c->retention_days, 30);
	assert_int_equal(c->upstream_timeout_s, 10);
	assert_int_equal(c->request_timeout_s, 15);
	assert_int_equal(c->max_body, 65536);
	assert_true(c->threads >= 1);
	assert_int_equal(c->log, LOG_INFO);
	config_free(c);
	config_free(NULL);
}

/* What config_print says of a setting once it is taken. */
static void takes(void **state)
{
	(void)state;
	static const struct {
		const char *given[MORE], *printed;
	} rows[] = {
	    {{"LICGATE_BASE_URL=https://a.example"}, "LICGATE_BASE_URL=https://a.example\n"},
	    {{"LICGATE_BASE_URL=https://a.example:8443/x/y/"}, "LICGATE_BASE_URL=https://a.example:8443/x/y\n"},
	    {{"LICGATE_BASE_URL=http://127.0.0.1:8080", "LICGATE_ALLOW_INSECURE_HOSTS=1"},
	     "LICGATE_BASE_URL=http://127.0.0.1:8080\n"},
	    {{"LICGATE_ALLOWED_BASE_URLS=https://b.example/, https://c.example/x"},
	     "LICGATE_ALLOWED_BASE_URLS=https://b.example,https://c.example/x\n"},
	    {{"LICGATE_LISTEN=[::]:8080"}, "LICGATE_LISTEN=[::]:8080\n"},
	    {{"LICGATE_LISTEN=localhost:0", "LICGATE_ADMIN_LISTEN=localhost:0"}, "LICGATE_ADMIN_LISTEN=localhost:0\n"},
	    {{"LICGATE_TLS_CERT=c.pem", "LICGATE_TLS_KEY=k.pem"}, "LICGATE_TLS_KEY=k.pem\n"},
	    {{"LICGATE_TRUSTED_PROXIES=127.0.0.1, 10.0.0.9/8,fd00::/8"},
	     "LICGATE_TRUSTED_PROXIES=127.0.0.1/32,10.0.0.0/8,fd00::/8\n"},
	    {{"LICGATE_TRUSTED_PROXIES="}, "LICGATE_TRUSTED_PROXIES=\n"},
	    {{"LICGATE_DATABASE=sqlite:/var/lib/licgate/a b.db"}, "LICGATE_DATABASE=sqlite:/var/lib/licgate/a b.db\n"},
	    {{"LICGATE_DATABASE="}, "LICGATE_DATABASE=sqlite:licgate.db\n"},
	    {{"LICGATE_ADMIN_TOKEN=0123456789abcdef"}, "LICGATE_ADMIN_TOKEN=***\n"},
	    {{"LICGATE_ADMIN_TOKEN=x"}, "LICGATE_ADMIN_TOKEN=***\n"},
	    {{"LICGATE_ADMIN_TOKEN="}, "LICGATE_ADMIN_TOKEN=(not set)\n"},
	    {{"LICGATE_ALLOWED_HOSTS=*.Atlassian.net, acme.example:8443,127.0.0.1:8090,[::1]:80,[::1],*,a.*.b:1"},
	     "LICGATE_ALLOWED_HOSTS=*.atlassian.net,acme.example:8443,127.0.0.1:8090,[::1]:80,[::1],*,a.*.b:1\n"},
	    {{"LICGATE_INSTALL_KEYS_URL=http://127.0.0.1:8090/sim/keys/", "LICGATE_ALLOW_INSECURE_HOSTS=1"},
	     "LICGATE_INSTALL_KEYS_URL=http://127.0.0.1:8090/sim/keys\n"},
	    {{"LICGATE_LICENSE_STALE=0"}, "LICGATE_LICENSE_STALE=0\n"},
	    {{"LICGATE_MAX_BODY=1024"}, "LICGATE_MAX_BODY=1024\n"},
	    {{"LICGATE_THREADS=3"}, "LICGATE_THREADS=3\n"},
	    {{"LICGATE_LOG=debug"}, "LICGATE_LOG=debug\n"},
	    {{"LICGATE_LOG=error", "PATH=/bin", "licgate_x=1", "LICGATEX=1"}, "LICGATE_LOG=error\n"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct config *c = good(rows[i].given);
		__cleanup_buf struct buf printed = BUF_INIT(65536);
		config_print(c, &printed);
		if (!strstr(printed.data, rows[i].printed))
			fail_msg("wanted %s in\n%s", rows[i].printed, printed.data);
		assert_null(strstr(printed.data, KEY));
		assert_null(strstr(printed.data, "0123456789abcdef"));
		config_free(c);
	}
}

#define C50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* One problem, told of the setting that has it. */
static void refuses(void **state)
{
	(void)state;
	static const struct {
		const char *given[2], *place, *text; /* text: a part of it */
	} rows[] = {
	    {{"LICGATE_BASE_URL="}, "LICGATE_BASE_URL", "is required"},
	    {{"LICGATE_BASE_URL=app.example"}, "LICGATE_BASE_URL", "https://"},
	    {{"LICGATE_BASE_URL=http://app.example"}, "LICGATE_BASE_URL", "not https"},
	    {{"LICGATE_BASE_URL=https://user@app.example"}, "LICGATE_BASE_URL", "user name"},
	    {{"LICGATE_BASE_URL=https://app.example/?a"}, "LICGATE_BASE_URL", "query"},
	    {{"LICGATE_BASE_URL=https://app.example/#a"}, "LICGATE_BASE_URL", "fragment"},
	    {{"LICGATE_BASE_URL=https://app.example//"}, "LICGATE_BASE_URL", "path"},
	    {{"LICGATE_BASE_URL=https://" C50 "." C50 "." C50 "." C50}, "LICGATE_BASE_URL", "longer than 200"},
	    {{"LICGATE_BASE_URL=https://app.example\n"}, "LICGATE_BASE_URL", "control character"},
	    {{"LICGATE_ALLOWED_BASE_URLS=https://b.example,c"}, "LICGATE_ALLOWED_BASE_URLS", "entry 2 does not start"},
	    {{"LICGATE_ALLOWED_BASE_URLS=https://b.example,"}, "LICGATE_ALLOWED_BASE_URLS", "entry 2"},
	    {{"LICGATE_ALLOWED_BASE_URLS=http://b.example"}, "LICGATE_ALLOWED_BASE_URLS", "not https"},
	    {{"LICGATE_INSTALL_KEYS_URL=http://b.example"}, "LICGATE_INSTALL_KEYS_URL", "not https"},
	    {{"LICGATE_LISTEN=8080"}, "LICGATE_LISTEN", "host:port"},
	    {{"LICGATE_LISTEN=:8080"}, "LICGATE_LISTEN", "0.0.0.0:8080"},
	    {{"LICGATE_LISTEN=::1:8080"}, "LICGATE_LISTEN", "host:port"},
	    {{"LICGATE_ADMIN_LISTEN=127.0.0.1:65536"}, "LICGATE_ADMIN_LISTEN", "host:port"},
	    {{"LICGATE_ADMIN_LISTEN=127.0.0.1:8080"}, "LICGATE_ADMIN_LISTEN", "LICGATE_LISTEN"},
	    {{"LICGATE_TLS_CERT=c.pem"}, "LICGATE_TLS_KEY", "both or neither"},
	    {{"LICGATE_SMTP_URL=mail.example"}, "LICGATE_SMTP_URL", "smtp://HOST"},
	    {{"LICGATE_MAIL_FROM=Acme"}, "LICGATE_MAIL_FROM", "not an address"},
	    {{"LICGATE_MAIL_FROM=a@acme.example", "LICGATE_MAIL_WELCOME=1"}, "LICGATE_SMTP_URL", "is not set"},
	    {{"LICGATE_SMTP_URL=smtp://mail.example", "LICGATE_MAIL_ENDING=7"}, "LICGATE_MAIL_FROM", "is not set"},
	    {{"LICGATE_MAIL_ENDING=61"}, "LICGATE_MAIL_ENDING", "60"},
	    {{"LICGATE_TLS_KEY=k.pem"}, "LICGATE_TLS_CERT", "both or neither"},
	    {{"LICGATE_TRUSTED_PROXIES=10.0.0.0/8,proxy"}, "LICGATE_TRUSTED_PROXIES", "entry 2"},
	    {{"LICGATE_TRUSTED_PROXIES=10.0.0.0/33"}, "LICGATE_TRUSTED_PROXIES", "entry 1"},
	    {{"LICGATE_DATABASE=licgate.db"}, "LICGATE_DATABASE", "sqlite:FILE"},
	    {{"LICGATE_DATABASE=sqlite:"}, "LICGATE_DATABASE", "sqlite:FILE"},
	    {{"LICGATE_SECRET_KEYS="}, "LICGATE_SECRET_KEYS", "is required"},
	    {{"LICGATE_SECRET_KEYS=" KEY}, "LICGATE_SECRET_KEYS", "entry 1 needs an id"},
	    {{"LICGATE_SECRET_KEYS=k1:" KEY ",k2:AAAA"}, "LICGATE_SECRET_KEYS", "entry 2 is not the base64"},
	    {{"LICGATE_ADMIN_TOKEN=sixteen and blanks"}, "LICGATE_ADMIN_TOKEN", "blank"},
	    {{"LICGATE_ALLOWED_HOSTS=a.example,*b.example"}, "LICGATE_ALLOWED_HOSTS", "entry 2"},
	    {{"LICGATE_ALLOWED_HOSTS=https://a.example"}, "LICGATE_ALLOWED_HOSTS", "entry 1"},
	    {{"LICGATE_ALLOWED_HOSTS=a.example/x"}, "LICGATE_ALLOWED_HOSTS", "entry 1"},
	    {{"LICGATE_ALLOWED_HOSTS=a.example:0"}, "LICGATE_ALLOWED_HOSTS", "entry 1"},
	    {{"LICGATE_ALLOWED_HOSTS=a.example:"}, "LICGATE_ALLOWED_HOSTS", "entry 1"},
	    {{"LICGATE_ALLOWED_HOSTS=**.example"}, "LICGATE_ALLOWED_HOSTS", "entry 1"},
	    {{"LICGATE_ALLOWED_HOSTS=a,,b"}, "LICGATE_ALLOWED_HOSTS", "entry 2"},
	    {{"LICGATE_ALLOW_INSECURE_HOSTS=yes"}, "LICGATE_ALLOW_INSECURE_HOSTS", "neither 0 nor 1"},
	    {{"LICGATE_GITHUB_CLIENT_ID=Iv1"}, "LICGATE_GITHUB_CLIENT_SECRET", "both or neither"},
	    {{"LICGATE_GITHUB_CLIENT_SECRET=s"}, "LICGATE_GITHUB_CLIENT_ID", "both or neither"},
	    {{"LICGATE_GITHUB_APP_ID=1"}, "LICGATE_GITHUB_APP_KEY", "both or neither"},
	    {{"LICGATE_GITHUB_APP_KEY=abc", "LICGATE_GITHUB_APP_ID=1"},
	     "LICGATE_GITHUB_APP_KEY",
	     "not a private key in PEM"},
	    {{"LICGATE_GITHUB_API_URL=http://b.example"}, "LICGATE_GITHUB_API_URL", "not https"},
	    {{"LICGATE_LICENSE_TTL=0"}, "LICGATE_LICENSE_TTL", "from 1 to 604800"},
	    {{"LICGATE_LICENSE_TTL=5m"}, "LICGATE_LICENSE_TTL", "whole number"},
	    {{"LICGATE_LICENSE_TTL= 300"}, "LICGATE_LICENSE_TTL", "whole number"},
	    {{"LICGATE_LICENSE_STALE=-1"}, "LICGATE_LICENSE_STALE", "from 0"},
	    {{"LICGATE_REQUEST_TIMEOUT=601"}, "LICGATE_REQUEST_TIMEOUT", "to 600"},
	    {{"LICGATE_MAX_BODY=99999999999999999999"}, "LICGATE_MAX_BODY", "whole number"},
	    {{"LICGATE_THREADS=257"}, "LICGATE_THREADS", "from 0 to 256"},
	    {{"LICGATE_LOG=verbose"}, "LICGATE_LOG", "debug"},
	    {{"LICGATE_LISTN=127.0.0.1:80"}, "LICGATE_LISTN", "did you mean LICGATE_LISTEN?"},
	    {{"LICGATE_RETENTION_DAY=1"}, "LICGATE_RETENTION_DAY", "did you mean LICGATE_RETENTION_DAYS?"},
	    {{"LICGATE_NOTHING_LIKE_IT=1"}, "LICGATE_NOTHING_LIKE_IT", "is not a setting: remove it"},
	    {{"LICGATE_=1"}, "LICGATE_", "is not a setting"},
	    {{"LICGATE_SIM_LISTEN"}, "LICGATE_BASE_URL", "is required"}, /* no '=': not set, and no crash */
	    {{"LICGATE_BASE_URL_FILE=/etc/hostname"}, "LICGATE_BASE_URL_FILE", "is not a setting"},
	    {{"LICGATE_ADMIN_TOKEN_FILE=/nonexistent"}, "LICGATE_ADMIN_TOKEN_FILE", "cannot be read"},
	    {{"LICGATE_ADMIN_TOKEN_FILE=/"}, "LICGATE_ADMIN_TOKEN_FILE", "cannot be read"},
	    {{"LICGATE_ADMIN_TOKEN_FILE=/dev/null"}, "LICGATE_ADMIN_TOKEN_FILE", "cannot be read"},
	    {{"LICGATE_ADMIN_TOKEN=0123456789abcdef", "LICGATE_ADMIN_TOKEN_FILE=/nonexistent"},
	     "LICGATE_ADMIN_TOKEN",
	     "set one of them"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char first[600];
		char second[600];
		(void)snprintf(first, sizeof(first), "%s", rows[i].given[0]);
		(void)snprintf(second, sizeof(second), "%s", rows[i].given[1] ? rows[i].given[1] : "");
		bool bare = !strchr(first, '=');
		char *environment[] = {first, secret_keys, bare ? NULL : base_url, second, NULL};
		struct told told;
		struct config *c;
		enum err err = load(environment, &told, &c);
		if (err != ERR_INVALID || told.count != 1 || strcmp(told.last.place, rows[i].place) != 0 ||
		    !strstr(told.last.text, rows[i].text))
			fail_msg("%s: %s, %zu told:\n%s", first, err_name(err), told.count, told.all);
		assert_null(strstr(told.all, "AAECAw"));
		config_free(c);
	}
}

static void tells_every_problem(void **state)
{
	(void)state;
	char *environment[] = {(char[]){"LICGATE_THREADS=x"}, (char[]){"LICGATE_LOG=x"}, (char[]){"LICGATE_X=x"}, NULL};
	struct told told;
	struct config *c;
	assert_int_equal(load(environment, &told, &c), ERR_INVALID);
	assert_int_equal(told.count, 5);
	static const char *const places[] = {"LICGATE_THREADS ", "LICGATE_LOG ", "LICGATE_X ", "LICGATE_BASE_URL ",
	                                     "LICGATE_SECRET_KEYS "};
	for (size_t i = 0; i < COUNT(places); i++)
		assert_non_null(strstr(told.all, places[i]));

	/* Those of several settings together, too. */
	char *together[] = {base_url, secret_keys, (char[]){"LICGATE_TLS_KEY=x"}, (char[]){"LICGATE_DATABASE=x"}, NULL};
	assert_int_equal(load(together, &told, &c), ERR_INVALID);
	assert_int_equal(told.count, 2);
}

static void names_from_outside_are_told_harmlessly(void **state)
{
	(void)state;
	char name[2000] = "LICGATE_\x1b[2J\n";
	memset(name + strlen(name), 'A', 1900);
	char *environment[] = {base_url, secret_keys, name, NULL};
	struct told told;
	struct config *c;
	assert_int_equal(load(environment, &told, &c), ERR_INVALID);
	assert_int_equal(told.count, 1);
	assert_memory_equal(told.last.place, "LICGATE_?[2J?AAA", 16);
}

/* A secret file of this content; the token that is read, or NULL with a problem told. */
static char *token_from_file(const void *content, size_t len, struct told *told)
{
	char path[] = "/tmp/licgate-test-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, len), len);
	close(fd);
	char setting[100];
	(void)snprintf(setting, sizeof(setting), "LICGATE_ADMIN_TOKEN_FILE=%s", path);
	char *environment[] = {base_url, secret_keys, setting, NULL};
	struct config *c;
	enum err err = load(environment, told, &c);
	unlink(path);
	if (err != OK)
		return NULL;
	char *token = str_dup(str_of(c->admin_token));
	config_free(c);
	return token;
}

static void secrets_come_from_files(void **state)
{
	(void)state;
	static const struct {
		struct str content;
		const char *token; /* NULL: refused */
	} rows[] = {
	    {{"0123456789abcdef", 16}, "0123456789abcdef"},
	    {{"0123456789abcdef\n", 17}, "0123456789abcdef"},
	    {{"0123456789abcdef\r\n", 18}, "0123456789abcdef"},
	    {{"0123456789abcdef\n\n", 18}, NULL},
	    {{"\n", 1}, NULL},
	    {{"", 0}, NULL},
	    {{"0123456789ab\0def", 16}, NULL},
	    {{"short\n", 6}, "short"},
	};
	struct told told;
	for (size_t i = 0; i < COUNT(rows); i++) {
		__cleanup_free char *token = token_from_file(rows[i].content.ptr, rows[i].content.len, &told);
		if (rows[i].token)
			assert_string_equal(token ? token : told.all, rows[i].token);
		else if (token || told.count != 1)
			fail_msg("row %zu", i);
	}
	static char large[20000];
	memset(large, 'x', sizeof(large));
	assert_null(token_from_file(large, sizeof(large), &told));
	assert_string_equal(told.last.place, "LICGATE_ADMIN_TOKEN_FILE");
}

/* A key of several lines: as they are, with the two characters \n between them, with carriage returns; always the same
 * in the end. */
static void a_pem_has_lines(void **state)
{
	(void)state;
	static const char want[] = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n";
	static const char *const rows[] = {
	    "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
	    "-----BEGIN RSA PRIVATE KEY-----\\nAAAA\\n-----END RSA PRIVATE KEY-----",
	    "-----BEGIN RSA PRIVATE KEY-----\r\nAAAA\r\n-----END RSA PRIVATE KEY-----\r\n",
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char setting[300], app[] = "LICGATE_GITHUB_APP_ID=1";
		(void)snprintf(setting, sizeof(setting), "LICGATE_GITHUB_APP_KEY=%s", rows[i]);
		char *environment[] = {base_url, secret_keys, setting, app, NULL};
		struct told told;
		struct config *c;
		assert_int_equal(load(environment, &told, &c), OK);
		assert_string_equal(c->github_app_key, want);
		struct buf out = BUF_INIT(65536);
		config_print(c, &out);
		assert_null(strstr(out.data, "AAAA"));
		buf_release(&out);
		config_free(c);
	}
}

/* A short token is taken, and known to be short: how it is told is the caller's. */
static void a_short_admin_token_is_weak(void **state)
{
	(void)state;
	static const struct {
		const char *given;
		bool weak;
	} rows[] = {{"LICGATE_ADMIN_TOKEN=", false},
	            {"LICGATE_ADMIN_TOKEN=x", true},
	            {"LICGATE_ADMIN_TOKEN=0123456789abcde", true},
	            {"LICGATE_ADMIN_TOKEN=0123456789abcdef", false}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct config *c = good((const char *const[MORE]){rows[i].given});
		assert_int_equal(config_admin_token_weak(c), rows[i].weak);
		config_free(c);
	}
}

static void trusts_its_proxies_alone(void **state)
{
	(void)state;
	struct config *c = good((const char *const[MORE]){"LICGATE_TRUSTED_PROXIES=10.0.0.0/8,::1"});
	static const struct {
		const char *ip;
		bool trusted;
	} rows[] = {{"10.1.2.3", true}, {"::1", true}, {"127.0.0.1", false}, {"11.0.0.1", false}, {"::2", false}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t ip[16];
		assert_true(ip_parse(str_of(rows[i].ip), ip));
		assert_int_equal(config_trusts(c, ip), rows[i].trusted);
	}
	config_free(c);
}

static void the_table_has_every_name(void **state)
{
	(void)state;
	__cleanup_buf struct buf table = BUF_INIT(65536);
	config_print_table(&table);
#define CFG(type, field, name, ...) assert_non_null(strstr(table.data, "| `" name "` | "));
#include "config/keys.def"
#undef CFG
	assert_non_null(strstr(table.data, "| `LICGATE_BASE_URL` | required | "));
	assert_non_null(strstr(table.data, "| `LICGATE_TLS_CERT` | none | "));
	assert_non_null(strstr(table.data, "| `LICGATE_MAX_BODY` | `65536` | bytes"));
}

static int start(void **state)
{
	(void)state;
	return crypto_init() ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults),
	    cmocka_unit_test(takes),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(tells_every_problem),
	    cmocka_unit_test(names_from_outside_are_told_harmlessly),
	    cmocka_unit_test(secrets_come_from_files),
	    cmocka_unit_test(a_pem_has_lines),
	    cmocka_unit_test(a_short_admin_token_is_weak),
	    cmocka_unit_test(trusts_its_proxies_alone),
	    cmocka_unit_test(the_table_has_every_name),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
