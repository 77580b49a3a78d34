/* jsonw.c - writes JSON. See jsonw.h.
 *
 * One flag is enough for the commas: a value sets it, an opening bracket and a key clear it. */
#include "base/jsonw.h"

#include "base/clock.h"

struct jsonw jsonw(struct buf *out)
{
	return (struct jsonw){.out = out};
}

static void before_value(struct jsonw *w)
{
	if (w->comma)
		buf_char(w->out, ',');
	w->comma = true;
}

static void opening(struct jsonw *w, char bracket)
{
	before_value(w);
	buf_char(w->out, bracket);
	w->comma = false;
}

static void closing(struct jsonw *w, char bracket)
{
	buf_char(w->out, bracket);
	w->comma = true;
}

void jw_obj(struct jsonw *w)
{
	opening(w, '{');
}

void jw_end_obj(struct jsonw *w)
{
	closing(w, '}');
}

void jw_arr(struct jsonw *w)
{
	opening(w, '[');
}

void jw_end_arr(struct jsonw *w)
{
	closing(w, ']');
}

void jw_key(struct jsonw *w, const char *key)
{
	before_value(w);
	buf_char(w->out, '"');
	buf_z(w->out, key);
	buf_str(w->out, STR("\":"));
	w->comma = false;
}

/* Control characters, DEL and U+0080..U+009F (which terminals obey) are escaped, as are quote and backslash. */
static void escape(struct buf *out, unsigned c)
{
	static const char digits[] = "0123456789abcdef";
	static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
	if (c == '"' || c == '\\') {
		buf_add(out, (char[]){'\\', (char)c}, 2);
	} else if (c < sizeof(letters) && letters[c]) {
		buf_add(out, (char[]){'\\', letters[c]}, 2);
	} else {
		buf_add(out, (char[]){'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]}, 6);
	}
}

static bool plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void jw_str(struct jsonw *w, struct str s)
{
	before_value(w);
	buf_char(w->out, '"');
	for (size_t i = 0; i < s.len;) {
		size_t run = i;
		while (run < s.len && plain((unsigned char)s.ptr[run]))
			run++;
		buf_add(w->out, s.ptr + i, run - i);
		i = run;
		if (i == s.len)
			break;
		const unsigned char *at = (const unsigned char *)s.ptr + i;
		size_t n = utf8_sequence((struct str){s.ptr + i, s.len - i});
		if (n == 1)
			escape(w->out, at[0]);
		else if (n == 2 && at[0] == 0xc2 && at[1] < 0xa0)
			escape(w->out, at[1]);
		else if (n)
			buf_add(w->out, at, n);
		else
			buf_str(w->out, STR("\xef\xbf\xbd"));
		i += n ? n : 1;
	}
	buf_char(w->out, '"');
}

void jw_z(struct jsonw *w, const char *z)
{
	if (z)
		jw_str(w, str_of(z));
	else
		jw_null(w);
}

void jw_int(struct jsonw *w, int64_t n)
{
	before_value(w);
	buf_int(w->out, n);
}

void jw_bool(struct jsonw *w, bool b)
{
	jw_raw(w, b ? STR("true") : STR("false"));
}

void jw_null(struct jsonw *w)
{
	jw_raw(w, STR("null"));
}

void jw_time(struct jsonw *w, int64_t wall_ms)
{
	if (wall_ms == 0) {
		jw_null(w);
		return;
	}
	char text[TIME_TEXT_SIZE];
	time_text(wall_ms, text);
	jw_z(w, text);
}

void jw_raw(struct jsonw *w, struct str json)
{
	before_value(w);
	buf_str(w->out, json);
}

void jw_kstr(struct jsonw *w, const char *key, struct str s)
{
	jw_key(w, key);
	jw_str(w, s);
}

void jw_kz(struct jsonw *w, const char *key, const char *z)
{
	jw_key(w, key);
	jw_z(w, z);
}

void jw_kint(struct jsonw *w, const char *key, int64_t n)
{
	jw_key(w, key);
	jw_int(w, n);
}

void jw_kbool(struct jsonw *w, const char *key, bool b)
{
	jw_key(w, key);
	jw_bool(w, b);
}

void jw_ktime(struct jsonw *w, const char *key, int64_t wall_ms)
{
	jw_key(w, key);
	jw_time(w, wall_ms);
}
