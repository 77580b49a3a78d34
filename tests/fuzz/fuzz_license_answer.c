/* fuzz_license_answer.c - what a host says about a licence: any bytes, read as either resource.
 *
 * What is accepted must hold what the look-ups rely on: texts that can be shown and stored, numbers in their ranges,
 * and nothing written where the answer was refused. The first byte chooses the resource and how much memory there is.
 */
#include <stdlib.h>
#include <string.h>

#include "connect/host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 512 };
static const int64_t end_of_time = INT64_C(253402300799999); /* of the year 9999 */

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_text(struct str s)
{
	require(s.len <= TEXT_MAX && str_printable(s));
	require(s.len == 0 || strlen(s.ptr) == s.len);
}

static void check_facts(const struct license_facts *f, int resource)
{
	require(f->resource == resource && f->max_age_s == -1);
	require(f->users_max >= -1);
	require(f->expires_at >= 0 && f->expires_at <= end_of_time);
	const struct str texts[] = {f->type,           f->organisation,       f->sen,
	                            f->entitlement_id, f->entitlement_number, f->contact_email};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		check_text(texts[i]);
	for (size_t i = 0; i < f->type.len; i++)
		require(f->type.ptr[i] < 'a' || f->type.ptr[i] > 'z');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const bool addon = data[0] & 1;
	const struct str body = {(const char *)data + 1, size - 1};
	const struct license_facts before = {.users_max = -77, .valid = true};
	struct license_facts f = before;
	struct arena a;
	arena_init(&a, data[0] & 2 ? 0 : 16384);
	if ((addon ? license_parse_addon : license_parse_latest)(body, &f, &a))
		check_facts(&f, addon ? 2 : 1);
	else
		require(memcmp(&f, &before, sizeof f) == 0);
	arena_release(&a);
	return 0;
}
