//! Associations that carry instances, and the heartbeat that tells whether their receiver lives.

use crate::Archive;
use crate::database::args;
use crate::error::Result;
use crate::events::{self, NewEvent};
use domain::EventKind;
use std::time::Duration;

/// A receiver that was silent for so long is dead, and its associations are lost.
const SILENCE_MAX: Duration = Duration::from_secs(15);

crate::words! {
    /// How an association ended.
    AssociationOutcome {
        /// The sender released it: it sent all that it wanted.
        Released = "released",
        /// One side aborted it.
        Aborted = "aborted",
        /// The connection or the receiver died.
        Lost = "lost",
    }
}

/// An association that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAssociation {
    /// Made by the receiver, unique for ever.
    pub association_id: String,
    /// AE title of the sender.
    pub calling_ae: String,
    /// AE title that it called.
    pub called_ae: String,
    /// Host and port of the sender.
    pub peer_address: String,
}

impl Archive {
    /// Notes an association that is going to bring instances (before its first [`Archive::store_instance`];
    /// one that only echoes needs no row).
    ///
    /// # Errors
    /// What the database said.
    pub async fn association_opened(&self, association: &NewAssociation) -> Result<()> {
        self.start_receiving().await?;
        let doing = "opening an association";
        let sql = "INSERT INTO association \
                   (association_id, process_id, calling_ae, called_ae, peer_address, opened_at) \
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (association_id) DO NOTHING";
        let mut tx = self.inner.database.begin().await?;
        let args = args![
            &association.association_id,
            &self.inner.process_id,
            &association.calling_ae,
            &association.called_ae,
            &association.peer_address,
            crate::now()
        ];
        tx.execute(doing, sql, args).await?;
        tx.commit(doing).await
    }

    /// Notes its end, with one event in the log of each series that it carried. Ending twice is harmless.
    ///
    /// # Errors
    /// What the database said.
    pub async fn association_ended(&self, association_id: &str, outcome: AssociationOutcome) -> Result<()> {
        let doing = "ending an association";
        let now = crate::now();
        let mut tx = self.inner.database.begin().await?;
        let sql = "UPDATE association SET ended_at = $2, outcome = $3 \
                   WHERE association_id = $1 AND ended_at IS NULL RETURNING calling_ae, peer_address";
        let Some(row) = tx.row(doing, sql, args![association_id, now, outcome.as_str()]).await? else {
            return Ok(());
        };
        let (calling_ae, peer) = (row.text(0)?, row.text(1)?);
        let sql = "SELECT series_instance_uid, stored_count, duplicate_count, conflict_count \
                   FROM association_series WHERE association_id = $1 ORDER BY series_instance_uid";
        for row in tx.rows(doing, sql, args![association_id]).await? {
            let series = row.text(0)?;
            let (stored, duplicate, conflict) = (row.int(1)?, row.int(2)?, row.int(3)?);
            let fields = serde_json::json!({
                "association_id": association_id, "calling_ae": calling_ae, "peer_address": peer,
                "outcome": outcome.as_str(), "stored_count": stored, "duplicate_count": duplicate,
                "conflict_count": conflict,
            });
            if duplicate > 0 {
                let message =
                    format!("{duplicate} instances from {calling_ae} were here already, byte for byte");
                let event = NewEvent::new(EventKind::DuplicateReceived, message, fields.clone());
                events::append(&mut tx, &series, now, event).await?;
            }
            let ended = match outcome {
                AssociationOutcome::Released => "released its association",
                AssociationOutcome::Aborted => "had its association aborted",
                AssociationOutcome::Lost => "was lost",
            };
            let message = format!("{calling_ae} {ended} after {stored} new instances");
            let event = NewEvent::new(EventKind::AssociationEnded, message, fields);
            events::append(&mut tx, &series, now, event).await?;
        }
        tx.commit(doing).await
    }

    /// Writes that this process lives.
    pub(crate) async fn heartbeat(&self) -> Result<()> {
        let doing = "writing the heartbeat";
        let mut tx = self.inner.database.begin().await?;
        let now = tx.clock().await?;
        let sql = "INSERT INTO process (process_id, name, started_at, heartbeat_at) VALUES ($1, $2, $3, $3) \
                   ON CONFLICT (process_id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at";
        tx.execute(doing, sql, args![&self.inner.process_id, &self.inner.process, now]).await?;
        tx.commit(doing).await
    }

    /// Ends as lost what an earlier process of our name left open.
    pub(crate) async fn end_associations_of_name(&self) -> Result<()> {
        let sql = "SELECT a.association_id FROM association a JOIN process p ON p.process_id = a.process_id \
                   WHERE a.ended_at IS NULL AND p.name = $1 AND p.process_id <> $2";
        let args = args![&self.inner.process, &self.inner.process_id];
        let rows = self.inner.database.rows("looking for lost associations", sql, args).await?;
        for row in rows {
            self.association_ended(&row.text(0)?, AssociationOutcome::Lost).await?;
        }
        Ok(())
    }

    /// Ends as lost the associations of receivers that fell silent.
    pub(crate) async fn end_lost_associations(&self) -> Result<()> {
        let now = self.inner.database.clock().await?;
        let sql = "SELECT a.association_id FROM association a \
                   LEFT JOIN process p ON p.process_id = a.process_id \
                   WHERE a.ended_at IS NULL AND (p.process_id IS NULL OR p.heartbeat_at < $1)";
        let args = args![now - crate::micros(SILENCE_MAX)];
        let rows = self.inner.database.rows("looking for lost associations", sql, args).await?;
        for row in rows {
            self.association_ended(&row.text(0)?, AssociationOutcome::Lost).await?;
        }
        Ok(())
    }
}
