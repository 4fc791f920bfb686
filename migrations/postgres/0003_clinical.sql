-- Clinical data: what a site states of a study's patient and nodules, every version of it. (PostgreSQL)

-- One row per change. Rows are only ever added; the highest version is the one in use.
CREATE TABLE study_clinical (
    study_instance_uid TEXT   NOT NULL, -- study
    version            BIGINT NOT NULL, -- 1, then one more with each change
    data_json          TEXT   NOT NULL, -- all values after the change, an object
    patch_json         TEXT   NOT NULL, -- the change, a JSON merge patch (RFC 7396)
    origin             TEXT   NOT NULL, -- by which door it came: rest, or the name of an imported table
    author             TEXT   NOT NULL, -- who sent it, as far as that is known; may be empty
    created_at         BIGINT NOT NULL, -- stored
    PRIMARY KEY (study_instance_uid, version)
);
