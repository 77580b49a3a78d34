/* install_keys.c - fetching, keeping and storing the keys that sign installs.
 *
 * The table (kept.h) gives single flight and the short memory of unknown kids. A key that was found is held by `keys`
 * until the end, so that verifiers use it without counting references: real kids are few and never change. Fetches
 * run on the client thread; the table's lock guards the token bucket.
 *
 * A host's 404 is its word that it has no such key. Anything else that is not a key is the host's trouble, which the
 * next host may not share, and which the caller answers with 503, so that the install is tried again. */
#include "connect/install_keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/kept.h"
#include "base/log.h"
#include "base/metrics.h"

enum { KID_MAX = TOKEN_KID_MAX, ANSWER_MAX = 16 * 1024, KEPT_MAX = 4096, IN_FLIGHT_MAX = 256 };

struct key_node {
	struct key_node *next;
	struct rsa_key *key;
};

struct install_keys {
	struct install_keys_options options;
	struct kept *table;
	struct key_node *keys; /* start and client thread only */
	/* token bucket, under the table's lock; in thousandths of a fetch */
	int64_t tokens_milli, filled_mono_ms;
	struct metric *results[KEY_FOUND + 1], *refused;
};

/* One kid's way through the hosts. */
struct fetch {
	struct install_keys *keys;
	size_t host;       /* asked now */
	bool host_trouble; /* a host gave neither a key nor 404 */
	char kid[KID_MAX + 1];
};

/* Token bucket: a steady rate with a burst. Called with the table locked. */
static bool may_fetch(void *keys)
{
	struct install_keys *k = keys;
	const int64_t full = (int64_t)INSTALL_KEY_FETCH_BURST * 1000;
	int64_t now = clock_mono_ms(k->options.clock);

	k->tokens_milli += (now - k->filled_mono_ms) * INSTALL_KEY_FETCHES_PER_S;
	if (k->tokens_milli > full)
		k->tokens_milli = full;
	k->filled_mono_ms = now;
	if (k->tokens_milli < 1000)
		return false;
	k->tokens_milli -= 1000;
	return true;
}

/* ---- storing ---- */

struct key_job {
	struct store_job job;
	int64_t at;
	size_t pem_len;
	char kid[KID_MAX + 1];
	char pem[];
};

static enum err put_key(struct store_job *job, struct store_tx *tx)
{
	struct key_job *j = (struct key_job *)job;

	return store_install_key_put(tx, str_of(j->kid), (struct str){j->pem, j->pem_len}, j->at);
}

static void put_done(struct store_job *job, enum err err)
{
	struct key_job *j = (struct key_job *)job;

	if (err != OK)
		log_event(LOG_WARN, "install_key.not_stored", LF_Z("kid", j->kid), LF_Z("error", err_name(err)));
	free(j);
}

/* In the background: a key that could not be stored is fetched again after the next start. */
static void store_key(struct install_keys *k, const char *kid, struct str pem)
{
	if (!k->options.store)
		return;
	struct key_job *j = malloc(sizeof *j + pem.len);
	if (!j)
		return;
	*j = (struct key_job){
	    .job = {.run = put_key, .done = put_done}, .at = clock_wall_ms(k->options.clock), .pem_len = pem.len};
	memcpy(j->kid, kid, strlen(kid) + 1);
	memcpy(j->pem, pem.ptr, pem.len);
	enum err err = store_submit(k->options.store, &j->job);
	if (err != OK)
		put_done(&j->job, err);
}

/* ---- keys ---- */

/* Reads a host's (or the store's) text. KEY_FOUND: *ret_key is held by k. */
static enum key_status read_key(struct install_keys *k, struct str pem, const struct rsa_key **ret_key)
{
	enum token_code code = TOKEN_WEAK_KEY;

	if (!str_starts(pem, STR("-----BEGIN ")) || !str_ends(pem, STR("-----")) || !str_ifind(pem, STR("-----END ")))
		return KEY_UNAVAILABLE; /* an error page, or cut short */
	struct key_node *node = malloc(sizeof *node);
	if (!node)
		return KEY_UNAVAILABLE;
	node->key = rsa_key_from_pem(pem, &code);
	if (!node->key) {
		free(node);
		return code == TOKEN_NO_MEMORY ? KEY_UNAVAILABLE : KEY_BAD;
	}
	*ret_key = node->key;
	node->next = k->keys;
	k->keys = node;
	return KEY_FOUND;
}

static void end_fetch(struct fetch *f, enum key_status status, const struct rsa_key *key)
{
	struct install_keys *k = f->keys;
	int64_t ttl_ms = status == KEY_FOUND ? KEPT_FOR_EVER : status == KEY_UNAVAILABLE ? 0 : INSTALL_KEY_UNKNOWN_MS;

	metric_inc(k->results[status]);
	if (status == KEY_FOUND)
		log_event(LOG_INFO, "install_key.fetched", LF_Z("kid", f->kid));
	else if (status == KEY_UNAVAILABLE)
		log_event(LOG_WARN, "install_key.unavailable", LF_Z("kid", f->kid));
	/* Without memory for the answer those who wait are told KEY_UNAVAILABLE. */
	kept_answer(k->table, str_of(f->kid), kept_value_new((int)status, key, (struct str){0}), ttl_ms);
	free(f);
}

static void on_answer(void *arg, const struct http_answer *answer);

/* Asks the host at f->host or, where that cannot be, one after it; ends the fetch when none is left. */
static void ask_next(struct fetch *f)
{
	struct install_keys *k = f->keys;

	for (; k->options.urls[f->host]; f->host++) {
		__cleanup(buf_release) struct buf url = BUF_INIT(4096);
		buf_str(&url, str_trim_end(str_of(k->options.urls[f->host]), '/'));
		buf_char(&url, '/');
		buf_z(&url, f->kid);
		const struct http_call call = {.method = "GET",
		                               .url = url.data,
		                               .answer_max = ANSWER_MAX,
		                               .timeout_ms = k->options.timeout_ms,
		                               .done = on_answer,
		                               .arg = f};
		if (url.err == OK && http_client_call(k->options.client, &call) == OK)
			return;
		f->host_trouble = true;
	}
	end_fetch(f, f->host_trouble ? KEY_UNAVAILABLE : KEY_UNKNOWN, NULL);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct str trim_lines(struct str s)
{
	while (s.len && is_space(s.ptr[s.len - 1]))
		s.len--;
	while (s.len && is_space(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	return s;
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct fetch *f = arg;
	const struct rsa_key *key = NULL;

	if (answer->err == OK && answer->status == 200) {
		struct str pem = trim_lines(answer->body);
		enum key_status status = read_key(f->keys, pem, &key);
		if (status == KEY_FOUND)
			store_key(f->keys, f->kid, pem);
		if (status != KEY_UNAVAILABLE) {
			end_fetch(f, status, key);
			return;
		}
	}
	if (answer->err != OK || answer->status != 404)
		f->host_trouble = true;
	f->host++;
	ask_next(f);
}

/* ---- the outside ---- */

struct asker {
	void (*done)(void *arg, enum key_status, const struct rsa_key *);
	void *arg;
};

static void tell_asker(void *asker, const struct kept_value *value)
{
	struct asker a = *(struct asker *)asker;

	free(asker);
	if (value)
		a.done(a.arg, (enum key_status)value->code, value->thing);
	else
		a.done(a.arg, KEY_UNAVAILABLE, NULL);
}

static bool answer_now(const struct install_keys *k, enum key_status status, enum key_status *ret_status)
{
	if (status == KEY_UNAVAILABLE)
		metric_inc(k->refused);
	*ret_status = status;
	return true;
}

static bool take_value(struct kept_value *value, enum key_status *ret_status, const struct rsa_key **ret_key)
{
	if (value->code == KEY_FOUND)
		*ret_key = value->thing;
	*ret_status = (enum key_status)value->code;
	kept_value_unref(value);
	return true;
}

bool install_keys_get(struct install_keys *k, struct str kid, enum key_status *ret_status,
                      const struct rsa_key **ret_key, void (*done)(void *arg, enum key_status, const struct rsa_key *),
                      void *arg)
{
	struct kept_value *value = NULL;

	if (!token_kid_ok(kid))
		return answer_now(k, KEY_UNKNOWN, ret_status);
	enum kept_found found = kept_get(k->table, kid, NULL, NULL, &value);
	if (found == KEPT_NOW)
		return take_value(value, ret_status, ret_key);
	if (!done)
		return false;
	struct asker *asker = malloc(sizeof *asker);
	struct fetch *fetch = calloc(1, sizeof *fetch);
	if (!asker || !fetch) {
		free(asker);
		free(fetch);
		return answer_now(k, KEY_UNAVAILABLE, ret_status);
	}
	*asker = (struct asker){.done = done, .arg = arg};
	fetch->keys = k;
	memcpy(fetch->kid, kid.ptr, kid.len);
	found = kept_get(k->table, kid, tell_asker, asker, &value);
	if (found == KEPT_ASK) {
		ask_next(fetch);
		return false;
	}
	free(fetch);
	if (found == KEPT_WAIT)
		return false;
	free(asker);
	if (found == KEPT_NOW) /* it came in between */
		return take_value(value, ret_status, ret_key);
	return answer_now(k, KEY_UNAVAILABLE, ret_status);
}

static enum err load_key(void *keys, const char *kid, const char *pem)
{
	struct install_keys *k = keys;
	const struct rsa_key *key = NULL;
	enum key_status status = token_kid_ok(str_of(kid)) ? read_key(k, trim_lines(str_of(pem)), &key) : KEY_BAD;

	if (status == KEY_FOUND)
		kept_answer(k->table, str_of(kid), kept_value_new(KEY_FOUND, key, (struct str){0}), KEPT_FOR_EVER);
	else
		log_event(LOG_WARN, "install_key.stored_unusable", LF_Z("kid", kid));
	return OK;
}

static enum err load_keys(struct store_tx *tx, void *keys)
{
	return store_install_key_each(tx, load_key, keys);
}

static struct metric *result_metric(const char *labels)
{
	return metric_counter("licgate_install_key_fetches_total", "Fetches of install keys by result.", labels);
}

enum err install_keys_new(const struct install_keys_options *o, struct install_keys **ret)
{
	struct install_keys *k = calloc(1, sizeof *k);

	if (!k)
		return ERR_NOMEM;
	k->options = *o;
	k->tokens_milli = (int64_t)INSTALL_KEY_FETCH_BURST * 1000;
	k->filled_mono_ms = clock_mono_ms(o->clock);
	k->results[KEY_FOUND] = result_metric("result=\"found\"");
	k->results[KEY_UNKNOWN] = result_metric("result=\"unknown\"");
	k->results[KEY_BAD] = result_metric("result=\"bad\"");
	k->results[KEY_UNAVAILABLE] = result_metric("result=\"unavailable\"");
	k->refused = result_metric("result=\"refused\"");
	const struct kept_options table = {
	    .clock = o->clock, .max = KEPT_MAX, .in_flight_max = IN_FLIGHT_MAX, .may_ask = may_fetch, .arg = k};
	enum err err = kept_new(&table, &k->table);
	if (err == OK && o->store)
		err = store_read(o->store, load_keys, k);
	if (err != OK) {
		install_keys_free(k);
		return err;
	}
	*ret = k;
	return OK;
}

void install_keys_free(struct install_keys *k)
{
	if (!k)
		return;
	kept_free(k->table);
	while (k->keys) {
		struct key_node *node = k->keys;
		k->keys = node->next;
		rsa_key_free(node->key);
		free(node);
	}
	free(k);
}
