/* money.c - see money.h. An amount is its digits, a sign, and how many of the digits stand behind the point. */
#include "market/money.h"

#include <stddef.h>

enum { DIGITS_MAX = 64, EXPONENT_MAX = 400, NOISE_DECIMALS = 8 };

struct decimal {
	bool negative;
	char digits[DIGITS_MAX + 1]; /* values 0 to 9, the first not 0; one place for a carry */
	int count;
	int decimals; /* may be negative: 1e3 is the digit 1 with -3 */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits past DIGITS_MAX cannot matter: they only move the point. */
static void add_digit(struct decimal *d, char c, bool behind_point)
{
	if (d->count == 0 && c == '0') {
		d->decimals += behind_point;
		return;
	}
	if (d->count == DIGITS_MAX) {
		d->decimals -= !behind_point;
		return;
	}
	d->digits[d->count++] = (char)(c - '0');
	d->decimals += behind_point;
}

static bool take_digits(struct str *s, struct decimal *d, bool behind_point)
{
	size_t n = 0;
	for (; n < s->len && is_digit(s->ptr[n]); n++)
		add_digit(d, s->ptr[n], behind_point);
	*s = (struct str){s->ptr + n, s->len - n};
	return n > 0;
}

static bool take_char(struct str *s, char a, char b)
{
	if (!s->len || (s->ptr[0] != a && s->ptr[0] != b))
		return false;
	*s = (struct str){s->ptr + 1, s->len - 1};
	return true;
}

static bool take_exponent(struct str *s, struct decimal *d)
{
	int exponent = 0;
	bool negative = take_char(s, '-', '-');
	if (!negative)
		(void)take_char(s, '+', '+');
	if (!s->len)
		return false;
	for (; s->len && is_digit(s->ptr[0]); *s = (struct str){s->ptr + 1, s->len - 1})
		if (exponent <= EXPONENT_MAX)
			exponent = exponent * 10 + (s->ptr[0] - '0');
	d->decimals -= negative ? -exponent : exponent;
	return true;
}

static bool parse(struct str s, struct decimal *ret)
{
	*ret = (struct decimal){0};
	if (s.len > DIGITS_MAX * 8)
		return false;
	ret->negative = take_char(&s, '-', '-');
	if (!take_digits(&s, ret, false))
		return false;
	if (take_char(&s, '.', '.') && !take_digits(&s, ret, true))
		return false;
	if (take_char(&s, 'e', 'E') && !take_exponent(&s, ret))
		return false;
	return s.len == 0;
}

/* To at most that many decimals. */
static void round_to(struct decimal *d, int decimals)
{
	int drop = d->decimals - decimals;
	if (drop <= 0 || d->count == 0)
		return;
	int keep = d->count - drop;
	d->decimals = decimals;
	if (keep < 0) {
		d->count = 0;
		return;
	}
	bool up = d->digits[keep] >= 5;
	d->count = keep;
	while (up && keep > 0) {
		keep--;
		up = d->digits[keep] == 9;
		d->digits[keep] = (char)(up ? 0 : d->digits[keep] + 1);
	}
	if (!up)
		return;
	/* 9.99… became 10.00: a one in front of zeros */
	for (int i = d->count; i > 0; i--)
		d->digits[i] = 0;
	d->digits[0] = 1;
	d->count++;
}

bool money_cents(struct str text, int64_t *ret)
{
	struct decimal d;
	if (!parse(text, &d))
		return false;
	round_to(&d, NOISE_DECIMALS);
	round_to(&d, 2);
	int64_t cents = 0;
	int zeros = d.count ? 2 - d.decimals : 0;
	for (int i = 0; i < d.count + zeros; i++) {
		cents = cents * 10 + (i < d.count ? d.digits[i] : 0);
		if (cents > CENTS_MAX)
			return false;
	}
	*ret = d.negative ? -cents : cents;
	return true;
}
