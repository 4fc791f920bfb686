//! The latest results with what their scans were like: for watching whether anything has drifted.

use crate::Archive;
use crate::database::args;
use crate::error::Result;

/// A current result with the header facts of one of its instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedSeries {
    /// The series of the findings document in JSON.
    pub document_json: String,
    /// Facts of the first instance of the series; `None` when it has been removed.
    pub facts_json: Option<String>,
}

impl Archive {
    /// The latest `count` current results, the newest first, skipped series among them.
    ///
    /// # Errors
    /// What the database said.
    pub async fn observed_series(&self, count: u32) -> Result<Vec<ObservedSeries>> {
        const SQL: &str = "SELECT r.document_json, (SELECT i.facts_json FROM instance i \
             WHERE i.series_instance_uid = r.series_instance_uid AND i.version = 0 \
             ORDER BY i.sop_instance_uid LIMIT 1) FROM result r WHERE r.state = 'current' \
             ORDER BY r.created_at DESC, r.result_id DESC LIMIT $1";
        let rows =
            self.inner.database.rows("reading the latest results", SQL, args![i64::from(count)]).await?;
        rows.iter()
            .map(|row| Ok(ObservedSeries { document_json: row.text(0)?, facts_json: row.opt_text(1)? }))
            .collect()
    }
}
