/* framing.c - one request, one reading. See framing.h. Refuses in the order in which a parser meets things, so that
 * the reason in the log is the first thing that is wrong. */
#include "http/framing.h"

#include <string.h>

#include "base/form.h"

enum { LENGTH_DIGITS_MAX = 18 }; /* fits into an int64_t whatever the digits; more are longer than any cap */

static bool is_token_byte(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_token_byte(s.ptr[i]))
			return false;
	return s.len > 0;
}

static bool refuse(const char *why, const char **ret_why)
{
	*ret_why = why;
	return false;
}

bool framing_target_ok(struct str t, const char **ret_why)
{
	if (t.len == 0 || t.ptr[0] != '/')
		return refuse("target_form", ret_why);
	for (size_t i = 0; i < t.len; i++) {
		const char c = t.ptr[i];
		if (c <= ' ' || c > '~') /* a byte over 0x7f is negative or above '~', as char is signed or not */
			return refuse("target_byte", ret_why);
		if (c == '#' || c == '\\')
			return refuse("target_byte", ret_why);
		if (c != '%')
			continue;
		if (t.len - i < 3 || hex_digit(t.ptr[i + 1]) < 0 || hex_digit(t.ptr[i + 2]) < 0)
			return refuse("target_escape", ret_why);
		if (t.ptr[i + 1] == '0' && t.ptr[i + 2] == '0')
			return refuse("target_nul", ret_why);
	}
	return true;
}

static enum framing check_method(struct str m, const char **ret_why)
{
	static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (str_eqz(m, known[i]))
			return FRAMING_OK;
	if (str_eqz(m, "TRACE") || str_eqz(m, "CONNECT")) {
		*ret_why = "method_barred";
		return FRAMING_METHOD_BARRED;
	}
	*ret_why = is_token(m) ? "method_unknown" : "method_token";
	return is_token(m) ? FRAMING_UNKNOWN_METHOD : FRAMING_REFUSED;
}

/* What is counted while the headers are read once. */
struct seen {
	unsigned hosts, lengths, encodings, authorizations;
	struct str length, encoding;
};

static bool value_ok(struct str v)
{
	for (size_t i = 0; i < v.len; i++) {
		const unsigned char c = (unsigned char)v.ptr[i];
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* A Host that could be read as a path, a list or an authority with user information. */
static bool host_ok(struct str v)
{
	for (size_t i = 0; i < v.len; i++)
		if (strchr("/\\?#@, \t", v.ptr[i]))
			return false;
	return true;
}

static bool read_header(const struct framing_header *h, struct seen *s, const char **ret_why)
{
	if (!is_token(h->name))
		return refuse("header_name", ret_why);
	if (!value_ok(h->value))
		return refuse("header_value", ret_why);
	switch (h->name.len) {
	case 4:
		if (str_ieq(h->name, STR("host")) && (s->hosts++, !host_ok(h->value)))
			return refuse("host_value", ret_why);
		break;
	case 13:
		if (str_ieq(h->name, STR("authorization")))
			s->authorizations++;
		break;
	case 14:
		if (str_ieq(h->name, STR("content-length"))) {
			s->lengths++;
			s->length = h->value;
		}
		break;
	case 17:
		if (str_ieq(h->name, STR("transfer-encoding"))) {
			s->encodings++;
			s->encoding = h->value;
		}
		break;
	default:
		break;
	}
	return true;
}

static bool read_length(struct str v, uint64_t *ret)
{
	if (v.len == 0)
		return false;
	uint64_t n = 0;
	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] < '0' || v.ptr[i] > '9')
			return false;
		n = i < LENGTH_DIGITS_MAX ? n * 10 + (uint64_t)(v.ptr[i] - '0') : UINT64_MAX;
	}
	*ret = n;
	return true;
}

static bool check_counts(const struct seen *s, bool is_http_1_0, struct framing_body *body, const char **ret_why)
{
	if (s->hosts > 1)
		return refuse("two_hosts", ret_why);
	if (s->hosts == 0 && !is_http_1_0)
		return refuse("no_host", ret_why);
	if (s->authorizations > 1)
		return refuse("two_authorizations", ret_why);
	if (s->lengths > 1)
		return refuse("two_lengths", ret_why);
	if (s->encodings > 0 && s->lengths > 0)
		return refuse("length_and_encoding", ret_why);
	if (s->encodings > 1)
		return refuse("two_encodings", ret_why);
	if (s->encodings == 1 && (is_http_1_0 || !str_ieq(s->encoding, STR("chunked"))))
		return refuse("encoding", ret_why);
	if (s->lengths == 1 && !read_length(s->length, &body->length))
		return refuse("length", ret_why);
	body->chunked = s->encodings == 1;
	return true;
}

enum framing framing_check(const struct framing_request *r, struct framing_body *ret_body, const char **ret_why)
{
	const struct str v = r->version;
	if (v.len != 8 || !str_starts(v, STR("HTTP/1.")) || v.ptr[7] < '0' || v.ptr[7] > '9') {
		*ret_why = "version";
		return FRAMING_REFUSED;
	}
	const enum framing method = check_method(r->method, ret_why);
	if (method != FRAMING_OK)
		return method;
	if (!framing_target_ok(r->target, ret_why))
		return FRAMING_REFUSED;
	if (r->header_count > FRAMING_HEADERS_MAX) {
		*ret_why = "header_count";
		return FRAMING_REFUSED;
	}
	struct seen seen = {0};
	for (size_t i = 0; i < r->header_count; i++)
		if (!read_header(&r->headers[i], &seen, ret_why))
			return FRAMING_REFUSED;
	struct framing_body body = {0};
	if (!check_counts(&seen, v.ptr[7] == '0', &body, ret_why))
		return FRAMING_REFUSED;
	*ret_body = body;
	return FRAMING_OK;
}
