/* site_accounts.c - see site_accounts.h. */
#include "sim/site_accounts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *id, *name;
	bool admin;
} first[] = {
    {"5b10a2844c20165700ede21g", "Ada Admin", true},
    {"5b10ac8d82e05b22cc7d4ef5", "Mel Member", false},
    {"5b109f2e9729b51b54dc274d", "Olu Other", false},
};

bool site_accounts_init(struct site_accounts *a, int64_t wall_ms)
{
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		struct site_account *account = site_accounts_put(a, str_of(first[i].id), wall_ms);
		if (!account)
			return false;
		site_account_rename(account, str_of(first[i].name));
		account->admin = first[i].admin;
	}
	return true;
}

void site_accounts_release(struct site_accounts *a)
{
	free(a->all);
	*a = (struct site_accounts){0};
}

struct site_account *site_accounts_user(const struct site_accounts *a)
{
	return &a->all[a->user];
}

struct site_account *site_accounts_find(const struct site_accounts *a, struct str id)
{
	for (size_t i = 0; i < a->count; i++)
		if (str_eqz(id, a->all[i].id))
			return &a->all[i];
	return NULL;
}

/* Drops the oldest that is not in use. */
static void make_place(struct site_accounts *a)
{
	assert(a->all && a->count > 1);
	size_t gone = a->user == 0 ? 1 : 0;
	memmove(&a->all[gone], &a->all[gone + 1], (a->count - gone - 1) * sizeof(a->all[0]));
	a->count--;
	if (a->user > gone)
		a->user--;
}

struct site_account *site_accounts_put(struct site_accounts *a, struct str id, int64_t wall_ms)
{
	struct site_account *known = site_accounts_find(a, id);
	if (known)
		return known;
	if (a->count == SITE_ACCOUNTS_MAX) {
		make_place(a);
	} else {
		struct site_account *more = realloc(a->all, (a->count + 1) * sizeof(*more));
		if (!more)
			return NULL;
		a->all = more;
	}
	struct site_account *added = &a->all[a->count++];
	*added = (struct site_account){.updated_at = wall_ms};
	memcpy(added->id, id.ptr, id.len);
	site_account_rename(added, id);
	return added;
}

void site_accounts_become(struct site_accounts *a, const struct site_account *account)
{
	a->user = (size_t)(account - a->all);
}

void site_account_rename(struct site_account *account, struct str name)
{
	size_t len = 0, step;
	while (len < name.len) {
		struct str rest = {name.ptr + len, name.len - len};
		step = utf8_sequence(rest);
		if (step == 0 || len + step > SITE_ACCOUNT_NAME_MAX)
			break;
		len += step;
	}
	memcpy(account->name, name.ptr, len);
	account->name[len] = '\0';
}

void site_accounts_write(const struct site_accounts *a, struct jsonw *w)
{
	jw_arr(w);
	for (size_t i = 0; i < a->count; i++) {
		jw_obj(w);
		jw_kz(w, "account_id", a->all[i].id);
		jw_kz(w, "name", a->all[i].name);
		jw_kbool(w, "admin", a->all[i].admin);
		jw_kbool(w, "deleted", a->all[i].deleted);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}
