-- How many tenants were in which state at the end of each day, for the operator's charts. A day is that many days after
-- 1970-01-01, UTC.
CREATE TABLE daily_tenants (
	day   INTEGER NOT NULL,
	name  TEXT NOT NULL,
	count INTEGER NOT NULL,
	PRIMARY KEY (day, name)
) STRICT, WITHOUT ROWID;

-- Events of a type day by day, without reading the events themselves.
CREATE INDEX events_type_at ON events (type, at);
