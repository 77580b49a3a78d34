/* report_wire.c - see report_wire.h. */
#include "connect/report_wire.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/jsonw.h"

void report_write(struct buf *out, const struct user_row *at, size_t count)
{
	struct jsonw w = jsonw(out);
	jw_obj(&w);
	jw_key(&w, "accounts");
	jw_arr(&w);
	for (size_t i = 0; i < count; i++) {
		jw_obj(&w);
		jw_kz(&w, "accountId", at[i].account_id);
		jw_ktime(&w, "updatedAt", at[i].updated_at > at[i].first_seen ? at[i].updated_at : at[i].first_seen);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	jw_end_obj(&w);
}

static void read_one(const json_t *entry, char *const *account_ids, size_t count, enum account_word *words)
{
	struct str id, status;
	if (json_get_str(entry, "accountId", &id) != JSON_GOT || json_get_str(entry, "status", &status) != JSON_GOT)
		return;
	for (size_t i = 0; i < count; i++) {
		if (!str_eqz(id, account_ids[i]))
			continue;
		if (str_eqz(status, "closed"))
			words[i] = ACCOUNT_CLOSED;
		else if (str_eqz(status, "updated"))
			words[i] = ACCOUNT_UPDATED;
	}
}

enum err report_read(struct str body, char *const *account_ids, size_t count, enum account_word *ret)
{
	__cleanup_json json_t *answer = NULL;
	enum err err = json_read_object(body, &answer);
	if (err != OK)
		return err;
	const json_t *accounts = json_object_get(answer, "accounts"), *entry;
	if (!json_is_array(accounts))
		return ERR_INVALID;
	for (size_t i = 0; i < count; i++)
		ret[i] = ACCOUNT_KEPT;
	size_t i;
	json_array_foreach(accounts, i, entry) if (json_is_object(entry)) read_one(entry, account_ids, count, ret);
	return OK;
}

int64_t report_cycle_days(struct str text)
{
	int64_t n = 0, unit = 1;
	struct str number;
	text = str_trim(text);
	if (text.len == 0)
		return REPORT_CYCLE_DAYS;
	if (text.len > 2 && text.ptr[0] == 'P') {
		const char last = text.ptr[text.len - 1];
		unit = last == 'D' ? 1 : last == 'W' ? 7 : 0;
		number = (struct str){text.ptr + 1, text.len - 2};
	} else {
		const size_t blank = str_find(text, ' ');
		const struct str word = {text.ptr + blank, text.len - blank};
		unit = str_ieq(word, STR(" days")) || str_ieq(word, STR(" day")) ? 1 : 0;
		number = (struct str){text.ptr, blank};
	}
	if (unit == 0 || str_to_int64(number, &n) != OK || n < 1)
		return REPORT_CYCLE_DAYS;
	return n > REPORT_CYCLE_DAYS_MAX / unit ? REPORT_CYCLE_DAYS_MAX : n * unit;
}
