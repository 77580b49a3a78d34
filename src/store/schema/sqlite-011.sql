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
