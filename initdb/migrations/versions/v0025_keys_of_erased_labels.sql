-- A submission whose labels were erased has no digest, and nobody can tell any more what was sent under its key. Other
-- labels under that key were answered as the first ones, and lost; now they are refused as those of a used key.
CREATE OR REPLACE FUNCTION public.record_outcomes(
    by text, submission_key text, content bytea, ids text[], divorces smallint[], days date[], sources text[]
) RETURNS TABLE (
    state text, recorded integer, corrected integer, withdrawn integer, unchanged integer, faulty integer[]
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    label   record;
    known   record;
    used    public.label_submissions;
    current_number bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('outcomes', 0));
    recorded := 0; corrected := 0; withdrawn := 0; unchanged := 0; faulty := '{}';
    SELECT * INTO used FROM public.label_submissions AS earlier
    WHERE earlier.author = by AND earlier.key = submission_key;
    IF FOUND THEN
        state := CASE WHEN used.digest IS DISTINCT FROM content THEN 'other labels' ELSE 'replayed' END;
        recorded := used.recorded; corrected := used.corrected;
        withdrawn := used.withdrawn; unchanged := used.unchanged;
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT coalesce(array_agg(one.place ORDER BY one.place), '{}') INTO faulty
    FROM unnest(ids, divorces) WITH ORDINALITY AS one (id, divorce, place)
    WHERE one.divorce IS NULL
        AND NOT EXISTS (SELECT FROM public.outcomes AS entry WHERE entry.application_id = one.id);
    IF faulty <> '{}' THEN
        state := 'nothing to withdraw';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT coalesce(max(earlier.number), 0) + 1 INTO current_number FROM public.label_submissions AS earlier;
    INSERT INTO public.label_submissions VALUES (current_number, clock_timestamp(), by, submission_key, content, 0, 0, 0, 0);
    FOR label IN
        SELECT * FROM unnest(ids, divorces, days, sources) WITH ORDINALITY AS one (id, divorce, day, source, place)
    LOOP
        SELECT entry.* INTO known FROM public.outcomes AS entry
        WHERE entry.application_id = label.id ORDER BY entry.number DESC LIMIT 1;
        IF known.number IS NOT NULL AND (
            (known."Divorce", known.valid_on, known.source) IS NOT DISTINCT FROM (label.divorce, label.day, label.source)
            OR known.act = 'withdrawal' AND label.divorce IS NULL
        ) THEN
            unchanged := unchanged + 1;
            CONTINUE;
        END IF;
        PERFORM public.append_outcome(
            NULL, by,
            CASE
                WHEN label.divorce IS NULL THEN 'withdrawal'
                WHEN known.number IS NULL OR known.act = 'withdrawal' THEN 'outcome'
                ELSE 'correction'
            END,
            current_number, label.id, label.divorce, label.day, label.source, coalesce(known.looked_at_probability, 1)
        );
        IF label.divorce IS NULL THEN
            withdrawn := withdrawn + 1;
        ELSIF known.number IS NULL OR known.act = 'withdrawal' THEN
            recorded := recorded + 1;
        ELSE
            corrected := corrected + 1;
        END IF;
    END LOOP;
    UPDATE public.label_submissions AS this SET recorded = record_outcomes.recorded,
        corrected = record_outcomes.corrected, withdrawn = record_outcomes.withdrawn, unchanged = record_outcomes.unchanged
    WHERE this.number = current_number;
    state := 'recorded';
    RETURN NEXT;
END
$$;
