CREATE TABLE mesh_worker
(
    worker_id     TEXT    NOT NULL PRIMARY KEY,
    incarnation   INTEGER NOT NULL,
    operation_id  TEXT    NOT NULL,
    replaced      INTEGER NOT NULL,
    draining      INTEGER NOT NULL,
    zone          TEXT,
    registered_at TEXT    NOT NULL,
    registration  TEXT    NOT NULL
) STRICT;

CREATE INDEX mesh_worker_by_zone ON mesh_worker (zone, worker_id) WHERE zone IS NOT NULL;

CREATE TABLE mesh_worker_key
(
    registry_key TEXT NOT NULL,
    worker_id    TEXT NOT NULL,
    PRIMARY KEY (registry_key, worker_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX mesh_worker_key_by_worker ON mesh_worker_key (worker_id);

-- The highest incarnation ever removed, of any worker. Always one row.
CREATE TABLE mesh_incarnation_floor
(
    only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
    incarnation INTEGER NOT NULL
) STRICT;

INSERT INTO mesh_incarnation_floor (only_row, incarnation) VALUES (1, 0);
