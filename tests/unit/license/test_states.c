/* test_states.c - runs states.rules, and the names that go into answers and rows. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "license/rules_file.h"
#include "license/state.h"

static const int64_t NOW = 1772445600000; /* 2026-03-02T10:00:00Z */

static bool listed(const char *list, const char *word)
{
	struct str rest = str_of(list), piece;
	while (list && str_split(&rest, ',', &piece))
		if (str_eqz(piece, word))
			return true;
	return false;
}

static enum edition edition_of_word(const char *word)
{
	if (!word)
		return EDITION_NONE;
	return strcmp(word, "advanced") == 0 ? EDITION_ADVANCED : EDITION_STANDARD;
}

static struct license_known known_of(const struct rule *r)
{
	struct license_known k = {.licensed_before = rule_has(r, "licensed_before")};
	const char *override = rule_get(r, "override"), *lookup = rule_get(r, "lookup"), *ends = rule_get(r, "ends"),
	           *seen = rule_get(r, "seen_expired"), *age = rule_get(r, "age");
	if (override) {
		assert_true(license_state_parse(str_of(override), &k.override_state));
		k.override_until = NOW + rule_span_ms(rule_get(r, "until"));
	}
	if (lookup) {
		k.looked_up = true;
		k.fresh = listed(lookup, "fresh");
		k.stale_usable = listed(lookup, "stale");
		k.given_up = listed(lookup, "given_up");
		assert_true(k.fresh || k.stale_usable || k.given_up || listed(lookup, "old"));
		k.evaluation = listed(lookup, "evaluation");
		k.cancelled = listed(lookup, "cancelled");
		k.valid = listed(lookup, "valid") || k.evaluation || k.cancelled;
		assert_true(k.valid || listed(lookup, "invalid"));
		k.edition = listed(lookup, "advanced")   ? EDITION_ADVANCED
		            : listed(lookup, "standard") ? EDITION_STANDARD
		                                         : EDITION_NONE;
	}
	if (rule_has(r, "told")) {
		assert_true(k.looked_up == (lookup != NULL));
		k.told = SOURCE_GITHUB;
	}
	k.expires_at = ends ? NOW + rule_span_ms(ends) : 0;
	k.expired_seen_at = seen ? NOW + rule_span_ms(seen) : 0;
	if (age)
		assert_int_equal(str_to_int64(str_of(age), &k.age_s), OK);
	k.installed_licensed = rule_get(r, "install") != NULL;
	k.installed_edition = edition_of_word(rule_get(r, "install_edition"));
	return k;
}

static struct request_signal signal_of(const struct rule *r)
{
	struct request_signal s = {.edition = edition_of_word(rule_get(r, "capset"))};
	const char *lic = rule_get(r, "lic"), *claim = rule_get(r, "claim"), *forge = rule_get(r, "forge"),
	           *forge_ends = rule_get(r, "forge_ends");
	if (lic)
		s.lic = strcmp(lic, "active") == 0    ? SIGNAL_LICENSED
		        : strcmp(lic, "expired") == 0 ? SIGNAL_EXPIRED
		        : strcmp(lic, "none") == 0    ? SIGNAL_NOT_LICENSED
		                                      : SIGNAL_AMBIGUOUS;
	if (claim)
		s.claim = strcmp(claim, "active") == 0 ? SIGNAL_LICENSED : SIGNAL_NOT_LICENSED;
	if (forge)
		s.forge = strcmp(forge, "active") == 0       ? SIGNAL_LICENSED
		          : strcmp(forge, "evaluation") == 0 ? SIGNAL_EVALUATION
		                                             : SIGNAL_NOT_LICENSED;
	if (forge_ends)
		s.forge_ends_at = NOW + rule_span_ms(forge_ends);
	return s;
}

/* The end as the rules write it: in the largest unit that fits. */
static void print_ends(char *out, size_t size, int64_t span_ms)
{
	int64_t s = span_ms / 1000;
	if (s % 86400 == 0)
		(void)snprintf(out, size, " ends=%+" PRId64 "d", s / 86400);
	else
		(void)snprintf(out, size, " ends=%+" PRId64 "s", s);
}

static void print_decision(const struct license_decision *d, char out[RULE_LINE_MAX])
{
	char age[32] = "", ends[32] = "", edition[32] = "";
	if (d->age_s)
		(void)snprintf(age, sizeof age, " age=%" PRId64, d->age_s);
	if (d->expires_at)
		print_ends(ends, sizeof ends, d->expires_at - NOW);
	if (d->edition != EDITION_NONE)
		(void)snprintf(edition, sizeof edition, " edition=%s", edition_name(d->edition));
	(void)snprintf(out, RULE_LINE_MAX, "%s %s %s%s%s%s%s%s", license_state_name(d->state),
	               license_source_name(d->source), d->reason, d->stale ? " stale" : "",
	               d->evaluation ? " evaluation" : "", age, edition, ends);
}

static bool decide(void *arg, const struct rule *r, char got[static RULE_LINE_MAX])
{
	(void)arg;
	struct license_known k = known_of(r);
	struct request_signal s = signal_of(r);
	const char *grace = rule_get(r, "grace");
	struct license_decision d = license_decide(&k, &s, NOW, rule_span_ms(grace ? grace : "15d"));
	print_decision(&d, got);
	return true;
}

static void test_rules(void **state)
{
	(void)state;
	rules_check(TESTS_DIR "/unit/license/states.rules", decide, NULL, 60);
}

static void test_zero_licenses_nothing(void **state)
{
	(void)state;
	struct license_known k = {0};
	struct request_signal s = {0};
	assert_false(license_state_licensed(license_decide(&k, &s, NOW, 0).state));
	assert_false(license_state_licensed((enum license_state)0));
}

static void test_state_names_round_trip(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STATE_COUNT; i++) {
		enum license_state s = STATE_COUNT;
		assert_true(license_state_parse(str_of(license_state_name((enum license_state)i)), &s));
		assert_int_equal(s, i);
	}
	enum license_state s;
	assert_false(license_state_parse(STR("Active"), &s));
	assert_false(license_state_parse(STR("active\0"), &s));
	assert_false(license_state_parse(STR(""), &s));
	for (unsigned i = 0; i < SOURCE_COUNT; i++)
		assert_non_null(license_source_name((enum license_source)i));
	assert_null(edition_name(EDITION_NONE));
	assert_string_equal(edition_name(EDITION_ADVANCED), "advanced");
	assert_int_equal(edition_of_capability_set(STR("capabilityStandard")), EDITION_STANDARD);
	assert_int_equal(edition_of_capability_set(STR("capabilityAdvanced")), EDITION_ADVANCED);
	assert_int_equal(edition_of_capability_set(STR("advanced")), EDITION_NONE);
}

/* What a row says about its last news brings the same signal back after a restart. */
static void test_reasons_stand_for_signals(void **state)
{
	(void)state;
	static const struct request_signal signals[] = {
	    {.lic = SIGNAL_LICENSED},  {.lic = SIGNAL_EXPIRED},    {.lic = SIGNAL_NOT_LICENSED},
	    {.lic = SIGNAL_AMBIGUOUS}, {.claim = SIGNAL_LICENSED}, {.claim = SIGNAL_NOT_LICENSED},
	};
	struct license_known k = {0};
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct license_decision d = license_decide(&k, &signals[i], NOW, 0);
		struct request_signal back = signal_of_reason(str_of(d.reason));
		assert_int_equal(back.lic, signals[i].lic);
		assert_int_equal(back.claim, signals[i].claim);
	}
	struct request_signal none = signal_of_reason(STR("lookup_valid"));
	assert_int_equal(request_signal_value(&none), SIGNAL_ABSENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rules),
	    cmocka_unit_test(test_zero_licenses_nothing),
	    cmocka_unit_test(test_state_names_round_trip),
	    cmocka_unit_test(test_reasons_stand_for_signals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
