/* test_body.c - bodies of the tracking API and the webhook, as the rows that are kept of them. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/secret.h"
#include "segment/body.h"

static const int64_t NOW = 1772445600000; /* 2026-03-02T10:00:00Z */
static struct arena arena;

static int up(void **state)
{
	(void)state;
	arena_init(&arena, 16 << 20);
	return crypto_init() ? 0 : -1;
}

static int down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static struct event_reader reader(bool is_signed)
{
	return (struct event_reader){.now = NOW, .once = "request", .is_signed = is_signed, .arena = &arena};
}

static bool tracked(const char *name, const char *text, struct body *ret, struct body_problem *problem)
{
	const struct event_reader r = reader(false);
	bool is_batch = false;
	enum segment_call call = CALL_UNKNOWN;
	assert_true(body_call_of(str_of(name), &is_batch, &call));
	return body_read_tracked(&r, is_batch, call, str_of(text), ret, problem);
}

static struct segment_row signed_row(const char *text)
{
	const struct event_reader r = reader(true);
	struct body body;
	struct body_problem problem;
	if (!body_read_signed(&r, str_of(text), &body, &problem))
		fail_msg("%s: %s", text, problem.text);
	assert_int_equal(body.count, 1);
	return body.rows[0];
}

/* ---- the Marketplace ---- */

static void which_step_an_event_of_the_marketplace_is(void **state)
{
	(void)state;
	static const struct {
		const char *event, *properties;
		enum segment_step step;
	} rows[] = {
	    {"MPAC User event", "\"action\":\"viewed\"", SEGMENT_LISTING_VIEW},
	    {"MPAC User event", "\"x\":1", SEGMENT_LISTING_VIEW},
	    {"MPAC User event", "\"action\":\"clicked\",\"label\":\"Start Free Trial\"", SEGMENT_CTA_CLICK},
	    {"MPAC User event", "\"action\":\"clicked\",\"label\":\"Try it free\"", SEGMENT_CTA_CLICK},
	    {"MPAC User event", "\"action\":\"clicked\",\"label\":\"Get it now\"", SEGMENT_CTA_CLICK},
	    {"MPAC User event", "\"action\":\"clicked\",\"label\":\"Buy now\"", SEGMENT_CTA_CLICK},
	    {"MPAC User event", "\"action\":\"Clicked\",\"label\":\" buy now \"", SEGMENT_CTA_CLICK},
	    {"MPAC User event", "\"action\":\"clicked\",\"label\":\"Reviews\"", SEGMENT_NO_STEP},
	    {"MPAC User event", "\"action\":\"clicked\"", SEGMENT_NO_STEP},
	    {"MPAC User event", "\"action\":\"clicked\",\"label\":7", SEGMENT_NO_STEP},
	    {"MPAC User event", "\"action\":\"viewed\",\"label\":\"Buy now\"", SEGMENT_LISTING_VIEW},
	    {"MPAC App request event", "\"x\":1", SEGMENT_REQUEST},
	    {"MPAC Install event", "\"x\":1", SEGMENT_INSTALL},
	    {"MPAC Other event", "\"x\":1", SEGMENT_NO_STEP},
	    {"Signed Up", "\"x\":1", SEGMENT_NO_STEP},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[512];
		snprintf(text, sizeof text, "{\"type\":\"track\",\"event\":\"%s\",\"userId\":\"h\",\"properties\":{%s}}",
		         rows[i].event, rows[i].properties);
		assert_int_equal(signed_row(text).step, rows[i].step);
	}
}

#define INSTALL "\"type\":\"track\",\"event\":\"MPAC Install event\",\"messageId\":\"m\""

static void whom_an_event_of_the_marketplace_tells_of(void **state)
{
	(void)state;
	const int64_t link = event_id_hash(ID_SITE, STR("P")), user = event_id_hash(ID_ATLASSIAN, STR("H")),
	              other = event_id_hash(ID_MARKETPLACE, STR("M")), nobody = event_id_hash(ID_NOBODY, STR("m"));
	const struct {
		const char *text;
		size_t count;
		int64_t ids[2];
	} rows[] = {
	    {"{" INSTALL ",\"userId\":\"H\",\"properties\":{\"anonymousId\":\"M\"}}", 1, {user}},
	    {"{" INSTALL ",\"properties\":{\"userId\":\"H\"}}", 1, {user}},
	    {"{" INSTALL ",\"userId\":\"\",\"properties\":{\"userId\":\"H\"}}", 1, {user}},
	    {"{" INSTALL ",\"userId\":\"H\",\"properties\":{\"partnerAnonymousId\":\"P\"}}", 2, {link, user}},
	    {"{" INSTALL ",\"partnerAnonymousId\":\"P\",\"anonymousId\":\"M\"}", 1, {link}},
	    {"{" INSTALL ",\"anonymousId\":\"M\"}", 1, {other}},
	    {"{" INSTALL ",\"properties\":{\"anonymousId\":\"M\"}}", 1, {other}},
	    {"{" INSTALL "}", 1, {nobody}},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct segment_row row = signed_row(rows[i].text);
		assert_int_equal(row.id_count, rows[i].count);
		for (size_t k = 0; k < row.id_count; k++)
			assert_true(row.ids[k] == rows[i].ids[k]);
	}
	assert_true(user != event_id_hash(ID_SITE_USER, STR("H"))); /* a vendor's own id is nobody's hash */
}

static void when_it_happened(void **state)
{
	(void)state;
	static const struct {
		const char *members;
		int64_t at;
	} rows[] = {
	    {"\"timestamp\":\"2026-03-01T10:00:00.500Z\",\"originalTimestamp\":\"2026-02-01T00:00:00Z\"",
	     NOW - 86400000 + 500},
	    {"\"timestamp\":\"2026-03-01T12:00:00+02:00\"", NOW - 86400000},
	    {"\"originalTimestamp\":\"2026-03-01T10:00:00Z\"", NOW - 86400000},
	    {"\"properties\":{\"eventTime\":\"2026-03-01T10:00:00Z\"}", NOW - 86400000},
	    {"\"timestamp\":\"2027-03-01T10:00:00Z\"", NOW}, /* a clock that runs ahead */
	    {"\"timestamp\":\"yesterday\"", NOW},
	    {"\"timestamp\":1772359200000", NOW},
	    {"\"timestamp\":\"1969-03-01T10:00:00Z\"", NOW},
	    {"\"x\":1", NOW},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[512];
		snprintf(text, sizeof text, "{" INSTALL ",%s}", rows[i].members);
		assert_true(signed_row(text).at == rows[i].at);
	}
}

static void an_event_of_another_kind_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_batch;
	} rows[] = {{"[]", true},
	            {" [{\"type\":\"page\"}]", true},
	            {"{\"batch\":[]}", true},
	            {"{\"batch\":1}", true},
	            {"[", false},
	            {"", false},
	            {"{}", false},
	            {"{\"type\":\"page\"}", false},
	            {"null", false},
	            {"{\"type\":null}", false}};
	const struct event_reader r = reader(true);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct body body;
		struct body_problem problem;
		assert_false(body_read_signed(&r, str_of(rows[i].text), &body, &problem));
		assert_int_equal(problem.err, OK);
		assert_int_equal(problem.is_batch, rows[i].is_batch);
		assert_true(problem.text[0] != '\0');
	}
}

/* ---- the vendor's site ---- */

static void what_is_kept_of_a_call(void **state)
{
	(void)state;
	static const struct {
		const char *name, *text;
		enum segment_step step;
		size_t ids;
		const char *campaign;
	} rows[] = {
	    {"page", "{\"anonymousId\":\"a\"}", SEGMENT_VISIT, 1, ""},
	    {"p", "{\"userId\":\"u\"}", SEGMENT_VISIT, 1, ""},
	    {"page", "{\"anonymousId\":\"a\",\"userId\":\"u\"}", SEGMENT_VISIT, 2, ""},
	    {"page", "{\"anonymousId\":\"a\",\"context\":{\"campaign\":{\"name\":\" spring \",\"source\":\"x\"}}}",
	     SEGMENT_VISIT, 1, "spring"},
	    {"page", "{\"anonymousId\":\"a\",\"context\":{\"campaign\":{\"source\":\"mail\"}}}", SEGMENT_VISIT, 1, "mail"},
	    {"page",
	     "{\"anonymousId\":\"a\",\"properties\":{\"url\":\"https://v.example/"
	     "?utm_source=s&utm_campaign=a%2Bb+c#x?utm_campaign=y\"}}",
	     SEGMENT_VISIT, 1, "a+b c"},
	    {"page", "{\"anonymousId\":\"a\",\"context\":{\"page\":{\"search\":\"?utm_source=s\"}}}", SEGMENT_VISIT, 1,
	     "s"},
	    {"page", "{\"anonymousId\":\"a\",\"properties\":{\"url\":\"?utm_campaign=%00\"}}", SEGMENT_VISIT, 1, ""},
	    {"page", "{\"anonymousId\":\"a\",\"properties\":{\"url\":\"?utm_campaign=%ff\"}}", SEGMENT_VISIT, 1, ""},
	    {"page", "{\"anonymousId\":\"a\",\"context\":[],\"properties\":7}", SEGMENT_VISIT, 1, ""},
	    {"screen", "{\"anonymousId\":\"a\"}", SEGMENT_NO_STEP, 0, ""},
	    {"track", "{\"anonymousId\":\"a\",\"event\":\"x\"}", SEGMENT_NO_STEP, 0, ""},
	    {"identify", "{\"anonymousId\":\"a\",\"userId\":\"u\"}", SEGMENT_NO_STEP, 2, ""},
	    {"identify", "{\"userId\":\"u\"}", SEGMENT_NO_STEP, 0, ""},
	    {"alias", "{\"userId\":\"u\",\"previousId\":\"a\"}", SEGMENT_NO_STEP, 2, ""},
	    {"track", "{\"userId\":\"u\",\"anonymousId\":\"a\",\"event\":\"MPAC Install event\"}", SEGMENT_NO_STEP, 2, ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct body body;
		struct body_problem problem;
		if (!tracked(rows[i].name, rows[i].text, &body, &problem))
			fail_msg("%s: %s", rows[i].text, problem.text);
		assert_int_equal(body.rows[0].step, rows[i].step);
		assert_int_equal(body.rows[0].id_count, rows[i].ids);
		assert_true(str_eqz(body.rows[0].campaign, rows[i].campaign));
	}
}

static void campaigns_are_cut_between_characters(void **state)
{
	(void)state;
	char text[201];
	for (size_t i = 0; i < 200; i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	struct str cut = campaign_clean((struct str){text, 200});
	assert_int_equal(cut.len, 100);
	text[0] = 'x';
	text[1] = 'y';
	memmove(text + 1, text + 2, 198); /* now odd */
	cut = campaign_clean((struct str){text, 199});
	assert_int_equal(cut.len, 99);
	assert_true(utf8_valid(cut));
	assert_int_equal(campaign_clean(STR("a\nb")).len, 0);
	assert_int_equal(campaign_clean(STR("\xff")).len, 0);
}

/* A batch of many shapes, whose events are told apart in the raw text. */
static void one_event_of_a_batch_is_too_long(void **state)
{
	(void)state;
	static const char *const before[] = {"{\"batch\":[", "{ \"x\" : \"}]\\\"{\" , \"batch\" : [ ",
	                                     "{\"a\":{\"batch\":[1,[2]]},\"b\":-1.5e3,\"c\":null,\"batch\":[",
	                                     "{\"x\":[],\"\\u0062atch\":["};
	static const char *const first[] = {"{\"type\":\"page\",\"anonymousId\":\"a\"}",
	                                    "{\"type\":\"page\",\"anonymousId\":\"]},\\\\\",\"d\":[[{}]]}\n"};
	for (size_t b = 0; b < 4; b++) {
		for (size_t f = 0; f < 2; f++) {
			for (size_t over = 0; over < 2; over++) {
				const char head[] = "{\"type\":\"page\",\"anonymousId\":\"a\",\"x\":\"", tail[] = "\"}";
				const size_t fill = SEGMENT_EVENT_MAX + over - strlen(head) - strlen(tail);
				char *x = malloc(fill + 1), *text = malloc(2 * SEGMENT_EVENT_MAX);
				memset(x, 'x', fill);
				x[fill] = '\0';
				snprintf(text, 2 * SEGMENT_EVENT_MAX, "%s%s,%s%s%s],\"z\":1}", before[b], first[f], head, x, tail);
				struct body body;
				struct body_problem problem;
				const bool taken = tracked("batch", text, &body, &problem);
				assert_int_equal(taken, !over);
				if (over)
					assert_non_null(strstr(problem.text, "Event 2 of the batch"));
				else
					assert_int_equal(body.count, 2);
				free(x);
				free(text);
			}
		}
	}
}

static void what_is_passed_on_is_whole(void **state)
{
	(void)state;
	struct event_reader r = reader(false);
	r.pass_on = true;
	struct body body;
	struct body_problem problem;
	const char *text = "{\"anonymousId\":\"a\",\"writeKey\":\"k\",\"sentAt\":\"x\",\"n\":0.1,\"type\":\"identify\"}";
	assert_true(body_read_tracked(&r, false, CALL_PAGE, str_of(text), &body, &problem));
	assert_true(str_eqz(body.write_key, "k"));
	json_t *out = NULL;
	assert_int_equal(json_read_object(body.rows[0].pass_on, &out), OK);
	assert_string_equal(json_string_value(json_object_get(out, "type")), "page");
	assert_string_equal(json_string_value(json_object_get(out, "messageId")), "licgate-request-0");
	assert_string_equal(json_string_value(json_object_get(out, "timestamp")), "2026-03-02T10:00:00Z");
	assert_true(json_real_value(json_object_get(out, "n")) == 0.1);
	assert_null(json_object_get(out, "writeKey"));
	assert_null(json_object_get(out, "sentAt"));
	json_decref(out);
}

static void memory_that_runs_out_is_no_mistake_of_the_client(void **state)
{
	(void)state;
	struct arena small;
	arena_init(&small, 0);
	char text[8192];
	size_t len = (size_t)snprintf(text, sizeof text, "{\"batch\":[");
	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s{\"type\":\"page\",\"anonymousId\":\"a\"}",
		                        i ? "," : "");
	snprintf(text + len, sizeof text - len, "]}");
	struct event_reader r = reader(false);
	r.arena = &small;
	struct body body;
	struct body_problem problem;
	assert_false(body_read_tracked(&r, true, CALL_UNKNOWN, str_of(text), &body, &problem));
	assert_int_equal(problem.err, ERR_NOMEM);
	arena_release(&small);
}

static void names_of_the_api(void **state)
{
	(void)state;
	bool batch;
	enum segment_call call;
	static const char *const none[] = {"", "Track", "delete", "track/", "m", "batches"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_false(body_call_of(str_of(none[i]), &batch, &call));
	assert_true(body_call_of(STR("import"), &batch, &call) && batch);
	assert_true(body_call_of(STR("alias"), &batch, &call) && !batch && call == CALL_ALIAS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(which_step_an_event_of_the_marketplace_is),
	    cmocka_unit_test(whom_an_event_of_the_marketplace_tells_of),
	    cmocka_unit_test(when_it_happened),
	    cmocka_unit_test(an_event_of_another_kind_is_refused),
	    cmocka_unit_test(what_is_kept_of_a_call),
	    cmocka_unit_test(campaigns_are_cut_between_characters),
	    cmocka_unit_test(one_event_of_a_batch_is_too_long),
	    cmocka_unit_test(what_is_passed_on_is_whole),
	    cmocka_unit_test(memory_that_runs_out_is_no_mistake_of_the_client),
	    cmocka_unit_test(names_of_the_api),
	};
	return cmocka_run_group_tests(tests, up, down);
}
