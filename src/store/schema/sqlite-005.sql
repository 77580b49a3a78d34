-- The Marketplace's reports: licences and transactions as last seen, every earlier version as a diff, where a poll stands.
-- Days are text as the report has them (YYYY-MM-DD); times are wall-clock milliseconds, 0 = none. No contact is in any of
-- these tables: `content` is the row without its contactDetails and partnerDetails' people. Rows of all the vendor's apps
-- are here: app_key tells them apart.
--
-- A row that a poll brought or changed is `news` until its events are derived (in the order of news_seq, which no two rows
-- share), so that a poll that was cut short goes on where it stood and nothing is told twice. What the first poll of a kind
-- brings is no news, and neither is what only moved lastUpdated, or the tier of a sandbox, or a row without any id.

-- row_key: appEntitlementNumber, else licenseId, else addonLicenseId, else "unknown:" and a hash; a row that later gets a
-- better one is renamed everywhere.
CREATE TABLE market_licenses (
	id                 INTEGER PRIMARY KEY,
	row_key            TEXT NOT NULL UNIQUE,
	app_key            TEXT,
	hosting            TEXT,            -- lower case: cloud server datacenter …
	edition            TEXT,
	tier               TEXT,
	status             TEXT,            -- lower case: active inactive cancelled, or what else the report says
	license_type       TEXT,            -- upper case: COMMERCIAL EVALUATION …
	maintenance_start  TEXT,
	maintenance_end    TEXT,
	evaluation_start   TEXT,            -- latestEvaluationStartDate, else evaluationStartDate
	evaluation_end     TEXT,
	billing_period     TEXT,
	sandbox            INTEGER NOT NULL, -- installedOnSandbox is Yes
	in_grace           INTEGER NOT NULL,
	last_updated       TEXT,
	campaign           TEXT,
	content            TEXT NOT NULL,
	content_hash       BLOB NOT NULL,    -- SHA-256 of content
	raw_hash           BLOB NOT NULL DEFAULT x'',    -- keyed hash of the row as it came: what a poll looks for first
	first_seen         INTEGER NOT NULL,
	changed_at         INTEGER NOT NULL,
	seen_run           INTEGER NOT NULL, -- the last poll that brought or changed it
	news_seq           INTEGER NOT NULL, -- 0: its events are derived
	news_previous      TEXT              -- content at the last derivation; NULL: none, it is new
) STRICT;
CREATE INDEX market_licenses_news ON market_licenses (news_seq) WHERE news_seq > 0;
CREATE INDEX market_licenses_raw ON market_licenses (id, raw_hash); -- all of them are read at once, without the rows

CREATE TABLE market_sales (
	id                 INTEGER PRIMARY KEY,
	transaction_id     TEXT NOT NULL,
	line_id            TEXT NOT NULL,
	license_key        TEXT NOT NULL,    -- entitlement number, else licenseId, else addonLicenseId, else ''; renamed with its licence
	app_key            TEXT,
	hosting            TEXT,
	tier               TEXT,
	old_tier           TEXT,
	edition            TEXT,
	sale_type          TEXT,             -- lower case: new renewal upgrade downgrade refund …
	license_type       TEXT,
	payment_status     TEXT,             -- lower case: paid open uncollectible refunded …
	billing_period     TEXT,             -- lower case: monthly annual …
	sale_date          TEXT,
	maintenance_start  TEXT,
	maintenance_end    TEXT,
	price_cents        INTEGER NOT NULL, -- purchasePrice: what the customer paid
	vendor_cents       INTEGER NOT NULL, -- vendorAmount
	currency           TEXT NOT NULL,
	refund_reason      TEXT,
	original_id        TEXT,             -- originalTransactionDetails.transactionId
	content            TEXT NOT NULL,
	content_hash       BLOB NOT NULL,
	raw_hash           BLOB NOT NULL DEFAULT x'',
	last_updated       TEXT,
	first_seen         INTEGER NOT NULL,
	changed_at         INTEGER NOT NULL,
	seen_run           INTEGER NOT NULL,
	news_seq           INTEGER NOT NULL,
	news_previous      TEXT,
	UNIQUE (transaction_id, line_id)
) STRICT;
CREATE INDEX market_sales_news ON market_sales (news_seq) WHERE news_seq > 0;
CREATE INDEX market_sales_license ON market_sales (license_key, sale_date);
CREATE INDEX market_sales_date ON market_sales (sale_date);
CREATE INDEX market_sales_raw ON market_sales (id, raw_hash);

-- Every id a licence row ever had, for the join with `aliases` (same kinds): entitlement_number entitlement_id sen
-- addon_license_id cloud_id host transaction_account.
CREATE TABLE market_aliases (
	row_key    TEXT NOT NULL,            -- of market_licenses; no foreign key: a check for each of seven ids a row
	kind       TEXT NOT NULL,
	value      TEXT NOT NULL,
	first_seen INTEGER NOT NULL,
	last_seen  INTEGER NOT NULL,         -- when a new or changed row last had it
	PRIMARY KEY (row_key, kind, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX market_aliases_value ON market_aliases (value, kind);
CREATE INDEX aliases_value ON aliases (kind, value);

-- Earlier versions: what a change replaced, as the members that differ ({"tier":["10 Users","25 Users"]}; a member of a
-- nested object by its path, "purchaseDetails.tier").
CREATE TABLE market_history (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	kind    TEXT NOT NULL CHECK (kind IN ('license', 'sale')),
	row_key TEXT NOT NULL,               -- of a sale: transaction_id, a slash, line_id
	at      INTEGER NOT NULL,
	diff    TEXT NOT NULL
) STRICT;
CREATE INDEX market_history_row ON market_history (kind, row_key, id);

-- What the reports say that licgate does not know: kept, counted, shown.
CREATE TABLE market_oddities (
	kind       TEXT NOT NULL,            -- license or sale
	field      TEXT NOT NULL,
	value      TEXT NOT NULL,            -- an unknown value, or what is odd where that could be anything: type, length, …
	count      INTEGER NOT NULL,         -- of new and changed rows
	first_seen INTEGER NOT NULL,
	last_seen  INTEGER NOT NULL,
	PRIMARY KEY (kind, field, value)
) STRICT, WITHOUT ROWID;

-- Elements of a report that did not become a row: what is none, and a second, older one of a row. By hash, so that the next
-- poll passes over them.
CREATE TABLE market_passed (
	raw_hash BLOB PRIMARY KEY NOT NULL,
	at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: who polls, and the counters that all polls share.
CREATE TABLE market_lease (
	name        TEXT PRIMARY KEY NOT NULL, -- poll
	holder      TEXT NOT NULL,             -- '': nobody polls
	lease_until INTEGER NOT NULL,
	run         INTEGER NOT NULL,          -- of the last poll that began
	news_last   INTEGER NOT NULL           -- the highest news_seq given
) STRICT, WITHOUT ROWID;
INSERT INTO market_lease (name, holder, lease_until, run, news_last) VALUES ('poll', '', 0, 0, 0);

-- Where each report stands.
CREATE TABLE market_polls (
	kind         TEXT PRIMARY KEY NOT NULL, -- licenses, old_licenses (from before insights exist), sales
	export_id    TEXT,                      -- of an export under way: asked for again after a crash
	export_full  INTEGER NOT NULL,
	export_at    INTEGER NOT NULL,
	done_at      INTEGER NOT NULL,          -- last poll that ended well
	full_at      INTEGER NOT NULL,          -- last full one; 0: none yet, so that the next is the silent first
	failed_at    INTEGER NOT NULL,          -- 0: the last poll ended well
	failure      TEXT,
	rows_seen    INTEGER NOT NULL,          -- of the last poll
	rows_changed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The app that licgate serves, one row: the vendor's other apps are in the reports too, on the same sites.
CREATE TABLE market_app (
	app_key TEXT PRIMARY KEY NOT NULL
) STRICT, WITHOUT ROWID;
