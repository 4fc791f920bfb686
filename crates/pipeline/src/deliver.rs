//! Objects of a result to one destination, by C-STORE over one association.
//!
//! What a destination acknowledged is noted at once, so that a restart sends only what is missing; SOP Instance
//! UIDs are derived from the content, so that a repeated send is the same object and not a second one.

use archive::{Archive, ClaimedJob, DeliveryObject, FailOutcome, JobKind, Renewal};
use dimse::{PeerSettings, ProposedContext, ScuError, StoreAssociation};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";
const IMPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2";

/// Where results go.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Name from the configuration.
    pub name: String,
    /// Address, titles, timeouts, preferred transfer syntax.
    pub peer: PeerSettings,
    /// Roles of the objects it gets: `sr`, `seg`.
    pub roles: Vec<String>,
    /// Pause after the first failed try; doubles with each.
    pub retry_first: Duration,
    /// Longest pause.
    pub retry_last: Duration,
}

/// Why a try to deliver failed.
#[derive(Debug, thiserror::Error)]
enum DeliverError {
    #[error(transparent)]
    Scu(#[from] ScuError),
    #[error(transparent)]
    Archive(#[from] archive::Error),
    #[error("object {name}: {cause}")]
    Object { name: String, cause: String },
    #[error("destination {0} is not in the configuration any more; add it again or cancel the delivery")]
    UnknownDestination(String),
    #[error(
        "{called} at {address} accepts no transfer syntax for SOP class {sop_class_uid}; switch the object off for this destination, or the class on at the peer"
    )]
    NotAccepted { called: String, address: String, sop_class_uid: String },
}

impl DeliverError {
    /// Whether the same try would fail the same way for ever.
    fn is_permanent(&self) -> bool {
        match self {
            Self::Scu(error) => error.is_permanent(),
            Self::Archive(_) => false,
            Self::Object { .. } | Self::UnknownDestination(_) | Self::NotAccepted { .. } => true,
        }
    }
}

/// Claims and delivers until `cancel`; several at once, one per destination at a time would be slower for
/// nothing: the database hands each job to one claimer. The lease of a job in hand is renewed at a third of
/// `lease`, so that a slow peer does not lose it and a dead process does not hold it for long.
pub async fn run(
    archive: Archive,
    destinations: Arc<BTreeMap<String, Destination>>,
    name: String,
    lease: Duration,
    cancel: CancellationToken,
) {
    while !cancel.is_cancelled() {
        match archive.claim(&name, &[JobKind::DeliverResult], lease).await {
            Ok(Some(job)) => {
                let done = CancellationToken::new();
                let heart =
                    tokio::spawn(crate::worker::heartbeat(archive.clone(), job.clone(), lease, done.clone()));
                deliver_job(&archive, &destinations, &job).await;
                done.cancel();
                let _ = heart.await;
            }
            Ok(None) => tokio::select! {
                () = archive.wait_for_work() => {}
                () = cancel.cancelled() => return,
            },
            Err(error) => {
                tracing::error!(%error, "claiming a delivery failed");
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                    () = cancel.cancelled() => return,
                }
            }
        }
    }
}

async fn deliver_job(archive: &Archive, destinations: &BTreeMap<String, Destination>, job: &ClaimedJob) {
    let wanted = job.destination.as_deref().unwrap_or_default();
    let destination = destinations.get(wanted);
    let outcome = match destination {
        None => Err(DeliverError::UnknownDestination(wanted.to_owned())),
        Some(destination) => deliver(archive, destination, job).await,
    };
    match outcome {
        Ok(sent) => match archive.finish_delivery(job).await {
            Ok(_) => {
                tracing::info!(destination = wanted, series = %job.series_uid, objects = sent, "delivered")
            }
            Err(error) => {
                tracing::error!(%error, "noting a delivery failed; it is repeated when its lease ends")
            }
        },
        Err(error) => {
            let retry = (!error.is_permanent()).then(|| back_off(destination, job.attempt));
            tracing::warn!(destination = wanted, series = %job.series_uid, %error, ?retry, "delivery failed");
            match archive.fail_delivery(job, &error.to_string(), retry).await {
                Ok(FailOutcome::Dead) => {
                    tracing::error!(destination = wanted, series = %job.series_uid, "delivery given up; requeue it when mended");
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "noting a failed delivery failed"),
            }
        }
    }
}

fn back_off(destination: Option<&Destination>, attempt: i64) -> Duration {
    let (first, last) = destination
        .map_or((Duration::from_secs(30), Duration::from_secs(3600)), |d| (d.retry_first, d.retry_last));
    let doublings = u32::try_from(attempt.clamp(1, 16) - 1).unwrap_or(0);
    first.saturating_mul(1 << doublings).min(last)
}

/// Sends what is missing; the number of objects sent.
async fn deliver(
    archive: &Archive,
    destination: &Destination,
    job: &ClaimedJob,
) -> Result<usize, DeliverError> {
    let delivery = job.delivery_id.as_deref().unwrap_or_default();
    let mut missing: Vec<DeliveryObject> = archive
        .delivery_objects(delivery)
        .await?
        .into_iter()
        .filter(|o| o.delivered_at.is_none() && o.object.sop_class_uid.is_some())
        .filter(|o| destination.roles.contains(&o.object.role))
        .collect();
    // SEG before SR, so that the report's references resolve when it arrives.
    missing.sort_by_key(|o| o.object.role == "sr");
    if missing.is_empty() {
        return Ok(0);
    }
    let contexts: Vec<ProposedContext> = missing
        .iter()
        .filter_map(|o| o.object.sop_class_uid.as_deref())
        .map(|class| ProposedContext::new(class, &[EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN]))
        .collect();
    let mut association = StoreAssociation::open(&destination.peer, &contexts).await?;
    let mut sent = 0;
    for one in &missing {
        let outcome = send_one(archive, destination, &mut association, one).await;
        if let Err(error) = outcome {
            association.abort().await;
            return Err(error);
        }
        sent += 1;
        archive::faults::point("before_note");
        if archive.object_delivered(job, &one.object.name).await? == Renewal::Lost {
            break;
        }
    }
    if let Err(error) = association.release().await {
        tracing::debug!(%error, "release after delivery failed; every object was acknowledged before");
    }
    Ok(sent)
}

async fn send_one(
    archive: &Archive,
    destination: &Destination,
    association: &mut StoreAssociation,
    one: &DeliveryObject,
) -> Result<(), DeliverError> {
    let object = &one.object;
    let (Some(class), Some(instance)) = (&object.sop_class_uid, &object.sop_instance_uid) else {
        return Ok(());
    };
    let syntax = association.accepted_transfer_syntax(class).map(str::to_owned);
    let syntax = syntax.ok_or_else(|| DeliverError::NotAccepted {
        called: destination.peer.called.to_string(),
        address: destination.peer.address.clone(),
        sop_class_uid: class.clone(),
    })?;
    let bytes = archive.blob(&object.blob_key).await?;
    let data_set = dcm::recode::data_set_in(&bytes, &syntax)
        .map_err(|e| DeliverError::Object { name: object.name.clone(), cause: e.to_string() })?;
    association.store(class, instance, &syntax, &data_set).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: pauses double from the first to the last and never overflow.
    #[test]
    fn pauses_double_up_to_the_last() {
        let peer = PeerSettings::new("127.0.0.1:1", "A", "B").unwrap();
        let destination = Destination {
            name: "pacs".into(),
            peer,
            roles: vec!["sr".into()],
            retry_first: Duration::from_secs(30),
            retry_last: Duration::from_secs(3600),
        };
        let seconds: Vec<u64> =
            [1, 2, 3, 8, 100].iter().map(|a| back_off(Some(&destination), *a).as_secs()).collect();
        assert_eq!(seconds, [30, 60, 120, 3600, 3600]);
    }
}
