/* contacts_read.c - contacts that are kept: opened, shown to an operator who asked, found for a mail. See contacts.h.
 */
#include "base/cleanup.h"
#include "market/contacts_internal.h"

enum err contacts_open(const struct keyring *k, const struct contacts_row *row, json_t **ret)
{
	__cleanup(buf_wipe) struct buf plain = BUF_INIT(CONTACTS_PLAIN_MAX);
	if (!row->sealed.len)
		return ERR_NOT_FOUND;
	enum err err =
	    unseal(k, (struct seal_place){"contacts", "contacts", str_of(row->license_key)}, row->sealed, &plain);
	return err == OK ? json_read_object(buf_text(&plain), ret) : err;
}

struct str contact_text(const json_t *contact, const char *name)
{
	struct str s = STR("");
	(void)json_get_str(contact, name, &s);
	return s;
}

/* ---- shown ---- */

static void write_row(const struct keyring *k, const struct contacts_row *row, struct jsonw *w)
{
	__cleanup_json json_t *all = NULL;
	const char *role;
	json_t *c;
	if (contacts_open(k, row, &all) != OK)
		return;
	json_object_foreach(all, role, c)
	{
		jw_obj(w);
		jw_kz(w, "role", role);
		jw_kstr(w, "email", contact_text(c, "email"));
		jw_kstr(w, "name", contact_text(c, "name"));
		jw_kstr(w, "phone", contact_text(c, "phone"));
		jw_kstr(w, "address", contact_text(c, "address"));
		jw_kz(w, "license", row->license_key);
		jw_end_obj(w);
	}
}

/* Whom the tenant's look-up told of: an address alone. */
static enum err write_lookup(struct store_tx *tx, const struct keyring *k, struct str client_key, struct arena *a,
                             struct jsonw *w)
{
	__cleanup(buf_wipe) struct buf email = BUF_INIT(CONTACTS_PLAIN_MAX);
	struct license_row l;
	enum err err = store_license_get(tx, client_key, a, &l);
	if (err != OK)
		return err == ERR_NOT_FOUND ? OK : err;
	if (!l.contact_sealed.len ||
	    unseal(k, (struct seal_place){"licenses", "contact", client_key}, l.contact_sealed, &email) != OK)
		return OK;
	jw_obj(w);
	jw_kz(w, "role", "lookup");
	jw_kstr(w, "email", buf_text(&email));
	jw_end_obj(w);
	return OK;
}

enum err contacts_write(struct store_tx *tx, const struct keyring *k, struct str client_key, struct jsonw *w)
{
	__cleanup(arena_release) struct arena arena;
	struct contacts_row *rows = NULL;
	size_t count = 0;
	arena_init(&arena, CONTACTS_ARENA_MAX);
	enum err err = store_contacts_of_tenant(tx, client_key, &arena, &rows, &count);
	if (err != OK)
		return err;
	jw_arr(w);
	for (size_t i = 0; i < count; i++)
		write_row(k, &rows[i], w);
	err = write_lookup(tx, k, client_key, &arena, w);
	jw_end_arr(w);
	return err;
}

/* ---- found for a mail ---- */

static enum err copy_contact(const json_t *c, struct arena *a, struct mail_contact *ret)
{
	const struct str name = contact_text(c, "name"), email = contact_text(c, "email");
	const char *name_copy = arena_strz(a, name), *email_copy = arena_strz(a, email);
	if (!name_copy || !email_copy)
		return ERR_NOMEM;
	*ret = (struct mail_contact){{name_copy, name.len}, {email_copy, email.len}};
	return OK;
}

static const json_t *first_contact(const json_t *all)
{
	const json_t *c = json_object_get(all, "technical");
	if (!c)
		c = json_object_get(all, "billing");
	return c ? c : json_object_iter_value(json_object_iter((json_t *)(uintptr_t)all));
}

enum err contacts_find(struct store_tx *tx, const struct keyring *k, struct str entitlement, struct arena *a,
                       struct mail_contact *ret)
{
	struct contacts_row *rows = NULL;
	size_t count = 0;
	enum err err = store_contacts_by_entitlement(tx, entitlement, a, &rows, &count);
	for (size_t i = 0; err == OK && i < count; i++) {
		__cleanup_json json_t *all = NULL;
		err = contacts_open(k, &rows[i], &all);
		const json_t *c = err == OK ? first_contact(all) : NULL;
		if (c)
			return copy_contact(c, a, ret);
		err = err == ERR_NOT_FOUND ? OK : err;
	}
	return err == OK ? ERR_NOT_FOUND : err;
}
