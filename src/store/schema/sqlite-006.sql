-- Contacts and mail.

-- A random key that what is looked for without being kept is hashed with. Sealed, so that whoever has the file alone cannot try
-- addresses; kept through a rekey, which seals it anew, so that what was hashed is found again.
CREATE TABLE hash_keys (
	name       TEXT PRIMARY KEY NOT NULL,
	secret     BLOB NOT NULL,
	secret_key TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who the Marketplace names for a licence: sealed JSON, an object a role. The row outlives what it held, as "erased" says why.
CREATE TABLE contacts (
	license_key  TEXT PRIMARY KEY NOT NULL,
	entitlement  TEXT,  -- NULL: the license_key is it
	tenant       TEXT,
	contacts     BLOB,
	contacts_key TEXT,
	digest       BLOB,  -- keyed hash of all of the above: an unchanged report row is left alone
	erased       TEXT CHECK (erased IN ('absent', 'erased', 'purged')),
	updated_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX contacts_entitlement ON contacts (entitlement) WHERE entitlement IS NOT NULL;
CREATE INDEX contacts_tenant ON contacts (tenant) WHERE tenant IS NOT NULL;

-- Keyed hashes of the addresses in a row of contacts.
CREATE TABLE contact_addresses (
	address     BLOB NOT NULL,
	license_key TEXT NOT NULL,
	PRIMARY KEY (address, license_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_addresses_license ON contact_addresses (license_key);

-- Addresses, as keyed hashes, that get no mail; "forgotten" and "erased" ones are not kept either.
CREATE TABLE suppressions (
	address BLOB PRIMARY KEY NOT NULL,
	reason  TEXT NOT NULL CHECK (reason IN ('unsubscribed', 'erased', 'forgotten')),
	at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Mail: one row a template and event; who gets it is looked up when it is sent.
CREATE TABLE mails (
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	template    TEXT NOT NULL,
	event       TEXT NOT NULL,
	tenant      TEXT,
	entitlement TEXT,
	address     BLOB,             -- keyed hash of who got it or is about to; NULL: not looked up yet
	ends_at     INTEGER NOT NULL, -- of the evaluation, 0: not known
	status      TEXT NOT NULL CHECK (status IN ('queued', 'sent', 'failed', 'dropped')),
	result      TEXT,             -- code of the last attempt, or why it was dropped
	attempts    INTEGER NOT NULL,
	next_at     INTEGER NOT NULL, -- of a queued one; a claim moves it on, so that a crash only delays it
	expires_at  INTEGER NOT NULL, -- then it is dropped
	created_at  INTEGER NOT NULL,
	updated_at  INTEGER NOT NULL,
	UNIQUE (template, event)
) STRICT;
CREATE INDEX mails_due ON mails (next_at) WHERE status = 'queued';
CREATE INDEX mails_status ON mails (status, updated_at);
CREATE INDEX mails_address ON mails (address) WHERE address IS NOT NULL;
CREATE INDEX mails_entitlement ON mails (entitlement) WHERE status = 'queued';

-- How far a reader of the journal has come.
CREATE TABLE followers (
	name TEXT PRIMARY KEY NOT NULL,
	seq  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
