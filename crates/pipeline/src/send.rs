//! Sends files to a DICOM receiver over one or more associations, as a modality or router would.

use crate::discover::{DiscoverError, Place, discover};
use dcm::guard;
use dimse::{PeerSettings, ProposedContext, ScuError, StoreAssociation};
use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What became of a send.
#[derive(Debug, Clone, Default)]
pub struct SendSummary {
    /// Objects acknowledged.
    pub sent_count: u64,
    /// Data set bytes of them.
    pub sent_size: u64,
    /// Objects not acknowledged, each with its reason.
    pub failed: Vec<(String, String)>,
    /// Files that are not DICOM.
    pub not_dicom_count: u64,
}

/// One object to send.
struct Outgoing {
    /// It was under way when an association broke: it goes once more, alone, so that what breaks associations takes
    /// nothing with it.
    again: bool,
    place: Place,
    sop_class_uid: String,
    sop_instance_uid: String,
    transfer_syntax_uid: String,
    data_set_offset: usize,
}

/// Sends everything DICOM below `paths` over `associations_count` associations.
///
/// `progress(total, answered)` is called after each answer, from any thread.
///
/// # Errors
/// [`DiscoverError`] when the files cannot be listed. What the receiver refuses is in the summary.
pub async fn send(
    paths: Vec<PathBuf>,
    peer: PeerSettings,
    associations_count: usize,
    progress: impl Fn(u64, u64) + Send + Sync + 'static,
) -> Result<SendSummary, DiscoverError> {
    let listed = tokio::task::spawn_blocking(move || list(&paths)).await;
    let (outgoing, not_dicom_count) = match listed {
        Ok(listed) => listed?,
        Err(_) => return Ok(SendSummary::default()),
    };
    let total = outgoing.len() as u64;
    let answered = Arc::new(AtomicU64::new(0));
    let summary = Arc::new(Mutex::new(SendSummary { not_dicom_count, ..SendSummary::default() }));
    let progress = Arc::new(progress);
    progress(total, 0);
    let contexts = contexts(&outgoing);
    let queue = Arc::new(Mutex::new(VecDeque::from(outgoing)));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..associations_count.max(1) {
        let (queue, summary, answered) = (Arc::clone(&queue), Arc::clone(&summary), Arc::clone(&answered));
        let (progress, peer, contexts) = (Arc::clone(&progress), peer.clone(), contexts.clone());
        senders.spawn(async move {
            let done = || progress(total, answered.fetch_add(1, Ordering::Relaxed) + 1);
            one_association(&peer, &contexts, &queue, &summary, done).await;
        });
    }
    while senders.join_next().await.is_some() {}
    let summary = summary.lock().map_or_else(|e| e.into_inner().clone(), |s| s.clone());
    Ok(summary)
}

fn list(paths: &[PathBuf]) -> Result<(Vec<Outgoing>, u64), DiscoverError> {
    let mut outgoing = Vec::new();
    let mut not_dicom_count = 0;
    for place in discover(paths)? {
        let bytes = place.read()?;
        match guard::check_file(&bytes, &dcm::limits::Limits::default()) {
            Ok(report) => match (report.sop_class_uid, report.sop_instance_uid) {
                (Some(sop_class_uid), Some(sop_instance_uid)) => outgoing.push(Outgoing {
                    again: false,
                    place,
                    sop_class_uid,
                    sop_instance_uid,
                    transfer_syntax_uid: report.transfer_syntax_uid,
                    data_set_offset: report.data_set_offset,
                }),
                _ => not_dicom_count += 1,
            },
            Err(_) => not_dicom_count += 1,
        }
    }
    Ok((outgoing, not_dicom_count))
}

/// One context per class and transfer syntax, since nothing is transcoded here.
fn contexts(outgoing: &[Outgoing]) -> Vec<ProposedContext> {
    let pairs: BTreeSet<(&str, &str)> =
        outgoing.iter().map(|o| (o.sop_class_uid.as_str(), o.transfer_syntax_uid.as_str())).collect();
    pairs.into_iter().map(|(class, syntax)| ProposedContext::new(class, &[syntax])).collect()
}

async fn one_association(
    peer: &PeerSettings,
    contexts: &[ProposedContext],
    queue: &Mutex<VecDeque<Outgoing>>,
    summary: &Mutex<SendSummary>,
    done: impl Fn(),
) {
    let note = |place: &Place, result: Result<u64, String>| {
        if let Ok(mut summary) = summary.lock() {
            match result {
                Ok(size) => {
                    summary.sent_count += 1;
                    summary.sent_size += size;
                }
                Err(reason) => summary.failed.push((place.to_string(), reason)),
            }
        }
        done();
    };
    while let Some(first) = next(queue, 0) {
        let mut association = match StoreAssociation::open(peer, contexts).await {
            Ok(opened) => opened,
            Err(error) => {
                // Nobody is there, or nobody wants us: the rest would fail the same way.
                note(&first.place, Err(error.to_string()));
                while let Some(rest) = next(queue, 0) {
                    note(&rest.place, Err(error.to_string()));
                }
                return;
            }
        };
        if !over(&mut association, first, queue, &note).await {
            continue;
        }
        if let Err(error) = association.release().await {
            tracing::warn!(%error, "releasing the association failed; everything was answered before");
        }
    }
}

/// The next object for an association that has `open_count` under way.
fn next(queue: &Mutex<VecDeque<Outgoing>>, open_count: usize) -> Option<Outgoing> {
    queue.lock().ok()?.pop_front_if(|one| !one.again || open_count == 0)
}

/// Sends `first` and what comes after it over one association, as many at once as the peer grants; `false` when the
/// association was lost. What it left unanswered is in the queue again, or failed if that was its second try.
async fn over(
    association: &mut StoreAssociation,
    first: Outgoing,
    queue: &Mutex<VecDeque<Outgoing>>,
    note: &impl Fn(&Place, Result<u64, String>),
) -> bool {
    let mut open: Vec<(u16, Outgoing, u64)> = Vec::new();
    let mut coming = Some(first);
    loop {
        let is_alone = open.iter().any(|(_, one, _)| one.again);
        let has_room = open.len() < association.operations_window() && !is_alone;
        let step = match coming.take().or_else(|| if has_room { next(queue, open.len()) } else { None }) {
            Some(one) => match begin(association, &one).await {
                Ok((message_id, size)) => {
                    open.push((message_id, one, size));
                    Ok(())
                }
                Err(Failed::Object(reason)) => {
                    note(&one.place, Err(reason));
                    Ok(())
                }
                Err(Failed::Association(reason)) => {
                    open.push((0, one, 0));
                    Err(reason)
                }
            },
            None if open.is_empty() => return true,
            None => association.answer().await.map_err(|e| e.to_string()).map(|(message_id, status)| {
                if let Some(at) = open.iter().position(|o| o.0 == message_id) {
                    let (_, one, size) = open.swap_remove(at);
                    let delivered = status.is_delivered();
                    note(&one.place, if delivered { Ok(size) } else { Err(format!("refused: {status}")) });
                }
            }),
        };
        if let Err(reason) = step {
            tracing::warn!(reason, unanswered_count = open.len(), "the association was lost");
            for (_, one, _) in open {
                match (one.again, queue.lock()) {
                    (false, Ok(mut queue)) => queue.push_front(Outgoing { again: true, ..one }),
                    _ => note(&one.place, Err(reason.clone())),
                }
            }
            return false;
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{0}")]
    Object(String),
    #[error("{0}")]
    Association(String),
}

/// Message id and bytes of what is on its way.
async fn begin(association: &mut StoreAssociation, one: &Outgoing) -> Result<(u16, u64), Failed> {
    let place = one.place.clone();
    let bytes = tokio::task::spawn_blocking(move || place.read())
        .await
        .map_err(|e| Failed::Object(e.to_string()))?
        .map_err(|e| Failed::Object(e.to_string()))?;
    let data_set = bytes.get(one.data_set_offset..).unwrap_or_default();
    let begun = association
        .begin(&one.sop_class_uid, &one.sop_instance_uid, &one.transfer_syntax_uid, data_set)
        .await;
    match begun {
        Ok(message_id) => Ok((message_id, data_set.len() as u64)),
        Err(error @ ScuError::NoContext { .. }) => Err(Failed::Object(error.to_string())),
        Err(error) => Err(Failed::Association(error.to_string())),
    }
}
