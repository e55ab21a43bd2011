-- The membership table of the cluster, and the queries through which the clustering provider of Orleans works on it.
-- The provider fixes the name OrleansQuery, the keys, the parameters and the names of the columns that queries return;
-- the tables behind them are free.

CREATE TABLE mesh_membership_version
(
    deployment_id text PRIMARY KEY,
    version       integer NOT NULL
);

CREATE TABLE mesh_membership
(
    deployment_id   text        NOT NULL,
    address         text        NOT NULL,
    port            integer     NOT NULL,
    generation      integer     NOT NULL,
    silo_name       text        NOT NULL,
    host_name       text        NOT NULL,
    -- 1 created, 2 joining, 3 active, 4 shutting down, 5 stopping, 6 dead
    status          integer     NOT NULL,
    proxy_port      integer     NOT NULL,
    suspect_times   text,
    start_time      timestamptz NOT NULL,
    i_am_alive_time timestamptz NOT NULL,
    PRIMARY KEY (deployment_id, address, port, generation)
);

CREATE TABLE OrleansQuery
(
    QueryKey  text PRIMARY KEY,
    QueryText text NOT NULL
);

INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES
('InsertMembershipVersionKey', $query$
    WITH created AS (
        INSERT INTO mesh_membership_version (deployment_id, version) VALUES (@DeploymentId, 0)
        ON CONFLICT DO NOTHING
        RETURNING version
    )
    SELECT count(*) FROM created
$query$),

-- Every change of a row also moves the version on, from the one that the silo has read. The update of the version comes
-- first and locks its row, so of two silos that have read the same one only the first gets through.
('InsertMembershipKey', $query$
    WITH moved AS (
        UPDATE mesh_membership_version SET version = version + 1
        WHERE deployment_id = @DeploymentId AND version = @Version AND NOT EXISTS (
            SELECT FROM mesh_membership
            WHERE deployment_id = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
        RETURNING deployment_id
    ), added AS (
        INSERT INTO mesh_membership (deployment_id, address, port, generation, silo_name, host_name, status, proxy_port,
            start_time, i_am_alive_time)
        SELECT deployment_id, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort, @StartTime,
            @IAmAliveTime
        FROM moved
        RETURNING port
    )
    SELECT count(*) FROM added
$query$),

('UpdateMembershipKey', $query$
    WITH moved AS (
        UPDATE mesh_membership_version SET version = version + 1
        WHERE deployment_id = @DeploymentId AND version = @Version AND EXISTS (
            SELECT FROM mesh_membership
            WHERE deployment_id = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
        RETURNING deployment_id
    ), changed AS (
        UPDATE mesh_membership AS m
        SET status = @Status, suspect_times = @SuspectTimes, i_am_alive_time = @IAmAliveTime
        FROM moved
        WHERE m.deployment_id = moved.deployment_id
          AND m.address = @Address AND m.port = @Port AND m.generation = @Generation
        RETURNING m.port
    )
    SELECT count(*) FROM changed
$query$),

-- The sign of life is not worth a new version: the silos would all have to read the table again.
('UpdateIAmAlivetimeKey', $query$
    UPDATE mesh_membership SET i_am_alive_time = @IAmAliveTime
    WHERE deployment_id = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation
$query$),

-- Outer joins: without a row there is still a version to be told.
('MembershipReadRowKey', $query$
    SELECT v.version AS Version, m.address AS Address, m.port AS Port, m.generation AS Generation,
        m.silo_name AS SiloName, m.host_name AS HostName, m.status AS Status, m.proxy_port AS ProxyPort,
        m.suspect_times AS SuspectTimes, m.start_time AS StartTime, m.i_am_alive_time AS IAmAliveTime
    FROM mesh_membership_version AS v
    LEFT JOIN mesh_membership AS m
        ON m.deployment_id = v.deployment_id
        AND m.address = @Address AND m.port = @Port AND m.generation = @Generation
    WHERE v.deployment_id = @DeploymentId
$query$),

('MembershipReadAllKey', $query$
    SELECT v.version AS Version, m.address AS Address, m.port AS Port, m.generation AS Generation,
        m.silo_name AS SiloName, m.host_name AS HostName, m.status AS Status, m.proxy_port AS ProxyPort,
        m.suspect_times AS SuspectTimes, m.start_time AS StartTime, m.i_am_alive_time AS IAmAliveTime
    FROM mesh_membership_version AS v
    LEFT JOIN mesh_membership AS m ON m.deployment_id = v.deployment_id
    WHERE v.deployment_id = @DeploymentId
$query$),

('GatewaysQueryKey', $query$
    SELECT address AS Address, proxy_port AS ProxyPort, generation AS Generation
    FROM mesh_membership
    WHERE deployment_id = @DeploymentId AND status = @Status AND proxy_port > 0
$query$),

('DeleteMembershipTableEntriesKey', $query$
    WITH silos AS (DELETE FROM mesh_membership WHERE deployment_id = @DeploymentId)
    DELETE FROM mesh_membership_version WHERE deployment_id = @DeploymentId
$query$),

('CleanupDefunctSiloEntriesKey', $query$
    DELETE FROM mesh_membership
    WHERE deployment_id = @DeploymentId AND status = 6 AND i_am_alive_time < @IAmAliveTime
$query$),

-- Removes one dead silo, but only as it was when the provider looked at it. It writes no votes as null or as ''.
('CleanupDefunctSiloEntryKey', $query$
    DELETE FROM mesh_membership
    WHERE deployment_id = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation
      AND status = 6 AND start_time = @StartTime AND i_am_alive_time = @IAmAliveTime
      AND coalesce(suspect_times, '') = coalesce(@SuspectTimes, '')
$query$);
