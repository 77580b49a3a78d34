/* endpoints.c - see endpoints.h. */
#include "events/endpoints.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/net.h"
#include "base/secret.h"
#include "http/client_address.h"
#include "store/deliveries.h"

enum { SEALED_MAX = 1024, ARENA_MAX_BYTES = 1024 * 1024, HASH_TEXT_SIZE = 2 * 32 + 1, ONCE_LEN = 20 };

/* ---- URLs ---- */

static bool ip_public(const uint8_t ip[static 16])
{
	/* a mapped IPv4 address is judged by what it carries */
	struct sockaddr_in6 address = {.sin6_family = AF_INET6};
	memcpy(&address.sin6_addr, ip, 16);
	return address_is_public((const struct sockaddr *)(const void *)&address);
}

/* "1", "0x7f": a host that ends so is read as an address by many, and must be written as one. */
static bool number_label(struct str label)
{
	const bool hex = str_istarts(label, STR("0x"));
	const struct str allowed = hex ? STR("0123456789abcdefABCDEFxX") : STR("0123456789");
	for (size_t i = 0; i < label.len; i++)
		if (str_find(allowed, label.ptr[i]) == allowed.len)
			return false;
	return label.len > 0;
}

static struct str last_label(struct str host)
{
	struct str label = host, piece;
	while (str_split(&host, '.', &piece))
		label = piece;
	return label;
}

static bool host_private(struct str host)
{
	uint8_t ip[16];
	host = str_trim_end(host, '.');
	if (ip_parse(host, ip))
		return !ip_public(ip);
	const struct str last = last_label(host);
	return number_label(last) || str_ieq(last, STR("localhost"));
}

const char *endpoint_url_wrong(struct str url, bool allow_insecure)
{
	struct server_url parsed;
	if (url.len > ENDPOINT_URL_MAX)
		return "url: longer than 2048 characters";
	for (size_t i = 0; i < url.len; i++)
		if (url.ptr[i] <= ' ' || url.ptr[i] > '~' || url.ptr[i] == '\\' || url.ptr[i] == '#')
			return "url: has a blank, a fragment or a character that no URL has";
	const size_t scheme = str_starts(url, STR("https://")) ? 8 : str_starts(url, STR("http://")) ? 7 : 0;
	if (scheme == 0)
		return "url: does not start with https://";
	struct str rest = {url.ptr + scheme, url.len - scheme};
	size_t end = str_find(rest, '/'), query = str_find(rest, '?');
	end = query < end ? query : end;
	if (server_url_parse((struct str){url.ptr, scheme + end}, &parsed) != NULL)
		return "url: has no valid host, a user name, or no valid port";
	if (allow_insecure)
		return NULL;
	if (!parsed.https)
		return "url: is not https, which only LICGATE_ALLOW_INSECURE_HOSTS=1 allows";
	return host_private(parsed.host) ? "url: is a private address, which only LICGATE_ALLOW_INSECURE_HOSTS=1 allows"
	                                 : NULL;
}

/* ---- secrets ---- */

static enum err seal_secret(const struct keyring *keys, const char *column, const char *id, struct str secret,
                            struct arena *a, struct str *ret)
{
	__cleanup_buf struct buf sealed = BUF_INIT(SEALED_MAX);
	enum err err = seal(keys, (struct seal_place){"endpoints", column, str_of(id)}, secret, &sealed);
	if (err != OK)
		return err;
	char *copy = arena_strz(a, buf_text(&sealed));
	if (!copy)
		return ERR_NOMEM;
	*ret = (struct str){copy, sealed.len};
	return OK;
}

/* `secret` signs from now on, the present one along with it for a while. */
static enum err rotate_to(struct endpoint_row *e, const struct keyring *keys, struct str secret, int64_t now,
                          struct arena *a)
{
	struct buf present = BUF_INIT(SEALED_MAX);
	enum err err = unseal(keys, (struct seal_place){"endpoints", "secret", str_of(e->id)}, e->secret_sealed, &present);
	if (err == OK)
		err = seal_secret(keys, "previous_secret", e->id, buf_text(&present), a, &e->previous_sealed);
	buf_wipe(&present);
	if (err == OK)
		err = seal_secret(keys, "secret", e->id, secret, a, &e->secret_sealed);
	e->previous_until = now + SECRET_OVERLAP_MS;
	return err;
}

/* ---- by the operator ---- */

enum err endpoint_add(struct store_tx *tx, const struct keyring *keys, const struct new_endpoint *asked, int64_t now,
                      struct arena *a, char ret_id[static ENDPOINT_ID_SIZE],
                      char ret_secret[static SIGNING_SECRET_SIZE])
{
	struct endpoint_row *known;
	size_t count = 0;
	enum err err = store_endpoint_list(tx, a, &known, &count);
	if (err != OK)
		return err;
	if (count >= ENDPOINTS_MAX)
		return ERR_FULL;
	(void)snprintf(ret_id, ENDPOINT_ID_SIZE, "ep_");
	if (!random_text(ret_id + 3, ENDPOINT_ID_SIZE - sizeof("ep_")) || !signing_secret_new(ret_secret))
		return ERR_IO;
	struct endpoint_row row = {
	    .id = ret_id, .url = asked->url, .types = asked->types, .type_count = asked->type_count, .created_at = now};
	err = seal_secret(keys, "secret", ret_id, str_of(ret_secret), a, &row.secret_sealed);
	return err == OK ? store_endpoint_put(tx, &row) : err;
}

enum err endpoint_rotate(struct store_tx *tx, const struct keyring *keys, struct str id, int64_t now, struct arena *a,
                         char ret_secret[static SIGNING_SECRET_SIZE])
{
	struct endpoint_row row;
	enum err err = store_endpoint_get(tx, id, a, &row);
	if (err == OK && !signing_secret_new(ret_secret))
		err = ERR_IO;
	if (err == OK)
		err = rotate_to(&row, keys, str_of(ret_secret), now, a);
	return err == OK ? store_endpoint_put(tx, &row) : err;
}

enum err endpoint_test(struct store_tx *tx, struct str id, int64_t now, struct arena *a,
                       char ret_event[static EVENT_ID_SIZE])
{
	struct endpoint_row row;
	char once[ONCE_LEN + 1];
	enum err err = store_endpoint_get(tx, id, a, &row);
	if (err == OK && !random_text(once, ONCE_LEN))
		err = ERR_IO;
	if (err != OK)
		return err;
	const struct event_field field = EF_Z("endpoint", row.id);
	const struct event e = {
	    .type = "webhook.test", .source = "admin", .at = now, .once = str_of(once), .fields = &field, .field_count = 1};
	err = event_id(&e, ret_event);
	if (err == OK)
		err = journal_add(tx, &e);
	return err == OK ? store_delivery_queue_one(tx, row.id, ret_event, ret_event, now) : err;
}

/* ---- by the settings ---- */

struct follow {
	const struct keyring *keys;
	const struct config *config;
	int64_t now;
	struct arena arena;
};

static enum err not_in_settings(struct store_tx *tx, struct follow *f)
{
	struct endpoint_row row;
	enum err err = store_endpoint_get(tx, STR(ENDPOINT_OF_SETTINGS), &f->arena, &row);
	if (err == ERR_NOT_FOUND)
		return OK;
	return err == OK ? store_endpoint_disable(tx, STR(ENDPOINT_OF_SETTINGS), "not_in_settings", f->now) : err;
}

/* The setting's secret takes over where it is another one than last time. One that was rotated by the operator
 * meanwhile stays; one that is in force already is not rotated to. */
static enum err follow_secret(struct follow *f, struct endpoint_row *row, const char *hash)
{
	if (row->setting_hash && strcmp(row->setting_hash, hash) == 0)
		return OK;
	row->setting_hash = hash;
	struct buf present = BUF_INIT(SEALED_MAX);
	enum err err =
	    unseal(f->keys, (struct seal_place){"endpoints", "secret", str_of(row->id)}, row->secret_sealed, &present);
	const bool same = err == OK && str_eqz(buf_text(&present), f->config->events_secret);
	buf_wipe(&present);
	if (same)
		return OK;
	if (err == ERR_SEAL) /* no key opens the old one: it cannot sign along */
		return seal_secret(f->keys, "secret", row->id, str_of(f->config->events_secret), &f->arena,
		                   &row->secret_sealed);
	return err == OK ? rotate_to(row, f->keys, str_of(f->config->events_secret), f->now, &f->arena) : err;
}

static enum err first_seen(struct follow *f, struct endpoint_row *row)
{
	return seal_secret(f->keys, "secret", row->id, str_of(f->config->events_secret), &f->arena, &row->secret_sealed);
}

static enum err follow(struct store_tx *tx, void *arg)
{
	struct follow *f = arg;
	if (!f->config->events_url)
		return not_in_settings(tx, f);
	uint8_t digest[32];
	char hash[HASH_TEXT_SIZE] = "";
	sha256(f->config->events_secret, strlen(f->config->events_secret), digest);
	hex_encode(hash, digest, sizeof(digest));
	struct endpoint_row row = {.id = ENDPOINT_OF_SETTINGS, .setting = true, .setting_hash = hash, .created_at = f->now};
	enum err err = store_endpoint_get(tx, STR(ENDPOINT_OF_SETTINGS), &f->arena, &row);
	if (err == ERR_NOT_FOUND)
		err = first_seen(f, &row);
	else if (err == OK)
		err = follow_secret(f, &row, hash);
	if (err != OK)
		return err;
	const bool moved = row.url && strcmp(row.url, f->config->events_url) != 0;
	/* One that said that it is gone stays disabled, unless the setting names another. */
	if (row.disabled_at && (moved || (row.disabled_reason && strcmp(row.disabled_reason, "not_in_settings") == 0))) {
		row.disabled_at = 0;
		row.disabled_reason = NULL;
	}
	row.url = f->config->events_url;
	return store_endpoint_put(tx, &row);
}

static enum err follow_first(struct store_tx *tx, void *arg)
{
	struct follow *f = arg;
	struct endpoint_row row;
	enum err err = store_endpoint_get(tx, STR(ENDPOINT_OF_SETTINGS), &f->arena, &row);
	return err == ERR_NOT_FOUND ? follow(tx, f) : err;
}

enum err endpoints_first_of_settings(struct store *s, const struct keyring *keys, const struct config *c, int64_t now)
{
	struct follow f = {.keys = keys, .config = c, .now = now};
	arena_init(&f.arena, ARENA_MAX_BYTES);
	enum err err = store_write(s, follow_first, &f);
	arena_release(&f.arena);
	return err;
}

enum err endpoints_follow_settings(struct store *s, const struct keyring *keys, const struct config *c, int64_t now)
{
	struct follow f = {.keys = keys, .config = c, .now = now};
	arena_init(&f.arena, ARENA_MAX_BYTES);
	enum err err = store_write(s, follow, &f);
	arena_release(&f.arena);
	return err;
}
