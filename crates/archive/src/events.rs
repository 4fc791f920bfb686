//! The log of a series: what happened, when, why. Rows are only ever added.

use crate::Archive;
use crate::database::{Tx, args};
use crate::error::Result;
use domain::{EventKind, SeriesInstanceUid};

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Unique; sorts by creation.
    pub event_id: String,
    /// Series concerned.
    pub series_uid: SeriesInstanceUid,
    /// When, microseconds UTC.
    pub at: i64,
    /// What kind.
    pub kind: EventKind,
    /// A sentence for a PACS administrator.
    pub message: String,
    /// The same as a JSON object, for programs.
    pub fields_json: String,
}

/// An event to be written.
pub(crate) struct NewEvent {
    pub(crate) kind: EventKind,
    pub(crate) message: String,
    pub(crate) fields: serde_json::Value,
}

impl NewEvent {
    pub(crate) fn new(kind: EventKind, message: impl Into<String>, fields: serde_json::Value) -> Self {
        Self { kind, message: message.into(), fields }
    }
}

/// Adds an event in the caller's transaction.
pub(crate) async fn append(tx: &mut Tx, series_uid: &str, at: i64, event: NewEvent) -> Result<()> {
    let sql = "INSERT INTO event (event_id, series_instance_uid, at, kind, message, fields_json) \
               VALUES ($1, $2, $3, $4, $5, $6)";
    let (id, fields) = (crate::new_id(), event.fields.to_string());
    tx.execute(
        "adding an event",
        sql,
        args![&id, series_uid, at, event.kind.as_str(), &event.message, &fields],
    )
    .await?;
    Ok(())
}

impl Archive {
    /// The log of a series, oldest first.
    ///
    /// # Errors
    /// What the database said.
    pub async fn events(&self, series_uid: &SeriesInstanceUid) -> Result<Vec<EventRecord>> {
        let sql = "SELECT event_id, at, kind, message, fields_json FROM event \
                   WHERE series_instance_uid = $1 ORDER BY at, event_id";
        let rows = self.inner.database.rows("reading events", sql, args![series_uid.as_str()]).await?;
        rows.iter()
            .map(|row| {
                Ok(EventRecord {
                    event_id: row.text(0)?,
                    series_uid: series_uid.clone(),
                    at: row.int(1)?,
                    kind: row.parsed(2, "event.kind", EventKind::parse)?,
                    message: row.text(3)?,
                    fields_json: row.text(4)?,
                })
            })
            .collect()
    }
}
