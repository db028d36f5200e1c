-- Times are microseconds since 1970 by the wall's clock. Rows are never deleted.

-- The number of the last change. Every row that is written carries the number of its change.
CREATE TABLE change (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO change VALUES (1, 0);

-- Something sealed, to know the right master key by.
CREATE TABLE master (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    address TEXT NOT NULL UNIQUE,
    made INTEGER NOT NULL,
    change INTEGER NOT NULL
) STRICT;
CREATE INDEX account_by_change ON account (change);

CREATE TABLE credential (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES account (id),
    dialect TEXT NOT NULL,
    -- SHA-256 of dialect and key.
    key_digest BLOB NOT NULL UNIQUE CHECK (length(key_digest) = 32),
    -- What people see of the key.
    key_shown TEXT NOT NULL,
    -- At most one of them: SHA-256 of a secret that is compared, or a secret that signs, sealed.
    secret_digest BLOB CHECK (length(secret_digest) = 32),
    secret_sealed BLOB CHECK (secret_digest IS NULL OR secret_sealed IS NULL),
    trading INTEGER NOT NULL CHECK (trading IN (0, 1)),
    -- Words with blanks between; NULL is all, empty is none.
    instruments TEXT,
    channels TEXT,
    connections_max INTEGER,
    requests_per_second_max INTEGER,
    made INTEGER NOT NULL,
    revoked INTEGER,
    change INTEGER NOT NULL
) STRICT;
CREATE INDEX credential_by_change ON credential (change);
