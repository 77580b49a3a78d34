-- The first schema. Times are wall-clock milliseconds, 0 = none; text NULL = none; flags are 0 or 1.
-- A sealed column has a companion <column>_key with the id of the key that sealed it, for rekey.
-- What a tenant owns goes with it (ON DELETE CASCADE); its events stay.
PRAGMA application_id = 1279477588;

CREATE TABLE tenants (
	client_key         TEXT PRIMARY KEY NOT NULL,
	status             TEXT NOT NULL CHECK (status IN ('installed', 'enabled', 'disabled', 'uninstalled')),
	product_type       TEXT,
	base_url           TEXT,
	display_url        TEXT,
	description        TEXT,
	shared_secret      BLOB,
	shared_secret_key  TEXT,
	oauth_client_id    TEXT,
	sen                TEXT,
	entitlement_id     TEXT,
	entitlement_number TEXT,
	capability_set     TEXT,
	installation_id    TEXT,
	imported_from      TEXT,
	first_installed_at INTEGER NOT NULL,
	installed_at       INTEGER NOT NULL,
	updated_at         INTEGER NOT NULL,
	uninstalled_at     INTEGER NOT NULL,
	last_seen_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tenants_base_url ON tenants (base_url, installed_at);
CREATE INDEX tenants_uninstalled ON tenants (uninstalled_at) WHERE status = 'uninstalled';

-- Apart, because it is longer than all the rest and seldom asked for: the walk over all tenants at start skips it.
CREATE TABLE install_bodies (
	client_key TEXT PRIMARY KEY NOT NULL REFERENCES tenants (client_key) ON DELETE CASCADE,
	json       TEXT NOT NULL
) STRICT;

CREATE TABLE aliases (
	client_key TEXT NOT NULL REFERENCES tenants (client_key) ON DELETE CASCADE,
	kind       TEXT NOT NULL,
	value      TEXT NOT NULL,
	first_seen INTEGER NOT NULL,
	last_seen  INTEGER NOT NULL,
	PRIMARY KEY (client_key, kind, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE licenses (
	client_key         TEXT PRIMARY KEY NOT NULL REFERENCES tenants (client_key) ON DELETE CASCADE,
	state              TEXT,
	reason             TEXT,
	source             TEXT,
	since              INTEGER NOT NULL,
	fetched_at         INTEGER NOT NULL,
	valid              INTEGER NOT NULL,
	evaluation         INTEGER NOT NULL,
	cancelled          INTEGER NOT NULL,
	resource           INTEGER NOT NULL,
	type               TEXT,
	organisation       TEXT,
	sen                TEXT,
	entitlement_id     TEXT,
	entitlement_number TEXT,
	edition            TEXT,
	contact            BLOB,
	contact_key        TEXT,
	users_max          INTEGER NOT NULL,
	expires_at         INTEGER NOT NULL,
	failed_at          INTEGER NOT NULL,
	failure            TEXT,
	licensed_before    INTEGER NOT NULL,
	expired_seen_at    INTEGER NOT NULL,
	secret_proved_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE overrides (
	client_key TEXT PRIMARY KEY NOT NULL REFERENCES tenants (client_key) ON DELETE CASCADE,
	state      TEXT NOT NULL,
	reason     TEXT NOT NULL,
	set_by     TEXT NOT NULL,
	until_at   INTEGER NOT NULL,
	created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: a seq is never given twice, so a reader's "after" stays true.
CREATE TABLE events (
	seq    INTEGER PRIMARY KEY AUTOINCREMENT,
	id     TEXT NOT NULL UNIQUE,
	type   TEXT NOT NULL,
	tenant TEXT,
	at     INTEGER NOT NULL,
	json   TEXT NOT NULL
) STRICT;
CREATE INDEX events_type ON events (type, seq);
CREATE INDEX events_tenant ON events (tenant, seq);

CREATE TABLE install_keys (
	kid        TEXT PRIMARY KEY NOT NULL,
	pem        TEXT NOT NULL,
	fetched_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE webhooks_seen (
	client_key TEXT NOT NULL REFERENCES tenants (client_key) ON DELETE CASCADE,
	identifier TEXT NOT NULL,
	at         INTEGER NOT NULL,
	PRIMARY KEY (client_key, identifier)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_seen_at ON webhooks_seen (at);

CREATE TABLE users (
	client_key TEXT NOT NULL REFERENCES tenants (client_key) ON DELETE CASCADE,
	account_id TEXT NOT NULL,
	first_seen INTEGER NOT NULL,
	last_seen  INTEGER NOT NULL,
	seat_at    INTEGER NOT NULL,
	PRIMARY KEY (client_key, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX users_seats ON users (client_key, account_id) WHERE seat_at > 0;

CREATE TABLE feedback (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	client_key TEXT NOT NULL REFERENCES tenants (client_key) ON DELETE CASCADE,
	account_id TEXT,
	message    TEXT NOT NULL,
	at         INTEGER NOT NULL
) STRICT;
CREATE INDEX feedback_tenant ON feedback (client_key);

-- Written by the health probe: an empty transaction would not touch the disk and so prove nothing.
CREATE TABLE probes (
	name TEXT PRIMARY KEY NOT NULL,
	at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
