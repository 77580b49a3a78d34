-- Outgoing events: endpoints, and what is to be delivered to each.
-- An endpoint without rows in endpoint_types gets every type (all_types). previous_secret signs along until
-- previous_until. setting: 1 for the endpoint of the settings, whose secret's hash tells whether the setting changed.
CREATE TABLE endpoints (
	id                  TEXT PRIMARY KEY NOT NULL,
	url                 TEXT NOT NULL,
	all_types           INTEGER NOT NULL,
	setting             INTEGER NOT NULL,
	setting_hash        TEXT,
	secret              BLOB NOT NULL,
	secret_key          TEXT NOT NULL,
	previous_secret     BLOB,
	previous_secret_key TEXT,
	previous_until      INTEGER NOT NULL,
	created_at          INTEGER NOT NULL,
	disabled_at         INTEGER NOT NULL, -- 0: in use
	disabled_reason     TEXT,
	disabled_after      INTEGER NOT NULL  -- the newest event's seq when it was disabled: where a replay would start
) STRICT, WITHOUT ROWID;

CREATE TABLE endpoint_types (
	endpoint TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
	type     TEXT NOT NULL,
	PRIMARY KEY (endpoint, type)
) STRICT, WITHOUT ROWID;

-- One row for an endpoint and an event; the body is the event's own text. Within a lane (a tenant, at an endpoint) one
-- is under way at a time. next_attempt_at 0: not tried yet, and of these only the first of each lane is ready, so that a
-- long lane does not stand in the way of the others. lease_until: somebody is delivering it.
CREATE TABLE deliveries (
	id              INTEGER PRIMARY KEY AUTOINCREMENT,
	endpoint        TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
	event_seq       INTEGER NOT NULL,
	event_id        TEXT NOT NULL,
	lane            TEXT NOT NULL,
	status          TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'dead')),
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
CREATE INDEX deliveries_due ON deliveries (endpoint, next_attempt_at, event_seq) WHERE status = 'pending' AND ready = 1;
CREATE INDEX deliveries_lane ON deliveries (endpoint, lane, next_attempt_at, event_seq) WHERE status = 'pending';
CREATE INDEX deliveries_leased ON deliveries (endpoint, lane) WHERE lease_until > 0;
CREATE INDEX deliveries_status ON deliveries (status, id);
