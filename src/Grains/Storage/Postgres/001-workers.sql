-- Registrations. Ids are ASCII; "C" makes their order the ordinal one, whatever the locale of the database.
CREATE TABLE mesh_worker
(
    worker_id     text COLLATE "C" PRIMARY KEY,
    incarnation   bigint  NOT NULL,
    operation_id  uuid    NOT NULL,
    replaced      boolean NOT NULL,
    draining      boolean NOT NULL,
    zone          text COLLATE "C",
    registered_at text    NOT NULL,
    -- Not jsonb: it would refuse \u0000 and lone surrogates within the capabilities.
    registration  text    NOT NULL
);

CREATE INDEX mesh_worker_by_zone ON mesh_worker (zone, worker_id) WHERE zone IS NOT NULL;

-- Which registry keys each worker belongs to. Every statement that changes mesh_worker keeps it in step, so it has no
-- foreign key, whose checks would double the cost of a registration.
CREATE TABLE mesh_worker_key
(
    registry_key text COLLATE "C" NOT NULL,
    worker_id    text COLLATE "C" NOT NULL,
    PRIMARY KEY (registry_key, worker_id)
);

CREATE INDEX mesh_worker_key_by_worker ON mesh_worker_key (worker_id);

-- The highest incarnation ever removed, of any worker. Always one row.
CREATE TABLE mesh_incarnation_floor
(
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    incarnation bigint NOT NULL
);

INSERT INTO mesh_incarnation_floor (incarnation) VALUES (0);
