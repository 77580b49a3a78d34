-- Finds tenants by the beginning of any id they were ever known by, whatever its case.
CREATE INDEX aliases_lower ON aliases (lower(value), client_key);
