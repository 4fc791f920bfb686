-- Installation: the identity under which results are written, the same for every process. (SQLite)

-- One row.
CREATE TABLE installation (
    place           BIGINT NOT NULL PRIMARY KEY CHECK (place = 1), -- always 1: there is one installation
    installation_id TEXT   NOT NULL                                -- made by the process that came first
);
