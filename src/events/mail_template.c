/* mail_template.c - see mail_template.h. */
#include "events/mail_template.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

enum { TEMPLATE_MAX = 64 * 1024, SUBJECT_MAX = 200, PATH_SIZE = 4096 };

static const char *const kind_names[MAIL_KINDS] = {"welcome", "ending", "expired"};

static const struct placeholder {
	const char *name;
	size_t offset; /* of its value */
} placeholders[] = {
#define VALUE(field)                                                                                                   \
	{                                                                                                                  \
#field, offsetof(struct mail_values, field)                                                                    \
	}
    VALUE(name),    VALUE(app),       VALUE(site),     VALUE(entitlement),
    VALUE(ends_on), VALUE(days_left), VALUE(base_url), VALUE(unsubscribe_url),
};
enum { PLACEHOLDERS = sizeof(placeholders) / sizeof(placeholders[0]) };

const char *mail_kind_name(enum mail_kind k)
{
	return kind_names[k];
}

bool mail_kind_parse(struct str name, enum mail_kind *ret)
{
	for (int k = 0; k < MAIL_KINDS; k++) {
		if (!str_eqz(name, kind_names[k]))
			continue;
		*ret = (enum mail_kind)k;
		return true;
	}
	return false;
}

bool mail_kind_on(const struct config *c, enum mail_kind k)
{
	switch (k) {
	case MAIL_WELCOME:
		return c->mail_welcome;
	case MAIL_ENDING:
		return c->mail_ending_days > 0;
	case MAIL_EXPIRED:
		return c->mail_expired;
	case MAIL_KINDS:
		break;
	}
	return false;
}

static const struct placeholder *find_placeholder(struct str name)
{
	for (size_t i = 0; i < PLACEHOLDERS; i++)
		if (str_eqz(name, placeholders[i].name))
			return &placeholders[i];
	return NULL;
}

/* Walks a text piece by piece: what stands before the next "{{", and the name in it (ptr NULL at the end). False: no
 * "}}" follows on the same line. */
static bool next_piece(struct str *rest, struct str *ret_before, struct str *ret_name)
{
	*ret_name = (struct str){0};
	for (size_t i = 0; i + 1 < rest->len; i++) {
		if (rest->ptr[i] != '{' || rest->ptr[i + 1] != '{')
			continue;
		*ret_before = (struct str){rest->ptr, i};
		for (size_t j = i + 2; j + 1 < rest->len && rest->ptr[j] != '\n'; j++) {
			if (rest->ptr[j] != '}' || rest->ptr[j + 1] != '}')
				continue;
			*ret_name = str_trim((struct str){rest->ptr + i + 2, j - i - 2});
			*rest = (struct str){rest->ptr + j + 2, rest->len - j - 2};
			return true;
		}
		return false;
	}
	*ret_before = *rest;
	*rest = (struct str){0};
	return true;
}

/* ---- checked ---- */

struct checking {
	const char *place;
	struct str whole;
	problem_fn *tell;
	void *arg;
	size_t problems;
};

static void tell(struct checking *k, const char *at, const char *text, struct str quoted)
{
	struct problem p;
	int line = 1;
	for (const char *c = k->whole.ptr; c < at; c++)
		line += *c == '\n';
	snprintf(p.place, sizeof(p.place), "%.140s:%d", k->place, line);
	if (quoted.len > 60 || !utf8_valid(quoted) || !str_printable(quoted))
		quoted = STR("");
	snprintf(p.text, sizeof(p.text), quoted.len ? "{{%.*s}} %s" : "%.*s%s", STR_ARG(quoted), text);
	k->problems++;
	k->tell(k->arg, &p);
}

/* Returns whether {{unsubscribe_url}} is there. */
static bool check_text(struct checking *k, struct str text)
{
	struct str rest = text, before, name;
	bool unsubscribe = false;
	while (rest.ptr) {
		const char *at = rest.ptr;
		if (!next_piece(&rest, &before, &name)) {
			tell(k, before.ptr + before.len, "has {{ without }} on the same line", STR(""));
			return unsubscribe;
		}
		if (!name.ptr)
			break;
		if (!find_placeholder(name))
			tell(k, at + before.len,
			     "is unknown: use name, app, site, entitlement, ends_on, days_left, base_url or unsubscribe_url", name);
		unsubscribe = unsubscribe || str_eqz(name, "unsubscribe_url");
	}
	return unsubscribe;
}

static bool control_byte(struct str s, size_t *ret_at)
{
	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.ptr[i];
		if ((c >= ' ' && c != 0x7f) || c == '\n' || c == '\t' || (c == '\r' && i + 1 < s.len && s.ptr[i + 1] == '\n'))
			continue;
		*ret_at = i;
		return true;
	}
	return false;
}

static struct str without_cr(struct str line)
{
	return line.len && line.ptr[line.len - 1] == '\r' ? (struct str){line.ptr, line.len - 1} : line;
}

static void split(struct checking *k, struct str text, struct mail_template *t)
{
	struct str rest = text, line = STR(""), empty = STR("");
	const struct str label = STR("Subject:");
	size_t at = 0;
	if (!utf8_valid(text))
		tell(k, text.ptr, "is not UTF-8", STR(""));
	if (control_byte(text, &at))
		tell(k, text.ptr + at, "has a control byte", STR(""));
	str_split(&rest, '\n', &line);
	line = without_cr(line);
	if (!str_starts(line, label)) {
		tell(k, text.ptr, "must start with \"Subject: \" and an empty line before the text", STR(""));
		return;
	}
	t->subject = str_trim((struct str){line.ptr + label.len, line.len - label.len});
	if (t->subject.len == 0 || t->subject.len > SUBJECT_MAX)
		tell(k, text.ptr, "needs a subject of 1 to 200 bytes", STR(""));
	if (!rest.ptr || !str_split(&rest, '\n', &empty) || without_cr(empty).len > 0 || !rest.ptr)
		tell(k, line.ptr + line.len + 1, "needs an empty line after the subject, and the text after that", STR(""));
	else
		t->body = rest;
}

enum err mail_template_parse(struct str text, const char *place, problem_fn *tell_problem, void *arg,
                             struct mail_template *ret)
{
	struct mail_template t = {.text = str_dup(text)};
	if (!t.text)
		return ERR_NOMEM;
	struct checking k = {place, {t.text, text.len}, tell_problem, arg, 0};
	split(&k, k.whole, &t);
	if (t.subject.ptr)
		(void)check_text(&k, t.subject);
	if (t.body.ptr && !check_text(&k, t.body))
		tell(&k, t.text + text.len, "must say {{unsubscribe_url}}", STR(""));
	if (k.problems > 0) {
		free(t.text);
		return ERR_INVALID;
	}
	*ret = t;
	return OK;
}

static enum err load(const struct config *c, enum mail_kind kind, problem_fn *tell_problem, void *arg,
                     struct mail_template *ret)
{
	char path[PATH_SIZE];
	__cleanup_buf struct buf text = BUF_INIT(TEMPLATE_MAX);
	const struct str dir = str_trim_end(str_of(c->mail_dir), '/');
	snprintf(path, sizeof(path), "%.*s/%s.txt", STR_ARG(dir), kind_names[kind]);
	enum err err = file_read(path, &text);
	if (err == OK)
		return mail_template_parse(buf_text(&text), path, tell_problem, arg, ret);
	if (err == ERR_NOMEM)
		return err;
	struct problem p;
	snprintf(p.place, sizeof(p.place), "%.150s", path);
	snprintf(p.text, sizeof(p.text), "cannot be read (%s): set LICGATE_MAIL_DIR to the folder of mail templates",
	         err_text(err));
	tell_problem(arg, &p);
	return ERR_INVALID;
}

enum err mail_templates_load(const struct config *c, problem_fn *tell_problem, void *arg, struct mail_templates *ret)
{
	struct mail_templates t = {0};
	enum err err = OK;
	for (int k = 0; k < MAIL_KINDS && err != ERR_NOMEM; k++) {
		enum err one = OK;
		if (mail_kind_on(c, (enum mail_kind)k))
			one = load(c, (enum mail_kind)k, tell_problem, arg, &t.kinds[k]);
		err = one != OK ? one : err;
	}
	if (err == OK)
		*ret = t;
	else
		mail_templates_release(&t);
	return err;
}

void mail_templates_release(struct mail_templates *t)
{
	for (int k = 0; k < MAIL_KINDS; k++)
		free(t->kinds[k].text);
	*t = (struct mail_templates){0};
}

/* ---- filled ---- */

enum err mail_fill(struct str text, const struct mail_values *v, struct buf *out)
{
	struct str rest = text, before, name;
	while (rest.ptr) {
		if (!next_piece(&rest, &before, &name))
			return ERR_INVALID;
		buf_str(out, before);
		if (!name.ptr)
			break;
		const struct placeholder *p = find_placeholder(name);
		if (!p)
			return ERR_INVALID;
		struct str value;
		memcpy(&value, (const char *)v + p->offset, sizeof(value));
		if (value.len == 0)
			return ERR_NOT_FOUND;
		buf_str(out, value);
	}
	return out->err;
}
