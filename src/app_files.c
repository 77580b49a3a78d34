/* app_files.c - features file, static folder and descriptor, loaded and checked against each other; TLS files, mail
 * templates.
 *
 * The descriptor may only name URLs that this server answers, and the features file only pages that exist: a vendor
 * learns it from `licgate check`, not from a customer. */
#include "app.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "connect/descriptor.h"
#include "http/client_mail.h"

enum { FEATURES_MAX_BYTES = 256 * 1024, PEM_MAX_BYTES = 64 * 1024 };

void print_problem(void *arg, const struct problem *p)
{
	(void)arg;
	fprintf(stderr, "licgate: %s: %s\n", p->place, p->text);
}

/* Does the public listener answer this method and path? A page must be there, not only its route. */
/* arg: the pages; NULL: they could not be read, and nobody is blamed for it twice. */
static bool serves(void *arg, const char *method, struct str path)
{
	const struct static_files *pages = arg;
	const struct route *route = NULL;
	struct route_params params;
	unsigned allow = 0;
	path.len = str_find(path, '?');
	if (route_find(&public_routes, method_of(str_of(method)), path, &route, &params, &allow) != ROUTE_FOUND)
		return false;
	return route->handler != page_get || !pages || static_files_page(pages, STR("app"), params.part[0]).ptr;
}

static enum err load_features(const char *file, problem_fn *tell, void *arg, struct features **ret)
{
	__cleanup(buf_wipe) struct buf text = BUF_INIT(FEATURES_MAX_BYTES);
	enum err err = file_read(file, &text);
	if (err != OK) {
		struct problem p;
		snprintf(p.place, sizeof p.place, "%s", file);
		snprintf(p.text, sizeof p.text, "cannot be read (%s): set LICGATE_FEATURES to the features file",
		         err_text(err));
		tell(arg, &p);
		return ERR_INVALID;
	}
	return features_parse(buf_text(&text), file, tell, arg, ret);
}

static enum err check_pages(const struct config *config, const struct app_files *files, problem_fn *tell, void *arg)
{
	const char *path;
	const struct feature *feature;
	enum err err = OK;
	for (size_t i = 0; features_page_at(files->features, i, &path, &feature); i++) {
		if (serves(files->pages, "GET", str_of(path)))
			continue;
		struct problem p;
		snprintf(p.place, sizeof p.place, "%s: pages", config->features);
		snprintf(p.text, sizeof p.text, "\"%.120s\" is no page of %.120s: add app/NAME.html there or drop the rule",
		         path, config->static_dir);
		tell(arg, &p);
		err = ERR_INVALID;
	}
	return err;
}

/* Whether the pieces fit together is for the TLS library to say, when the server starts. */
static enum err load_pem(const char *name, const char *file, const char *label, problem_fn *tell, void *arg,
                         struct buf *ret)
{
	if (!file)
		return OK;
	buf_init(ret, PEM_MAX_BYTES);
	const enum err err = file_read(file, ret);
	if (err == ERR_NOMEM)
		return err;
	if (err == OK && str_ifind(buf_text(ret), str_of(label)))
		return OK;
	struct problem p;
	snprintf(p.place, sizeof p.place, "%s", name);
	if (err != OK)
		snprintf(p.text, sizeof p.text, "names a file that cannot be read: %s", err_text(err));
	else
		snprintf(p.text, sizeof p.text, "names a file without a PEM block %s", label);
	tell(arg, &p);
	return ERR_INVALID;
}

static enum err load_tls(const struct config *config, problem_fn *tell, void *arg, struct app_files *files)
{
	const enum err cert_err =
	    load_pem("LICGATE_TLS_CERT", config->tls_cert, "-----BEGIN CERTIFICATE-----", tell, arg, &files->tls_cert);
	const enum err key_err =
	    load_pem("LICGATE_TLS_KEY", config->tls_key, "PRIVATE KEY-----", tell, arg, &files->tls_key);
	return cert_err != OK ? cert_err : key_err;
}

/* Like the templates, whether or not a mail is on. */
static enum err check_mail_server(const struct config *config, problem_fn *tell, void *arg)
{
	const enum err err = config->smtp_url ? mail_url_check(config->smtp_url) : OK;
	if (err == ERR_INVALID) {
		const struct problem p = {.place = "LICGATE_SMTP_URL",
		                          .text = "cannot be read: write smtp://USER:PASSWORD@HOST:PORT, and in user and "
		                                  "password %40 for @, %3A for :, %2F for /, %25 for %"};
		tell(arg, &p);
	}
	return err;
}

enum err app_files_load(const struct config *config, problem_fn *tell, void *arg, struct app_files *ret)
{
	__cleanup(app_files_release) struct app_files files = {0};
	struct problem p;

	enum err features_err = load_features(config->features, tell, arg, &files.features);
	enum err pages_err = static_files_load(config->static_dir, config->base_path, &p, &files.pages);
	if (pages_err != OK)
		tell(arg, &p);
	if (pages_err == OK && features_err == OK)
		features_err = check_pages(config, &files, tell, arg);
	/* Without pages what else is wrong with the descriptor is told all the same. */
	enum err descriptor_err =
	    descriptor_load(config->descriptor, config, serves, files.pages, tell, arg, &files.descriptor);

	const enum err tls_err = load_tls(config, tell, arg, &files);
	const enum err mail_err = mail_templates_load(config, tell, arg, &files.mail);
	const enum err server_err = check_mail_server(config, tell, arg);
	const enum err listings_err = listings_load(config, tell, arg, &files.listings);
	const enum err errs[] = {features_err, pages_err, descriptor_err, tls_err, mail_err, server_err, listings_err};
	for (size_t i = 0; i < sizeof errs / sizeof errs[0]; i++)
		if (errs[i] != OK)
			return errs[i];
	*ret = files;
	files = (struct app_files){0};
	return OK;
}

void app_files_release(struct app_files *files)
{
	descriptor_free(files->descriptor);
	static_files_free(files->pages);
	features_free(files->features);
	listings_free(files->listings);
	buf_wipe(&files->tls_cert);
	buf_wipe(&files->tls_key);
	mail_templates_release(&files->mail);
	*files = (struct app_files){0};
}
