/* calendar.c - see calendar.h. The calendar itself is base/clock.h's. */
#include "market/calendar.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static const int64_t DAY_MS = 86400000;

bool day_read(struct str text, int64_t *ret)
{
	int64_t ms;
	if (text.len != 10 || time_parse(text, &ms) != OK)
		return false;
	*ret = ms / DAY_MS - (ms % DAY_MS < 0);
	return true;
}

int64_t day_or(const char *text, int64_t none)
{
	int64_t day;
	return day_read(str_of(text), &day) ? day : none;
}

int64_t month_of_day(int64_t day)
{
	char text[TIME_TEXT_SIZE];
	time_text(day * DAY_MS, text);
	return ((text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0')) * 12 +
	       (text[5] - '0') * 10 + (text[6] - '0') - 1;
}

int64_t month_first_day(int64_t month)
{
	char text[MONTH_TEXT_SIZE + 3];
	month_text(month, text);
	memcpy(text + 7, "-01", 4);
	return day_or(text, 0);
}

int64_t month_last_day(int64_t month)
{
	return month_first_day(month + 1) - 1;
}

static bool is_last_of_month(int64_t day)
{
	return day == month_last_day(month_of_day(day));
}

/* 31 January and 28 February, 30 April and 31 May too. */
static bool same_day_of_month(int64_t start, int64_t end)
{
	const int64_t day = start - month_first_day(month_of_day(start));
	const int64_t end_day = end - month_first_day(month_of_day(end));
	return day == end_day || (is_last_of_month(end) && (day > end_day || is_last_of_month(start)));
}

int64_t whole_months(int64_t start, int64_t end)
{
	for (int64_t after = end; after <= end + 1; after++)
		if (after > start && same_day_of_month(start, after))
			return month_of_day(after) - month_of_day(start);
	return 0;
}

void month_text(int64_t month, char out[static MONTH_TEXT_SIZE])
{
	const unsigned year = (unsigned)(month / 12) % 10000, number = (unsigned)(month % 12) + 1;
	(void)snprintf(out, MONTH_TEXT_SIZE, "%04u-%02u", year, number);
}

void day_text(int64_t day, char out[static DAY_TEXT_SIZE])
{
	char text[TIME_TEXT_SIZE];
	time_text(day * DAY_MS, text);
	memcpy(out, text, DAY_TEXT_SIZE - 1);
	out[DAY_TEXT_SIZE - 1] = '\0';
}
