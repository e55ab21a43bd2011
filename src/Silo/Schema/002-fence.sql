-- Fails the transaction that calls it where a silo is not in the membership table or is declared dead there: its grains
-- live elsewhere by now, and what it still writes would undo what they have written since.
CREATE FUNCTION mesh_require_member(deployment text, silo_address text, silo_port integer, silo_generation integer)
RETURNS boolean LANGUAGE plpgsql STABLE AS
$function$
BEGIN
    IF EXISTS (
        SELECT FROM mesh_membership
        WHERE deployment_id = deployment AND address = silo_address AND port = silo_port
          AND generation = silo_generation AND status < 6)
    THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION 'Silo %:% is not a member of the cluster any more.', silo_address, silo_port USING ERRCODE = 'MESH1';
END
$function$;
