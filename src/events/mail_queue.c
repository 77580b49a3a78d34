/* mail_queue.c - see mail_queue.h. */
#include "events/mail_queue.h"

#include <stdio.h>
#include <string.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mailbox.h"

enum { EVENTS_A_TIME = 200, DUE_A_TIME = 50, TOKEN_MAC_BYTES = 16, ATTEMPTS_MAX = 8 };
#define FOLLOWER "mail"
static const int64_t MINUTE_MS = 60000, HOUR_MS = 3600000, DAY_MS = 86400000;
/* An older event is history: mail was off, or the report was that late. */
static const int64_t FRESH_MS = 3 * DAY_MS;

struct mail_rules mail_rules_of(const struct config *c, const struct keyring *k, mail_contact_fn *find)
{
	struct mail_rules r = {
	    .ending_ms = c->mail_ending_days * DAY_MS,
	    .per_hour = c->mail_per_hour,
	    .lease_ms = c->upstream_timeout_s * 1000 + MAIL_ANSWER_MS + MINUTE_MS,
	    .keyring = k,
	    .find = find,
	};
	for (int i = 0; i < MAIL_KINDS; i++)
		r.on[i] = mail_kind_on(c, (enum mail_kind)i);
	return r;
}

/* ---- following the journal ---- */

enum err mail_has_work(struct store_tx *tx, int64_t now, bool *ret)
{
	__cleanup(arena_release) struct arena a;
	arena_init(&a, 64 * 1024);
	int64_t seq = 0;
	struct event_row *events = NULL;
	struct mail_row *due = NULL;
	size_t event_count = 0, due_count = 0;
	enum err err = store_follower_get(tx, FOLLOWER, &seq);
	if (err == ERR_NOT_FOUND) {
		*ret = true;
		return OK;
	}
	if (err == OK)
		err = store_trial_events(tx, seq, 1, &a, &events, &event_count);
	if (err == OK)
		err = store_mail_due(tx, now, 1, &a, &due, &due_count);
	if (err == OK)
		*ret = event_count + due_count > 0;
	return err;
}

struct following {
	struct store_tx *tx;
	const struct mail_rules *rules;
	int64_t now;
};

static enum err queue(const struct following *f, enum mail_kind kind, const struct event_row *e,
                      const char *entitlement, int64_t next_at, int64_t expires_at, int64_t ends_at)
{
	const struct mail_row m = {.template = mail_kind_name(kind),
	                           .event = e->id,
	                           .tenant = e->tenant,
	                           .entitlement = entitlement,
	                           .ends_at = ends_at,
	                           .next_at = next_at,
	                           .expires_at = expires_at,
	                           .created_at = f->now};
	if (!f->rules->on[kind] || expires_at <= f->now)
		return OK;
	return store_mail_queue(f->tx, &m);
}

/* An evaluation that begins anew has one end. */
static enum err follow_started(const struct following *f, const struct event_row *e, const char *entitlement,
                               const struct evaluation_row *ev)
{
	enum err err = store_mail_cancel(f->tx, mail_kind_name(MAIL_ENDING), str_of(entitlement), "begun_anew", f->now);
	if (err != OK || e->at + FRESH_MS <= f->now)
		return err;
	err = queue(f, MAIL_WELCOME, e, entitlement, f->now, e->at + FRESH_MS, ev->ends_at);
	if (err != OK || ev->ends_at == 0)
		return err;
	const int64_t remind_at = ev->ends_at - f->rules->ending_ms;
	/* It may be asked again until the end: an evaluation can be extended meanwhile. */
	return queue(f, MAIL_ENDING, e, entitlement, remind_at > f->now ? remind_at : f->now, ev->ends_at, ev->ends_at);
}

/* The licence of another marketplace has no contact here. The reports have all the vendor's apps; the mails speak of
 * the one that is served here. */
static enum err follow_event(const struct following *f, const struct event_row *e)
{
	__cleanup_json json_t *whole = NULL;
	struct str entitlement = STR(""), marketplace = STR("");
	enum err err = json_read_object(str_of(e->json), &whole);
	if (err != OK)
		return err == ERR_NOMEM ? err : OK;
	const json_t *data = json_get_obj(whole, "data");
	if (!data || json_get_str(data, "entitlement", &entitlement) != JSON_GOT ||
	    json_get_str(data, "marketplace", &marketplace) != JSON_GOT || !str_eqz(marketplace, "atlassian"))
		return OK;
	struct evaluation_row ev = {.ours = true};
	err = store_evaluation_get(f->tx, entitlement, &ev);
	if ((err != OK && err != ERR_NOT_FOUND) || !ev.ours)
		return err;
	if (strcmp(e->type, "trial.started") == 0)
		return follow_started(f, e, entitlement.ptr, &ev);
	err = store_mail_cancel(f->tx, mail_kind_name(MAIL_ENDING), entitlement, "over", f->now);
	if (err == OK && strcmp(e->type, "trial.expired") == 0)
		err = queue(f, MAIL_EXPIRED, e, entitlement.ptr, f->now, e->at + FRESH_MS, 0);
	return err;
}

enum err mail_follow(struct store_tx *tx, const struct mail_rules *rules, int64_t now)
{
	__cleanup(arena_release) struct arena a;
	arena_init(&a, 8 << 20);
	const struct following f = {tx, rules, now};
	int64_t seq = 0;
	struct event_row *events = NULL;
	size_t count = 0;
	enum err err = store_follower_get(tx, FOLLOWER, &seq);
	if (err == ERR_NOT_FOUND) {
		err = store_event_last(tx, &seq);
		return err == OK ? store_follower_put(tx, FOLLOWER, seq) : err;
	}
	if (err == OK)
		err = store_trial_events(tx, seq, EVENTS_A_TIME, &a, &events, &count);
	for (size_t i = 0; err == OK && i < count; i++)
		err = follow_event(&f, &events[i]);
	if (err == OK && count > 0)
		err = store_follower_put(tx, FOLLOWER, events[count - 1].seq);
	return err;
}

/* ---- what is due ---- */

/* The tenant's address, else the one that the report names, else the licence's number. */
static const char *site_of(struct store_tx *tx, const struct mail_row *row, struct arena *a)
{
	struct tenant_row t;
	const char *host = NULL;
	if (row->tenant && store_tenant_get(tx, str_of(row->tenant), a, &t) == OK && t.base_url) {
		struct str url = str_of(t.base_url);
		if (str_starts(url, STR("https://")))
			url = (struct str){url.ptr + strlen("https://"), url.len - strlen("https://")};
		return arena_strz(a, url);
	}
	if (store_evaluation_host(tx, str_of(row->entitlement), a, &host) == OK && host)
		return host;
	return row->entitlement;
}

enum err mail_decide(struct store_tx *tx, const struct mail_rules *rules, const struct mail_row *row, int64_t now,
                     struct arena *a, struct mail_claim *ret, const char **ret_why)
{
	struct contact_key key;
	struct evaluation_row ev = {0};
	enum suppression s = SUPPRESSION_FORGOTTEN;
	*ret = (struct mail_claim){.id = row->id, .attempts = row->attempts, .event = row->event};
	*ret_why = NULL;
	if (!mail_kind_parse(str_of(row->template), &ret->kind) || !rules->on[ret->kind]) {
		*ret_why = "template_off";
		return OK;
	}
	ret->entitlement = row->entitlement ? row->entitlement : "";
	ret->site = site_of(tx, row, a);
	enum err err = store_evaluation_get(tx, str_of(ret->entitlement), &ev);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	ret->ends_at = err == OK ? ev.ends_at : row->ends_at;
	if (err == OK && !ev.ours) {
		*ret_why = "another_app";
	} else if (ret->kind == MAIL_ENDING && err == OK) {
		if (!ev.running || ev.ends_at <= now)
			*ret_why = "over";
		else if (ev.ends_at - rules->ending_ms > now)
			*ret_why = "extended";
	} else if (row->expires_at <= now) {
		*ret_why = "too_late";
	}
	if (*ret_why)
		return OK;
	err = rules->find(tx, rules->keyring, str_of(ret->entitlement), a, &ret->contact);
	if (err == ERR_NOT_FOUND || err == ERR_SEAL) {
		*ret_why = err == ERR_SEAL ? "sealed" : "no_contact";
		return OK;
	}
	if (err == OK)
		err = store_contact_key(tx, rules->keyring, &key);
	if (err == OK)
		err = address_hash(&key, ret->contact.email, &ret->address);
	if (err == OK)
		err = mail_token_make(&key, &ret->address, ret->token);
	wipe(&key, sizeof(key));
	if (err == OK)
		err = store_suppression_get(tx, &ret->address, &s);
	if (err != OK)
		return err;
	if (s != SUPPRESSION_NONE)
		*ret_why = "suppressed";
	else if (!mailbox_address_ok(ret->contact.email))
		*ret_why = "bad_address";
	return OK;
}

/* Drops it or puts it off. */
static enum err put_off(struct store_tx *tx, const struct mail_rules *rules, const struct mail_row *row,
                        const struct mail_claim *c, const char *why, int64_t now)
{
	const bool wait = strcmp(why, "no_contact") == 0 || strcmp(why, "sealed") == 0;
	if (strcmp(why, "extended") == 0)
		return store_mail_result(tx, row->id, "queued", why, c->ends_at - rules->ending_ms, now);
	return store_mail_result(tx, row->id, wait ? "queued" : "dropped", why, wait ? now + HOUR_MS : 0, now);
}

enum err mail_claim_next(struct store_tx *tx, const struct mail_rules *rules, int64_t now, struct arena *a,
                         struct mail_claim *ret)
{
	struct mail_row *due = NULL;
	size_t count = 0;
	int64_t recent = 0;
	*ret = (struct mail_claim){0};
	enum err err = store_mail_attempts_since(tx, now - HOUR_MS, &recent);
	if (err != OK || recent >= rules->per_hour)
		return err;
	err = store_mail_due(tx, now, DUE_A_TIME, a, &due, &count);
	for (size_t i = 0; err == OK && i < count; i++) {
		struct mail_claim c;
		const char *why = NULL;
		err = mail_decide(tx, rules, &due[i], now, a, &c, &why);
		if (err == OK && why) {
			err = put_off(tx, rules, &due[i], &c, why, now);
			continue;
		}
		if (err == OK)
			err = store_mail_claim(tx, c.id, &c.address, now + rules->lease_ms, now);
		if (err == ERR_NOT_FOUND) { /* another server was quicker */
			err = OK;
			continue;
		}
		c.attempts++;
		if (err == OK)
			*ret = c;
		return err;
	}
	return err;
}

enum err mail_settle(struct store_tx *tx, const struct mail_claim *claim, const struct mail_answer *answer, int64_t now)
{
	static const int minutes[ATTEMPTS_MAX] = {1, 5, 15, 60, 180, 360, 720, 720};
	char result[64];
	snprintf(result, sizeof(result), answer->code ? "%s %d" : "%s", answer->what, answer->code);
	if (answer->outcome == MAIL_SENT)
		return store_mail_result(tx, claim->id, "sent", result, 0, now);
	if (answer->outcome == MAIL_REJECTED || claim->attempts >= ATTEMPTS_MAX)
		return store_mail_result(tx, claim->id, "failed", result, 0, now);
	const int64_t wait = minutes[claim->attempts > 0 ? claim->attempts - 1 : 0];
	return store_mail_result(tx, claim->id, "queued", result, now + wait * MINUTE_MS, now);
}

/* ---- tokens ---- */

enum { TOKEN_BYTES = ADDRESS_HASH_BYTES + TOKEN_MAC_BYTES };

static enum err token_mac(const struct contact_key *key, const struct address_hash *address, uint8_t ret[static 32])
{
	return contact_mac(key, "unsubscribe", (struct str){(const char *)address->bytes, sizeof(address->bytes)}, ret);
}

enum err mail_token_make(const struct contact_key *key, const struct address_hash *address, char ret[static 64])
{
	uint8_t bytes[TOKEN_BYTES], mac[32];
	__cleanup_buf struct buf text = BUF_INIT(64);
	enum err err = token_mac(key, address, mac);
	if (err != OK)
		return err;
	memcpy(bytes, address->bytes, ADDRESS_HASH_BYTES);
	memcpy(bytes + ADDRESS_HASH_BYTES, mac, TOKEN_MAC_BYTES);
	b64url_encode(&text, bytes, sizeof(bytes));
	if (text.err != OK)
		return text.err;
	memcpy(ret, text.data, text.len + 1);
	return OK;
}

bool mail_token_read(const struct contact_key *key, struct str token, struct address_hash *ret)
{
	uint8_t bytes[MAIL_TOKEN_LEN / 4 * 3 + 5], mac[32];
	struct address_hash address;
	size_t len = 0;
	if (token.len != MAIL_TOKEN_LEN || !b64url_decode(token, bytes, &len) || len != TOKEN_BYTES)
		return false;
	memcpy(address.bytes, bytes, ADDRESS_HASH_BYTES);
	if (token_mac(key, &address, mac) != OK || !bytes_equal(mac, bytes + ADDRESS_HASH_BYTES, TOKEN_MAC_BYTES))
		return false;
	*ret = address;
	return true;
}
