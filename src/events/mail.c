/* mail.c - see mail.h.
 *
 * The thread may block, on the store and on the SMTP server: nobody waits for it. It looks for work every two seconds
 * with a read, so that an idle queue costs no write. */
#include "events/mail.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/metrics.h"
#include "events/mail_message.h"

enum {
	LOOK_EVERY_MS = 2000,
	PRUNE_EVERY_MS = 3600 * 1000,
	WORK_ARENA_MAX = 4 << 20,
	MAIL_MAX = 512 * 1024,
	NAME_MAX_BYTES = 80
};
static const int64_t KEEP_MS = 90 * 86400000LL;

struct mailer {
	struct mailer_options o;
	struct mail_rules rules;
	struct mailbox from;
	char *app_name;
	struct mail_client *client;

	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping; /* under the lock */
	bool running;  /* the thread */

	/* Of the thread alone. */
	struct arena arena;
	struct mail_claim claim;
	struct mail_answer answer;
	int64_t pruned_mono_ms; /* 0: not yet */
	bool work;
	bool unrecorded; /* the answer to the claim: it goes into the store before anything else is done */
	bool trouble;    /* the store's, told once */
};

static struct metric *counted(const char *result)
{
	char labels[64];
	snprintf(labels, sizeof(labels), "result=\"%s\"", result);
	return metric_counter("licgate_mail_total", "Mails by what came of an attempt.", labels);
}

/* ---- one step, inside the store ---- */

static enum err look(struct store_tx *tx, void *arg)
{
	struct mailer *m = arg;
	return mail_has_work(tx, clock_wall_ms(m->o.clock), &m->work);
}

static enum err prepare(struct store_tx *tx, void *arg)
{
	struct mailer *m = arg;
	const int64_t now = clock_wall_ms(m->o.clock);
	arena_release(&m->arena);
	arena_init(&m->arena, WORK_ARENA_MAX);
	m->claim = (struct mail_claim){0};
	enum err err = mail_follow(tx, &m->rules, now);
	return err == OK ? mail_claim_next(tx, &m->rules, now, &m->arena, &m->claim) : err;
}

static enum err record(struct store_tx *tx, void *arg)
{
	struct mailer *m = arg;
	return mail_settle(tx, &m->claim, &m->answer, clock_wall_ms(m->o.clock));
}

static enum err prune(struct store_tx *tx, void *arg)
{
	const struct mailer *m = arg;
	return store_mail_prune(tx, clock_wall_ms(m->o.clock) - KEEP_MS);
}

/* ---- the mail ---- */

static void day_text(int64_t ms, char ret[static TIME_TEXT_SIZE])
{
	ret[0] = '\0';
	if (ms <= 0)
		return;
	time_text(ms, ret);
	ret[10] = '\0'; /* the day alone */
}

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* What programs that show mails make a link of: "evil.example", not "J.R. Doe". */
static bool could_be_link(struct str n)
{
	for (size_t i = 1; i + 2 < n.len; i++)
		if (n.ptr[i] == '.' && n.ptr[i - 1] != ' ' && letter(n.ptr[i + 1]) && letter(n.ptr[i + 2]))
			return true;
	return str_find(n, '/') < n.len || str_find(n, '@') < n.len;
}

/* Whoever starts an evaluation writes the name, and may give another's address: what is longer than a name, or could be
 * a link or lines of its own, is not repeated. */
static struct str polite_name(const struct mail_contact *c)
{
	const struct str n = c->name;
	const bool ok = n.len > 0 && n.len <= NAME_MAX_BYTES && str_printable(n) && utf8_valid(n) && !could_be_link(n);
	return ok ? n : STR("");
}

/* Message-ID: the event and the template, which no two mails share. */
static enum err compose(struct mailer *m, struct buf *out)
{
	const struct mail_claim *c = &m->claim;
	const struct mail_template *t = &m->o.templates->kinds[c->kind];
	char ends_on[TIME_TEXT_SIZE], days_left[24] = "";
	__cleanup_buf struct buf subject = BUF_INIT(4096);
	__cleanup_buf struct buf body = BUF_INIT(MAIL_MAX / 4);
	const int64_t now = clock_wall_ms(m->o.clock);
	const char *id = arena_printf(&m->arena, "%s.%s", c->event, mail_kind_name(c->kind));
	const char *url = arena_printf(&m->arena, "%s/mail/unsubscribe/%s", m->o.config->base_url, c->token);
	if (!id || !url)
		return ERR_NOMEM;
	const struct str name = polite_name(&c->contact);
	day_text(c->ends_at, ends_on);
	if (c->ends_at > now)
		snprintf(days_left, sizeof(days_left), "%lld", (long long)((c->ends_at - now + 86399999) / 86400000));
	const struct mail_values values = {
	    .name = name.len ? name : c->contact.email,
	    .app = str_of(m->app_name),
	    .site = str_of(c->site),
	    .entitlement = str_of(c->entitlement),
	    .ends_on = str_of(ends_on),
	    .days_left = str_of(days_left),
	    .base_url = str_of(m->o.config->base_url),
	    .unsubscribe_url = str_of(url),
	};
	enum err err = mail_fill(t->subject, &values, &subject);
	if (err == OK)
		err = mail_fill(t->body, &values, &body);
	if (err != OK)
		return err;
	const struct mail_message message = {.from = m->from,
	                                     .to = {name, c->contact.email},
	                                     .subject = buf_text(&subject),
	                                     .body = buf_text(&body),
	                                     .id = str_of(id),
	                                     .unsubscribe_url = str_of(url),
	                                     .date_ms = now};
	mail_message_write(out, &message);
	return out->err;
}

static struct mail_answer hand_over(struct mailer *m, struct str text)
{
	const char *from = arena_strz(&m->arena, m->from.address), *to = arena_strz(&m->arena, m->claim.contact.email);
	if (!from || !to)
		return (struct mail_answer){MAIL_LATER, "out_of_memory", 0};
	if (m->o.send)
		return m->o.send(m->o.send_arg, from, to, text);
	return mail_client_send(m->client, from, to, text);
}

static void send_one(struct mailer *m)
{
	__cleanup(buf_wipe) struct buf text = BUF_INIT(MAIL_MAX);
	enum err err = compose(m, &text);
	if (err == ERR_NOMEM)
		m->answer = (struct mail_answer){MAIL_LATER, "out_of_memory", 0};
	else if (err != OK)
		m->answer = (struct mail_answer){MAIL_REJECTED, err == ERR_NOT_FOUND ? "value_unknown" : "too_large", 0};
	else
		m->answer = hand_over(m, buf_text(&text));
	metric_inc(counted(m->answer.what));
	log_event(m->answer.outcome == MAIL_SENT ? LOG_INFO : LOG_WARN, "mail.attempt", LF_INT("mail", m->claim.id),
	          LF_Z("template", mail_kind_name(m->claim.kind)), LF_Z("result", m->answer.what),
	          LF_INT("code", m->answer.code), LF_INT("attempt", m->claim.attempts));
}

static bool store_said(struct mailer *m, enum err err)
{
	if (err != OK && err != ERR_STOPPING && !m->trouble)
		log_event(LOG_WARN, "mail.store_failed", LF_Z("error", err_name(err)));
	m->trouble = err != OK;
	return err == OK;
}

static void prune_sometimes(struct mailer *m)
{
	const int64_t now = clock_mono_ms(m->o.clock);
	if (m->pruned_mono_ms != 0 && now - m->pruned_mono_ms < PRUNE_EVERY_MS)
		return;
	if (store_said(m, store_write(m->o.store, prune, m)))
		m->pruned_mono_ms = now > 0 ? now : 1;
}

/* Until this succeeds nothing else is sent: what was sent and is not on record is sent again when its claim ends. */
static bool settle(struct mailer *m)
{
	m->unrecorded = !store_said(m, store_write(m->o.store, record, m));
	return !m->unrecorded;
}

bool mailer_step(struct mailer *m)
{
	m->work = false;
	if (m->unrecorded)
		return settle(m);
	prune_sometimes(m);
	if (!store_said(m, store_read(m->o.store, look, m)) || !m->work)
		return false;
	if (!store_said(m, store_write(m->o.store, prepare, m)) || m->claim.id == 0)
		return false;
	send_one(m);
	return settle(m);
}

/* ---- the thread ---- */

static bool wait_a_moment(struct mailer *m)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LOOK_EVERY_MS / 1000;
	pthread_mutex_lock(&m->lock);
	if (!m->stopping)
		(void)pthread_cond_timedwait(&m->wake, &m->lock, &until);
	const bool go_on = !m->stopping;
	pthread_mutex_unlock(&m->lock);
	return go_on;
}

static bool goes_on(struct mailer *m)
{
	pthread_mutex_lock(&m->lock);
	const bool go_on = !m->stopping;
	pthread_mutex_unlock(&m->lock);
	return go_on;
}

static void *mailer_thread(void *arg)
{
	struct mailer *m = arg;
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL); /* signals are main's */
	while (goes_on(m))
		if (!mailer_step(m) && !wait_a_moment(m))
			break;
	return NULL;
}

static void release(struct mailer *m)
{
	arena_release(&m->arena);
	mail_client_free(m->client);
	pthread_cond_destroy(&m->wake);
	pthread_mutex_destroy(&m->lock);
	free(m->app_name);
	free(m);
}

static void cleanup_mailer(struct mailer **m)
{
	if (*m)
		release(*m);
}

static struct mailer *mailer_new(const struct mailer_options *o)
{
	struct mailer *m = calloc(1, sizeof(*m));
	pthread_condattr_t attr;
	if (!m)
		return NULL;
	m->o = *o;
	m->rules = mail_rules_of(o->config, o->keyring, o->find);
	arena_init(&m->arena, WORK_ARENA_MAX);
	pthread_mutex_init(&m->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&m->wake, &attr);
	pthread_condattr_destroy(&attr);
	return m;
}

static enum err set_up(struct mailer *m)
{
	const struct config *c = m->o.config;
	const struct mail_client_options co = {.url = c->smtp_url,
	                                       .allow_insecure = c->allow_insecure_hosts,
	                                       .timeout_ms = c->upstream_timeout_s * 1000,
	                                       .clock = m->o.clock};
	m->app_name = str_dup(str_of(m->o.app_name));
	if (!m->app_name)
		return ERR_NOMEM;
	if (!mailbox_parse(str_of(c->mail_from), &m->from))
		return ERR_INVALID; /* config_check has said so */
	return m->o.send ? OK : mail_client_new(&co, &m->client);
}

enum err mailer_start(const struct mailer_options *o, struct mailer **ret)
{
	bool any = false;
	for (int k = 0; k < MAIL_KINDS; k++)
		any = any || mail_kind_on(o->config, (enum mail_kind)k);
	if (!any) {
		*ret = NULL;
		return OK;
	}
	__cleanup(cleanup_mailer) struct mailer *m = mailer_new(o);
	if (!m)
		return ERR_NOMEM;
	const enum err err = set_up(m);
	if (err != OK)
		return err;
	if (o->threaded && pthread_create(&m->thread, NULL, mailer_thread, m) != 0)
		return ERR_NOMEM;
	m->running = o->threaded;
	*ret = TAKE(m);
	return OK;
}

void mailer_stop(struct mailer *m)
{
	if (!m)
		return;
	pthread_mutex_lock(&m->lock);
	m->stopping = true;
	pthread_cond_signal(&m->wake);
	pthread_mutex_unlock(&m->lock);
	if (m->client)
		mail_client_stop(m->client);
	if (m->running)
		pthread_join(m->thread, NULL);
	release(m);
}
