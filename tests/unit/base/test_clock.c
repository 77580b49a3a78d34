/* Clocks and RFC 3339 text. */
#include "check.h"

#include <time.h>

#include "base/clock.h"

static void writes_utc(void **state)
{
	(void)state;
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
	    {0, "1970-01-01T00:00:00Z"},
	    {1, "1970-01-01T00:00:00.001Z"},
	    {-1, "1969-12-31T23:59:59.999Z"},
	    {1772445600000, "2026-03-02T10:00:00Z"},
	    {1709164800000, "2024-02-29T00:00:00Z"},
	    {1709251199999, "2024-02-29T23:59:59.999Z"},
	    {1709251200000, "2024-03-01T00:00:00Z"},
	    {951782400000, "2000-02-29T00:00:00Z"},
	    {4107542400000, "2100-03-01T00:00:00Z"},
	    {253402300799999, "9999-12-31T23:59:59.999Z"},
	    {253402300800000, "9999-12-31T23:59:59.999Z"},
	    {INT64_MAX, "9999-12-31T23:59:59.999Z"},
	    {INT64_MIN, "0000-01-01T00:00:00Z"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[TIME_TEXT_SIZE];
		time_text(rows[i].ms, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void agrees_with_the_library_on_every_kind_of_day(void **state)
{
	(void)state;
	/* 400 years, a step that meets every day of the month and every time of the day. */
	for (int64_t s = -11676096000; s < 11676096000; s += 86400 * 11 + 3661) {
		time_t seconds = (time_t)s;
		struct tm tm;
		assert_non_null(gmtime_r(&seconds, &tm));
		char wanted[TIME_TEXT_SIZE];
		assert_int_equal(strftime(wanted, sizeof(wanted), "%Y-%m-%dT%H:%M:%SZ", &tm), 20);
		char text[TIME_TEXT_SIZE];
		time_text(s * 1000, text);
		assert_string_equal(text, wanted);
		int64_t ms = 0;
		assert_int_equal(time_parse(str_of(text), &ms), OK);
		assert_true(ms == s * 1000);
	}
}

static void reads_dates_and_times(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
	    {"2026-03-02T10:00:00Z", 1772445600000},
	    {"2026-03-02t10:00:00z", 1772445600000},
	    {"2026-03-02 10:00:00Z", 1772445600000},
	    {"2026-03-02T10:00:00.5Z", 1772445600500},
	    {"2026-03-02T10:00:00.1239999Z", 1772445600123},
	    {"2026-03-02T12:00:00+02:00", 1772445600000},
	    {"2026-03-02T04:30:00-05:30", 1772445600000},
	    {"2026-03-02T12:00:00.000+0200", 1772445600000},
	    {"2026-03-02T10:00:00-00:00", 1772445600000},
	    {"2026-03-02T09:59:60Z", 1772445600000},
	    {"2026-03-02", 1772409600000},
	    {"2024-02-29", 1709164800000},
	    {"1969-12-31T23:59:59.999Z", -1},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t ms = 0;
		if (time_parse(str_of(rows[i].text), &ms) != OK || ms != rows[i].ms)
			fail_msg("%s", rows[i].text);
	}
}

static void refuses_what_is_no_time(void **state)
{
	(void)state;
	static const char *const rows[] = {
	    "",
	    "2026",
	    "2026-3-2",
	    "2026-00-01",
	    "2026-13-01",
	    "2026-02-29",
	    "1900-02-29",
	    "2026-04-31",
	    "2026-01-00",
	    "20260302",
	    "+2026-03-02",
	    "2026-03-02T",
	    "2026-03-02Z",
	    "2026-03-02T10:00:00",
	    "2026-03-02T10:00Z",
	    "2026-03-02T24:00:00Z",
	    "2026-03-02T10:60:00Z",
	    "2026-03-02T10:00:61Z",
	    "2026-03-02T10:00:00.Z",
	    "2026-03-02T10:00:00,5Z",
	    "2026-03-02T10:00:00+2:00",
	    "2026-03-02T10:00:00+24:00",
	    "2026-03-02T10:00:00+02:60",
	    "2026-03-02T10:00:00+02",
	    "2026-03-02T10:00:00ZZ",
	    "2026-03-02T10:00:00Z ",
	    " 2026-03-02",
	    "2026-03-0x",
	    "1772445600000",
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t ms = 77;
		if (time_parse(str_of(rows[i]), &ms) != ERR_INVALID || ms != 77)
			fail_msg("%s", rows[i]);
	}
	int64_t ms;
	assert_int_equal(time_parse((struct str){"2026-03-02\0", 11}, &ms), ERR_INVALID);
}

static void clocks_tell_time(void **state)
{
	(void)state;
	struct clock_manual manual;
	clock_manual_init(&manual, 1000);
	int64_t mono = clock_mono_ms(&manual.clock);
	clock_manual_step(&manual, 250);
	assert_int_equal(clock_wall_ms(&manual.clock), 1250);
	assert_int_equal(clock_mono_ms(&manual.clock), mono + 250);
	assert_true(clock_wall_ms(&clock_system) > 1700000000000);
	mono = clock_mono_ms(&clock_system);
	assert_true(mono > 0 && clock_mono_ms(&clock_system) >= mono);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_utc),
	    cmocka_unit_test(agrees_with_the_library_on_every_kind_of_day),
	    cmocka_unit_test(reads_dates_and_times),
	    cmocka_unit_test(refuses_what_is_no_time),
	    cmocka_unit_test(clocks_tell_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
