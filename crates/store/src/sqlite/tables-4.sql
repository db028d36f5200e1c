-- By what this store is told from others, for ever.
CREATE TABLE identity (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id BLOB NOT NULL CHECK (length(id) = 16)
) STRICT;
INSERT INTO identity VALUES (1, randomblob(16));
