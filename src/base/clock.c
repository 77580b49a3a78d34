/* clock.c - system and manual clocks, RFC 3339 text. See clock.h.
 *
 * The calendar is computed here: gmtime_r and timegm take a lock of the whole process for the time zone, which UTC
 * does not need. Years begin in March inside, so that a leap day is the last day of its year. */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DAY_MS = 86400000, DAYS_0000_TO_1970 = 719468, DAYS_OF_400_YEARS = 146097 };

static int64_t read_clock(clockid_t id)
{
	struct timespec now = {0};
	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_wall(const struct clock *c)
{
	(void)c;
	return read_clock(CLOCK_REALTIME);
}

static int64_t system_mono(const struct clock *c)
{
	(void)c;
	return read_clock(CLOCK_MONOTONIC);
}

const struct clock clock_system = {system_wall, system_mono};

static int64_t manual_wall(const struct clock *c)
{
	return ((const struct clock_manual *)c)->wall;
}

static int64_t manual_mono(const struct clock *c)
{
	return ((const struct clock_manual *)c)->mono;
}

void clock_manual_init(struct clock_manual *c, int64_t wall_ms)
{
	c->clock = (struct clock){manual_wall, manual_mono};
	c->wall = wall_ms;
	c->mono = 1000000; /* unlike wall, and not zero */
}

void clock_manual_step(struct clock_manual *c, int64_t ms)
{
	c->wall += ms;
	c->mono += ms;
}

/* Days since 1970-01-01 of a date of years 0 to 9999. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t from_march = (month + 9) % 12; /* March is 0 */
	int64_t y = month < 3 ? year - 1 : year;
	/* A 400-year cycle earlier keeps the divisions away from negative numbers. */
	y += 400;
	int64_t day_of_year = (153 * from_march + 2) / 5 + day - 1;
	return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - DAYS_0000_TO_1970 - DAYS_OF_400_YEARS;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

struct date {
	int year, month, day;
};

/* days: since 1970-01-01, of years 0 to 9999. */
static struct date date_of(int64_t days)
{
	/* The year is guessed from the mean length, never too late, and then moved up to one step. */
	int64_t year = (days + DAYS_0000_TO_1970 + 60) * 400 / DAYS_OF_400_YEARS - 1;
	year = year < 0 ? 0 : year;
	while (days_of(year + 1, 1, 1) <= days)
		year++;
	int month = 1;
	while (month < 12 && days_of(year, month + 1, 1) <= days)
		month++;
	return (struct date){(int)year, month, (int)(days - days_of(year, month, 1)) + 1};
}

void time_text(int64_t wall_ms, char out[static TIME_TEXT_SIZE])
{
	int64_t first = days_of(0, 1, 1) * DAY_MS;
	int64_t last = (days_of(9999, 12, 31) + 1) * DAY_MS - 1;
	wall_ms = wall_ms < first ? first : wall_ms > last ? last : wall_ms;
	int64_t days = wall_ms / DAY_MS - (wall_ms % DAY_MS < 0);
	int ms = (int)(wall_ms - days * DAY_MS);
	struct date d = date_of(days);
	char text[64];
	int len = snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d", d.year, d.month, d.day, ms / 3600000,
	                   ms / 60000 % 60, ms / 1000 % 60);
	if (ms % 1000)
		(void)snprintf(text + len, sizeof(text) - (size_t)len, ".%03dZ", ms % 1000);
	else
		(void)snprintf(text + len, sizeof(text) - (size_t)len, "Z");
	memcpy(out, text, TIME_TEXT_SIZE);
}

/* Takes exactly count digits off *s. */
static bool take_number(struct str *s, size_t count, int *ret)
{
	if (s->len < count)
		return false;
	int n = 0;
	for (size_t i = 0; i < count; i++) {
		if (s->ptr[i] < '0' || s->ptr[i] > '9')
			return false;
		n = n * 10 + (s->ptr[i] - '0');
	}
	*s = (struct str){s->ptr + count, s->len - count};
	*ret = n;
	return true;
}

static bool take_any(struct str *s, const char *of)
{
	if (s->len == 0 || s->ptr[0] == '\0' || !strchr(of, s->ptr[0]))
		return false;
	*s = (struct str){s->ptr + 1, s->len - 1};
	return true;
}

/* ".5" and longer; digits past the millisecond are dropped. */
static bool take_fraction(struct str *s, int *ret_ms)
{
	*ret_ms = 0;
	if (!take_any(s, "."))
		return true;
	int digit;
	int scale = 100;
	if (!take_number(s, 1, &digit))
		return false;
	do {
		*ret_ms += digit * scale;
		scale /= 10;
	} while (take_number(s, 1, &digit));
	return true;
}

/* "Z", "+02:00", and "+0200", which Jira writes. */
static bool take_offset(struct str *s, int *ret_minutes)
{
	*ret_minutes = 0;
	if (take_any(s, "Zz"))
		return true;
	bool west = s->len > 0 && s->ptr[0] == '-';
	int hours;
	int minutes;
	if (!take_any(s, "+-") || !take_number(s, 2, &hours))
		return false;
	(void)take_any(s, ":");
	if (!take_number(s, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
	return true;
}

enum err time_parse(struct str text, int64_t *ret_wall_ms)
{
	int year, month, day, hour, minute, second, ms, offset;
	if (!take_number(&text, 4, &year) || !take_any(&text, "-") || !take_number(&text, 2, &month) ||
	    !take_any(&text, "-") || !take_number(&text, 2, &day))
		return ERR_INVALID;
	if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
		return ERR_INVALID;
	int64_t midnight = days_of(year, month, day) * DAY_MS;
	if (text.len == 0) {
		*ret_wall_ms = midnight;
		return OK;
	}
	if (!take_any(&text, "Tt ") || !take_number(&text, 2, &hour) || !take_any(&text, ":") ||
	    !take_number(&text, 2, &minute) || !take_any(&text, ":") || !take_number(&text, 2, &second) ||
	    !take_fraction(&text, &ms) || !take_offset(&text, &offset) || text.len != 0)
		return ERR_INVALID;
	if (hour > 23 || minute > 59 || second > 60) /* 60: a leap second counts as the next one */
		return ERR_INVALID;
	*ret_wall_ms = midnight + ((int64_t)(hour * 60 + minute - offset) * 60 + second) * 1000 + ms;
	return OK;
}
