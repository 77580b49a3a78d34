/* journal.c - the catalogue of events, and how one is written down.
 *
 * The catalogue is docs of the outside too: names are never changed, only added. The id hashes the length and the bytes
 * of type, tenant and `once`, so that no two triples give the same input ("a"+"bc" is not "ab"+"c"); a writer that is
 * told something twice, or repeats itself after a crash, so stores one event. Readers, the admin API and outgoing
 * webhooks all get the text that is stored here, byte for byte; what is to be delivered is queued in the same
 * transaction. Thread rule: that of the transaction. */
#include "events/journal.h"

#include <assert.h>
#include <string.h>

#include "base/b64.h"
#include "base/buf.h"
#include "base/jsonw.h"
#include "base/secret.h"
#include "store/deliveries.h"

enum { EVENT_MAX_BYTES = 20 * 1024, ID_HASH_BYTES = 16, ID_SIZE = EVENT_ID_SIZE };

static const char *const catalogue[] = {
    "tenant.installed",
    "tenant.reinstalled",
    "tenant.renamed",
    "tenant.secret_rotated",
    "tenant.upgraded",
    "tenant.imported",
    "tenant.enabled",
    "tenant.disabled",
    "tenant.uninstalled",
    "tenant.purged",
    "license.changed",
    "override.set",
    "override.ended",
    "trial.started",
    "trial.expired",
    "trial.cancelled",
    "trial.converted",
    "purchase.created",
    "purchase.renewed",
    "purchase.upgraded",
    "purchase.downgraded",
    "purchase.change_pending",
    "purchase.change_dropped",
    "purchase.cancelled",
    "purchase.expired",
    "purchase.refunded",
    "payment.failed",
    "contact.available",
    "user.added",
    "user.removed",
    "seat.taken",
    "seat.freed",
    "feedback.received",
    "webhook.test",
};

bool event_type_known(struct str type)
{
	for (size_t i = 0; i < sizeof(catalogue) / sizeof(catalogue[0]); i++)
		if (str_eqz(type, catalogue[i]))
			return true;
	return false;
}

const char *event_type_at(size_t i)
{
	return i < sizeof(catalogue) / sizeof(catalogue[0]) ? catalogue[i] : NULL;
}

static void add_part(struct buf *b, struct str part)
{
	uint64_t len = part.len;
	uint8_t prefix[8];
	for (size_t i = 0; i < sizeof(prefix); i++)
		prefix[i] = (uint8_t)(len >> (8 * (7 - i)));
	buf_add(b, prefix, sizeof(prefix));
	buf_str(b, part);
}

enum err event_id(const struct event *e, char ret[static ID_SIZE])
{
	__cleanup_buf struct buf b = BUF_INIT(EVENT_MAX_BYTES);
	uint8_t hash[32];
	add_part(&b, str_of(e->type));
	add_part(&b, e->tenant_apart ? STR("") : e->tenant);
	add_part(&b, e->once);
	if (b.err != OK)
		return b.err;
	sha256(b.data, b.len, hash);
	memcpy(ret, "evt_", 4);
	hex_encode(ret + 4, hash, ID_HASH_BYTES);
	ret[ID_SIZE - 1] = '\0';
	return OK;
}

static void write_field(struct jsonw *w, const struct event_field *f)
{
	switch (f->kind) {
	case EVENT_INT:
		jw_kint(w, f->name, f->num);
		break;
	case EVENT_BOOL:
		jw_kbool(w, f->name, f->num != 0);
		break;
	case EVENT_TEXT:
		if (f->text.len)
			jw_kstr(w, f->name, f->text);
		break;
	case EVENT_JSON:
		if (f->text.len) {
			jw_key(w, f->name);
			jw_raw(w, f->text);
		}
		break;
	}
}

/* Whose customer the tenant is, also for events that belong to every door (seats, overrides, licences). */
static const char *marketplace_of(const struct event *e)
{
	if (e->marketplace)
		return e->marketplace;
	return str_starts(e->tenant, STR("github:")) ? "github" : "atlassian";
}

static void write_data(struct jsonw *w, const struct event *e, const char *id)
{
	jw_obj(w);
	jw_kz(w, "id", id);
	jw_key(w, "tenant");
	if (e->tenant.len)
		jw_str(w, e->tenant);
	else
		jw_null(w);
	jw_kz(w, "marketplace", marketplace_of(e));
	if (e->source)
		jw_kz(w, "source", e->source);
	if (e->effective_at)
		jw_ktime(w, "effective_at", e->effective_at);
	jw_ktime(w, "observed_at", e->at);
	for (size_t i = 0; i < e->field_count; i++)
		write_field(w, &e->fields[i]);
	jw_end_obj(w);
}

static void write_event(struct buf *out, const struct event *e, const char *id)
{
	struct jsonw w = jsonw(out);
	jw_obj(&w);
	jw_kz(&w, "type", e->type);
	jw_ktime(&w, "timestamp", e->at);
	jw_key(&w, "data");
	write_data(&w, e, id);
	jw_end_obj(&w);
}

/* Events of one lane are delivered in order: those of a tenant, or where none is known those of an entitlement. */
static struct str lane_of(const struct event *e, const char *id)
{
	if (e->tenant.len)
		return e->tenant;
	for (size_t i = 0; i < e->field_count; i++)
		if (e->fields[i].kind == EVENT_TEXT && e->fields[i].text.len && strcmp(e->fields[i].name, "entitlement") == 0)
			return e->fields[i].text;
	return str_of(id);
}

/* A test event goes to the endpoint that is tested alone: whoever makes it queues it. */
static enum err queue(struct store_tx *tx, const struct event *e, const char *id)
{
	if (strcmp(e->type, "webhook.test") == 0)
		return OK;
	__cleanup_buf struct buf lane = BUF_INIT(EVENT_MAX_BYTES);
	buf_str(&lane, lane_of(e, id)); /* for its terminator */
	return lane.err != OK ? lane.err : store_deliveries_queue(tx, id, e->type, lane.data, e->at);
}

enum err journal_add(struct store_tx *tx, const struct event *e)
{
	assert(event_type_known(str_of(e->type)));
	char id[ID_SIZE];
	enum err err = event_id(e, id);
	if (err != OK)
		return err;
	__cleanup_buf struct buf json = BUF_INIT(EVENT_MAX_BYTES);
	__cleanup_buf struct buf tenant = BUF_INIT(EVENT_MAX_BYTES);
	write_event(&json, e, id);
	buf_str(&tenant, e->tenant); /* for its terminator */
	if (json.err != OK || tenant.err != OK)
		return json.err != OK ? json.err : tenant.err;
	const struct event_row row = {
	    .id = id,
	    .type = e->type,
	    .tenant = e->tenant.len ? tenant.data : NULL,
	    .at = e->at,
	    .json = json.data,
	};
	err = store_event_add(tx, &row);
	if (err == OK)
		err = queue(tx, e, id);
	return err == ERR_CONFLICT ? OK : err;
}
