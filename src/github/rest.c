/* rest.c - see rest.h. The App's token lives ten minutes at most (GitHub's rule) and is made anew after eight; its
 * start lies a minute back, for clocks that differ. */
#include "github/rest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "github/github_internal.h"
#include "token/token.h"

enum { HEADER_MAX = 16 * 1024, URL_MAX = 4096, JWT_KEPT_MS = 8 * 60 * 1000, JWT_LEEWAY_S = 60, JWT_LIFE_S = 540 };

bool github_can_ask(const struct config *c)
{
	return c->github_app_key || github_signs_in(c);
}

/* "Bearer <App token>", kept for a while. */
static enum err app_authorization(struct github *g, struct buf *out)
{
	struct github_parts *parts = g->parts;
	const int64_t mono = clock_mono_ms(g->clock), now_s = clock_wall_ms(g->clock) / 1000;
	enum err err = OK;
	pthread_mutex_lock(&parts->lock);
	if (!parts->jwt || mono >= parts->jwt_until_mono) {
		char claims[256], *token = NULL;
		(void)snprintf(claims, sizeof(claims), "{\"iat\":%" PRId64 ",\"exp\":%" PRId64 ",\"iss\":\"%.100s\"}",
		               now_s - JWT_LEEWAY_S, now_s - JWT_LEEWAY_S + JWT_LIFE_S, g->config->github_app_id);
		err = token_mint_rs256(str_of(g->config->github_app_key), STR(""), str_of(claims), &token);
		if (err == OK) {
			free(parts->jwt);
			parts->jwt = token;
			parts->jwt_until_mono = mono + JWT_KEPT_MS;
		}
	}
	if (err == OK)
		buf_printf(out, "Bearer %s", parts->jwt);
	pthread_mutex_unlock(&parts->lock);
	return err;
}

static void client_authorization(const struct config *c, struct buf *out)
{
	__cleanup(buf_wipe) struct buf pair = BUF_INIT(HEADER_MAX);
	buf_printf(&pair, "%s:%s", c->github_client_id, c->github_client_secret);
	buf_z(out, "Basic ");
	b64_encode(out, (const uint8_t *)pair.data, pair.len);
}

static enum err authorization(struct github *g, const struct github_question *q, struct buf *out)
{
	const struct config *c = g->config;
	enum err err = OK;
	switch (q->as) {
	case GITHUB_AS_NOBODY:
		return OK;
	case GITHUB_AS_USER:
		buf_z(out, "Bearer ");
		buf_str(out, q->token);
		break;
	case GITHUB_AS_LISTING:
		if (c->github_app_key) {
			err = app_authorization(g, out);
			break;
		}
		/* fall through */
	case GITHUB_AS_CLIENT:
		if (!github_signs_in(c))
			return ERR_INVALID;
		client_authorization(c, out);
		break;
	}
	return err == OK ? out->err : err;
}

enum err github_ask(struct github *g, const struct github_question *q)
{
	__cleanup(buf_wipe) struct buf auth = BUF_INIT(HEADER_MAX);
	__cleanup_buf struct buf url = BUF_INIT(URL_MAX);
	enum err err = authorization(g, q, &auth);
	if (err != OK)
		return err;
	if (*q->url == '/')
		buf_z(&url, g->config->github_api_url);
	buf_z(&url, q->url);
	if (url.err != OK)
		return url.err;
	struct http_header headers[4];
	size_t n = 0;
	headers[n++] =
	    (struct http_header){"Accept", q->as == GITHUB_AS_NOBODY ? "application/json" : "application/vnd.github+json"};
	headers[n++] = (struct http_header){"X-GitHub-Api-Version", "2022-11-28"};
	if (auth.len > 0)
		headers[n++] = (struct http_header){"Authorization", auth.data};
	if (q->content_type)
		headers[n++] = (struct http_header){"Content-Type", q->content_type};
	const struct http_call call = {.method = q->method,
	                               .url = url.data,
	                               .headers = headers,
	                               .header_count = n,
	                               .body = q->body,
	                               .answer_max = GITHUB_ANSWER_MAX,
	                               .done = q->done,
	                               .arg = q->arg};
	return http_client_call(g->client, &call);
}

const char *github_failure(const struct http_answer *answer)
{
	switch ((int)answer->err) {
	case OK:
		break;
	case ERR_TIMEOUT:
		return "timeout";
	case ERR_TOO_LARGE:
		return "too_large";
	case ERR_DENIED:
		return "address_refused";
	case ERR_STOPPING:
		return "stopping";
	default:
		return "unreachable";
	}
	switch (answer->status) {
	case 200:
		return NULL;
	case 401:
		return "unauthorized";
	case 403:
		return "forbidden";
	case 404:
		return "status_404";
	case 429:
		return "status_429";
	}
	return answer->status >= 500 ? "status_5xx" : answer->status >= 400 ? "status_4xx" : "status_other";
}

bool github_may_recover(const struct http_answer *answer)
{
	if (answer->err != OK)
		return answer->err == ERR_TIMEOUT || answer->err == ERR_UPSTREAM;
	/* GitHub's second limit answers 403 with Retry-After. */
	return answer->status >= 500 || answer->status == 429 || (answer->status == 403 && answer->retry_after_s >= 0);
}

/* One link: <url>; rel="next" */
static bool is_next(struct str link, struct str *ret_url)
{
	struct str piece;
	link = str_trim(link);
	const size_t end = str_find(link, '>');
	if (link.len == 0 || link.ptr[0] != '<' || end == link.len)
		return false;
	*ret_url = (struct str){link.ptr + 1, end - 1};
	struct str rest = {link.ptr + end + 1, link.len - end - 1};
	while (str_split(&rest, ';', &piece)) {
		piece = str_trim(piece);
		if (str_ieq(piece, STR("rel=\"next\"")) || str_ieq(piece, STR("rel=next")))
			return true;
	}
	return false;
}

bool github_next_page(struct str link, struct str api_url, struct arena *a, const char **ret, bool *ret_refused)
{
	struct str piece, url;
	*ret_refused = false;
	while (str_split(&link, ',', &piece)) {
		if (!is_next(piece, &url))
			continue;
		/* Our credentials go with it: nowhere but where the first question went. */
		if (!str_starts(url, api_url) || url.len <= api_url.len || url.ptr[api_url.len] != '/' || !str_printable(url) ||
		    str_find(url, '#') < url.len || url.len > URL_MAX / 2) {
			*ret_refused = true;
			return false;
		}
		*ret = arena_strz(a, url);
		return *ret != NULL;
	}
	return false;
}
