-- Keys: never the secret, only what it hashes to. Times in seconds since 1970.
CREATE TABLE keys (
    id        TEXT    PRIMARY KEY,
    prefix    TEXT    NOT NULL UNIQUE,
    hash      BLOB    NOT NULL,
    name      TEXT    NOT NULL,
    -- None: every project.
    project   TEXT,
    scopes    TEXT    NOT NULL,
    created_s INTEGER NOT NULL,
    expires_s INTEGER,
    revoked_s INTEGER
) STRICT;

-- What tokens are signed with.
CREATE TABLE signing_keys (
    kid       TEXT    PRIMARY KEY,
    pkcs8     BLOB    NOT NULL,
    created_s INTEGER NOT NULL
) STRICT;
