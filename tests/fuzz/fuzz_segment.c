/* fuzz_segment.c - bodies of the tracking API and the webhook, the listings file, the query of a click: any bytes
 * behind one that says which.
 *
 * What is accepted must hold what the rest of the server relies on: bounds, whole JSON for the queue, an address that
 * is safe in a header and leads to the listing. */
#include <assert.h>
#include <string.h>

#include "base/json.h"
#include "base/secret.h"
#include "segment/body.h"
#include "segment/link.h"
#include "segment/listings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t NOW = 1772445600000;

static void check_rows(const struct body *b, bool passed_on)
{
	assert(b->count <= SEGMENT_BATCH_EVENTS_MAX);
	for (size_t i = 0; i < b->count; i++) {
		const struct segment_row *row = &b->rows[i];
		assert(row->id_count <= SEGMENT_IDS_MAX && row->at > 0 && row->at <= NOW);
		assert(row->step == SEGMENT_NO_STEP || row->id_count > 0);
		assert(row->campaign.len <= CAMPAIGN_MAX && utf8_valid(row->campaign) && str_printable(row->campaign));
		assert(row->plugin.len <= 200 && str_printable(row->plugin));
		assert((row->pass_on.len > 0) == passed_on);
		json_t *event = NULL;
		if (!passed_on)
			continue;
		assert(json_read_object(row->pass_on, &event) != ERR_INVALID);
		assert(!json_object_get(event, "writeKey") && json_object_get(event, "messageId") &&
		       json_object_get(event, "type"));
		json_decref(event);
	}
}

static void fuzz_body(uint8_t how, struct str raw)
{
	static const enum segment_call calls[] = {CALL_TRACK, CALL_IDENTIFY, CALL_PAGE, CALL_ALIAS};
	struct arena arena;
	arena_init(&arena, 8 << 20);
	const bool is_signed = how & 1, is_batch = how & 2, pass_on = !is_signed && how & 4;
	const struct event_reader r = {
	    .now = NOW, .once = "request", .is_signed = is_signed, .pass_on = pass_on, .arena = &arena};
	struct body body;
	struct body_problem problem;
	const bool taken = is_signed ? body_read_signed(&r, raw, &body, &problem)
	                             : body_read_tracked(&r, is_batch, calls[how >> 3 & 3], raw, &body, &problem);
	if (taken)
		check_rows(&body, pass_on);
	else
		assert(problem.err != OK || problem.text[0]);
	arena_release(&arena);
}

static void ignore(void *arg, const struct problem *p)
{
	(void)arg;
	assert(p->place[0] && p->text[0]);
}

static void fuzz_listings(struct str text)
{
	struct listings *l = NULL;
	if (text.len == 0 || listings_parse(text, "listings.json", false, ignore, NULL, &l) != OK)
		return;
	const struct listing *one = listings_find(l, STR("a"));
	if (one) {
		assert(strncmp(one->url, "https://marketplace.atlassian.com/", 34) == 0);
		assert(str_printable(str_of(one->url)) && !strchr(one->url, '#') && !strchr(one->url, ' '));
	}
	listings_free(l);
}

static void fuzz_click(struct str query)
{
	static const char url[] = "https://marketplace.atlassian.com/apps/1?hosting=cloud";
	struct arena arena;
	arena_init(&arena, 8 << 20);
	struct buf out = BUF_INIT(8192);
	struct str id = link_visitor_id(&arena, query);
	if (id.len == 0)
		id = STR("new");
	link_write(&out, &arena, url, query, id);
	assert(out.err == OK && strncmp(out.data, url, sizeof(url) - 1) == 0);
	for (size_t i = 0; i < out.len; i++)
		assert(out.data[i] > ' ' && out.data[i] <= '~' && !strchr("\"<>\\^`{|}#", out.data[i]));
	const char *added = strstr(out.data, "&partner_anonymous_id=");
	assert(added && !strstr(added + 1, "&partner_anonymous_id="));
	const struct str campaign = campaign_of_query(&arena, query);
	assert(campaign.len <= CAMPAIGN_MAX && utf8_valid(campaign));
	(void)cookie_value(query, "licgate_aid");
	buf_release(&out);
	arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || !crypto_init())
		return 0;
	const struct str rest = {(const char *)data + 1, size - 1};
	switch (data[0] >> 6) {
	case 2:
		fuzz_listings(rest);
		break;
	case 3:
		fuzz_click(rest);
		break;
	default:
		fuzz_body(data[0], rest);
		break;
	}
	return 0;
}
