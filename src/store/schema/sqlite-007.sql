-- Segment: events of visitors, and the funnel. Days are counted from 1970-01-01, UTC; ids are the first 64 bits of a SHA-256.
-- No table has an index on time: what is old is looked for slice by slice of the ids, so that an insert costs less.

-- Messages that came, so that none is counted or passed on twice.
CREATE TABLE segment_messages (
	id  INTEGER PRIMARY KEY NOT NULL,
	day INTEGER NOT NULL
) STRICT;

-- Pseudonymous ids, and the number that stands for each in what follows. Without its row here a number says nothing.
CREATE TABLE segment_visitors (
	id      INTEGER PRIMARY KEY NOT NULL,
	visitor INTEGER NOT NULL,
	day     INTEGER NOT NULL
) STRICT;
CREATE TABLE segment_numbers (
	name  TEXT PRIMARY KEY NOT NULL,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO segment_numbers (name, value) VALUES ('visitor', 0);

-- Two numbers of one person.
CREATE TABLE segment_same (
	visitor INTEGER NOT NULL,
	other   INTEGER NOT NULL,
	PRIMARY KEY (visitor, other)
) STRICT, WITHOUT ROWID;

-- Who did what on which day; at is the first time of that day.
CREATE TABLE segment_steps (
	step     INTEGER NOT NULL,
	day      INTEGER NOT NULL,
	visitor  INTEGER NOT NULL,
	plugin   TEXT NOT NULL,
	at       INTEGER NOT NULL,
	campaign TEXT NOT NULL,
	PRIMARY KEY (step, day, visitor, plugin)
) STRICT, WITHOUT ROWID;

-- What is still to be passed on to a Segment source.
CREATE TABLE segment_queue (
	seq  INTEGER PRIMARY KEY AUTOINCREMENT,
	at   INTEGER NOT NULL,
	json TEXT NOT NULL
) STRICT;
