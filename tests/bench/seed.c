/* seed.c - fills a database with tenants as installs would have: for benches of a server with many tenants.
 *
 * usage: seed FILE COUNT KEYS (LICGATE_SECRET_KEYS form). Tenant i is bench-%06d with a known secret and one event. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "store/store.h"

enum { BATCH = 1000 };
static const int64_t INSTALLED_AT = 1750000000000;

struct seed {
	const struct keyring *keys;
	int from, to;
};

static enum err put_one(struct store_tx *tx, const struct keyring *keys, int i)
{
	char key[32], url[80], secret[65], oauth[81];
	snprintf(key, sizeof key, "bench-%06d", i);
	snprintf(url, sizeof url, "https://%s.atlassian.net", key);
	int len = snprintf(secret, sizeof secret, "secret-of-%s-", key);
	memset(secret + len, '0', 64 - (size_t)len);
	secret[64] = '\0';
	snprintf(oauth, sizeof oauth, "oauth-client-%067d", i);
	struct buf sealed = BUF_INIT(4096);
	enum err err = seal(keys, (struct seal_place){"tenants", "shared_secret", str_of(key)}, str_of(secret), &sealed);
	const struct tenant_row row = {.client_key = key,
	                               .product_type = "jira",
	                               .base_url = url,
	                               .status = "enabled",
	                               .shared_secret_sealed = buf_text(&sealed),
	                               .oauth_client_id = oauth,
	                               .install_body = "{}",
	                               .first_installed_at = INSTALLED_AT,
	                               .installed_at = INSTALLED_AT,
	                               .updated_at = INSTALLED_AT};
	if (err == OK)
		err = store_tenant_put(tx, &row);
	const struct license_row license = {.state = "active",
	                                    .reason = "lookup_valid",
	                                    .source = "lookup",
	                                    .since = INSTALLED_AT,
	                                    .fetched_at = clock_wall_ms(&clock_system),
	                                    .valid = true,
	                                    .resource = 1,
	                                    .type = "COMMERCIAL",
	                                    .organisation = "An organisation of the bench",
	                                    .sen = "SEN-0000000",
	                                    .users_max = 100,
	                                    .licensed_before = true};
	if (err == OK)
		err = store_license_put(tx, str_of(key), &license);
	char sen[32];
	snprintf(sen, sizeof sen, "SEN-%07d", i);
	if (err == OK)
		err = store_alias_put(tx, str_of(key), "sen", str_of(sen), INSTALLED_AT);
	if (err == OK)
		err = store_alias_put(tx, str_of(key), "host", str_of(url + strlen("https://")), INSTALLED_AT);
	char id[48], json[300];
	snprintf(id, sizeof id, "evt_%032d", i);
	snprintf(json, sizeof json,
	         "{\"type\":\"tenant.installed\",\"timestamp\":\"2025-06-15T15:06:40Z\",\"data\":{\"id\":\"%s\",\"tenant\":"
	         "\"%s\","
	         "\"marketplace\":\"atlassian\",\"source\":\"lifecycle\",\"observed_at\":\"2025-06-15T15:06:40Z\"}}",
	         id, key);
	const struct event_row event = {
	    .id = id, .type = "tenant.installed", .tenant = key, .at = INSTALLED_AT, .json = json};
	if (err == OK)
		err = store_event_add(tx, &event);
	buf_release(&sealed);
	return err;
}

static enum err put_some(struct store_tx *tx, void *arg)
{
	const struct seed *s = arg;
	for (int i = s->from; i < s->to; i++) {
		enum err err = put_one(tx, s->keys, i);
		if (err != OK)
			return err;
	}
	return OK;
}

int main(int argc, char **argv)
{
	if (argc != 4 || !crypto_init())
		return 2;
	const int count = (int)strtol(argv[2], NULL, 10);
	char url[4200];
	snprintf(url, sizeof url, "sqlite:%s", argv[1]);
	struct problem problem;
	struct keyring *keys = NULL;
	struct store *store = NULL;
	const struct store_options o = {.url = url, .clock = &clock_system, .queue_max = 100, .busy_timeout_ms = 5000};
	if (keyring_parse(str_of(argv[3]), &problem, &keys) != OK || store_open(&o, &store) != OK)
		return 1;
	enum err err = OK;
	for (int i = 0; i < count && err == OK; i += BATCH) {
		struct seed s = {keys, i, i + BATCH < count ? i + BATCH : count};
		err = store_write(store, put_some, &s);
	}
	store_close(store);
	keyring_free(keys);
	return err == OK ? 0 : 1;
}
