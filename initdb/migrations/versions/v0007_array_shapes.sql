-- Views read arrays by subscripts from 1, so an array that begins elsewhere, or has rows of rows, would show other values
-- than those that are hashed. NOT VALID: records of before are not looked at here, where readers would wait; `verify` does.
ALTER TABLE public.prediction_requests
    ADD CONSTRAINT features_from_1 CHECK (array_ndims(features) = 1 AND array_lower(features, 1) = 1) NOT VALID,
    ADD CONSTRAINT probabilities_from_1
        CHECK (array_ndims(probabilities) = 1 AND array_lower(probabilities, 1) = 1) NOT VALID,
    ADD CONSTRAINT ids_from_1 CHECK (
        application_ids IS NULL OR (array_ndims(application_ids) = 1 AND array_lower(application_ids, 1) = 1)
    ) NOT VALID,
    ADD CONSTRAINT refs_from_1 CHECK (
        applicant_refs IS NULL OR (array_ndims(applicant_refs) = 1 AND array_lower(applicant_refs, 1) = 1)
    ) NOT VALID;
