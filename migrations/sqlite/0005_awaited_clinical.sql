-- Clinical data that a site states before the images come. (SQLite)

-- One row per patient or accession number. A study without clinical data of its own takes them as its version 1 when it
-- is first analysed; what was said of its accession number stands over what was said of its patient.
CREATE TABLE awaited_clinical (
    subject_kind TEXT   NOT NULL, -- patient_id or accession_number
    subject      TEXT   NOT NULL, -- PatientID (0010,0020) or AccessionNumber (0008,0050), exactly
    data_json    TEXT   NOT NULL, -- all values, an object
    origin       TEXT   NOT NULL, -- by which door it came: rest, or the name of an imported table
    author       TEXT   NOT NULL, -- who sent it, as far as that is known; may be empty
    updated_at   BIGINT NOT NULL, -- stored
    PRIMARY KEY (subject_kind, subject)
);
