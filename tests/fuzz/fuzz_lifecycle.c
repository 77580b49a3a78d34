/* fuzz_lifecycle.c - the body of a lifecycle callback: any bytes behind one that chooses the event.
 *
 * What is accepted must hold what the rest of the server relies on: the token's own tenant, an address that is safe in
 * a header, a secret within its length, and no copy of the secret in what is kept. */
#include <assert.h>
#include <string.h>

#include "base/json.h"
#include "connect/base_url.h"
#include "connect/lifecycle_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *const HOSTS[] = {"*.atlassian.net", "127.0.0.1:8090", NULL};

static void check_address(struct str url)
{
	struct str origin = base_url_origin(url);
	assert(url.len > 0 && url.len <= BASE_URL_MAX && origin.len <= url.len);
	for (size_t i = 0; i < url.len; i++)
		assert(url.ptr[i] > 0x20 && url.ptr[i] < 0x7f && !strchr(";,'\"<>@\\?#", url.ptr[i]));
	assert(base_url_check(url, HOSTS, true) == BASE_URL_OK); /* without its trailing slash, too */
}

static void check_kept(const struct lifecycle_body *b)
{
	json_t *kept = NULL;
	assert(json_read_object(str_of(b->kept), &kept) != ERR_INVALID);
	assert(!json_object_get(kept, "sharedSecret"));
	json_decref(kept);
	assert(b->shared_secret.len > 0 && b->shared_secret.len <= (size_t)SHARED_SECRET_MAX * 4);
	assert(strlen(b->secret_text) == b->shared_secret.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct lifecycle_rules rules = {
	    .app_key = "com.example.app", .iss = STR("client-1"), .allowed_hosts = HOSTS, .allow_insecure = true};
	if (size == 0)
		return 0;
	const enum lifecycle_event event = (enum lifecycle_event)(data[0] & 3);
	struct lifecycle_body b;
	struct lifecycle_refusal refusal = {0};
	if (!lifecycle_body_read((struct str){(const char *)data + 1, size - 1}, event, &rules, &b, &refusal)) {
		assert(refusal.err != OK && refusal.code);
		return 0;
	}
	assert(str_eq(b.client_key, rules.iss));
	check_address(b.base_url);
	if (event == LIFECYCLE_INSTALLED)
		check_kept(&b);
	else
		assert(b.shared_secret.len == 0 && !b.kept);
	lifecycle_body_release(&b);
	return 0;
}
