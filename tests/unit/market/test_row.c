/* One element of a report: its columns, its name, what is odd about it, and that nobody stays in its content. */
#include "base/json.h"
#include "base/secret.h"
#include "market/diff.h"
#include "market/row.h"
#include <stdio.h>

#include "test.h"

struct read {
	struct tree tree;
	struct arena arena;
	struct row row;
	enum err err;
};

static void read_row(struct read *r, enum row_kind kind, struct str text)
{
	tree_init(&r->tree);
	arena_init(&r->arena, 16 << 20);
	r->err = row_read(&r->tree, kind, text, &r->arena, &r->row);
}

static void release(struct read *r)
{
	tree_release(&r->tree);
	arena_release(&r->arena);
}

static bool has_oddity(const struct row *row, const char *field, const char *value)
{
	for (size_t i = 0; i < row->oddity_count; i++)
		if (str_eqz(row->oddities[i].field, field) && str_eqz(row->oddities[i].value, value))
			return true;
	return false;
}

/* ---- names ---- */

static const struct {
	const char *ids, *name;
} names[] = {
    {"\"appEntitlementNumber\":\"E-1\",\"licenseId\":\"SEN-1\",\"addonLicenseId\":\"9\"", "E-1"},
    {"\"licenseId\":\"SEN-1\",\"addonLicenseId\":\"9\"", "SEN-1"},
    {"\"addonLicenseId\":\"9\"", "9"},
    {"\"addonLicenseId\":9", "9"},
    {"\"appEntitlementNumber\":null,\"licenseId\":\"SEN-1\"", "SEN-1"},
    {"\"appEntitlementNumber\":\"\",\"licenseId\":\"SEN-1\"", "SEN-1"},
    {"\"appEntitlementNumber\":\"NA\",\"licenseId\":\"SEN-1\"", "SEN-1"},
    {"\"appEntitlementNumber\":{},\"licenseId\":\"SEN-1\"", "SEN-1"},
    {"\"appEntitlementNumber\":\"E-\\u0000\",\"licenseId\":\"SEN-1\"", "E-\xef\xbf\xbd"},
    {"\"appEntitlementNumber\":\"E\\n1\",\"licenseId\":\"SEN-1\"", "SEN-1"},
    {"\"appEntitlementNumber\":\"E-1\",\"appEntitlementNumber\":\"E-2\"", "E-2"}, /* the last one counts */
};

static void a_row_goes_by_its_best_id(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct read r;
		char text[500];
		snprintf(text, sizeof text, "{%s,\"status\":\"active\"}", names[i].ids);
		read_row(&r, ROW_LICENSE, str_of(text));
		assert_int_equal(r.err, OK);
		if (!str_eqz(r.row.license.row_key, names[i].name))
			fail_msg("%s is %.*s", text, STR_ARG(r.row.license.row_key));
		assert_false(r.row.nameless);
		release(&r);
	}
}

static void a_row_without_an_id_is_kept_under_a_hash(void **state)
{
	(void)state;
	struct read r;
	read_row(&r, ROW_LICENSE, STR("{\"status\":\"active\"}"));
	assert_int_equal(r.err, OK);
	assert_true(r.row.nameless && str_starts(r.row.license.row_key, STR("unknown:")));
	assert_true(has_oddity(&r.row, "(row)", "without an id"));
	release(&r);
}

/* ---- oddities ---- */

static const struct {
	const char *member, *field, *value;
} odd[] = {
    {"\"status\":\"hibernating\"", "status", "hibernating"},
    {"\"status\":7", "status", "type"},
    {"\"tier\":25", "tier", "type"},
    {"\"tier\":[1]", "tier", "type"},
    {"\"licenseType\":\"Moon Base\"", "licenseType", "Moon Base"},
    {"\"licenseType\":\"<script>alert(1)</script>\"", "licenseType", "(other)"},
    {"\"maintenanceEndDate\":\"31.12.2026\"", "maintenanceEndDate", "no date"},
    {"\"maintenanceEndDate\":\"2026-02-30\"", "maintenanceEndDate", "no date"},
    {"\"maintenanceEndDate\":\"2026-12-31T00:00:00Z\"", "maintenanceEndDate", "more than a date"},
    {"\"newMember\":{\"x\":1}", "newMember", "unknown member"},
    {"\"bad name!\":1", "(other)", "unknown member"},
    {"\"attribution\":\"direct\"", "attribution", "type"},
    {"\"tier\":\"a\",\"tier\":\"b\"", "(row)", "a name twice"},
    {"\"tier\":\"\\ud800\"", "(row)", "broken text"},
    {"\"tier\":\"\xff\"", "(row)", "broken text"},
    {"\"x\":123456789012345678901234567890", "(row)", "number too large"},
    {"\"x\":[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]", "(row)", "nested too deep"},
    {"\"tier\":\"mail jane@customer.example\"", "(row)", "an address outside of contacts"},
};

static void oddities_are_counted_and_the_row_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		struct read r;
		json_t *content = NULL;
		char text[500];
		snprintf(text, sizeof text, "{\"appEntitlementNumber\":\"E-1\",%s}", odd[i].member);
		read_row(&r, ROW_LICENSE, str_of(text));
		assert_int_equal(r.err, OK);
		if (!has_oddity(&r.row, odd[i].field, odd[i].value))
			fail_msg("%s is not odd as %s %s", text, odd[i].field, odd[i].value);
		assert_int_equal(json_read_object(r.row.license.content.text, &content), OK); /* strict JSON, whatever came */
		json_decref(content);
		release(&r);
	}
}

static const char *const tame_members[] = {
    "\"status\":\"Active\"",
    "\"licenseType\":\"open source\"",
    "\"inGracePeriod\":true",
    "\"inGracePeriod\":\"No\"",
    "\"installedOnSandbox\":\"Pending\"",
    "\"evaluationEndDate\":\"NA\"",
    "\"maintenanceEndDate\":null",
    "\"contactDetails\":null",
    "\"tier\":\"\\u00e9\\ud83d\\ude00\"",
    "\"attribution\":{\"channel\":\"x\"}",
    "\"hosting\":\"CLOUD\"",
};

static void what_is_known_is_not_odd(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof tame_members / sizeof tame_members[0]; i++) {
		struct read r;
		char text[500];
		snprintf(text, sizeof text, "{\"appEntitlementNumber\":\"E-1\",%s}", tame_members[i]);
		read_row(&r, ROW_LICENSE, str_of(text));
		assert_int_equal(r.err, OK);
		if (r.row.oddity_count)
			fail_msg("%s is odd: %.*s", text, STR_ARG(r.row.oddities[0].value));
		release(&r);
	}
}

/* ---- no row ---- */

static const char *const broken[] = {"",          "1",          "null",       "[]",         "\"x\"",
                                     "{",         "{\"a\"}",    "{\"a\":}",   "{\"a\":1,}", "{\"a\":tru}",
                                     "{a:1}",     "{\"a\":01}", "{\"a\":1}x", "{\"a\":1]",  "{\"a\":\"x}",
                                     "{\"a\":-}", "{\"a\":1.}", "{\"a\":1e}"};

static void what_is_no_object_is_no_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		struct read r;
		read_row(&r, ROW_LICENSE, str_of(broken[i]));
		if (r.err != ERR_INVALID)
			fail_msg("%s gave %s", broken[i], err_name(r.err));
		release(&r);
	}
}

/* ---- columns, people ---- */

static void people_are_apart_from_the_content(void **state)
{
	(void)state;
	struct read r;
	read_row(&r, ROW_LICENSE,
	         STR("{\"licenseId\":\"SEN-1\",\"contactDetails\":{\"company\":\"Acme\",\"technicalContact\":{\"email\":"
	             "\"tina@a."
	             "example\",\"name\":\"Tina\",\"phone\":\"1\",\"address1\":\"Street "
	             "1\",\"city\":\"Town\"},\"billingContact\":{"
	             "\"email\":\"RTBF\",\"name\":\"RTBF\"}},\"partnerDetails\":{\"partnerName\":\"P\",\"billingContact\":{"
	             "\"email\":\"pat@p.example\"}},\"newContact\":\"Nora\",\"mailAddress\":\"x\",\"note\":\"Ned\","
	             "\"attribution\":{\"campaignName\":\"ask ned@n.example\",\"campaignContent\":\"?to=ned%40n.example\","
	             "\"channel\":\"40%40\"}}"));
	assert_int_equal(r.err, OK);
	assert_int_equal(r.row.contact_count, 2);
	assert_true(str_eqz(r.row.contacts[0].email, "tina@a.example"));
	assert_true(str_eqz(r.row.contacts[0].address, "Street 1, Town"));
	assert_true(r.row.has_contacts && r.row.erased);
	assert_true(
	    str_eqz(r.row.license.content.text,
	            "{\"licenseId\":\"SEN-1\",\"partnerDetails\":{\"partnerName\":\"P\"},"
	            "\"attribution\":{\"campaignName\":\"[address taken out]\",\"campaignContent\":\"[address taken "
	            "out]\",\"channel\":\"40%40\"}}"));
	release(&r);
}

static void people_may_be_erased_whole(void **state)
{
	static const char *const rows[] = {"{\"licenseId\":\"SEN-1\",\"contactDetails\":\"RTBF\"}",
	                                   "{\"licenseId\":\"SEN-1\",\"contactDetails\":{\"technicalContact\":\"RTBF\","
	                                   "\"billingContact\":\" rtbf \"}}"};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct read r;
		read_row(&r, ROW_LICENSE, str_of(rows[i]));
		assert_int_equal(r.err, OK);
		assert_true(r.row.has_contacts && r.row.erased);
		assert_int_equal(r.row.contact_count, 2);
		assert_string_equal(r.row.contacts[0].role, "technical");
		assert_true(str_eqz(r.row.contacts[1].email, "RTBF"));
		release(&r);
	}
}

static void a_sale_has_cents_and_names(void **state)
{
	(void)state;
	struct read r;
	read_row(
	    &r, ROW_SALE,
	    STR("{\"transactionId\":\"AT-1\",\"transactionLineItemId\":\"L1\",\"appEntitlementNumber\":\"E-1\","
	        "\"paymentStatus\":"
	        "\"Paid\",\"purchaseDetails\":{\"saleDate\":\"2026-01-05\",\"saleType\":\"Refund\",\"purchasePrice\":-62.5,"
	        "\"vendorAmount\":-53.125,\"originalTransactionDetails\":{\"transactionId\":\"AT-0\"}}}"));
	const struct report_sale *s = &r.row.sale;
	assert_int_equal(r.err, OK);
	assert_true(str_eqz(s->transaction_id, "AT-1") && str_eqz(s->line_id, "L1") && str_eqz(s->license_key, "E-1"));
	assert_true(str_eqz(s->sale_type, "refund") && str_eqz(s->payment_status, "paid") && str_eqz(s->currency, "USD"));
	assert_true(str_eqz(s->sale_date, "2026-01-05") && str_eqz(s->original_id, "AT-0"));
	assert_int_equal(s->price_cents, -6250);
	assert_int_equal(s->vendor_cents, -5313);
	assert_int_equal(r.row.oddity_count, 0);
	release(&r);
}

/* ---- differences ---- */

static const struct {
	const char *before, *after, *diff;
	bool only_date, only_noise;
} diffs[] = {
    {"{\"a\":1}", "{\"a\":1}", "", true, true},
    {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", "", true, true},
    {"{\"tier\":\"10\"}", "{\"tier\":\"25\"}", "{\"tier\":[\"10\",\"25\"]}", false, true},
    {"{\"a\":1}", "{}", "{\"a\":[1,null]}", false, false},
    {"{}", "{\"a\":[1]}", "{\"a\":[null,[1]]}", false, false},
    {"{\"lastUpdated\":\"1\"}", "{\"lastUpdated\":\"2\"}", "{\"lastUpdated\":[\"1\",\"2\"]}", true, true},
    {"{\"p\":{\"x\":1,\"y\":{\"z\":1}}}", "{\"p\":{\"x\":2,\"y\":{\"z\":2}}}",
     "{\"p.x\":[1,2],\"p.y\":[{\"z\":1},{\"z\":2}]}", false, false},
    {"{\"p\":{\"x\":1}}", "{\"p\":null}", "{\"p\":[{\"x\":1},null]}", false, false},
};

static void versions_are_told_apart_by_member(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof diffs / sizeof diffs[0]; i++) {
		struct buf out = BUF_INIT(10000);
		struct diff d;
		assert_int_equal(diff_write(str_of(diffs[i].before), str_of(diffs[i].after), &out, &d), OK);
		if (!str_eqz(buf_text(&out), diffs[i].diff))
			fail_msg("%s to %s: %.*s", diffs[i].before, diffs[i].after, STR_ARG(buf_text(&out)));
		assert_int_equal(d.only_date, diffs[i].only_date);
		assert_int_equal(d.only_noise, diffs[i].only_noise);
		buf_release(&out);
	}
}

static void a_scrubbed_version_keeps_business_facts_alone(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(10000);
	assert_int_equal(
	    diff_scrub(ROW_SALE,
	               STR("{\"purchaseDetails.tier\":[\"1\",\"2\"],\"note\":[\"Jane\",null],\"customerDetails\":[1,2],"
	                   "\"purchaseDetails.remark\":[\"Jane\",\"Joe\"],\"paymentStatus\":[\"Open\",\"Paid\"]}"),
	               &out),
	    OK);
	assert_true(
	    str_eqz(buf_text(&out), "{\"purchaseDetails.tier\":[\"1\",\"2\"],\"paymentStatus\":[\"Open\",\"Paid\"]}"));
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_row_goes_by_its_best_id),
	    cmocka_unit_test(a_row_without_an_id_is_kept_under_a_hash),
	    cmocka_unit_test(oddities_are_counted_and_the_row_kept),
	    cmocka_unit_test(what_is_known_is_not_odd),
	    cmocka_unit_test(what_is_no_object_is_no_row),
	    cmocka_unit_test(people_are_apart_from_the_content),
	    cmocka_unit_test(people_may_be_erased_whole),
	    cmocka_unit_test(a_sale_has_cents_and_names),
	    cmocka_unit_test(versions_are_told_apart_by_member),
	    cmocka_unit_test(a_scrubbed_version_keeps_business_facts_alone),
	};
	assert_true(crypto_init());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
