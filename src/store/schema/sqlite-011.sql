-- Each attempt of a delivery: what an operator asks of one that failed ten times. Numbered on through replays.
CREATE TABLE delivery_attempts (
	delivery    INTEGER NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
	number      INTEGER NOT NULL,
	at          INTEGER NOT NULL,
	status      INTEGER NOT NULL, -- 0: no answer
	error       TEXT,
	duration_ms INTEGER NOT NULL,
	PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;

-- Deliveries of one tenant's events.
CREATE INDEX deliveries_event ON deliveries (event_seq);

-- Until when the endpoint asked to be left alone (429): for all servers, and through their restarts.
ALTER TABLE endpoints ADD COLUMN held_until INTEGER NOT NULL DEFAULT 0;

-- The same table with its check in other words: for a list of more than two SQLite builds an index for each row that is put.
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

-- Which row an element that was passed over is another version of.
ALTER TABLE market_passed ADD COLUMN license_id INTEGER; -- of market_licenses
ALTER TABLE market_passed ADD COLUMN sale_id INTEGER;    -- of market_sales
