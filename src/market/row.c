/* row.c - see row.h. One table a report says what each member is; everything else follows from it. */
#include "market/row.h"

#include <stdio.h>
#include <string.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "market/money.h"
#include "market/row_fields.h"

/* ---- oddities ---- */

/* A value that can be shown: what could be anything is not. */
static bool tame(struct str s, size_t max)
{
	if (!s.len || s.len > max)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		const char c = s.ptr[i];
		const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!letter && !strchr("_-. ", c))
			return false;
	}
	return true;
}

static void add_oddity(struct row *r, struct str field, struct str value)
{
	if (r->oddity_count < ROW_ODDITIES_MAX)
		r->oddities[r->oddity_count++] = (struct row_oddity){field, value};
}

static void odd(struct row *r, struct str field, struct str value)
{
	add_oddity(r, tame(field, 60) ? field : STR("(other)"), tame(value, 40) ? value : STR("(other)"));
}

static void odd_flaws(struct row *r, unsigned flaws)
{
	static const struct {
		enum flaw flaw;
		const char *value;
	} all[] = {{FLAW_DUPLICATE, "a name twice"},
	           {FLAW_DEPTH, "nested too deep"},
	           {FLAW_TEXT, "broken text"},
	           {FLAW_NUMBER, "number too large"},
	           {FLAW_ADDRESS, "an address outside of contacts"}};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (flaws & all[i].flaw)
			add_oddity(r, STR("(row)"), str_of(all[i].value));
}

/* ---- members ---- */

/* Text, or what a number or boolean reads as. ptr NULL: null, or nothing of that kind, which is odd. */
static struct str text_of(struct row *r, const struct node *n)
{
	switch (n->kind) {
	case NODE_TEXT:
		break;
	case NODE_NUMBER:
		odd(r, n->name, STR("type"));
		break;
	case NODE_NULL:
		return (struct str){0};
	case NODE_TRUE:
	case NODE_FALSE:
	case NODE_OBJECT:
	case NODE_ARRAY:
	default:
		odd(r, n->name, STR("type"));
		return (struct str){0};
	}
	if (!n->text.len)
		return (struct str){0};
	if (n->text.len > ROW_TEXT_MAX || !str_printable(n->text)) {
		odd(r, n->name, n->text.len > ROW_TEXT_MAX ? STR("length") : STR("control characters"));
		return (struct str){0};
	}
	return n->text;
}

static struct str day_of(struct row *r, const struct node *n)
{
	struct str s = text_of(r, n);
	int64_t ignored;
	if (!s.ptr || str_ieq(s, STR("NA")))
		return (struct str){0};
	const struct str day = {s.ptr, s.len < 10 ? s.len : 10};
	if (day.len < 10 || time_parse(day, &ignored) != OK) {
		odd(r, n->name, STR("no date"));
		return (struct str){0};
	}
	if (s.len > 10)
		odd(r, n->name, STR("more than a date"));
	return day;
}

static bool is_known(const char *const *known, struct str s)
{
	while (*known && !str_eqz(s, *known))
		known++;
	return *known != NULL;
}

/* "Open Source" is OPEN_SOURCE, "Paid" is paid. */
static enum err word_of(struct row *r, const struct field *f, const struct node *n, struct arena *a, struct str *ret)
{
	struct str s = text_of(r, n);
	if (!s.ptr)
		return OK;
	char *copy = arena_strz(a, s);
	if (!copy)
		return ERR_NOMEM;
	for (char *c = copy; *c; c++) {
		if (f->type == T_UPPER && *c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
		else if (f->type == T_LOWER && *c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
		else if (*c == ' ' || *c == '-')
			*c = '_';
	}
	*ret = (struct str){copy, s.len};
	if (f->known && !is_known(f->known, *ret))
		odd(r, n->name, s);
	return OK;
}

static bool yes_of(struct row *r, const struct node *n)
{
	static const char *const known[] = {"Yes", "No", "NA", "Pending", "true", "false", NULL};
	if (n->kind == NODE_TRUE || n->kind == NODE_FALSE)
		return n->kind == NODE_TRUE;
	struct str s = text_of(r, n);
	if (s.ptr && !is_known(known, s))
		odd(r, n->name, s);
	return s.ptr && (str_ieq(s, STR("yes")) || str_ieq(s, STR("true")));
}

static void money_of(struct row *r, const struct node *n, int64_t *ret)
{
	if (n->kind == NODE_NULL)
		return;
	if (n->kind != NODE_NUMBER)
		odd(r, n->name, STR("type"));
	if ((n->kind != NODE_NUMBER && n->kind != NODE_TEXT) || !money_cents(n->text, ret))
		odd(r, n->name, STR("no amount"));
}

/* "https://Acme.atlassian.net/" is acme.atlassian.net, as tenants' hosts are kept. */
static enum err host_of(struct str s, struct arena *a, struct str *ret)
{
	const struct str scheme = STR("https://");
	if (str_istarts(s, scheme))
		s = (struct str){s.ptr + scheme.len, s.len - scheme.len};
	s.len = str_find(s, '/');
	char *copy = arena_strz(a, s);
	if (!copy)
		return ERR_NOMEM;
	for (char *c = copy; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
	*ret = (struct str){copy, s.len};
	return OK;
}

static enum err id_of(struct row *r, const struct field *f, const struct node *n, struct arena *a)
{
	struct str s = text_of(r, n);
	if (!s.ptr || str_ieq(s, STR("NA")) || r->alias_count == ROW_ALIASES_MAX)
		return OK;
	enum err e = strcmp(f->alias, "host") == 0 ? host_of(s, a, &s) : OK;
	if (e == OK && s.len)
		r->aliases[r->alias_count++] = (struct row_alias){f->alias, s};
	return e;
}

static enum err read_members(struct tree *t, struct row *r, const struct field *of, const struct node *object,
                             struct arena *a);

static enum err read_member(struct tree *t, struct row *r, const struct field *f, const struct node *n, struct arena *a)
{
	struct str *text = (struct str *)(void *)((char *)r + f->offset);
	struct str value;
	switch (f->type) {
	case T_ID:
		return id_of(r, f, n, a);
	case T_TEXT:
		*text = text_of(r, n);
		return OK;
	case T_DAY:
		value = day_of(r, n);
		*text = value.ptr ? value : *text;
		return OK;
	case T_LOWER:
	case T_UPPER:
		return word_of(r, f, n, a, text);
	case T_YES:
		*(bool *)((char *)r + f->offset) = yes_of(r, n);
		return OK;
	case T_MONEY:
		money_of(r, n, (int64_t *)(void *)((char *)r + f->offset));
		return OK;
	case T_OBJECT:
		if (n->kind == NODE_OBJECT)
			return read_members(t, r, f, n, a);
		if (n->kind != NODE_NULL)
			odd(r, n->name, STR("type"));
		return OK;
	case T_KNOWN:
	case T_PEOPLE:
	default:
		return OK;
	}
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tables of fields */
static enum err read_members(struct tree *t, struct row *r, const struct field *of, const struct node *object,
                             struct arena *a)
{
	enum err e = OK;
	const struct node *last = NULL;
	for (struct node *n = tree_first(t, object); e == OK && n; n = tree_next(t, n)) {
		const struct field *f = row_field(of, n->name);
		if (!f) {
			odd(r, n->name, STR("unknown member"));
			n->hidden = r->erased; /* who was erased might be in it */
		} else if (str_eqz(n->name, "latestEvaluationStartDate"))
			last = n;
		else
			e = read_member(t, r, f, n, a);
	}
	return e == OK && last ? read_member(t, r, row_field(of, last->name), last, a) : e;
}

/* ---- people ---- */

static struct str person_text(const struct tree *t, const struct node *person, const char *name)
{
	const struct node *n = tree_member(t, person, name);
	return n && n->kind == NODE_TEXT ? n->text : STR("");
}

static enum err address_of(const struct tree *t, const struct node *person, struct arena *a, struct str *ret)
{
	static const char *const parts[] = {"address1", "address2", "city", "state", "postcode"};
	__cleanup(buf_wipe) struct buf b = BUF_INIT(4096);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct str part = person_text(t, person, parts[i]);
		if (!part.len)
			continue;
		if (b.len)
			buf_z(&b, ", ");
		buf_str(&b, part);
	}
	if (b.err == ERR_NOMEM)
		return b.err;
	const char *copy = b.len ? arena_strz(a, buf_text(&b)) : "";
	*ret = str_of(copy);
	return copy ? OK : ERR_NOMEM;
}

static bool rtbf(struct str s)
{
	return str_ieq(str_trim(s), STR("RTBF"));
}

/* The whole person, or all of them, may be replaced by that one text. */
static bool erased_whole(const struct node *n)
{
	return n->kind == NODE_TEXT && rtbf(n->text);
}

static void add_erased(struct row *r, const char *role)
{
	r->contacts[r->contact_count++] = (struct contact){role, STR("RTBF"), STR("RTBF"), STR("RTBF"), STR("")};
	r->erased = true;
}

static enum err read_person(struct tree *t, struct row *r, const struct node *person, const char *role, struct arena *a)
{
	if (person && r->contact_count < ROW_CONTACTS_MAX && erased_whole(person))
		add_erased(r, role);
	if (!person || person->kind != NODE_OBJECT || r->contact_count == ROW_CONTACTS_MAX)
		return OK;
	struct contact *c = &r->contacts[r->contact_count++];
	*c = (struct contact){.role = role,
	                      .email = person_text(t, person, "email"),
	                      .name = person_text(t, person, "name"),
	                      .phone = person_text(t, person, "phone")};
	r->erased = r->erased || rtbf(c->email) || rtbf(c->name) || rtbf(c->phone);
	return address_of(t, person, a, &c->address);
}

static enum err read_people(struct tree *t, struct row *r, struct arena *a)
{
	const struct node *people = tree_member(t, tree_root(t), "contactDetails");
	if (!people)
		people = tree_member(t, tree_root(t), "customerDetails");
	r->has_contacts = people && (people->kind == NODE_OBJECT || erased_whole(people));
	if (!r->has_contacts)
		return OK;
	if (people->kind != NODE_OBJECT) {
		add_erased(r, "technical");
		add_erased(r, "billing");
		return OK;
	}
	enum err e = read_person(t, r, tree_member(t, people, "technicalContact"), "technical", a);
	return e == OK ? read_person(t, r, tree_member(t, people, "billingContact"), "billing", a) : e;
}

/* Names of members that hold people, at any depth: known ones, and those that the future may bring. */
static void hide_people(struct tree *t)
{
	static const struct str parts[] = {{"contact", 7}, {"email", 5}, {"phone", 5}, {"address", 7}};
	for (size_t i = 0; i < t->count; i++) {
		struct node *n = &t->nodes[i];
		if (n->name.len < 5) /* shorter than any of them; most elements of arrays have none */
			continue;
		bool people = str_eqz(n->name, "customerDetails");
		for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++)
			people = people || str_ifind(n->name, parts[k]);
		n->hidden = n->hidden || people;
	}
}

/* ---- the row ---- */

static struct str alias_value(const struct row *r, const char *kind)
{
	for (size_t i = 0; i < r->alias_count; i++)
		if (strcmp(r->aliases[i].kind, kind) == 0)
			return r->aliases[i].value;
	return (struct str){0};
}

struct market_content *row_content(struct row *r)
{
	return r->kind == ROW_LICENSE ? &r->license.content : &r->sale.content;
}

void row_raw_hash(const struct row_key *key, struct str element, uint8_t out[static RAW_HASH_SIZE])
{
	uint8_t hash[32];
	sha256_keyed(key->bytes, element.ptr, element.len, hash);
	memcpy(out, hash, RAW_HASH_SIZE);
}

static enum err write_content(struct tree *t, struct str element, struct row *r, struct arena *a)
{
	__cleanup_buf struct buf out = BUF_INIT(element.len * 6 + 64);
	struct market_content *c = row_content(r);
	tree_write(t, tree_root(t), &out);
	if (out.err != OK)
		return out.err == ERR_TOO_LARGE ? ERR_INVALID : out.err;
	const char *copy = arena_strz(a, buf_text(&out));
	if (!copy)
		return ERR_NOMEM;
	c->text = (struct str){copy, out.len};
	sha256(copy, out.len, c->hash);
	return OK;
}

/* "unknown:" and what the content hashes to: kept, but nothing can be told of it over time. */
static enum err name_by_content(struct row *r, struct arena *a, struct str *ret)
{
	char hex[2 * RAW_HASH_SIZE];
	hex_encode(hex, row_content(r)->hash, RAW_HASH_SIZE);
	const char *name = arena_printf(a, "unknown:%.*s", (int)sizeof(hex), hex);
	r->nameless = true;
	add_oddity(r, STR("(row)"), STR("without an id"));
	*ret = str_of(name);
	return name ? OK : ERR_NOMEM;
}

static enum err name_row(struct row *r, struct arena *a)
{
	static const char *const kinds[] = {"entitlement_number", "sen", "addon_license_id"};
	struct str key = {0};
	for (size_t i = 0; !key.ptr && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		key = alias_value(r, kinds[i]);
	r->entitlement = key.ptr ? key : STR("");
	if (r->kind == ROW_SALE) {
		r->sale.license_key = r->entitlement;
		r->sale.line_id = r->sale.line_id.ptr ? r->sale.line_id : STR("");
		r->sale.currency = r->sale.currency.ptr ? r->sale.currency : STR("USD");
		return r->sale.transaction_id.ptr ? OK : name_by_content(r, a, &r->sale.transaction_id);
	}
	r->license.row_key = key;
	return key.ptr ? OK : name_by_content(r, a, &r->license.row_key);
}

enum err row_read(struct tree *t, enum row_kind kind, struct str element, struct arena *a, struct row *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->kind = kind;
	t->keep_addresses = true;
	enum err e = tree_read(t, element, a);
	if (e == OK && tree_root(t)->kind != NODE_OBJECT)
		e = ERR_INVALID;
	if (e == OK)
		e = read_people(t, ret, a);
	if (e != OK)
		return e;
	hide_people(t);
	e = read_members(t, ret, row_fields(kind), tree_root(t), a);
	odd_flaws(ret, t->flaws);
	if (e == OK)
		e = write_content(t, element, ret, a);
	return e == OK ? name_row(ret, a) : e;
}
