-- By what this store is told from others, for ever.
CREATE TABLE identity (
    single bigint PRIMARY KEY CHECK (single = 1),
    id bytea NOT NULL CHECK (octet_length(id) = 16)
);
INSERT INTO identity VALUES (1, uuid_send(gen_random_uuid()));
