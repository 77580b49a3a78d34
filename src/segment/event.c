/* event.c - see event.h. A wrong type is an error, not "absent": a client that sends it should learn of it. */
#include "segment/event.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/form.h"
#include "base/json.h"
#include "base/secret.h"

static const struct {
	const char *name;
	enum segment_call call;
} calls[] = {{"track", CALL_TRACK},   {"identify", CALL_IDENTIFY}, {"page", CALL_PAGE},
             {"screen", CALL_SCREEN}, {"group", CALL_GROUP},       {"alias", CALL_ALIAS}};
enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

enum segment_call segment_call_of(struct str type)
{
	for (size_t i = 0; i < CALLS; i++)
		if (str_eqz(type, calls[i].name))
			return calls[i].call;
	return CALL_UNKNOWN;
}

static const char *call_name(enum segment_call call)
{
	for (size_t i = 0; i < CALLS; i++)
		if (calls[i].call == call)
			return calls[i].name;
	return "";
}

int64_t event_id_hash(char kind, struct str id)
{
	uint8_t hash[32];
	char text[128];
	text[0] = kind;
	if (id.len < sizeof(text)) {
		if (id.len > 0)
			memcpy(text + 1, id.ptr, id.len);
		sha256(text, id.len + 1, hash);
	} else {
		sha256(id.ptr, id.len, (uint8_t *)text + 1);
		sha256(text, 1 + sizeof(hash), hash);
	}
	uint64_t n = 0;
	for (size_t i = 0; i < sizeof(n); i++)
		n = n << 8 | hash[i];
	return (int64_t)n;
}

/* ---- campaigns ---- */

struct str campaign_clean(struct str text)
{
	text = str_trim(text);
	if (!str_printable(text) || !utf8_valid(text))
		return STR("");
	if (text.len <= CAMPAIGN_MAX)
		return text;
	size_t len = CAMPAIGN_MAX;
	while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80) /* within a character */
		len--;
	return str_trim((struct str){text.ptr, len});
}

struct str campaign_of_query(struct arena *a, struct str query)
{
	struct str name, value, campaign = STR(""), source = STR("");
	while (form_next(&query, &name, &value)) {
		struct str *target = form_is(name, "utm_campaign") ? &campaign : form_is(name, "utm_source") ? &source : NULL;
		if (target && target->len == 0 && form_decode(a, value, &value))
			*target = campaign_clean(value);
	}
	return campaign.len > 0 ? campaign : source;
}

static struct str text_of(const json_t *object, const char *name)
{
	struct str text = STR("");
	(void)json_get_str(object, name, &text);
	return text;
}

static struct str campaign_of_url(struct arena *a, struct str url)
{
	const size_t mark = str_find(url, '?');
	if (mark == url.len)
		return STR("");
	struct str query = {url.ptr + mark + 1, url.len - mark - 1};
	query.len = str_find(query, '#');
	return campaign_of_query(a, query);
}

/* Of a page call: what the library read from the address, or the address itself. */
static struct str campaign_of_page(struct arena *a, const json_t *event)
{
	const json_t *context = json_get_obj(event, "context"), *properties = json_get_obj(event, "properties");
	const json_t *campaign = json_get_obj(context, "campaign"), *page = json_get_obj(context, "page");
	struct str found = campaign_clean(text_of(campaign, "name"));
	if (found.len == 0)
		found = campaign_clean(text_of(campaign, "source"));
	const struct str places[] = {text_of(properties, "url"), text_of(properties, "search"), text_of(page, "url"),
	                             text_of(page, "search")};
	for (size_t i = 0; found.len == 0 && i < sizeof(places) / sizeof(places[0]); i++)
		found = campaign_of_url(a, places[i]);
	return found;
}

/* ---- what every event has ---- */

struct draft {
	const struct event_reader *r;
	json_t *event;
	enum segment_call call;
	struct segment_row row;
	struct str anonymous_id, user_id, previous_id, message_id;
	bool own_message_id; /* it was made here */
	enum err err;
};

static void add_id(struct draft *d, char kind, struct str id)
{
	if (id.len > 0 && d->row.id_count < SEGMENT_IDS_MAX)
		d->row.ids[d->row.id_count++] = event_id_hash(kind, id);
}

static size_t characters(struct str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
	return n;
}

static const char *read_message_id(struct draft *d)
{
	if (json_get_str(d->event, "messageId", &d->message_id) == JSON_BAD_TYPE)
		return "\"messageId\" is not text.";
	if (characters(d->message_id) > MESSAGE_ID_MAX)
		return "\"messageId\" has 100 characters or more.";
	if (d->message_id.len == 0) {
		const char *made = arena_printf(d->r->arena, "licgate-%s-%zu", d->r->once, d->r->index);
		if (!made)
			d->err = ERR_NOMEM;
		d->own_message_id = true;
		d->message_id = str_of(made);
	}
	d->row.message = event_id_hash(ID_MESSAGE, d->message_id);
	return NULL;
}

static const char *read_ids(struct draft *d)
{
	if (json_get_str(d->event, "anonymousId", &d->anonymous_id) == JSON_BAD_TYPE)
		return "\"anonymousId\" is not text.";
	if (json_get_str(d->event, "userId", &d->user_id) == JSON_BAD_TYPE)
		return "\"userId\" is not text.";
	if (json_get_str(d->event, "previousId", &d->previous_id) == JSON_BAD_TYPE)
		return "\"previousId\" is not text.";
	return NULL;
}

static const char *read_call(struct draft *d, enum segment_call call)
{
	struct str type = STR("");
	if (json_get_str(d->event, "type", &type) == JSON_BAD_TYPE)
		return "\"type\" is not text.";
	d->call = call != CALL_UNKNOWN ? call : segment_call_of(type);
	return d->call == CALL_UNKNOWN ? "\"type\" is none of track, identify, page, screen, group, alias." : NULL;
}

/* A clock that runs ahead does not put an event into a day to come. */
static int64_t time_of(const struct draft *d)
{
	const struct str texts[] = {text_of(d->event, "timestamp"), text_of(d->event, "originalTimestamp"),
	                            text_of(json_get_obj(d->event, "properties"), "eventTime")};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int64_t at = 0;
		if (texts[i].len > 0 && time_parse(texts[i], &at) == OK && at > 0)
			return at < d->r->now ? at : d->r->now;
	}
	return d->r->now;
}

/* ---- the vendor's own site ---- */

static const char *read_site(struct draft *d)
{
	struct str event = STR("");
	if (d->call == CALL_TRACK && (json_get_str(d->event, "event", &event) != JSON_GOT || event.len == 0))
		return "\"event\" of a track call is missing or not text.";
	if (d->anonymous_id.len == 0 && d->user_id.len == 0)
		return "\"userId\" or \"anonymousId\" is needed.";
	add_id(d, ID_SITE, d->anonymous_id);
	add_id(d, ID_SITE_USER, d->user_id);
	if (d->call == CALL_ALIAS)
		add_id(d, ID_SITE, d->previous_id);
	if (d->call == CALL_PAGE) {
		d->row.step = SEGMENT_VISIT;
		d->row.campaign = campaign_of_page(d->r->arena, d->event);
	} else if (d->row.id_count < 2) {
		d->row.id_count = 0; /* tells nothing that is kept */
	}
	return NULL;
}

/* ---- the Marketplace ---- */

/* Each name stands at the top level or among the properties. */
static struct str either(const struct draft *d, const char *name)
{
	struct str text = text_of(d->event, name);
	return text.len > 0 ? text : text_of(json_get_obj(d->event, "properties"), name);
}

static enum segment_step step_of_user_event(const struct draft *d)
{
	static const char *const buttons[] = {"Start Free Trial", "Try it free", "Get it now", "Buy now"};
	const struct str label = str_trim(either(d, "label"));
	if (!str_ieq(either(d, "action"), STR("clicked")))
		return SEGMENT_LISTING_VIEW;
	for (size_t i = 0; i < sizeof(buttons) / sizeof(buttons[0]); i++)
		if (str_ieq(label, str_of(buttons[i])))
			return SEGMENT_CTA_CLICK;
	return SEGMENT_NO_STEP;
}

static bool is_marketplace(const struct draft *d, enum segment_step *ret_step)
{
	const struct str event = text_of(d->event, "event");
	if (!d->r->is_signed || d->call != CALL_TRACK)
		return false;
	if (str_ieq(event, STR("MPAC User event")))
		*ret_step = step_of_user_event(d);
	else if (str_ieq(event, STR("MPAC App request event")))
		*ret_step = SEGMENT_REQUEST;
	else if (str_ieq(event, STR("MPAC Install event")))
		*ret_step = SEGMENT_INSTALL;
	else
		return false;
	return true;
}

static void read_marketplace(struct draft *d)
{
	add_id(d, ID_SITE, either(d, "partnerAnonymousId"));
	add_id(d, ID_ATLASSIAN, either(d, "userId"));
	if (d->row.id_count == 0)
		add_id(d, ID_MARKETPLACE, either(d, "anonymousId"));
	if (d->row.id_count == 0)
		add_id(d, ID_NOBODY, d->message_id);
	const struct str plugin = either(d, "pluginKey");
	d->row.plugin = plugin.len <= 200 && str_printable(plugin) ? plugin : STR("");
}

/* ---- passing on ---- */

static int collect(const char *text, size_t size, void *buf)
{
	buf_add(buf, text, size);
	return ((struct buf *)buf)->err == OK ? 0 : -1;
}

/* As it came, with what a batch needs; the time it came, lest the wait in the queue be taken for the client's. */
static bool complete(const struct draft *d)
{
	char now[TIME_TEXT_SIZE];
	time_text(d->r->now, now);
	json_t *e = d->event;
	bool done = json_object_set_new(e, "type", json_string(call_name(d->call))) == 0;
	(void)json_object_del(e, "writeKey");
	(void)json_object_del(e, "sentAt");
	if (d->own_message_id)
		done = done && json_object_set_new(e, "messageId", json_stringn(d->message_id.ptr, d->message_id.len)) == 0;
	if (!json_object_get(e, "timestamp"))
		done = done && json_object_set_new(e, "timestamp", json_string(now)) == 0;
	return done;
}

static void write_event(struct draft *d)
{
	/* A number may be written longer than it came. */
	__cleanup_buf struct buf text = BUF_INIT((size_t)4 * SEGMENT_EVENT_MAX);
	if (!complete(d) || json_dump_callback(d->event, collect, &text, JSON_COMPACT) != 0) {
		d->err = text.err != OK ? text.err : ERR_NOMEM;
		return;
	}
	d->row.pass_on.ptr = arena_strz(d->r->arena, buf_text(&text));
	d->row.pass_on.len = text.len;
	if (!d->row.pass_on.ptr)
		d->err = ERR_NOMEM;
}

static struct str keep(struct draft *d, struct str text)
{
	if (text.len == 0)
		return STR("");
	const char *copy = arena_strz(d->r->arena, text);
	if (!copy)
		d->err = ERR_NOMEM;
	return (struct str){copy, copy ? text.len : 0};
}

const char *event_read(const struct event_reader *r, enum segment_call call, json_t *event, struct segment_row *ret,
                       enum err *ret_err)
{
	struct draft d = {.r = r, .event = event, .row = {.plugin = STR(""), .campaign = STR(""), .pass_on = STR("")}};
	enum segment_step step = SEGMENT_NO_STEP;
	*ret_err = OK;
	if (!json_is_object(event))
		return "An event is not an object.";
	const char *wrong = read_call(&d, call);
	if (!wrong)
		wrong = read_ids(&d);
	if (!wrong)
		wrong = read_message_id(&d);
	if (wrong)
		return wrong;
	if (is_marketplace(&d, &step)) {
		d.row.step = step;
		read_marketplace(&d);
	} else if ((wrong = read_site(&d))) {
		return wrong;
	}
	d.row.at = time_of(&d);
	d.row.plugin = keep(&d, d.row.plugin);
	d.row.campaign = keep(&d, d.row.campaign);
	if (r->pass_on && d.err == OK)
		write_event(&d);
	*ret_err = d.err;
	*ret = d.row;
	return NULL;
}
