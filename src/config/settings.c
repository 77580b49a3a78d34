/* settings.c - the table of settings and the parser of each type. See settings.h.
 *
 * Texts of problems say what to do and never quote the value, which may be a secret set under the wrong name. */
#include "config/settings.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/secret.h"

#define CFG_REQUIRED 1
const struct setting settings[] = {
#define CFG(type_, field_, name_, default_, flags_, ...)                                                               \
	{.type = SETTING_##type_,                                                                                          \
	 .offset = offsetof(struct config, field_),                                                                        \
	 .name = (name_),                                                                                                  \
	 .default_text = (default_),                                                                                       \
	 .required = ((flags_)&CFG_REQUIRED) != 0,                                                                         \
	 .meaning = __VA_ARGS__},
#include "config/keys.def"
#undef CFG
};
const size_t settings_count = sizeof(settings) / sizeof(settings[0]);

void *setting_field(struct config *c, const struct setting *s)
{
	return (char *)c + s->offset;
}

const void *setting_value(const struct config *c, const struct setting *s)
{
	return (const char *)c + s->offset;
}

__attribute__((format(printf, 2, 3))) static enum err wrong(struct problem *p, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(p->text, sizeof(p->text), fmt, args);
	va_end(args);
	return ERR_INVALID;
}

static enum err keep(struct str text, char **field)
{
	*field = str_dup(text);
	return *field ? OK : ERR_NOMEM;
}

static enum err parse_url(struct str text, char **field, struct problem *p)
{
	if (text.len > URL_LEN_MAX)
		return wrong(p, "is longer than %d characters", URL_LEN_MAX);
	struct server_url url;
	const char *why = server_url_parse(text, &url);
	if (why)
		return wrong(p, "%s", why);
	return keep((struct str){text.ptr, url.origin.len + url.path.len}, field);
}

/* "*.atlassian.net", "acme.example:8443", "127.0.0.1:8090", "[::1]:8090". */
static enum err parse_host(struct str text, char **field, struct problem *p)
{
	__cleanup_free char *lower = str_dup(text);
	__cleanup_free char *filled = str_dup(text);
	if (!lower || !filled)
		return ERR_NOMEM;
	/* A star that is a whole label is as good as a letter there; every other one stays and is refused. */
	for (size_t i = 0; i < text.len; i++) {
		if (lower[i] >= 'A' && lower[i] <= 'Z')
			lower[i] = (char)(lower[i] | 0x20);
		bool starts = i == 0 || text.ptr[i - 1] == '.';
		bool ends = i + 1 == text.len || text.ptr[i + 1] == '.' || text.ptr[i + 1] == ':';
		if (text.ptr[i] == '*' && starts && ends)
			filled[i] = 'x';
	}
	size_t last = text.len > 0 ? text.len - 1 : 0;
	bool ported = str_find(text, text.len && text.ptr[0] == '[' ? ']' : ':') < last;
	__cleanup_buf struct buf with_port = BUF_INIT(SETTING_TEXT_MAX);
	buf_printf(&with_port, "%s%s", filled, ported ? "" : ":443");
	if (with_port.err != OK)
		return with_port.err;
	struct str host;
	uint16_t port;
	if (!host_port_parse(buf_text(&with_port), &host, &port) || port == 0)
		return wrong(p, "is not a host, `*.domain` or host:port");
	*field = TAKE(lower);
	return OK;
}

static void free_list(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

/* Empty text is an empty list, not a list of one empty piece. */
static struct str list_of(struct str text)
{
	return text.len ? text : (struct str){NULL, 0};
}

static size_t pieces(struct str list)
{
	size_t n = 0;
	struct str piece;
	while (str_split(&list, ',', &piece))
		n++;
	return n;
}

/* Puts the number of the bad entry in front of what is wrong with it. */
static void number_problem(struct problem *p, size_t number)
{
	struct problem inner = *p;
	(void)wrong(p, "entry %zu %.250s", number, inner.text);
}

static enum err parse_list(struct str text, enum err (*parse)(struct str, char **, struct problem *), char ***field,
                           struct problem *p)
{
	struct str rest = list_of(text);
	char **list = calloc(pieces(rest) + 1, sizeof(char *));
	if (!list)
		return ERR_NOMEM;
	struct str piece;
	for (size_t i = 0; str_split(&rest, ',', &piece); i++) {
		enum err err = parse(str_trim(piece), &list[i], p);
		if (err == ERR_INVALID)
			number_problem(p, i + 1);
		if (err != OK) {
			free_list(list);
			return err;
		}
	}
	*field = list;
	return OK;
}

static enum err parse_cidrs(struct str text, struct cidrs *field, struct problem *p)
{
	struct str rest = list_of(text);
	size_t count = pieces(rest);
	__cleanup_free struct cidr *at = calloc(count + 1, sizeof(*at));
	if (!at)
		return ERR_NOMEM;
	struct str piece;
	for (size_t i = 0; str_split(&rest, ',', &piece); i++)
		if (!cidr_parse(str_trim(piece), &at[i]))
			return wrong(p, "entry %zu is not an address or a range such as 10.0.0.0/8 or fd00::/8", i + 1);
	*field = (struct cidrs){TAKE(at), count};
	return OK;
}

static enum err parse_int(const struct setting *s, struct str text, int64_t *field, struct problem *p)
{
	int64_t n;
	if (str_to_int64(text, &n) != OK || n < s->min || n > s->max)
		return wrong(p, "is not a whole number from %lld to %lld", (long long)s->min, (long long)s->max);
	*field = n;
	return OK;
}

static enum err parse_bool(struct str text, bool *field, struct problem *p)
{
	if (!str_eqz(text, "0") && !str_eqz(text, "1"))
		return wrong(p, "is neither 0 nor 1");
	*field = text.ptr[0] == '1';
	return OK;
}

static enum err parse_level(struct str text, int *field, struct problem *p)
{
	static const char *const names[] = {
	    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};
	for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
		if (str_eqz(text, names[i])) {
			*field = i;
			return OK;
		}
	}
	return wrong(p, "is not a level: use error, warn, info or debug");
}

static enum err parse_addr(struct str text, char **field, struct problem *p)
{
	struct str host;
	uint16_t port;
	if (!host_port_parse(text, &host, &port))
		return wrong(p, "is not host:port; for every address use 0.0.0.0:8080 or [::]:8080");
	return keep(text, field);
}

/* Lines of a key: as they are, or joined by the two characters \n, as files of environments hold them. */
static enum err parse_pem(struct str text, char **field, struct problem *p)
{
	__cleanup(buf_wipe) struct buf lines = BUF_INIT(SETTING_TEXT_MAX + 1);
	for (size_t i = 0; i < text.len; i++) {
		const bool escaped = text.ptr[i] == '\\' && i + 1 < text.len && text.ptr[i + 1] == 'n';
		if (escaped)
			buf_char(&lines, '\n');
		else if (text.ptr[i] != '\r')
			buf_char(&lines, text.ptr[i]);
		i += escaped;
	}
	struct str rest = buf_text(&lines), line;
	if (lines.err == ERR_NOMEM)
		return lines.err;
	if (lines.err != OK || !utf8_valid(rest))
		return wrong(p, "is not a key in PEM");
	while (str_split(&rest, '\n', &line))
		if (!str_printable(line))
			return wrong(p, "has a control character");
	rest = buf_text(&lines);
	if (!str_ifind(rest, STR("-----BEGIN ")) || !str_ifind(rest, STR("PRIVATE KEY-----")))
		return wrong(p, "is not a private key in PEM (-----BEGIN … PRIVATE KEY-----)");
	if (!str_ends(rest, STR("\n")))
		buf_char(&lines, '\n');
	return lines.err == OK ? keep(buf_text(&lines), field) : lines.err;
}

enum err setting_parse(const struct setting *s, struct str text, struct config *c, struct problem *ret_problem)
{
	void *field = setting_field(c, s);
	if (text.len > SETTING_TEXT_MAX)
		return wrong(ret_problem, "is longer than %d bytes", SETTING_TEXT_MAX);
	if (s->type == SETTING_PEM)
		return parse_pem(text, field, ret_problem);
	if (!utf8_valid(text) || !str_printable(text))
		return wrong(ret_problem, "has a control character or is not UTF-8");
	switch (s->type) {
	case SETTING_STR:
	case SETTING_SECRET:
		return keep(text, field);
	case SETTING_URL:
		return parse_url(text, field, ret_problem);
	case SETTING_URLS:
		return parse_list(text, parse_url, field, ret_problem);
	case SETTING_HOSTS:
		return parse_list(text, parse_host, field, ret_problem);
	case SETTING_ADDR:
		return parse_addr(text, field, ret_problem);
	case SETTING_INT:
		return parse_int(s, text, field, ret_problem);
	case SETTING_BOOL:
		return parse_bool(text, field, ret_problem);
	case SETTING_CIDRS:
		return parse_cidrs(text, field, ret_problem);
	case SETTING_LEVEL:
		return parse_level(text, field, ret_problem);
	case SETTING_PEM:
		break;
	}
	return ERR_INTERNAL;
}

static void release_text(char **field, bool secret)
{
	if (*field && secret)
		wipe(*field, strlen(*field));
	free(*field);
	*field = NULL;
}

void setting_release(const struct setting *s, struct config *c)
{
	void *field = setting_field(c, s);
	switch (s->type) {
	case SETTING_STR:
	case SETTING_SECRET:
	case SETTING_PEM:
	case SETTING_URL:
	case SETTING_ADDR:
		release_text(field, setting_is_secret(s));
		break;
	case SETTING_URLS:
	case SETTING_HOSTS:
		free_list(*(char ***)field);
		break;
	case SETTING_CIDRS:
		free(((struct cidrs *)field)->at);
		break;
	case SETTING_INT:
	case SETTING_BOOL:
	case SETTING_LEVEL:
		break;
	}
}
