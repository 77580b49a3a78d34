/* row_fields.c - see row_fields.h. */
#include "market/row_fields.h"

#include <stddef.h>

#define FIELD(n, t, ...)                                                                                               \
	{                                                                                                                  \
		.name = {n, sizeof(n) - 1}, .type = (t), __VA_ARGS__                                                           \
	}
#define LICENSE(m) .offset = offsetof(struct row, license.m)
#define SALE(m) .offset = offsetof(struct row, sale.m)
#define MEMBERS(list) .members = (list), .member_count = sizeof(list) / sizeof((list)[0])

static const char *const statuses[] = {"active", "inactive", "cancelled", NULL};
static const char *const hostings[] = {"cloud", "server", "datacenter", "data_center", NULL};
static const char *const license_types[] = {
    "COMMERCIAL",    "EVALUATION", "ACADEMIC",      "COMMUNITY",   "OPEN_SOURCE", "DEVELOPER",
    "DEMONSTRATION", "FREE",       "SOCIAL_IMPACT", "STARTER",     "CLASSROOM",   "PERSONAL",
    "TESTING",       "SITE",       "SUBSCRIPTION",  "SYSTEM_USER", NULL};
static const char *const sale_types[] = {"new", "renewal", "upgrade", "downgrade", "refund", NULL};
static const char *const payment_statuses[] = {"paid", "open", "uncollectible", "refunded", NULL};
static const char *const billing_periods[] = {"monthly", "annual", "yearly", NULL};

/* Not a column: read into this, for ids that only stand among the aliases. */
#define IDS_ALL                                                                                                        \
	FIELD("addonLicenseId", T_ID, .alias = "addon_license_id"), FIELD("hostLicenseId", T_KNOWN),                       \
	    FIELD("licenseId", T_ID, .alias = "sen"), FIELD("appEntitlementId", T_ID, .alias = "entitlement_id"),          \
	    FIELD("appEntitlementNumber", T_ID, .alias = "entitlement_number"), FIELD("hostEntitlementId", T_KNOWN),       \
	    FIELD("hostEntitlementNumber", T_KNOWN), FIELD("cloudId", T_ID, .alias = "cloud_id"),                          \
	    FIELD("cloudSiteHostname", T_ID, .alias = "host"),                                                             \
	    FIELD("transactionAccountId", T_ID, .alias = "transaction_account")

static const struct field attribution[] = {
    FIELD("channel", T_KNOWN),
    FIELD("referrerDomain", T_KNOWN),
    FIELD("campaignSource", T_KNOWN),
    FIELD("campaignMedium", T_KNOWN),
    FIELD("campaignName", T_TEXT, LICENSE(campaign)),
    FIELD("campaignContent", T_KNOWN),
};
static const struct field partner[] = {
    FIELD("partnerName", T_KNOWN),
    FIELD("partnerType", T_KNOWN),
    FIELD("billingContact", T_PEOPLE),
};

static const struct field license_fields[] = {
    IDS_ALL,
    FIELD("addonKey", T_TEXT, LICENSE(app_key)),
    FIELD("addonName", T_KNOWN),
    FIELD("productId", T_KNOWN),
    FIELD("hosting", T_LOWER, LICENSE(hosting), .known = hostings),
    FIELD("appEdition", T_TEXT, LICENSE(edition)),
    FIELD("tier", T_TEXT, LICENSE(tier)),
    FIELD("status", T_LOWER, LICENSE(status), .known = statuses),
    FIELD("licenseType", T_UPPER, LICENSE(license_type), .known = license_types),
    FIELD("maintenanceStartDate", T_DAY, LICENSE(maintenance_start)),
    FIELD("maintenanceEndDate", T_DAY, LICENSE(maintenance_end)),
    FIELD("evaluationStartDate", T_DAY, LICENSE(evaluation_start)),
    FIELD("evaluationEndDate", T_DAY, LICENSE(evaluation_end)),
    FIELD("latestEvaluationStartDate", T_DAY, LICENSE(evaluation_start)), /* is looked at last: it wins */
    FIELD("inGracePeriod", T_YES, LICENSE(in_grace)),
    FIELD("lastUpdated", T_DAY, LICENSE(last_updated)),
    FIELD("billingPeriod", T_LOWER, LICENSE(billing_period), .known = billing_periods),
    FIELD("installedOnSandbox", T_YES, LICENSE(sandbox)),
    FIELD("evaluationLicense", T_KNOWN),
    FIELD("daysToConvertEval", T_KNOWN),
    FIELD("evaluationSaleDate", T_KNOWN),
    FIELD("licenseSource", T_KNOWN),
    FIELD("licenseSourceType", T_KNOWN),
    FIELD("extendedServerSupport", T_KNOWN),
    FIELD("attribution", T_OBJECT, MEMBERS(attribution)),
    FIELD("partnerDetails", T_OBJECT, MEMBERS(partner)),
    FIELD("contactDetails", T_PEOPLE),
};

static const struct field original_sale[] = {
    FIELD("transactionId", T_TEXT, SALE(original_id)),
    FIELD("saleDate", T_KNOWN),
};
static const struct field purchase[] = {
    FIELD("saleDate", T_DAY, SALE(sale_date)),
    FIELD("saleType", T_LOWER, SALE(sale_type), .known = sale_types),
    FIELD("licenseType", T_UPPER, SALE(license_type), .known = license_types),
    FIELD("hosting", T_LOWER, SALE(hosting), .known = hostings),
    FIELD("billingPeriod", T_LOWER, SALE(billing_period), .known = billing_periods),
    FIELD("tier", T_TEXT, SALE(tier)),
    FIELD("oldTier", T_TEXT, SALE(old_tier)),
    FIELD("appEdition", T_TEXT, SALE(edition)),
    FIELD("purchasePrice", T_MONEY, SALE(price_cents)),
    FIELD("vendorAmount", T_MONEY, SALE(vendor_cents)),
    FIELD("currency", T_UPPER, SALE(currency)),
    FIELD("discounts", T_KNOWN),
    FIELD("refundReason", T_TEXT, SALE(refund_reason)),
    FIELD("maintenanceStartDate", T_DAY, SALE(maintenance_start)),
    FIELD("maintenanceEndDate", T_DAY, SALE(maintenance_end)),
    FIELD("originalTransactionDetails", T_OBJECT, MEMBERS(original_sale)),
};
static const struct field sale_fields[] = {
    IDS_ALL,
    FIELD("transactionId", T_TEXT, SALE(transaction_id)),
    FIELD("transactionLineItemId", T_TEXT, SALE(line_id)),
    FIELD("addonKey", T_TEXT, SALE(app_key)),
    FIELD("addonName", T_KNOWN),
    FIELD("productId", T_KNOWN),
    FIELD("appEdition", T_TEXT, SALE(edition)),
    FIELD("paymentStatus", T_LOWER, SALE(payment_status), .known = payment_statuses),
    FIELD("lastUpdated", T_DAY, SALE(last_updated)),
    FIELD("purchaseDetails", T_OBJECT, MEMBERS(purchase)),
    FIELD("attribution", T_KNOWN),
    FIELD("partnerDetails", T_OBJECT, MEMBERS(partner)),
    FIELD("customerDetails", T_PEOPLE),
    FIELD("contactDetails", T_PEOPLE),
};

static const struct field license_root = {.type = T_OBJECT, MEMBERS(license_fields)};
static const struct field sale_root = {.type = T_OBJECT, MEMBERS(sale_fields)};

const struct field *row_fields(enum row_kind kind)
{
	return kind == ROW_LICENSE ? &license_root : &sale_root;
}

const char *row_kind_name(enum row_kind kind)
{
	return kind == ROW_LICENSE ? "license" : "sale";
}

const struct field *row_field(const struct field *of, struct str name)
{
	for (size_t i = 0; i < of->member_count; i++)
		if (str_eq(of->members[i].name, name))
			return &of->members[i];
	return NULL;
}

bool row_member_known(enum row_kind kind, struct str path)
{
	const struct field *f = row_fields(kind);
	struct str name;
	while (f && str_split(&path, '.', &name))
		f = row_field(f, name);
	return f && f->type != T_PEOPLE;
}
