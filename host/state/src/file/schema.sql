-- The state of one gateway. `used` follows `kept` by triggers, so a quota is looked up and never counted.

CREATE TABLE kept (
    space   TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    value   BLOB    NOT NULL,
    expires INTEGER NOT NULL, -- milliseconds since the epoch
    PRIMARY KEY (space, key)
) WITHOUT ROWID;

CREATE TABLE used (
    space TEXT    NOT NULL PRIMARY KEY,
    keys  INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TRIGGER kept_more AFTER INSERT ON kept BEGIN
    INSERT INTO used VALUES (new.space, 1, octet_length(new.key) + octet_length(new.value))
        ON CONFLICT DO UPDATE SET keys = keys + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER kept_other AFTER UPDATE OF value ON kept BEGIN
    UPDATE used SET bytes = bytes - octet_length(old.value) + octet_length(new.value) WHERE space = new.space;
END;

CREATE TRIGGER kept_less AFTER DELETE ON kept BEGIN
    UPDATE used SET keys = keys - 1, bytes = bytes - octet_length(old.key) - octet_length(old.value)
        WHERE space = old.space;
    DELETE FROM used WHERE space = old.space AND keys = 0;
END;

CREATE TABLE counted (
    space TEXT    NOT NULL,
    kind  TEXT    NOT NULL,
    key   TEXT    NOT NULL,
    at    INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    PRIMARY KEY (space, kind, key)
) WITHOUT ROWID;

PRAGMA user_version = 1;
