-- What an entry of the ledger of erasures is about. Those of before are all about a person's rows.
ALTER TABLE public.prediction_erasures
    ADD COLUMN kind text NOT NULL DEFAULT 'person'
        CONSTRAINT known_kind CHECK (kind IN ('person', 'request_id', 'rekeyed'));
COMMENT ON COLUMN public.prediction_erasures.kind IS
    'person: features, ids and pseudonyms of the rows are gone; request_id: that of the record is; rekeyed: pseudonyms of '
    'the rows are under another key';
