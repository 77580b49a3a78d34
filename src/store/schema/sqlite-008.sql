-- GitHub Marketplace: accounts, what each has bought, who signs in for it. Ids are GitHub's numbers as text.
-- An account stays when its customer is erased, without login, contact and people: its dates keep a late webhook from
-- bringing an old purchase back.
CREATE TABLE github_accounts (
	account_id    TEXT PRIMARY KEY NOT NULL,
	type          TEXT NOT NULL,
	login         TEXT,
	email         BLOB,
	email_key     TEXT,
	status        TEXT NOT NULL CHECK (status IN ('active', 'free', 'expired', 'cancelled')),
	effective_at  INTEGER NOT NULL,
	created_at    INTEGER NOT NULL,
	updated_at    INTEGER NOT NULL,
	checked_at    INTEGER NOT NULL,
	ended_at      INTEGER NOT NULL,
	erase_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX github_accounts_updated ON github_accounts (updated_at, account_id);
CREATE INDEX github_accounts_erase ON github_accounts (erase_at) WHERE erase_at > 0;

-- What is in force ('now') and what is scheduled ('next'). effective_at of 'next' is its day; ends: it is a cancellation.
CREATE TABLE github_terms (
	account_id      TEXT NOT NULL REFERENCES github_accounts (account_id) ON DELETE CASCADE,
	part            TEXT NOT NULL CHECK (part IN ('now', 'next')),
	effective_at    INTEGER NOT NULL,
	plan_id         INTEGER NOT NULL,
	plan_name       TEXT,
	price_model     TEXT NOT NULL,
	unit_name       TEXT,
	units           INTEGER NOT NULL,
	billing_cycle   TEXT,
	monthly_cents   INTEGER NOT NULL,
	yearly_cents    INTEGER NOT NULL,
	on_trial        INTEGER NOT NULL,
	trial_ends_at   INTEGER NOT NULL,
	next_billing_at INTEGER NOT NULL,
	ends            INTEGER NOT NULL,
	PRIMARY KEY (account_id, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX github_terms_next ON github_terms (effective_at) WHERE part = 'next';
CREATE INDEX github_terms_trial ON github_terms (trial_ends_at) WHERE part = 'now' AND on_trial = 1;

-- Webhook deliveries and OAuth states that were used: neither counts twice.
CREATE TABLE github_used (
	id TEXT PRIMARY KEY NOT NULL,
	at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX github_used_at ON github_used (at);

CREATE TABLE github_plans (
	plan_id       INTEGER PRIMARY KEY NOT NULL,
	number        INTEGER NOT NULL,
	name          TEXT,
	price_model   TEXT NOT NULL,
	monthly_cents INTEGER NOT NULL,
	yearly_cents  INTEGER NOT NULL,
	published     INTEGER NOT NULL
) STRICT;

-- People who signed in. The token is kept for one thing: to be revoked.
CREATE TABLE github_users (
	user_id      TEXT PRIMARY KEY NOT NULL,
	login        TEXT NOT NULL,
	token        BLOB,
	token_key    TEXT,
	signed_in_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who may use an account's purchase: its owners, as GitHub lists them, and the members an owner picked by login. A
-- member has no user_id until the first sign-in.
CREATE TABLE github_people (
	account_id TEXT NOT NULL REFERENCES github_accounts (account_id) ON DELETE CASCADE,
	login      TEXT NOT NULL,
	user_id    TEXT,
	role       TEXT NOT NULL CHECK (role IN ('owner', 'member')),
	added_at   INTEGER NOT NULL,
	PRIMARY KEY (account_id, login)
) STRICT, WITHOUT ROWID;
CREATE INDEX github_people_user ON github_people (user_id);
CREATE INDEX github_people_login ON github_people (login);

-- Sessions by the hash of what the cookie holds.
CREATE TABLE github_sessions (
	hash       TEXT PRIMARY KEY NOT NULL,
	user_id    TEXT NOT NULL REFERENCES github_users (user_id) ON DELETE CASCADE,
	created_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX github_sessions_user ON github_sessions (user_id, created_at);
CREATE INDEX github_sessions_expires ON github_sessions (expires_at);

-- Tokens to be revoked, until GitHub says they are.
CREATE TABLE github_revocations (
	id        TEXT PRIMARY KEY NOT NULL,
	token     BLOB,
	token_key TEXT,
	attempts  INTEGER NOT NULL,
	next_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX github_revocations_next ON github_revocations (next_at);

-- Where the last reconcile found GitHub and this server apart: how each was healed.
CREATE TABLE github_drift (
	id         TEXT PRIMARY KEY NOT NULL,
	account_id TEXT NOT NULL,
	what       TEXT NOT NULL,
	ours       TEXT,
	theirs     TEXT,
	at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX github_drift_at ON github_drift (at);
