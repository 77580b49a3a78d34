/* client_call.c - the curl side of one outgoing call.
 *
 * Every handle gets the same hard settings: https (and http where that is configured), TLS always verified, no
 * redirect, no proxy, no cookie, no credentials of a URL or .netrc, HTTP/1.1, answers capped while they arrive.
 *
 * Names are resolved by curl's threaded resolver. QUICK_EXIT makes a call that ends while its name is still being
 * resolved leave that thread to itself; without it curl joins the thread, and one dead name server would hold up
 * every other call (curl issue 8515). The address that came of the name is judged where the socket opens, so that a
 * name cannot turn private between a check and its use. */
#include "http/client_call.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "base/secret.h"
#include "http/client_address.h"

void http_basic_auth(struct buf *out, struct str user, struct str password)
{
	__cleanup(buf_wipe) struct buf both = BUF_INIT(CALL_HEADER_MAX);

	buf_str(&both, user);
	buf_char(&both, ':');
	buf_str(&both, password);
	buf_z(out, "Basic ");
	if (both.err == OK)
		b64_encode(out, (const uint8_t *)both.data, both.len);
	else
		out->err = both.err;
}

static const char *method_literal(const char *method)
{
	static const char *const known[] = {"GET", "POST", "PUT", "DELETE"};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(method, known[i]) == 0)
			return known[i];
	return NULL;
}

static void free_curl_text(char **p)
{
	curl_free(*p);
}

static enum err url_error(CURLUcode code)
{
	if (code == CURLUE_OK)
		return OK;
	return code == CURLUE_OUT_OF_MEMORY ? ERR_NOMEM : ERR_INVALID;
}

/* Parses the URL once, for the origin and for curl itself. The path stays as it is: it was signed that way. */
static enum err set_url(struct call *c, const char *url)
{
	__cleanup(free_curl_text) char *scheme = NULL;
	__cleanup(free_curl_text) char *host = NULL;
	__cleanup(free_curl_text) char *port = NULL;
	__cleanup(free_curl_text) char *user = NULL;
	CURLUcode code;

	if (!str_printable(str_of(url)))
		return ERR_INVALID;
	c->url = curl_url();
	if (!c->url)
		return ERR_NOMEM;
	code = curl_url_set(c->url, CURLUPART_URL, url, CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME);
	if (code == CURLUE_OK)
		code = curl_url_get(c->url, CURLUPART_SCHEME, &scheme, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(c->url, CURLUPART_HOST, &host, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(c->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
	if (code != CURLUE_OK)
		return url_error(code);
	c->is_https = strcmp(scheme, "https") == 0;
	if (!c->is_https && strcmp(scheme, "http") != 0)
		return ERR_INVALID;
	if (curl_url_get(c->url, CURLUPART_USER, &user, 0) != CURLUE_NO_USER)
		return ERR_INVALID;

	struct buf name = BUF_INIT(1024);
	buf_printf(&name, "%s://%s:%s", scheme, host, port);
	enum err err = name.err == ERR_TOO_LARGE ? ERR_INVALID : name.err;
	c->origin_name = buf_take(&name);
	buf_release(&name);
	return err;
}

static enum err add_header(struct call *c, const char *line)
{
	struct curl_slist *longer = curl_slist_append(c->headers, line);

	if (!longer)
		return ERR_NOMEM;
	c->headers = longer;
	return OK;
}

static enum err set_headers(struct call *c, const struct http_call *asked)
{
	enum err err = add_header(c, "Expect:"); /* never wait for "100 Continue" */

	if (err == OK && !asked->body.len)
		err = add_header(c, "Content-Type:"); /* curl would call nothing a form */
	for (size_t i = 0; i < asked->header_count && err == OK; i++) {
		const struct http_header *h = &asked->headers[i];
		struct buf line = BUF_INIT(CALL_HEADER_MAX);

		if (!str_printable(str_of(h->name)) || !str_printable(str_of(h->value)))
			return ERR_INVALID;
		buf_printf(&line, "%s: %s", h->name, h->value);
		err = line.err == ERR_TOO_LARGE ? ERR_INVALID : line.err;
		if (err == OK)
			err = add_header(c, line.data);
		buf_wipe(&line);
	}
	return err;
}

static enum err set_body(struct call *c, struct str body)
{
	c->has_body = strcmp(c->method, "POST") == 0 || strcmp(c->method, "PUT") == 0 ||
	              (strcmp(c->method, "DELETE") == 0 && body.len);
	if (!c->has_body)
		return OK;
	c->body = malloc(body.len + 1);
	if (!c->body)
		return ERR_NOMEM;
	if (body.len)
		memcpy(c->body, body.ptr, body.len);
	c->body[body.len] = '\0';
	c->body_len = body.len;
	return OK;
}

static void cleanup_call(struct call **c)
{
	call_free(*c);
}

enum err call_new(const struct http_call *asked, bool allow_insecure, struct call **ret)
{
	__cleanup(cleanup_call) struct call *c = calloc(1, sizeof *c);
	enum err err;

	if (!c)
		return ERR_NOMEM;
	c->method = method_literal(asked->method);
	if (!c->method)
		return ERR_INVALID;
	c->done = asked->done;
	c->take = asked->take;
	c->arg = asked->arg;
	c->allow_insecure = allow_insecure;
	c->body_unwanted = asked->body_unwanted;
	c->answer_max = asked->answer_max;
	c->answer = BUF_INIT(asked->take ? (size_t)CALL_REFUSAL_MAX : (size_t)asked->answer_max);
	c->answer_headers = BUF_INIT(CALL_HEADERS_MAX);
	if ((err = set_url(c, asked->url)) != OK)
		return err;
	if ((err = set_headers(c, asked)) != OK)
		return err;
	if ((err = set_body(c, asked->body)) != OK)
		return err;
	*ret = TAKE(c);
	return OK;
}

void call_free(struct call *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->easy);
	curl_url_cleanup(c->url);
	for (struct curl_slist *h = c->headers; h; h = h->next)
		wipe(h->data, strlen(h->data));
	curl_slist_free_all(c->headers);
	if (c->body)
		wipe(c->body, c->body_len);
	free(c->body);
	buf_wipe(&c->answer); /* may hold an access token */
	buf_wipe(&c->answer_headers);
	free(c->origin_name);
	free(c);
}

/* Hands a piece of a 2xx answer over; of another answer keeps what there is room for. */
static size_t take_body(struct call *c, const char *data, size_t len)
{
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status / 100 != 2) {
		size_t room = c->answer.max - c->answer.len;
		buf_add(&c->answer, data, len < room ? len : room);
		return c->answer.err == OK ? len : 0;
	}
	c->taken += len;
	if (c->taken > c->answer_max)
		c->take_err = ERR_TOO_LARGE;
	else if (!c->take(c->arg, data, len))
		c->take_err = ERR_IO;
	return c->take_err == OK ? len : 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *call)
{
	struct call *c = call;

	if (c->body_unwanted) { /* read to its end where it is short, so that the connection can be used again */
		c->dropped += size * count;
		c->body_over = c->dropped > c->answer.max;
		return c->body_over ? 0 : size * count;
	}
	if (c->take)
		return take_body(c, data, size * count);
	buf_add(&c->answer, data, size * count);
	return c->answer.err == OK ? size * count : 0;
}

/* Keeps the raw lines of the last header block: an interim answer's (1xx) are dropped by the next status line. */
/* NOLINTNEXTLINE(readability-non-const-parameter): curl wants this type */
static size_t on_header(char *data, size_t size, size_t count, void *call)
{
	struct call *c = call;
	struct str line = {data, size * count};

	if (str_starts(line, STR("HTTP/")))
		buf_reset(&c->answer_headers);
	buf_str(&c->answer_headers, line);
	return c->answer_headers.err == OK ? line.len : 0;
}

static curl_socket_t on_open_socket(void *call, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct call *c = call;

	if (purpose != CURLSOCKTYPE_IPCXN)
		return CURL_SOCKET_BAD;
	if (!c->allow_insecure && !address_is_public(&address->addr)) {
		c->address_denied = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Applies an option and remembers the first failure; a macro because the value's type varies. */
#define SETOPT(option, value)                                                                                          \
	do {                                                                                                               \
		if (code == CURLE_OK)                                                                                          \
			code = curl_easy_setopt(e, (option), (value));                                                             \
	} while (0)

static CURLcode set_limits(const struct call *c, CURL *e, int64_t time_ms)
{
	int64_t connect_ms = time_ms / 2 < CALL_CONNECT_MS_MAX ? time_ms / 2 : CALL_CONNECT_MS_MAX;
	CURLcode code = CURLE_OK;

	SETOPT(CURLOPT_NOSIGNAL, 1L);
	SETOPT(CURLOPT_QUICK_EXIT, 1L);
	SETOPT(CURLOPT_TIMEOUT_MS, (long)time_ms);
	SETOPT(CURLOPT_CONNECTTIMEOUT_MS, (long)(connect_ms > 0 ? connect_ms : 1));
	if (!c->body_unwanted)
		SETOPT(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)c->answer_max);
	SETOPT(CURLOPT_PROTOCOLS_STR, c->allow_insecure ? "http,https" : "https");
	SETOPT(CURLOPT_FOLLOWLOCATION, 0L);
	SETOPT(CURLOPT_PROXY, "");
	SETOPT(CURLOPT_NOPROXY, "*");
	SETOPT(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SETOPT(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SETOPT(CURLOPT_SSL_VERIFYPEER, 1L);
	SETOPT(CURLOPT_SSL_VERIFYHOST, 2L);
	SETOPT(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SETOPT(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	return code;
}

static CURLcode set_request(struct call *c, CURL *e)
{
	CURLcode code = CURLE_OK;

	SETOPT(CURLOPT_CURLU, c->url);
	SETOPT(CURLOPT_PATH_AS_IS, 1L);
	SETOPT(CURLOPT_USERAGENT, "licgate/" LICGATE_VERSION);
	SETOPT(CURLOPT_HTTPHEADER, c->headers);
	if (c->has_body) {
		SETOPT(CURLOPT_POST, 1L);
		SETOPT(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body_len);
		SETOPT(CURLOPT_POSTFIELDS, c->body);
	}
	SETOPT(CURLOPT_CUSTOMREQUEST, c->method);
	if (c->take)
		SETOPT(CURLOPT_BUFFERSIZE, (long)CALL_PIECE_MAX);
	SETOPT(CURLOPT_WRITEFUNCTION, on_body);
	SETOPT(CURLOPT_WRITEDATA, c);
	SETOPT(CURLOPT_HEADERFUNCTION, on_header);
	SETOPT(CURLOPT_HEADERDATA, c);
	SETOPT(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	SETOPT(CURLOPT_OPENSOCKETDATA, c);
	SETOPT(CURLOPT_PRIVATE, c);
	return code;
}

enum err call_prepare(struct call *c, int64_t time_ms)
{
	if (!c->is_https && !c->allow_insecure)
		return ERR_DENIED;
	c->easy = curl_easy_init();
	if (!c->easy)
		return ERR_NOMEM;
	CURLcode code = set_limits(c, c->easy, time_ms);
	if (code == CURLE_OK)
		code = set_request(c, c->easy);
	if (code == CURLE_OK)
		return OK;
	return code == CURLE_OUT_OF_MEMORY ? ERR_NOMEM : ERR_INTERNAL;
}

enum err call_result(const struct call *c, CURLcode code)
{
	if (c->take_err != OK)
		return c->take_err;
	if (c->answer.err != OK)
		return c->answer.err;
	if (c->answer_headers.err != OK)
		return c->answer_headers.err;
	if (code == CURLE_OK || c->body_over)
		return OK;
	if (c->address_denied)
		return ERR_DENIED;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return ERR_TIMEOUT;
	if (code == CURLE_FILESIZE_EXCEEDED)
		return ERR_TOO_LARGE;
	return code == CURLE_OUT_OF_MEMORY ? ERR_NOMEM : ERR_UPSTREAM;
}

/* First header of that name. Lines are "name: value\r\n"; the status line has no such name. */
static struct str find_header(const struct http_answer *answer, const char *name)
{
	const struct call *c = answer->impl;
	struct str rest = buf_text(&c->answer_headers), line;

	while (str_split(&rest, '\n', &line)) {
		size_t colon = str_find(line, ':');
		if (colon == line.len || !str_ieq((struct str){line.ptr, colon}, str_of(name)))
			continue;
		struct str value = {line.ptr + colon + 1, line.len - colon - 1};
		if (value.len && value.ptr[value.len - 1] == '\r')
			value.len--;
		return str_trim(value);
	}
	return (struct str){0};
}

static int64_t find_max_age(const struct http_answer *answer)
{
	struct str rest = find_header(answer, "Cache-Control"), piece;
	const struct str name = STR("max-age=");
	int64_t age;

	while (str_split(&rest, ',', &piece)) {
		piece = str_trim(piece);
		if (!str_istarts(piece, name))
			continue;
		piece = (struct str){piece.ptr + name.len, piece.len - name.len};
		if (str_to_int64(piece, &age) == OK && age >= 0)
			return age;
	}
	return -1;
}

static int64_t find_retry_after(const struct http_answer *answer)
{
	const struct call *c = answer->impl;
	curl_off_t seconds = 0; /* curl reads both forms, seconds and date */

	if (!find_header(answer, "Retry-After").ptr)
		return -1;
	if (curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK)
		return -1;
	return seconds;
}

void call_finish(struct call *c, enum err err, int64_t now_mono_ms)
{
	struct http_answer answer = {
	    .err = err,
	    .duration_ms = now_mono_ms - c->started_mono_ms,
	    .retry_after_s = -1,
	    .max_age_s = -1,
	    .header = find_header,
	    .impl = c,
	};

	if (err == OK) {
		long status = 0;
		curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
		answer.status = (int)status;
		answer.body = buf_text(&c->answer);
		answer.retry_after_s = find_retry_after(&answer);
		answer.max_age_s = find_max_age(&answer);
	} else {
		buf_reset(&c->answer_headers); /* a broken answer shows nothing */
	}
	c->done(c->arg, &answer);
}
