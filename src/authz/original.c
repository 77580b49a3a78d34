/* original.c - see original.h. */
#include "authz/original.h"

#include <string.h>

enum { METHOD_MAX = 32 };

/* RFC 9110, 5.6.2: what a method may be made of. */
static bool is_token(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!alnum && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return s.len > 0 && s.len <= METHOD_MAX;
}

/* Leaves path and query of a full URL; text that starts with '/' is that already. */
static bool strip_origin(struct str *url)
{
	if (url->len > 0 && url->ptr[0] == '/')
		return true;
	size_t skip = str_istarts(*url, STR("https://"))  ? strlen("https://")
	              : str_istarts(*url, STR("http://")) ? strlen("http://")
	                                                  : 0;
	if (skip == 0)
		return false;
	while (skip < url->len && url->ptr[skip] != '/' && url->ptr[skip] != '?')
		skip++;
	*url = (struct str){url->ptr + skip, url->len - skip};
	return true;
}

bool original_parse(struct str method, struct str url, struct original *ret)
{
	if (!is_token(method) || !str_printable(url) || !strip_origin(&url))
		return false;
	size_t mark = str_find(url, '?');
	*ret = (struct original){.method = method, .target = url, .query = {0}};
	if (mark < url.len)
		ret->query = (struct str){url.ptr + mark + 1, url.len - mark - 1};
	return true;
}

bool original_join(struct arena *a, struct str method, struct str path, struct str query, struct original *ret)
{
	const size_t len = path.len + (query.ptr ? 1 + query.len : 0);
	char *target = arena_alloc(a, len + 1);
	if (!target)
		return false;
	memcpy(target, path.ptr, path.len);
	if (query.ptr) {
		target[path.len] = '?';
		memcpy(target + path.len + 1, query.ptr, query.len);
	}
	target[len] = '\0';
	return original_parse(method, (struct str){target, len}, ret);
}
