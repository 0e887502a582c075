-- Several servers ship to one log, and each keeps the anchors of its own chains. The server that removed a month could
-- anchor the ends of its own chains only, so `verify` missed the beginnings of all others'. Now each server anchors its
-- ends and notes here that it has done so, and a month is removed once the end of each chain in it is noted. Notes stay:
-- where a chain has no anchor, they tell where it begins.
CREATE TABLE public.retention_notes (
    chain_id uuid,
    month    text   CHECK (month ~ '^[0-9]{6}$'),
    sequence bigint NOT NULL CHECK (sequence > 0),
    hash     bytea  NOT NULL,
    PRIMARY KEY (chain_id, month)
);
COMMENT ON TABLE public.retention_notes IS
    'last record of a chain in a month that is to go, or has gone; noted by the server that keeps the chain''s anchor';

-- As before, and with whether the end of each chain is noted.
DROP FUNCTION public.expired_chain_ends(integer, text, uuid, integer);
CREATE FUNCTION public.expired_chain_ends(keep_months integer, month text, before uuid, most integer)
RETURNS TABLE (chain_id uuid, sequence bigint, hash bytea, is_noted boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF month IS NULL OR month NOT IN (
        SELECT public.expired_prediction_partitions(keep_months) UNION SELECT public.detached_prediction_months()
    ) THEN
        RAISE EXCEPTION 'month is %, expected one that is expired', month;
    END IF;
    FOR place IN 1 .. most LOOP
        EXECUTE format(
            'SELECT chain_id, sequence, hash FROM public.%I %s ORDER BY chain_id DESC, sequence DESC LIMIT 1',
            month, CASE WHEN before IS NOT NULL THEN 'WHERE chain_id < $1' END
        ) INTO chain_id, sequence, hash USING before;
        EXIT WHEN chain_id IS NULL;
        is_noted := EXISTS (
            SELECT FROM public.retention_notes AS note
            WHERE note.month = substring(expired_chain_ends.month, '[0-9]{6}')
                AND note.chain_id = expired_chain_ends.chain_id AND note.sequence >= expired_chain_ends.sequence
        );
        RETURN NEXT;
        before := chain_id;
    END LOOP;
END
$$;

-- A server notes ends of its own chains, once their anchors are on its disk.
CREATE FUNCTION public.note_expired_chains(keep_months integer, month text, chains uuid[], sequences bigint[], hashes bytea[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unknown uuid;
BEGIN
    IF month IS NULL OR month NOT IN (
        SELECT public.expired_prediction_partitions(keep_months) UNION SELECT public.detached_prediction_months()
    ) THEN
        RAISE EXCEPTION 'month is %, expected one that is expired', month;
    END IF;
    EXECUTE format(
        'SELECT one.chain_id FROM unnest($1, $2, $3) AS one (chain_id, sequence, hash)
         WHERE NOT EXISTS (
             SELECT FROM public.%I AS record
             WHERE record.chain_id = one.chain_id AND record.sequence = one.sequence AND record.hash = one.hash
         ) LIMIT 1',
        month
    ) INTO unknown USING chains, sequences, hashes;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'the end of chain % is no record of %, expected one of that month', unknown, month;
    END IF;
    INSERT INTO public.retention_notes AS known
    SELECT one.chain_id, substring(note_expired_chains.month, '[0-9]{6}'), one.sequence, one.hash
    FROM unnest(chains, sequences, hashes) AS one (chain_id, sequence, hash)
    ON CONFLICT ON CONSTRAINT retention_notes_pkey
        DO UPDATE SET sequence = EXCLUDED.sequence, hash = EXCLUDED.hash WHERE known.sequence < EXCLUDED.sequence;
END
$$;

-- Raises where a month has a chain whose end is not noted.
CREATE FUNCTION public.require_noted_ends(month text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    chain uuid;
BEGIN
    -- One statement, planned once, since a caller holds the table meanwhile; each chain is looked up in the primary key.
    EXECUTE format(
        'WITH RECURSIVE ends AS (
            (SELECT chain_id, sequence FROM public.%1$I ORDER BY chain_id DESC, sequence DESC LIMIT 1)
            UNION ALL
            SELECT below.chain_id, below.sequence
            FROM ends CROSS JOIN LATERAL (
                SELECT record.chain_id, record.sequence FROM public.%1$I AS record
                WHERE record.chain_id < ends.chain_id ORDER BY record.chain_id DESC, record.sequence DESC LIMIT 1
            ) AS below
        )
        SELECT ends.chain_id FROM ends
        WHERE NOT EXISTS (
            SELECT FROM public.retention_notes AS note
            WHERE note.chain_id = ends.chain_id AND note.month = $1 AND note.sequence >= ends.sequence
        ) LIMIT 1',
        month
    ) INTO chain USING substring(month, '[0-9]{6}');
    IF chain IS NOT NULL THEN
        RAISE EXCEPTION 'the end of chain % in % is not noted', chain, month
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END
$$;

-- As before, and with every end noted: checked while nobody can add a record.
CREATE OR REPLACE FUNCTION public.detach_expired_predictions(keep_months integer, month text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    shadow text;
BEGIN
    IF month IS NULL OR month NOT IN (SELECT public.expired_prediction_partitions(keep_months)) THEN
        RAISE EXCEPTION 'month is %, expected one that is expired', month;
    END IF;
    FOR shadow IN
        SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = to_regclass('public.shadow_predictions')
            AND relname ~ '^shadow_predictions_[0-9]{6}$' AND right(relname, 6) <= right(month, 6)
    LOOP
        LOCK TABLE ONLY public.shadow_predictions IN ACCESS EXCLUSIVE MODE NOWAIT;
        EXECUTE format('LOCK TABLE ONLY public.%I IN ACCESS EXCLUSIVE MODE NOWAIT', shadow);
        EXECUTE format('DROP TABLE public.%I', shadow);
    END LOOP;
    IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = format('public.%I', month)::regclass AND inhdetachpending) THEN
        PERFORM public.require_noted_ends(month);
        EXECUTE format('ALTER TABLE public.prediction_requests DETACH PARTITION public.%I FINALIZE', month);
    ELSE
        -- Whoever asks without waiting stands in nobody's way.
        LOCK TABLE ONLY public.prediction_requests IN ACCESS EXCLUSIVE MODE NOWAIT;
        EXECUTE format('LOCK TABLE ONLY public.%I IN ACCESS EXCLUSIVE MODE NOWAIT', month);
        PERFORM public.require_noted_ends(month);
        EXECUTE format('ALTER TABLE public.prediction_requests DETACH PARTITION public.%I', month);
    END IF;
    EXECUTE format('ALTER TABLE public.%I RENAME TO %I', month, month || '_expired');
END
$$;

-- As before, and with every end noted.
CREATE OR REPLACE FUNCTION public.drop_detached_predictions(month text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF month IS NULL OR month NOT IN (SELECT public.detached_prediction_months()) THEN
        RAISE EXCEPTION 'month is %, expected one that is detached', month;
    END IF;
    EXECUTE format('LOCK TABLE public.%I IN ACCESS EXCLUSIVE MODE NOWAIT', month);
    PERFORM public.require_noted_ends(month);
    EXECUTE format('DROP TABLE public.%I', month);
END
$$;

REVOKE ALL ON FUNCTION public.expired_chain_ends, public.note_expired_chains, public.require_noted_ends FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.expired_chain_ends, public.note_expired_chains TO scoring_server;
GRANT SELECT ON public.retention_notes TO scoring_auditor;
