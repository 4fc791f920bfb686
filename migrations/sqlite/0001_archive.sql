-- Archive: what arrived, where it stands, what came of it, where it went. (SQLite)
-- Times are microseconds since 1970-01-01 UTC. UIDs are DICOM UIDs without padding. Flags are 0 or 1.
-- Texts that came from DICOM are UTF-8 already; an absent value is the empty text unless NULL is named.

-- One row per Study Instance UID; texts are those of the instance that came first.
CREATE TABLE study (
    study_instance_uid  TEXT   NOT NULL PRIMARY KEY, -- (0020,000D)
    patient_id          TEXT   NOT NULL,             -- (0010,0020)
    patient_name        TEXT   NOT NULL,             -- (0010,0010), components parted by ^
    patient_birth_date  TEXT   NOT NULL,             -- (0010,0030), YYYYMMDD
    patient_sex         TEXT   NOT NULL,             -- (0010,0040)
    study_date          TEXT   NOT NULL,             -- (0008,0020), YYYYMMDD
    study_time          TEXT   NOT NULL,             -- (0008,0030), HHMMSS.ffffff
    study_description   TEXT   NOT NULL,             -- (0008,1030)
    accession_number    TEXT   NOT NULL,             -- (0008,0050)
    referring_physician TEXT   NOT NULL,             -- (0008,0090)
    created_at          BIGINT NOT NULL,             -- first instance of the study stored
    updated_at          BIGINT NOT NULL              -- latest instance of the study stored
);
CREATE INDEX study_created ON study (created_at);
CREATE INDEX study_patient ON study (patient_id);
CREATE INDEX study_accession ON study (accession_number);

-- One row per Series Instance UID: where it stands on its way.
CREATE TABLE series (
    series_instance_uid TEXT   NOT NULL PRIMARY KEY, -- (0020,000E)
    study_instance_uid  TEXT   NOT NULL REFERENCES study (study_instance_uid), -- its study
    modality            TEXT   NOT NULL,             -- (0008,0060)
    series_number       BIGINT,                      -- (0020,0011), NULL when absent
    series_description  TEXT   NOT NULL,             -- (0008,103E)
    body_part           TEXT   NOT NULL,             -- (0018,0015)
    state               TEXT   NOT NULL,             -- word of domain::SeriesState
    revision            BIGINT NOT NULL,             -- 1, then one more each time a late instance reopens it
    instance_count      BIGINT NOT NULL,             -- instances that are analysed (conflicting ones not)
    conflict_count      BIGINT NOT NULL,             -- instances kept apart: known SOP Instance UID, other bytes
    size_bytes          BIGINT NOT NULL,             -- bytes of the instances that are analysed
    first_arrival_at    BIGINT NOT NULL,             -- first instance received
    last_arrival_at     BIGINT NOT NULL,             -- latest new instance received
    completed_at        BIGINT,                      -- judged complete, of this revision; NULL while receiving
    completed_why       TEXT,                        -- why it was judged complete
    finished_at         BIGINT,                      -- done, skipped or failed, of this revision
    reason_code         TEXT,                        -- SkipReason::code of a skipped series
    reason_message      TEXT,                        -- the same as a sentence
    reason_json         TEXT,                        -- the same as domain::SkipReason in JSON
    failure_message     TEXT,                        -- last error of a failed series
    updated_at          BIGINT NOT NULL              -- latest change of this row
);
CREATE INDEX series_study ON series (study_instance_uid);
CREATE INDEX series_state ON series (state, last_arrival_at);

-- One row per stored instance. Version 0 is the first that came under its SOP Instance UID and the one
-- that is analysed; higher versions came later with other bytes and are kept apart.
CREATE TABLE instance (
    sop_instance_uid    TEXT   NOT NULL, -- (0008,0018)
    version             BIGINT NOT NULL, -- 0 is analysed
    series_instance_uid TEXT   NOT NULL, -- (0020,000E) as this instance says
    study_instance_uid  TEXT   NOT NULL, -- (0020,000D) as this instance says
    sop_class_uid       TEXT   NOT NULL, -- (0008,0016)
    transfer_syntax_uid TEXT   NOT NULL, -- (0002,0010), as received
    data_set_sha256     TEXT   NOT NULL, -- hex, over the data set as received (without file meta information)
    blob_key            TEXT   NOT NULL, -- where the bytes lie
    size_bytes          BIGINT NOT NULL, -- of the stored file
    facts_json          TEXT   NOT NULL, -- what completeness and grouping need of the header
    calling_ae          TEXT   NOT NULL, -- who sent it
    association_id      TEXT,            -- association it came over; NULL when it came another way
    received_at         BIGINT NOT NULL, -- last byte received
    PRIMARY KEY (sop_instance_uid, version)
);
CREATE INDEX instance_series ON instance (series_instance_uid, version);

-- A running or former process; receivers renew heartbeat_at so that their associations end with them.
CREATE TABLE process (
    process_id   TEXT   NOT NULL PRIMARY KEY, -- UUID made at start
    name         TEXT   NOT NULL,             -- name from config, unique among the living
    started_at   BIGINT NOT NULL,             -- first heartbeat
    heartbeat_at BIGINT NOT NULL              -- latest heartbeat
);

-- An association that carried instances.
CREATE TABLE association (
    association_id  TEXT   NOT NULL PRIMARY KEY, -- given by the receiver, unique for ever
    process_id      TEXT   NOT NULL,             -- receiver that holds it
    calling_ae      TEXT   NOT NULL,             -- AE title of the sender
    called_ae       TEXT   NOT NULL,             -- AE title that it called
    peer_address    TEXT   NOT NULL,             -- host and port of the sender
    opened_at       BIGINT NOT NULL,             -- accepted
    ended_at        BIGINT,                      -- NULL while open
    outcome         TEXT                         -- released, aborted or lost; NULL while open
);
CREATE INDEX association_open ON association (ended_at, process_id);

-- What an association brought for a series.
CREATE TABLE association_series (
    association_id      TEXT   NOT NULL, -- association
    series_instance_uid TEXT   NOT NULL, -- series
    stored_count        BIGINT NOT NULL, -- new instances
    duplicate_count     BIGINT NOT NULL, -- known instances with the same bytes
    conflict_count      BIGINT NOT NULL, -- known SOP Instance UIDs with other bytes
    PRIMARY KEY (association_id, series_instance_uid)
);
CREATE INDEX association_series_series ON association_series (series_instance_uid);

-- Work for a stage. Only rows here carry work from process to process.
CREATE TABLE job (
    job_id              TEXT   NOT NULL PRIMARY KEY, -- UUID, sorts by creation
    kind                TEXT   NOT NULL,             -- analyze_series, report_series or deliver_result
    state               TEXT   NOT NULL,             -- queued, running, done, dead or cancelled
    live_key            TEXT   NOT NULL,             -- what it works on; at most one queued or running job each
    priority            BIGINT NOT NULL,             -- lower goes first
    series_instance_uid TEXT   NOT NULL,             -- series
    study_instance_uid  TEXT   NOT NULL,             -- its study
    revision            BIGINT NOT NULL,             -- revision of the series that the job is for
    result_id           TEXT,                        -- result to report or deliver
    delivery_id         TEXT,                        -- delivery to do
    destination         TEXT,                        -- its destination
    run_at              BIGINT NOT NULL,             -- not before
    lease_until         BIGINT,                      -- running: taken over when this is past
    worker              TEXT,                        -- running: who has it; later: who had it last
    attempt             BIGINT NOT NULL,             -- tries so far, counted at claim
    attempts_max        BIGINT NOT NULL,             -- dead after so many
    error               TEXT,                        -- last error
    created_at          BIGINT NOT NULL,             -- enqueued
    started_at          BIGINT,                      -- latest claim
    finished_at         BIGINT,                      -- done, dead or cancelled
    updated_at          BIGINT NOT NULL              -- latest change
);
CREATE INDEX job_claim ON job (state, priority, run_at, job_id);
CREATE INDEX job_series ON job (series_instance_uid);
CREATE UNIQUE INDEX job_live ON job (live_key) WHERE state = 'queued' OR state = 'running';

-- What an analysis (or a skip that is reported) came to. At most one is current per series.
CREATE TABLE result (
    result_id           TEXT   NOT NULL PRIMARY KEY, -- UUID
    series_instance_uid TEXT   NOT NULL,             -- series analysed
    revision            BIGINT NOT NULL,             -- its revision
    outcome             TEXT   NOT NULL,             -- analyzed or skipped
    state               TEXT   NOT NULL,             -- prepared, current or superseded
    input_digest        TEXT   NOT NULL,             -- over the instances that went in
    config_digest       TEXT   NOT NULL,             -- over pack and settings
    pack                TEXT   NOT NULL,             -- name and version of the model pack
    finding_count       BIGINT NOT NULL,             -- findings in it
    result_json         TEXT   NOT NULL,             -- domain::AnalysisResult, for the report stage
    document_json       TEXT   NOT NULL,             -- the series of the findings document, for REST
    created_at          BIGINT NOT NULL,             -- analysis finished
    published_at        BIGINT,                      -- became current
    superseded_at       BIGINT,                      -- stopped being current
    superseded_by       TEXT                         -- result that took its place; NULL when withdrawn
);
CREATE UNIQUE INDEX result_key ON result (series_instance_uid, input_digest, config_digest);
CREATE UNIQUE INDEX result_current ON result (series_instance_uid) WHERE state = 'current';

-- Objects of a result: SR, SEG, pictures.
CREATE TABLE result_object (
    result_id           TEXT   NOT NULL REFERENCES result (result_id), -- result
    name                TEXT   NOT NULL, -- file name, unique in the result
    position            BIGINT NOT NULL, -- order of sending and showing, from 0
    role                TEXT   NOT NULL, -- sr, seg, png ...
    sop_class_uid       TEXT,            -- of a DICOM object; only those are delivered over DICOM
    sop_instance_uid    TEXT,            -- of a DICOM object
    series_instance_uid TEXT,            -- series that the object is in
    blob_key            TEXT   NOT NULL, -- where the bytes lie
    sha256              TEXT   NOT NULL, -- hex, over the bytes
    size_bytes          BIGINT NOT NULL, -- of the bytes
    PRIMARY KEY (result_id, name)
);

-- One result on its way to one destination.
CREATE TABLE delivery (
    delivery_id         TEXT   NOT NULL PRIMARY KEY, -- UUID
    result_id           TEXT   NOT NULL REFERENCES result (result_id), -- result
    series_instance_uid TEXT   NOT NULL,             -- series analysed
    destination         TEXT   NOT NULL,             -- name from config
    state               TEXT   NOT NULL,             -- pending, delivered, failed (tried again), dead, cancelled
    try_count           BIGINT NOT NULL,             -- failed tries since it was created or requeued
    last_error          TEXT,                        -- of the latest failed try
    next_try_at         BIGINT,                      -- failed: not before
    created_at          BIGINT NOT NULL,             -- result published
    delivered_at        BIGINT,                      -- all objects acknowledged
    updated_at          BIGINT NOT NULL              -- latest change
);
CREATE UNIQUE INDEX delivery_key ON delivery (result_id, destination);
CREATE INDEX delivery_state ON delivery (state, updated_at);

-- Objects that a destination acknowledged, so that a restart sends the others only.
CREATE TABLE delivery_object (
    delivery_id  TEXT   NOT NULL REFERENCES delivery (delivery_id), -- delivery
    object_name  TEXT   NOT NULL, -- result_object.name
    delivered_at BIGINT NOT NULL, -- acknowledged
    PRIMARY KEY (delivery_id, object_name)
);

-- What happened to a series. Rows are only ever added.
CREATE TABLE event (
    event_id            TEXT   NOT NULL PRIMARY KEY, -- UUID, sorts by creation
    series_instance_uid TEXT   NOT NULL,             -- series
    at                  BIGINT NOT NULL,             -- when
    kind                TEXT   NOT NULL,             -- word of domain::EventKind
    message             TEXT   NOT NULL,             -- sentence for a PACS administrator
    fields_json         TEXT   NOT NULL              -- the same as an object, for programs
);
CREATE INDEX event_series ON event (series_instance_uid, at, event_id);
