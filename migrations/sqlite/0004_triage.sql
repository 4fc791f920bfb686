-- Exam triage: in which tenth of the site's own exams an exam's highest nodule score lies. (SQLite)

-- One row per calibration. Rows are only ever added; the highest version of a pack is the one in use.
CREATE TABLE triage_calibration (
    version          BIGINT NOT NULL PRIMARY KEY, -- 1, then one more with each calibration of any pack
    pack             TEXT   NOT NULL, -- name and version of the model pack, as in result.pack
    calibration_json TEXT   NOT NULL, -- limits between the tenths, and the networks and threshold that they hold for
    exams_count      BIGINT NOT NULL, -- exams of the site that it was made of
    origin           TEXT   NOT NULL, -- where their scores came from: archive, or the name of a table
    created_at       BIGINT NOT NULL  -- stored
);
CREATE INDEX triage_calibration_pack ON triage_calibration (pack, version);

ALTER TABLE result ADD COLUMN
    triage_score BIGINT; -- 1 (lowest tenth) to 10; NULL where not calibrated, not yet reported, or from before
CREATE INDEX result_pack ON result (pack, created_at);
