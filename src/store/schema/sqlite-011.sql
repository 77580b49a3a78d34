-- The same table with its check in other words: for a list of more than two SQLite builds an index whenever it is checked, which
-- is for each row that is put down and each delivery that ends.
CREATE TABLE deliveries_anew (
	id              INTEGER PRIMARY KEY AUTOINCREMENT,
	endpoint        TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
	event_seq       INTEGER NOT NULL,
	event_id        TEXT NOT NULL,
	lane            TEXT NOT NULL,
	status          TEXT NOT NULL CHECK (status = 'pending' OR status = 'delivered' OR status = 'dead'),
	ready           INTEGER NOT NULL,
	attempts        INTEGER NOT NULL,
	created_at      INTEGER NOT NULL,
	next_attempt_at INTEGER NOT NULL,
	lease_until     INTEGER NOT NULL,
	lease_owner     TEXT,
	last_attempt_at INTEGER NOT NULL,
	last_status     INTEGER NOT NULL, -- 0: no answer
	last_error      TEXT,
	duration_ms     INTEGER NOT NULL,
	finished_at     INTEGER NOT NULL,
	UNIQUE (endpoint, event_seq)
) STRICT;
INSERT INTO deliveries_anew SELECT * FROM deliveries;
-- An id that was given is not given again, though its delivery is gone.
DELETE FROM sqlite_sequence WHERE name = 'deliveries_anew';
UPDATE sqlite_sequence SET name = 'deliveries_anew' WHERE name = 'deliveries';
DROP TABLE deliveries;
ALTER TABLE deliveries_anew RENAME TO deliveries;
CREATE INDEX deliveries_due ON deliveries (endpoint, next_attempt_at, event_seq) WHERE status = 'pending' AND ready = 1;
CREATE INDEX deliveries_lane ON deliveries (endpoint, lane, next_attempt_at, event_seq) WHERE status = 'pending';
CREATE INDEX deliveries_leased ON deliveries (endpoint, lane) WHERE lease_until > 0;
CREATE INDEX deliveries_status ON deliveries (status, id);

-- Attempts of a delivery: what an operator asks of one that failed ten times. The one that delivered it is in its own row until it
-- is replayed. Numbered on through replays.
CREATE TABLE delivery_attempts (
	delivery    INTEGER NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
	number      INTEGER NOT NULL,
	at          INTEGER NOT NULL,
	status      INTEGER NOT NULL, -- 0: no answer
	error       TEXT,
	duration_ms INTEGER NOT NULL,
	PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;
-- Of those before, the last one is known.
INSERT INTO delivery_attempts SELECT id, attempts, last_attempt_at, last_status, last_error, duration_ms FROM deliveries
	WHERE attempts > 0 AND status <> 'delivered';

-- Deliveries of one tenant's events.
CREATE INDEX deliveries_event ON deliveries (event_seq);

-- Until when the endpoint asked to be left alone (429): for all servers, and through their restarts.
ALTER TABLE endpoints ADD COLUMN held_until INTEGER NOT NULL DEFAULT 0;

-- Its check in other words, as that of deliveries.
CREATE TABLE contacts_anew (
	license_key  TEXT PRIMARY KEY NOT NULL,
	entitlement  TEXT,  -- NULL: the license_key is it
	tenant       TEXT,
	contacts     BLOB,
	contacts_key TEXT,
	digest       BLOB,  -- keyed hash of all of the above: an unchanged report row is left alone
	erased       TEXT CHECK (erased = 'absent' OR erased = 'erased' OR erased = 'purged'),
	updated_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO contacts_anew SELECT license_key, entitlement, tenant, contacts, contacts_key, digest, erased, updated_at FROM contacts;
DROP TABLE contacts;
ALTER TABLE contacts_anew RENAME TO contacts;
CREATE INDEX contacts_entitlement ON contacts (entitlement) WHERE entitlement IS NOT NULL;
CREATE INDEX contacts_tenant ON contacts (tenant) WHERE tenant IS NOT NULL;
CREATE INDEX contacts_purged ON contacts (license_key) WHERE erased = 'purged'; -- looked through by every poll

-- Which row an element that was passed over is another version of.
ALTER TABLE market_passed ADD COLUMN license_id INTEGER; -- of market_licenses
ALTER TABLE market_passed ADD COLUMN sale_id INTEGER;    -- of market_sales
