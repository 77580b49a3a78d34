-- Forge: installations of the app that call by Forge. Each belongs to a tenant: one of its own (forge:<installation id>), or
-- that of the customer's Connect installation.
CREATE TABLE forge_installations (
	installation_id    TEXT PRIMARY KEY NOT NULL,
	client_key         TEXT NOT NULL REFERENCES tenants (client_key) ON DELETE CASCADE,
	joined_by          TEXT, -- what told that the tenant is the same customer; null: it was made for the installation
	environment        TEXT, -- PRODUCTION, STAGING, DEVELOPMENT
	environment_id     TEXT,
	app_version        TEXT,
	product            TEXT,
	cloud_id           TEXT,
	site_url           TEXT,
	entitlement_id     TEXT,
	entitlement_number TEXT,
	sen                TEXT,
	installed_at       INTEGER NOT NULL,
	installed_iat      INTEGER NOT NULL, -- seconds, of the token that told of it: what is older is no news
	updated_at         INTEGER NOT NULL,
	joined_at          INTEGER NOT NULL,
	uninstalled_at     INTEGER NOT NULL,
	uninstalled_iat    INTEGER NOT NULL, -- of the token that told of the uninstall: only a later one brings it back
	last_seen_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX forge_installations_tenant ON forge_installations (client_key);
CREATE INDEX forge_installations_site ON forge_installations (site_url);
