-- Times are microseconds since 1970 by the wall's clock. Rows are never deleted.

-- The number of the last change. Every row that is written carries the number of its change. Who writes holds this row.
CREATE TABLE change (
    single bigint PRIMARY KEY CHECK (single = 1),
    last bigint NOT NULL
);
INSERT INTO change VALUES (1, 0);

-- Something sealed, to know the right master key by.
CREATE TABLE master (
    single bigint PRIMARY KEY CHECK (single = 1),
    sealed bytea NOT NULL
);

CREATE TABLE account (
    id bigint PRIMARY KEY,
    name text NOT NULL UNIQUE,
    address text NOT NULL UNIQUE,
    made bigint NOT NULL,
    -- Since when it is blocked, if it is. A blocked account's credentials are good for nothing.
    blocked bigint,
    change bigint NOT NULL
);
CREATE INDEX account_by_change ON account (change);

CREATE TABLE credential (
    id bigint PRIMARY KEY,
    account bigint NOT NULL REFERENCES account (id),
    dialect text NOT NULL,
    -- SHA-256 of dialect and key.
    key_digest bytea NOT NULL UNIQUE CHECK (octet_length(key_digest) = 32),
    -- What people see of the key.
    key_shown text NOT NULL,
    -- At most one of them: SHA-256 of a secret that is compared, or a secret that signs, sealed.
    secret_digest bytea CHECK (octet_length(secret_digest) = 32),
    secret_sealed bytea CHECK (secret_digest IS NULL OR secret_sealed IS NULL),
    trading boolean NOT NULL,
    -- Words with blanks between; NULL is all, empty is none.
    instruments text,
    channels text,
    -- The feeds that it may quote for indexes, words with blanks between; NULL is none.
    quotes text,
    connections_max bigint,
    requests_per_second_max bigint,
    made bigint NOT NULL,
    revoked bigint,
    change bigint NOT NULL
);
CREATE INDEX credential_by_change ON credential (change);
