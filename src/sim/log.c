/* log.c - the ring behind a simulated site's log.
 *
 * Entries come from hostile or broken apps too: a token that does not decode is logged as null, text that is not
 * UTF-8 is repaired by the JSON writer. The ring is allocated with the first entry: most sites of a load test never
 * have their log read, but each has one. */
#include "sim/log.h"

#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "base/json.h"

enum { TOKEN_DECODE_MAX = 16384, URL_KEPT_MAX = 4096 };

static void entry_release(struct sim_log_entry *e)
{
	free(e->url);
	free(e->token);
	*e = (struct sim_log_entry){0};
}

void sim_log_release(struct sim_log *l)
{
	for (size_t i = 0; l->ring && i < SIM_LOG_KEPT; i++)
		entry_release(&l->ring[i]);
	free(l->ring);
	*l = (struct sim_log){0};
}

/* One dot-separated part as compact JSON text of an object; NULL if it is not one. */
static char *part_json(struct str part)
{
	__cleanup_free uint8_t *raw = malloc(part.len / 4 * 3 + 3);
	__cleanup_json json_t *object = NULL;
	size_t len = 0;
	if (!raw || !b64url_decode(part, raw, &len))
		return NULL;
	if (json_read_object((struct str){(const char *)raw, len}, &object) != OK)
		return NULL;
	return json_dumps(object, JSON_COMPACT);
}

void token_decoded_write(struct jsonw *w, struct str token)
{
	struct str rest = token, header = {0}, claims = {0};
	__cleanup_free char *header_json = NULL;
	__cleanup_free char *claims_json = NULL;
	if (token.len > 0 && token.len <= TOKEN_DECODE_MAX && str_split(&rest, '.', &header) &&
	    str_split(&rest, '.', &claims)) {
		header_json = part_json(header);
		claims_json = part_json(claims);
	}
	if (!header_json || !claims_json) {
		jw_null(w);
		return;
	}
	jw_obj(w);
	jw_key(w, "header");
	jw_raw(w, str_of(header_json));
	jw_key(w, "claims");
	jw_raw(w, str_of(claims_json));
	jw_end_obj(w);
}

/* The URL without the value of its jwt parameter: what is logged must not open anything. */
static char *url_without_token(struct str url)
{
	__cleanup_buf struct buf out = BUF_INIT(URL_KEPT_MAX);
	struct str rest = url, head = {0};
	str_split(&rest, '?', &head);
	buf_str(&out, head);
	char separator = '?';
	struct str piece;
	while (rest.ptr && str_split(&rest, '&', &piece)) {
		buf_char(&out, separator);
		separator = '&';
		buf_str(&out, str_starts(piece, STR("jwt=")) ? STR("jwt=removed") : piece);
	}
	return buf_take(&out);
}

void sim_log_add(struct sim_log *l, const struct sim_log_entry *e, struct str url, struct str token)
{
	if (!l->ring)
		l->ring = calloc(SIM_LOG_KEPT, sizeof(*l->ring));
	if (!l->ring)
		return;
	__cleanup_buf struct buf decoded = BUF_INIT(TOKEN_DECODE_MAX * 2);
	if (token.len > 0) {
		struct jsonw w = jsonw(&decoded);
		token_decoded_write(&w, token);
	}
	struct sim_log_entry *slot = &l->ring[l->next];
	entry_release(slot);
	*slot = *e;
	slot->url = url_without_token(url);
	slot->token = decoded.len > 0 ? buf_take(&decoded) : NULL;
	l->next = (l->next + 1) % SIM_LOG_KEPT;
	l->seq++;
	if (l->count < SIM_LOG_KEPT)
		l->count++;
}

static const char *verdict_of(const struct sim_log_entry *e)
{
	if (e->verdict)
		return e->verdict;
	if (e->status == 0)
		return "no_answer";
	return e->status >= 200 && e->status < 300 ? "accepted" : "refused";
}

void sim_log_write(const struct sim_log *l, int64_t after, struct jsonw *w)
{
	int64_t oldest = l->seq - (int64_t)l->count + 1;
	size_t from = after < oldest ? 0 : after >= l->seq ? l->count : (size_t)(after - oldest + 1);
	jw_arr(w);
	for (size_t i = from; i < l->count; i++) {
		const struct sim_log_entry *e = &l->ring[(l->next + SIM_LOG_KEPT - l->count + i) % SIM_LOG_KEPT];
		jw_obj(w);
		jw_kint(w, "seq", oldest + (int64_t)i);
		jw_ktime(w, "at", e->at);
		jw_kz(w, "direction", e->direction);
		jw_kz(w, "method", e->method);
		jw_kz(w, "url", e->url);
		jw_kint(w, "status", e->status);
		jw_kz(w, "verdict", verdict_of(e));
		jw_kint(w, "took_ms", e->took_ms);
		if (e->note)
			jw_kz(w, "note", e->note);
		jw_key(w, "token");
		if (e->token)
			jw_raw(w, str_of(e->token));
		else
			jw_null(w);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}
