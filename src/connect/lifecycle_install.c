/* lifecycle_install.c - POST /installed: the tenant, its aliases and the event of it in one write.
 *
 * The worker checks the body and seals the secret; the writer thread reads the stored row, tells what kind of
 * install this is and writes. Many installs share one commit. Keyed by clientKey alone: the secret and the base URL
 * always come from this callback. An install leaves an enabled tenant enabled and a disabled one disabled (an upgrade
 * does not switch an app on); one that was uninstalled is installed again. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "connect/base_url.h"
#include "connect/lifecycle.h"
#include "connect/lifecycle_classify.h"
#include "connect/upkeep.h"
#include "events/journal.h"
#include "events/request_write.h"
#include "license/join.h"
#include "store/forge.h"

enum { SEALED_MAX = 1024 };

struct install {
	struct request_write write;
	struct connect *c;
	struct lifecycle_body body;
	struct buf sealed;
	struct tenant_row row; /* what run wrote; its text is in write.arena and body */
	unsigned kinds;
	const char *joined; /* the tenant of the customer's Forge installation, which this one takes in; NULL: none */
	const char *joined_by;
	bool moved; /* an installation went from another Connect tenant to this one */
};

static struct seal_place place_of(struct str client_key)
{
	return (struct seal_place){"tenants", "shared_secret", client_key};
}

/* A stored secret that does not open any more (its key is gone) counts as another one. */
static enum err secret_changed(const struct install *in, struct str stored, bool *ret)
{
	__cleanup(buf_wipe) struct buf plain = BUF_INIT(SEALED_MAX);
	enum err err = unseal(in->c->keyring, place_of(in->body.client_key), stored, &plain);
	if (err != OK && err != ERR_SEAL)
		return err;
	*ret = err == ERR_SEAL || plain.len != in->body.shared_secret.len ||
	       !bytes_equal(plain.data, in->body.shared_secret.ptr, plain.len);
	return OK;
}

/* A tenant that was made for the customer's Forge installation, which came before. */
static enum err look_for_forge(struct install *in, struct store_tx *tx)
{
	const struct lifecycle_body *b = &in->body;
	const struct join_facts facts = {.installation_id = b->installation_id,
	                                 .entitlement_id = b->entitlement_id,
	                                 .entitlement_number = b->entitlement_number,
	                                 .sen = b->sen,
	                                 .url = b->base_url,
	                                 .product = b->product_type,
	                                 .any_id = true};
	in->joined = NULL;
	in->moved = false;
	enum err err = join_find_forge(tx, &facts, &in->write.arena, &in->joined, &in->joined_by);
	return err == ERR_NOT_FOUND ? OK : err;
}

/* Reads what is stored. ret_old is zeroed for a new clientKey; ret_twin->client_key is the tenant that has the address.
 */
static enum err look_around(struct install *in, struct store_tx *tx, struct tenant_row *ret_old,
                            struct tenant_row *ret_twin)
{
	struct arena *a = &in->write.arena;
	struct install_facts facts = {.known = true};
	enum err err = store_tenant_get(tx, in->body.client_key, a, ret_old);
	if (err == ERR_NOT_FOUND) {
		facts.known = false;
		err = store_tenant_by_base_url(tx, in->body.base_url, in->body.client_key, a, ret_twin);
		facts.address_taken = err == OK;
	} else if (err == OK) {
		facts.uninstalled = tenant_status_parse(str_of(ret_old->status)) == TENANT_UNINSTALLED ||
		                    ret_old->shared_secret_sealed.len == 0; /* it had left, and came by Forge alone */
		facts.base_url_changed = !str_eqz(in->body.base_url, ret_old->base_url ? ret_old->base_url : "");
		err = secret_changed(in, ret_old->shared_secret_sealed, &facts.secret_changed);
	}
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	err = look_for_forge(in, tx);
	facts.address_taken = facts.address_taken || (!facts.known && in->joined);
	in->kinds = install_classify(&facts);
	return err;
}

/* NUL-terminated copy, NULL for absent text. */
static const char *text(struct install *in, struct str s, bool *ok)
{
	if (s.len == 0)
		return NULL;
	const char *z = arena_strz(&in->write.arena, s);
	*ok = *ok && z;
	return z;
}

static enum err compose_row(struct install *in, const struct tenant_row *old, const struct tenant_row *twin)
{
	const struct lifecycle_body *b = &in->body;
	const bool known = old->client_key != NULL;
	const bool back = known && tenant_status_parse(str_of(old->status)) == TENANT_UNINSTALLED;
	const int64_t at = lifecycle_time(in->c, old->updated_at);
	bool ok = true;
	in->row = (struct tenant_row){
	    .client_key = text(in, b->client_key, &ok),
	    .product_type = text(in, b->product_type, &ok),
	    .base_url = text(in, b->base_url, &ok),
	    .display_url = text(in, b->display_url, &ok),
	    .description = text(in, b->description, &ok),
	    .status = known && !back ? old->status : tenant_status_name(TENANT_INSTALLED),
	    .shared_secret_sealed = buf_text(&in->sealed),
	    .oauth_client_id = text(in, b->oauth_client_id, &ok),
	    .sen = text(in, b->sen, &ok),
	    .entitlement_id = text(in, b->entitlement_id, &ok),
	    .entitlement_number = text(in, b->entitlement_number, &ok),
	    .capability_set = text(in, b->capability_set, &ok),
	    .installation_id = text(in, b->installation_id, &ok),
	    .install_body = b->kept,
	    .imported_from = known              ? old->imported_from
	                     : twin->client_key ? twin->client_key
	                                        : in->joined,
	    .first_installed_at = known ? old->first_installed_at : at,
	    .installed_at = known && !back ? old->installed_at : at,
	    .updated_at = at,
	    .last_seen_at = old->last_seen_at,
	};
	return ok ? OK : ERR_NOMEM;
}

/* Every id this tenant is known by, and after an import the other tenant's key on both sides. */
static enum err put_aliases(struct install *in, struct store_tx *tx, const struct tenant_row *twin)
{
	const struct lifecycle_body *b = &in->body;
	const struct {
		struct str client_key;
		const char *kind;
		struct str value;
	} aliases[] = {
	    {b->client_key, "base_url", b->base_url},
	    {b->client_key, "host", base_url_host(b->base_url)},
	    {b->client_key, "sen", b->sen},
	    {b->client_key, "entitlement_id", b->entitlement_id},
	    {b->client_key, "entitlement_number", b->entitlement_number},
	    {b->client_key, "installation_id", b->installation_id},
	    {b->client_key, "oauth_client_id", b->oauth_client_id},
	    {b->client_key, "client_key", str_of(twin->client_key)},
	    {str_of(twin->client_key), "client_key", b->client_key},
	};
	enum err err = OK;
	for (size_t i = 0; err == OK && i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (aliases[i].client_key.len && aliases[i].value.len)
			err = store_alias_put(tx, aliases[i].client_key, aliases[i].kind, aliases[i].value, in->row.updated_at);
	return err;
}

static enum err journal_install(struct install *in, struct store_tx *tx, const struct tenant_row *old)
{
	char once[LIFECYCLE_ONCE_SIZE], changes[INSTALL_KINDS_TEXT_SIZE];
	lifecycle_once(in->row.updated_at, once);
	install_kinds_text(in->kinds, changes);
	const bool renamed = in->kinds & 1U << INSTALL_RENAME;
	const bool imported = in->kinds & 1U << INSTALL_IMPORT;
	const struct event_field fields[] = {
	    EF_Z("changes", changes),
	    EF_STR("base_url", in->body.base_url),
	    EF_Z("previous_base_url", renamed ? old->base_url : NULL),
	    EF_Z("imported_from", imported ? in->row.imported_from : NULL),
	    EF_Z("joined_from", in->joined),
	    EF_Z("joined_by", in->joined ? in->joined_by : NULL),
	    EF_STR("product_type", in->body.product_type),
	    EF_STR("entitlement", in->body.entitlement_number.len ? in->body.entitlement_number : in->body.sen),
	};
	const struct event e = {.type = install_event_type(install_kind_of(in->kinds)),
	                        .tenant = in->body.client_key,
	                        .source = "lifecycle",
	                        .at = in->row.updated_at,
	                        .once = str_of(once),
	                        .fields = fields,
	                        .field_count = sizeof(fields) / sizeof(fields[0])};
	return journal_add(tx, &e);
}

/* An import gave the site another clientKey: its Forge installation goes along. */
static enum err follow_installation(struct install *in, struct store_tx *tx)
{
	struct forge_row row;
	enum err err = store_forge_get(tx, in->body.installation_id, &in->write.arena, &row);
	if (err == ERR_NOT_FOUND || (err == OK && str_eqz(in->body.client_key, row.client_key)))
		return OK;
	if (err != OK)
		return err;
	row.client_key = in->row.client_key;
	in->moved = true;
	row.joined_by = "installation_id";
	row.joined_at = row.updated_at = in->row.updated_at;
	return store_forge_put(tx, &row);
}

static enum err install_run(struct request_write *w, struct store_tx *tx)
{
	struct install *in = (struct install *)w;
	struct tenant_row old = {0}, twin = {0};
	enum err err = look_around(in, tx, &old, &twin);
	if (err == OK)
		err = compose_row(in, &old, &twin);
	if (err == OK)
		err = store_tenant_put(tx, &in->row);
	if (err == OK)
		err = put_aliases(in, tx, &twin);
	if (err == OK && in->joined)
		err = join_adopt(tx, str_of(in->joined), in->body.client_key, in->joined_by, in->row.updated_at);
	else if (err == OK && in->body.installation_id.len)
		err = follow_installation(in, tx);
	return err == OK ? journal_install(in, tx, &old) : err;
}

static enum err install_committed(struct request_write *w)
{
	struct install *in = (struct install *)w;
	enum err err = tenants_put(in->c->tenants, &in->row, in->body.shared_secret);
	if (err == OK && in->moved)
		join_moved();
	if (err == OK && in->joined)
		join_adopted(in->c->tenants, str_of(in->joined), in->body.client_key, in->row.updated_at);
	return err;
}

static void install_answer(struct request_write *w, struct request *req)
{
	struct install *in = (struct install *)w;
	char changes[INSTALL_KINDS_TEXT_SIZE];
	install_kinds_text(in->kinds, changes);
	log_event(LOG_INFO, install_event_type(install_kind_of(in->kinds)), LF_STR("tenant", in->body.client_key),
	          LF_Z("changes", changes));
	upkeep_prove_soon(in->c, in->body.client_key);
	reply_empty(req, 204);
}

static void install_free(struct request_write *w)
{
	struct install *in = (struct install *)w;
	lifecycle_body_release(&in->body);
	buf_release(&in->sealed);
	arena_release(&w->arena);
	free(in);
}

void lifecycle_installed(struct request *req, void *connect)
{
	struct connect *c = connect;
	struct install *in = calloc(1, sizeof(*in));
	if (!in) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	in->c = c;
	in->write.run = install_run;
	in->write.committed = install_committed;
	in->write.answer = install_answer;
	in->write.free = install_free;
	arena_init(&in->write.arena, 0);
	buf_init(&in->sealed, SEALED_MAX);
	if (!lifecycle_read(c, req, LIFECYCLE_INSTALLED, &in->body)) {
		install_free(&in->write);
		return;
	}
	enum err err = seal(c->keyring, place_of(in->body.client_key), in->body.shared_secret, &in->sealed);
	if (err == OK)
		err = in->sealed.err;
	if (err != OK) {
		install_free(&in->write);
		reply_err(req, err);
		return;
	}
	request_write_start(&in->write, req, c->store);
}
