/* descriptor.c - see descriptor.h. Immutable after load, shared by all workers. */
#include "connect/descriptor.h"

#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/secret.h"
#include "connect/connect.h"
#include "connect/descriptor_check.h"

enum { DESCRIPTOR_MAX = 256 * 1024, ETAG_BYTES = 16 };

/* The base URL as it stands inside a JSON string. */
static bool base_url_json(const struct config *config, struct buf *out)
{
	struct jsonw w = jsonw(out);
	jw_z(&w, config->base_url);
	return out->err == OK;
}

/* Replaces {{baseUrl}}; tells of any other placeholder. */
static enum err fill(struct descriptor_check *c, struct str template, struct buf *out)
{
	__cleanup_buf struct buf base = BUF_INIT(4096);
	if (!base_url_json(c->config, &base))
		return base.err;
	const struct str own = STR("{{baseUrl}}");
	size_t done = 0;
	for (const char *at = template.ptr, *end = template.ptr + template.len;
	     (at = memmem(at, (size_t)(end - at), "{{", 2));) {
		struct str rest = {at, (size_t)(end - at)};
		if (!str_starts(rest, own)) {
			size_t shown = str_find(rest, '}') < 40 ? str_find(rest, '}') : 40;
			descriptor_problem(c, NULL, "\"%.*s\" is no placeholder: {{baseUrl}} is the only one", (int)shown,
			                   rest.ptr);
			at += 2;
			continue;
		}
		buf_add(out, template.ptr + done, (size_t)(at - template.ptr) - done);
		buf_add(out, base.data + 1, base.len - 2); /* without the quotes */
		at += own.len;
		done = (size_t)(at - template.ptr);
	}
	buf_add(out, template.ptr + done, template.len - done);
	return out->err;
}

static enum err parse(struct descriptor_check *c, struct str text, json_t **ret)
{
	json_error_t wrong;
	enum err err = json_read_file(text, &wrong, ret);
	if (err == ERR_INVALID)
		descriptor_problem(c, NULL, "line %d: %s", wrong.line, wrong.text);
	return err;
}

static enum err add_admin_path(struct descriptor *d, size_t *count, const json_t *module)
{
	struct str url = {0};
	if (json_get_str(module, "url", &url) != JSON_GOT)
		return OK;
	char **grown = realloc(d->admin_paths, (*count + 2) * sizeof(*grown));
	if (!grown)
		return ERR_NOMEM;
	d->admin_paths = grown;
	grown[*count] = str_dup((struct str){url.ptr, str_find(url, '?')});
	grown[*count + 1] = NULL;
	return grown[(*count)++] ? OK : ERR_NOMEM;
}

static enum err list_admin_paths(struct descriptor *d, const json_t *root)
{
	const json_t *modules = json_object_get(root, "modules");
	const json_t *pages = json_object_get(modules, "adminPages");
	size_t count = 0;
	enum err err = add_admin_path(d, &count, json_object_get(modules, "configurePage"));
	for (size_t i = 0; err == OK && i < json_array_size(pages); i++)
		err = add_admin_path(d, &count, json_array_get(pages, i));
	return err;
}

static void make_etag(struct descriptor *d)
{
	uint8_t digest[32];
	sha256(d->text, d->len, digest);
	d->etag[0] = '"';
	hex_encode(d->etag + 1, digest, ETAG_BYTES);
	memcpy(d->etag + 1 + 2 * (size_t)ETAG_BYTES, "\"", 2);
}

static void release(struct descriptor **d)
{
	descriptor_free(*d);
}

enum err descriptor_load(const char *file, const struct config *config,
                         bool (*serves)(void *arg, const char *method, struct str path), void *serves_arg,
                         problem_fn *tell, void *arg, struct descriptor **ret)
{
	struct descriptor_check check = {
	    .file = file, .config = config, .serves = serves, .serves_arg = serves_arg, .tell = tell, .arg = arg};
	__cleanup_buf struct buf template = BUF_INIT(DESCRIPTOR_MAX);
	__cleanup_buf struct buf text = BUF_INIT(2 * DESCRIPTOR_MAX);
	__cleanup_json json_t *root = NULL;
	enum err err = file_read(file, &template);
	if (err != OK) {
		descriptor_problem(&check, NULL, "cannot be read (%s): set LICGATE_DESCRIPTOR to the descriptor template",
		                   err_text(err));
		return ERR_INVALID;
	}
	if ((err = fill(&check, buf_text(&template), &text)) != OK || (err = parse(&check, buf_text(&text), &root)) != OK)
		return err;
	descriptor_check(&check, root);
	if (check.bad)
		return ERR_INVALID;

	__cleanup(release) struct descriptor *d = calloc(1, sizeof(*d));
	if (!d)
		return ERR_NOMEM;
	d->len = text.len;
	d->text = buf_take(&text);
	d->key = str_dup(str_of(json_string_value(json_object_get(root, "key"))));
	if (!d->text || !d->key || list_admin_paths(d, root) != OK)
		return ERR_NOMEM;
	make_etag(d);
	*ret = TAKE(d);
	return OK;
}

void descriptor_free(struct descriptor *d)
{
	if (!d)
		return;
	for (char **path = d->admin_paths; path && *path; path++)
		free(*path);
	free(d->admin_paths);
	free(d->text);
	free(d->key);
	free(d);
}

bool descriptor_is_admin_path(const struct descriptor *d, struct str path)
{
	for (char **admin = d->admin_paths; admin && *admin; admin++)
		if (str_eqz(path, *admin))
			return true;
	return false;
}

/* If-None-Match is a list, or '*'; a weak tag names the same bytes (RFC 9110, 13.1.2). */
static bool has_it(const struct request *req, const char *etag)
{
	struct str rest = request_header(req, "If-None-Match"), tag = {0};
	while (str_split(&rest, ',', &tag)) {
		tag = str_trim(tag);
		if (str_starts(tag, STR("W/")))
			tag = (struct str){tag.ptr + 2, tag.len - 2};
		if (str_eqz(tag, etag) || str_eqz(tag, "*"))
			return true;
	}
	return false;
}

void descriptor_get(struct request *req, void *connect)
{
	const struct descriptor *d = ((struct connect *)connect)->descriptor;
	const struct header etag = {"ETag", str_of(d->etag)};
	if (has_it(req, d->etag))
		reply(req, 304, NULL, STR(""), &etag, 1);
	else
		reply(req, 200, "application/json", (struct str){d->text, d->len}, &etag, 1);
}
