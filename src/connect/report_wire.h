/* report_wire.h - the words of personal-data reporting. Pure; what the host says is not trusted further than it goes:
 * only accounts that were asked about are looked up in its answer. Rule: "Personal data reporting" of the Connect
 * protocol. */
#pragma once
#include "base/buf.h"
#include "store/store.h"

enum { REPORT_ACCOUNTS_MAX = 90, REPORT_CYCLE_DAYS = 7, REPORT_CYCLE_DAYS_MAX = 90 };
enum account_word { ACCOUNT_KEPT = 0, ACCOUNT_UPDATED, ACCOUNT_CLOSED };

/* {"accounts":[{"accountId":"…","updatedAt":"…"}]} */
void report_write(struct buf *out, const struct user_row *at, size_t count);
/* What an answer says of each account, in their order; of one it does not name ACCOUNT_KEPT. ERR_INVALID: no such
 * answer. ERR_NOMEM. */
enum err report_read(struct str body, char *const *account_ids, size_t count, enum account_word *ret);
/* The Cycle-Period header, "P7D", "P2W" or "25 Days", in days, at least 1; anything else is REPORT_CYCLE_DAYS. */
int64_t report_cycle_days(struct str text);
