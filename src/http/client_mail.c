/* client_mail.c - see client_mail.h.
 *
 * One easy handle for mails that are taken: curl keeps the connection, and a server that closed it meanwhile is
 * connected to anew. After any other outcome the handle goes, and the connection with it: curl keeps one whose answer
 * did not come in time. What curl calls an error is read together with the server's last answer: 5xx to the sender, the
 * recipient or the text is for ever, everything else may pass. */
#include "http/client_mail.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/mailbox.h"

enum { STOP_PATIENCE_MS = 3000, CONNECT_MS_MAX = 10000, ANGLED_MAX = 300 };

struct mail_client {
	struct mail_client_options o;
	CURL *easy; /* NULL: made by the next mail */
	CURLU *url;
	enum { TLS_NEEDED, TLS_TRIED, TLS_NONE } tls;
	_Atomic int64_t stop_at_mono_ms; /* 0: going on */
	struct str rest;                 /* of the mail being sent */
	int64_t text_by_mono_ms;         /* when all of it must have been given to the server */
	bool late;                       /* it was not */
};

static void free_curl_text(char **p)
{
	curl_free(*p);
}

bool mail_host_is_local(struct str host)
{
	return str_ieq(host, STR("localhost")) || str_eqz(host, "127.0.0.1") || str_eqz(host, "[::1]");
}

static enum err read_url(struct mail_client *c)
{
	__cleanup(free_curl_text) char *scheme = NULL;
	__cleanup(free_curl_text) char *host = NULL;
	c->url = curl_url();
	if (!c->url)
		return ERR_NOMEM;
	if (!str_printable(str_of(c->o.url)) || curl_url_set(c->url, CURLUPART_URL, c->o.url, 0) != CURLUE_OK ||
	    curl_url_get(c->url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(c->url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		return ERR_INVALID;
	if (strcmp(scheme, "smtps") == 0)
		return OK;
	if (strcmp(scheme, "smtp") != 0)
		return ERR_INVALID;
	if (c->o.allow_insecure)
		c->tls = TLS_TRIED;
	else if (mail_host_is_local(str_of(host)))
		c->tls = TLS_NONE;
	return OK;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): curl wants this type */
static size_t on_read(char *to, size_t size, size_t count, void *client)
{
	struct mail_client *c = client;
	const size_t room = size * count;
	const size_t len = c->rest.len < room ? c->rest.len : room;
	if (len)
		memcpy(to, c->rest.ptr, len);
	c->rest = (struct str){c->rest.ptr + len, c->rest.len - len};
	return len;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): likewise */
static size_t on_answer(char *data, size_t size, size_t count, void *arg)
{
	(void)data, (void)arg;
	return size * count;
}

static int on_progress(void *client, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t e)
{
	struct mail_client *c = client;
	(void)a, (void)b, (void)d, (void)e;
	const int64_t stop_at = atomic_load(&c->stop_at_mono_ms), now = clock_mono_ms(c->o.clock);
	c->late = c->late || (c->rest.len > 0 && now >= c->text_by_mono_ms);
	return c->late || (stop_at > 0 && now >= stop_at);
}

/* Applies an option and remembers the first failure; a macro because the value's type varies. */
#define SETOPT(option, value)                                                                                          \
	do {                                                                                                               \
		if (code == CURLE_OK)                                                                                          \
			code = curl_easy_setopt(e, (option), (value));                                                             \
	} while (0)

static CURLcode set_up(struct mail_client *c)
{
	static const long use_ssl[] = {
	    [TLS_NEEDED] = CURLUSESSL_ALL, [TLS_TRIED] = CURLUSESSL_TRY, [TLS_NONE] = CURLUSESSL_NONE};
	CURL *e = c->easy;
	CURLcode code = CURLE_OK;
	const int64_t connect_ms = c->o.timeout_ms / 2 < CONNECT_MS_MAX ? c->o.timeout_ms / 2 : CONNECT_MS_MAX;
	SETOPT(CURLOPT_CURLU, c->url);
	SETOPT(CURLOPT_NOSIGNAL, 1L);
	SETOPT(CURLOPT_QUICK_EXIT, 1L);
	SETOPT(CURLOPT_TIMEOUT_MS, (long)(c->o.timeout_ms + MAIL_ANSWER_MS));
	SETOPT(CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)(MAIL_ANSWER_MS / 1000));
	SETOPT(CURLOPT_CONNECTTIMEOUT_MS, (long)(connect_ms > 0 ? connect_ms : 1));
	SETOPT(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	SETOPT(CURLOPT_PROXY, "");
	SETOPT(CURLOPT_NOPROXY, "*");
	SETOPT(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SETOPT(CURLOPT_USE_SSL, use_ssl[c->tls]);
	SETOPT(CURLOPT_SSL_VERIFYPEER, c->o.allow_insecure ? 0L : 1L);
	SETOPT(CURLOPT_SSL_VERIFYHOST, c->o.allow_insecure ? 0L : 2L);
	SETOPT(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SETOPT(CURLOPT_UPLOAD, 1L);
	SETOPT(CURLOPT_READFUNCTION, on_read);
	SETOPT(CURLOPT_READDATA, c);
	SETOPT(CURLOPT_WRITEFUNCTION, on_answer);
	SETOPT(CURLOPT_HEADERFUNCTION, on_answer);
	SETOPT(CURLOPT_NOPROGRESS, 0L);
	SETOPT(CURLOPT_XFERINFOFUNCTION, on_progress);
	SETOPT(CURLOPT_XFERINFODATA, c);
	return code;
}

static enum err make_ready(struct mail_client *c)
{
	if (c->easy)
		return OK;
	c->easy = curl_easy_init();
	return c->easy && set_up(c) == CURLE_OK ? OK : ERR_NOMEM;
}

/* The server is told QUIT; its answer, for which curl would wait, is not read. */
static void hang_up(struct mail_client *c)
{
	curl_socket_t fd = CURL_SOCKET_BAD;
	if (!c->easy)
		return;
	if (curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd != CURL_SOCKET_BAD)
		(void)shutdown(fd, SHUT_RD);
	curl_easy_cleanup(c->easy);
	c->easy = NULL;
}

static void cleanup_client(struct mail_client **c)
{
	mail_client_free(*c);
}

enum err mail_url_check(const char *url)
{
	struct mail_client c = {.o = {.url = url}};
	const enum err err = read_url(&c);
	curl_url_cleanup(c.url);
	return err;
}

enum err mail_client_new(const struct mail_client_options *o, struct mail_client **ret)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return ERR_NOMEM;
	struct mail_client *fresh = calloc(1, sizeof(*fresh));
	if (!fresh) {
		curl_global_cleanup();
		return ERR_NOMEM;
	}
	__cleanup(cleanup_client) struct mail_client *c = fresh;
	c->o = *o;
	enum err err = read_url(c);
	if (err == OK)
		err = make_ready(c);
	if (err == OK)
		*ret = TAKE(c);
	return err;
}

void mail_client_free(struct mail_client *c)
{
	if (!c)
		return;
	hang_up(c);
	curl_url_cleanup(c->url);
	curl_global_cleanup();
	free(c);
}

void mail_client_stop(struct mail_client *c)
{
	atomic_store(&c->stop_at_mono_ms, clock_mono_ms(c->o.clock) + STOP_PATIENCE_MS);
}

static struct mail_answer answer_of(CURLcode code, long server, bool late)
{
	struct mail_answer a = {MAIL_LATER, "failed", (int)server};
	if (code == CURLE_OK)
		return (struct mail_answer){MAIL_SENT, "sent", (int)server};
	switch ((int)code) {
	case CURLE_OPERATION_TIMEDOUT:
		a.what = "timeout";
		break;
	case CURLE_ABORTED_BY_CALLBACK:
		a.what = late ? "timeout" : "stopped";
		break;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		a.what = "connect_failed";
		break;
	case CURLE_USE_SSL_FAILED:
		a.what = "no_starttls";
		break;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
		a.what = "tls_failed";
		break;
	case CURLE_LOGIN_DENIED:
		a.what = "login_denied";
		break;
	default:
		if (server >= 500)
			return (struct mail_answer){MAIL_REJECTED, "rejected", (int)server};
		if (server >= 400)
			a.what = "deferred";
	}
	return a;
}

static bool angle(char to[static ANGLED_MAX], const char *address)
{
	if (!mailbox_address_ok(str_of(address)))
		return false;
	const int len = snprintf(to, ANGLED_MAX, "<%s>", address);
	return len > 0 && len < ANGLED_MAX;
}

static void free_list(struct curl_slist **l)
{
	curl_slist_free_all(*l);
}

struct mail_answer mail_client_send(struct mail_client *c, const char *from, const char *to, struct str text)
{
	CURLcode code = CURLE_OK;
	char sender[ANGLED_MAX], recipient[ANGLED_MAX];
	long server = 0;
	if (!angle(sender, from) || !angle(recipient, to))
		return (struct mail_answer){MAIL_REJECTED, "bad_address", 0};
	if (atomic_load(&c->stop_at_mono_ms) > 0)
		return (struct mail_answer){MAIL_LATER, "stopped", 0};
	__cleanup(free_list) struct curl_slist *recipients = curl_slist_append(NULL, recipient);
	if (!recipients || make_ready(c) != OK) {
		hang_up(c);
		return (struct mail_answer){MAIL_LATER, "out_of_memory", 0};
	}
	CURL *e = c->easy;
	c->rest = text;
	c->late = false;
	c->text_by_mono_ms = clock_mono_ms(c->o.clock) + c->o.timeout_ms;
	SETOPT(CURLOPT_MAIL_FROM, sender);
	SETOPT(CURLOPT_MAIL_RCPT, recipients);
	SETOPT(CURLOPT_INFILESIZE_LARGE, (curl_off_t)text.len);
	if (code == CURLE_OK)
		code = curl_easy_perform(e);
	curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &server);
	curl_easy_setopt(e, CURLOPT_MAIL_RCPT, NULL);
	c->rest = (struct str){0};
	if (code != CURLE_OK)
		hang_up(c);
	return answer_of(code, server, c->late);
}
