-- Who is the core of a market of several machines: one row each, replaced by whoever knows its revision. No revision comes
-- again, also not of a row that was deleted.
CREATE SEQUENCE lease_revision;
CREATE TABLE lease (
    market text PRIMARY KEY,
    revision bigint NOT NULL DEFAULT nextval('lease_revision'),
    entry text NOT NULL,
    written timestamptz NOT NULL DEFAULT now()
);
