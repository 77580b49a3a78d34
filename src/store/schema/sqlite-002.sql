-- Users that come and go, what tenants chose, reports on personal data.
-- Every account id that is kept anywhere (seat, feedback, journal) has a row in users, so that the host is asked about it:
-- one that left is marked, and erased when its tenant is or when the host says that the account is closed.
ALTER TABLE users ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;  -- when the host last told of it
ALTER TABLE users ADD COLUMN removed_at INTEGER NOT NULL DEFAULT 0;  -- 0: has access
ALTER TABLE users ADD COLUMN deactivated INTEGER NOT NULL DEFAULT 0; -- the host says that it cannot sign in
CREATE INDEX users_idle ON users (last_seen) WHERE seat_at > 0;

-- What a tenant's administrators chose as the most its users get of a feature.
CREATE TABLE choices (
	client_key TEXT NOT NULL REFERENCES tenants (client_key) ON DELETE CASCADE,
	feature    TEXT NOT NULL,
	value      TEXT NOT NULL,
	at         INTEGER NOT NULL,
	PRIMARY KEY (client_key, feature)
) STRICT, WITHOUT ROWID;

-- Each tenant with users: when its accounts are reported next, and behind which account a round under way goes on.
CREATE TABLE reports (
	client_key    TEXT PRIMARY KEY NOT NULL REFERENCES tenants (client_key) ON DELETE CASCADE,
	next_at       INTEGER NOT NULL,
	after_account TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reports_due ON reports (next_at);

UPDATE users SET updated_at = last_seen;
INSERT INTO users (client_key, account_id, first_seen, last_seen, seat_at, updated_at)
	SELECT client_key, account_id, min(at), max(at), 0, max(at) FROM feedback
	WHERE account_id IS NOT NULL GROUP BY client_key, account_id
	ON CONFLICT DO NOTHING;
INSERT INTO reports (client_key, next_at, after_account) SELECT DISTINCT client_key, 0, '' FROM users;
