-- Upkeep of the prediction log: months made ahead, and months that are to go.
--
-- Neither waits in the table's queue for a lock that readers and shippers would wait behind. A month is made beside the
-- table and attached, for which readers and writers go on. It leaves in two steps: it is detached and renamed, for which
-- nobody may be using the table at that moment (if somebody is, the caller is refused at once and comes again), and
-- then dropped, which concerns nobody any more. DETACH PARTITION CONCURRENTLY would not need that moment, but runs in no
-- function: it takes a login that owns the table, and could change every record.

-- The month of a moment as a partition. Run again, and by several servers at once, it changes nothing. A clock that
-- is wrong must not keep a record out, so the bounds are wide; but whoever has the server's login can't fill the catalogue.
CREATE OR REPLACE FUNCTION public.make_prediction_partition(moment timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    month timestamp := date_trunc('month', moment AT TIME ZONE 'UTC');
    name  text := 'prediction_requests_' || to_char(month, 'YYYYMM');
    log   regclass := 'public.prediction_requests';
BEGIN
    IF (moment BETWEEN '1970-01-01 00:00+00' AND '2199-12-31 23:59:59.999999+00') IS NOT TRUE THEN
        RAISE EXCEPTION 'moment is %, expected one from 1970 to 2199', moment;
    END IF;
    IF to_regclass('public.' || name) IS NULL THEN
        PERFORM pg_advisory_xact_lock(7211974);
    END IF;
    IF to_regclass('public.' || name) IS NULL THEN
        EXECUTE format('CREATE TABLE public.%I (LIKE %s INCLUDING ALL EXCLUDING COMMENTS)', name, log);
        PERFORM public.spare_autovacuum(format('public.%I', name)::regclass);
        -- It has no rows yet that would have to be looked at.
        EXECUTE format(
            'ALTER TABLE %s ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
            log, name, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC'
        );
    ELSIF NOT EXISTS (
        SELECT FROM pg_inherits
        WHERE inhparent = log AND inhrelid = to_regclass('public.' || name) AND NOT inhdetachpending
    ) THEN
        RAISE EXCEPTION 'table % is no partition of the log: attach it, or give it another name', name;
    END IF;
END
$$;

-- Partitions that end before the oldest month to keep, the oldest first.
CREATE OR REPLACE FUNCTION public.expired_prediction_partitions(keep_months integer) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (keep_months BETWEEN 1 AND 1200) IS NOT TRUE THEN
        RAISE EXCEPTION 'keep_months is %, expected 1 or more, at most 1200', keep_months;
    END IF;
    RETURN QUERY
    SELECT relname::text
    FROM pg_inherits
    JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'public.prediction_requests'::regclass
        AND relname ~ '^prediction_requests_[0-9]{6}$'
        AND right(relname, 6)
            < to_char(date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => keep_months), 'YYYYMM')
    ORDER BY 1;
END
$$;

-- Months that were taken out of the table and are still to be dropped.
CREATE OR REPLACE FUNCTION public.detached_prediction_months() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT month.relname::text
    FROM pg_class AS month
    JOIN pg_class AS log ON log.oid = 'public.prediction_requests'::regclass
    WHERE month.relnamespace = log.relnamespace AND month.relowner = log.relowner AND month.relkind = 'r'
        AND NOT month.relispartition AND month.relname ~ '^prediction_requests_[0-9]{6}_expired$'
    ORDER BY 1
$$;

-- A page of the chains of such a month, in falling order from before `before` (NULL = from the last one), with the last
-- record of each: an anchor is written before it goes. Each chain is looked up in the primary key, so a page costs the
-- same whatever the month's size.
DROP FUNCTION IF EXISTS public.expired_chain_ends(integer);
CREATE OR REPLACE FUNCTION public.expired_chain_ends(keep_months integer, month text, before uuid, most integer)
RETURNS TABLE (chain_id uuid, sequence bigint, hash bytea)
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
        RETURN NEXT;
        before := chain_id;
    END LOOP;
END
$$;

-- Takes an expired month out of the table, with a name that says so. Refused with lock_not_available while it is in use.
-- One whose DETACH PARTITION CONCURRENTLY was broken off is finished.
CREATE OR REPLACE FUNCTION public.detach_expired_predictions(keep_months integer, month text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
BEGIN
    IF month IS NULL OR month NOT IN (SELECT public.expired_prediction_partitions(keep_months)) THEN
        RAISE EXCEPTION 'month is %, expected one that is expired', month;
    END IF;
    IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = format('public.%I', month)::regclass AND inhdetachpending) THEN
        EXECUTE format('ALTER TABLE public.prediction_requests DETACH PARTITION public.%I FINALIZE', month);
    ELSE
        -- Whoever asks without waiting stands in nobody's way.
        LOCK TABLE ONLY public.prediction_requests IN ACCESS EXCLUSIVE MODE NOWAIT;
        EXECUTE format('LOCK TABLE ONLY public.%I IN ACCESS EXCLUSIVE MODE NOWAIT', month);
        EXECUTE format('ALTER TABLE public.prediction_requests DETACH PARTITION public.%I', month);
    END IF;
    EXECUTE format('ALTER TABLE public.%I RENAME TO %I', month, month || '_expired');
END
$$;

-- Drops a detached month. Refused with lock_not_available while somebody reads it by its name, as a dump does.
DROP FUNCTION IF EXISTS public.drop_expired_predictions(integer);
CREATE OR REPLACE FUNCTION public.drop_detached_predictions(month text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF month IS NULL OR month NOT IN (SELECT public.detached_prediction_months()) THEN
        RAISE EXCEPTION 'month is %, expected one that is detached', month;
    END IF;
    EXECUTE format('LOCK TABLE public.%I IN ACCESS EXCLUSIVE MODE NOWAIT', month);
    EXECUTE format('DROP TABLE public.%I', month);
END
$$;

REVOKE ALL ON FUNCTION public.make_prediction_partition, public.expired_prediction_partitions,
    public.detached_prediction_months, public.expired_chain_ends, public.detach_expired_predictions,
    public.drop_detached_predictions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.make_prediction_partition, public.expired_prediction_partitions,
    public.detached_prediction_months, public.expired_chain_ends, public.detach_expired_predictions,
    public.drop_detached_predictions TO scoring_server;
