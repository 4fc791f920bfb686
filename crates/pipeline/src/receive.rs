//! Intake of one instance: guard, header, durable file, row, and only then the status.
//!
//! DIMSE streams into [`InstanceSink`]; other intakes (STOW) share [`Receiver::keep`]. Memory of all instances
//! in flight comes out of one budget, so that no number of senders can take more than is configured. Room for one
//! object of the largest size is kept apart: when the rest is taken, senders get it in turn and finish one after the
//! other. If all took from one heap, each could hold a part and wait for the others for ever.

use archive::{Archive, AssociationOutcome, NewAssociation, NewInstance, SeriesTexts, StoreOutcome};
use bytes::{Bytes, BytesMut};
use dcm::header::{HeaderError, InstanceHeader, ReadOptions};
use dimse::{
    AssociationEnd, AssociationEnded, AssociationOpened, StatusCode, StoreRequest, StoreService, StoreSink,
    StoreStatus,
};
use sha2::{Digest as _, Sha256};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is taken from the budget in steps of this size.
const BUDGET_STEP: usize = 256 * 1024;
/// A sender waits this long for its turn before it is told to come back (A700). DCMTK's sends give up after 60 s.
const BUDGET_WAIT: Duration = Duration::from_secs(30);

/// Objects up to this size are read where they arrive: a slice takes some 50 microseconds, and the worst that fits
/// (elements of 8 bytes) some milliseconds.
const READ_IN_PLACE_SIZE_MAX: usize = 1024 * 1024;
/// Room that a data set gets before its first byte, at most; by the size of the one before.
const EXPECTED_SIZE_MAX: usize = 1024 * 1024;
/// Buffers of finished instances that are kept for the next ones: new memory costs a page fault every 4 KiB, a tenth
/// of all the receiver's time. Up to this many, of up to twice [`EXPECTED_SIZE_MAX`] each.
const SPARE_COUNT_MAX: usize = 16;

/// Deflated Explicit VR Little Endian: the one syntax whose data set grows when it is read.
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// What happens to objects that are not CT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherObjects {
    /// Stored and shown, not analysed.
    Keep,
    /// Answered with 0122; the association goes on.
    Refuse,
}

/// Settings of the intake.
#[derive(Debug, Clone)]
pub struct ReceiveSettings {
    /// Bounds and character set for the header.
    pub read: ReadOptions,
    /// Bytes of instances in flight, all associations together; more than one of the largest size.
    pub memory_size_max: usize,
    /// What happens to objects that are not CT.
    pub other_objects: OtherObjects,
}

/// Counters of one receiver, for metrics.
#[derive(Debug, Default)]
pub struct ReceiveCounters {
    /// Instances stored and acknowledged.
    pub instances_stored_count: AtomicU64,
    /// Instances that were there already.
    pub instances_identical_count: AtomicU64,
    /// Instances kept apart because their UID was known with other bytes.
    pub instances_conflicting_count: AtomicU64,
    /// Instances answered with a failure.
    pub instances_refused_count: AtomicU64,
    /// Bytes stored.
    pub stored_size: AtomicU64,
    /// Associations open now.
    pub associations_open_count: AtomicI64,
    /// Associations refused.
    pub associations_rejected_count: AtomicU64,
}

/// The intake.
#[derive(Clone)]
pub struct Receiver {
    archive: Archive,
    settings: Arc<ReceiveSettings>,
    /// What everybody shares, in steps.
    budget: Arc<Semaphore>,
    /// The room for one object of the largest size.
    reserve: Arc<Semaphore>,
    /// Deflated objects are inflated one after the other: their size is not in the budget.
    inflating: Arc<Semaphore>,
    counters: Arc<ReceiveCounters>,
    /// Bytes of the last instance.
    expected_size: Arc<AtomicUsize>,
    /// Empty buffers.
    spare: Arc<Mutex<Vec<BytesMut>>>,
}

/// Where an instance came from.
#[derive(Debug, Clone)]
pub struct Provenance {
    /// Calling AE title.
    pub calling_ae: String,
    /// Called AE title.
    pub called_ae: String,
    /// Association, where there is one.
    pub association_id: Option<String>,
}

/// An instance as announced by the command.
#[derive(Debug, Clone)]
pub struct Announced {
    /// SOP Class UID.
    pub sop_class_uid: String,
    /// SOP Instance UID.
    pub sop_instance_uid: String,
    /// Transfer syntax of the bytes.
    pub transfer_syntax_uid: String,
}

impl Receiver {
    /// An intake into `archive`.
    #[must_use]
    pub fn new(archive: Archive, settings: ReceiveSettings) -> Self {
        let shared = settings.memory_size_max.saturating_sub(settings.read.limits.object_size_max);
        let steps = (shared / BUDGET_STEP).clamp(4, Semaphore::MAX_PERMITS);
        Self {
            archive,
            settings: Arc::new(settings),
            budget: Arc::new(Semaphore::new(steps)),
            reserve: Arc::new(Semaphore::new(1)),
            inflating: Arc::new(Semaphore::new(1)),
            counters: Arc::default(),
            expected_size: Arc::default(),
            spare: Arc::default(),
        }
    }

    /// Counters, shared.
    #[must_use]
    pub fn counters(&self) -> Arc<ReceiveCounters> {
        Arc::clone(&self.counters)
    }

    /// Keeps one instance: `file` is preamble, file meta information and the data set as received, whose sha256 (hex)
    /// is `data_set_sha256`. Returns when it survives a power cut.
    ///
    /// # Errors
    /// The C-STORE status to answer, with a comment for the sender's log.
    pub async fn keep(
        &self,
        file: Bytes,
        data_set_sha256: String,
        announced: Announced,
        from: Provenance,
    ) -> Result<StoreOutcome, StoreStatus> {
        let header = self.header(&file, &announced.transfer_syntax_uid).await?;
        agrees(&header, &announced)?;
        let facts_json = serde_json::to_string(&header).map_err(|e| {
            StoreStatus::with_comment(StatusCode::PROCESSING_FAILURE, format!("keeping the header: {e}"))
        })?;
        let instance = NewInstance {
            texts: texts(&header),
            study_uid: header.study_instance_uid,
            series_uid: header.series_instance_uid,
            sop_instance_uid: header.sop_instance_uid,
            sop_class_uid: header.sop_class_uid,
            transfer_syntax_uid: announced.transfer_syntax_uid,
            data_set_sha256,
            facts_json,
            calling_ae: from.calling_ae,
            association_id: from.association_id,
            received_at: archive::now(),
        };
        let size = file.len() as u64;
        let stored = self.archive.store_instance(instance, file).await;
        let outcome = stored.map_err(|e| archive_status(&e))?;
        let counter = match outcome {
            StoreOutcome::Stored => &self.counters.instances_stored_count,
            StoreOutcome::Identical => &self.counters.instances_identical_count,
            StoreOutcome::Conflicting => &self.counters.instances_conflicting_count,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.counters.stored_size.fetch_add(size, Ordering::Relaxed);
        Ok(outcome)
    }
}

impl Receiver {
    /// Reads the header; on a thread that may block unless that is sure to take less time than getting there.
    async fn header(&self, file: &Bytes, transfer_syntax_uid: &str) -> Result<InstanceHeader, StoreStatus> {
        let is_deflated = transfer_syntax_uid == DEFLATED;
        if file.len() <= READ_IN_PLACE_SIZE_MAX && !is_deflated {
            return dcm::header::read(file, &self.settings.read).map_err(|e| header_status(&e));
        }
        let place = if is_deflated { Arc::clone(&self.inflating).acquire_owned().await.ok() } else { None };
        let (settings, file) = (Arc::clone(&self.settings), file.clone());
        let read = tokio::task::spawn_blocking(move || {
            let header = dcm::header::read(&file, &settings.read).map_err(|e| header_status(&e))?;
            drop(place);
            Ok(header)
        });
        read.await.map_err(|_| {
            StoreStatus::with_comment(StatusCode::PROCESSING_FAILURE, "reading the data set failed")
        })?
    }
}

impl Receiver {
    /// An empty buffer with room for an instance like the last one.
    fn buffer(&self) -> BytesMut {
        let spare = self.spare.lock().ok().and_then(|mut spare| spare.pop()).unwrap_or_default();
        let expected = self.expected_size.load(Ordering::Relaxed);
        // Slices of a series are of one size: no copying while they grow.
        if spare.capacity() < expected { BytesMut::with_capacity(expected) } else { spare }
    }

    /// Keeps the memory of an instance that is done with, if nobody else holds it.
    fn give_back(&self, file: Bytes) {
        let Ok(mut buffer) = file.try_into_mut() else { return };
        buffer.clear();
        if let Ok(mut spare) = self.spare.lock()
            && spare.len() < SPARE_COUNT_MAX
            && buffer.capacity() <= 2 * EXPECTED_SIZE_MAX
        {
            spare.push(buffer);
        }
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|b| format!("{b:02x}")).collect()
}

fn header_status(error: &HeaderError) -> StoreStatus {
    let code = match error {
        HeaderError::Guard(_) => StatusCode::CANNOT_UNDERSTAND,
        HeaderError::UidMissing { .. } => StatusCode::DATA_SET_MISMATCH,
        HeaderError::UidInvalid { .. } => StatusCode::INVALID_OBJECT_INSTANCE,
    };
    StoreStatus::with_comment(code, error.to_string())
}

fn archive_status(error: &archive::Error) -> StoreStatus {
    match error {
        archive::Error::Full { .. } => {
            tracing::error!(%error, "no room to store an instance; the sender is told to try again");
            StoreStatus::with_comment(StatusCode::OUT_OF_RESOURCES, "storage is full; try again later")
        }
        other => {
            tracing::error!(error = %other, "storing an instance failed");
            StoreStatus::with_comment(
                StatusCode::PROCESSING_FAILURE,
                "storing failed; see the receiver's log",
            )
        }
    }
}

/// PS3.4 B.2.3: the data set must be the one that the command announced.
fn agrees(header: &InstanceHeader, announced: &Announced) -> Result<(), StoreStatus> {
    let mismatch = |what: &str, tag: (u16, u16)| {
        let mut status = StoreStatus::with_comment(
            StatusCode::DATA_SET_MISMATCH,
            format!("{what} of data set and command differ"),
        );
        status.offending_elements.push(tag);
        Err(status)
    };
    if header.sop_instance_uid.as_str() != announced.sop_instance_uid {
        return mismatch("SOPInstanceUID", (0x0008, 0x0018));
    }
    if header.sop_class_uid != announced.sop_class_uid {
        return mismatch("SOPClassUID", (0x0008, 0x0016));
    }
    Ok(())
}

fn texts(header: &InstanceHeader) -> SeriesTexts {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    SeriesTexts {
        patient_id: text(&header.patient_id),
        patient_name: text(&header.patient_name),
        patient_birth_date: text(&header.patient_birth_date),
        patient_sex: text(&header.patient_sex),
        study_date: text(&header.study_date),
        study_time: text(&header.study_time),
        study_description: text(&header.study_description),
        accession_number: text(&header.accession_number),
        referring_physician: text(&header.referring_physician_name),
        modality: text(&header.modality),
        series_number: header.series_number,
        series_description: text(&header.series_description),
        body_part: text(&header.body_part_examined),
    }
}

/// Takes the bytes of one C-STORE.
pub struct InstanceSink {
    receiver: Receiver,
    announced: Announced,
    from: Provenance,
    file: BytesMut,
    /// Of the data set so far: hashed while the sender is busy with the next fragment.
    sha256: Sha256,
    held: Option<OwnedSemaphorePermit>,
    held_size: usize,
    /// Has the room for one object of the largest size, which [`StoreSink::write`] enforces.
    turn: Option<OwnedSemaphorePermit>,
}

impl StoreService for Receiver {
    type Sink = InstanceSink;

    async fn begin(&self, request: &StoreRequest) -> Result<InstanceSink, StoreStatus> {
        if !dcm::conformance::is_analyzed(&request.sop_class_uid)
            && self.settings.other_objects == OtherObjects::Refuse
        {
            let comment = "only CT is taken here (dicom.keep_other_objects is off)";
            return Err(StoreStatus::with_comment(StatusCode::SOP_CLASS_NOT_SUPPORTED, comment));
        }
        let mut file = self.buffer();
        file.extend_from_slice(&dcm::part10::file_meta(&dcm::part10::FileMeta {
            sop_class_uid: &request.sop_class_uid,
            sop_instance_uid: request.sop_instance_uid.as_str(),
            transfer_syntax_uid: &request.transfer_syntax_uid,
            calling_ae: request.calling.as_str(),
            called_ae: request.called.as_str(),
        }));
        Ok(InstanceSink {
            receiver: self.clone(),
            announced: Announced {
                sop_class_uid: request.sop_class_uid.clone(),
                sop_instance_uid: request.sop_instance_uid.to_string(),
                transfer_syntax_uid: request.transfer_syntax_uid.clone(),
            },
            from: Provenance {
                calling_ae: request.calling.to_string(),
                called_ae: request.called.to_string(),
                association_id: Some(request.association_id.to_string()),
            },
            file,
            sha256: Sha256::new(),
            held: None,
            held_size: 0,
            turn: None,
        })
    }

    async fn association_opened(&self, opened: &AssociationOpened) {
        self.counters.associations_open_count.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(calling = %opened.calling, called = %opened.called, peer = %opened.peer, "association opened");
        let association = NewAssociation {
            association_id: opened.association_id.to_string(),
            calling_ae: opened.calling.to_string(),
            called_ae: opened.called.to_string(),
            peer_address: opened.peer.to_string(),
        };
        // Nothing but verification: no images will come over it, so the archive need not know.
        if opened.contexts.iter().all(|c| c.abstract_syntax_uid == dimse::VERIFICATION_SOP_CLASS_UID) {
            return;
        }
        if let Err(error) = self.archive.association_opened(&association).await {
            tracing::error!(%error, "noting an association failed; completion falls back to the long quiet time");
        }
    }

    async fn association_ended(&self, ended: &AssociationEnded) {
        if let AssociationEnd::Rejected(rejection) = &ended.end {
            self.counters.associations_rejected_count.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(calling = %ended.calling, called = %ended.called, peer = %ended.peer, %rejection, "association refused");
            return;
        }
        let outcome = match &ended.end {
            AssociationEnd::Released => AssociationOutcome::Released,
            AssociationEnd::AbortedByPeer { .. } | AssociationEnd::Aborted { .. } => {
                AssociationOutcome::Aborted
            }
            _ => AssociationOutcome::Lost,
        };
        if !ended.calling.is_empty() {
            self.counters.associations_open_count.fetch_sub(1, Ordering::Relaxed);
        }
        if let Err(error) = self.archive.association_ended(&ended.association_id.to_string(), outcome).await {
            tracing::error!(%error, "noting the end of an association failed");
        }
    }
}

impl InstanceSink {
    /// Takes memory for `size` bytes in all: from what is shared, else the room that is kept apart, in turn.
    async fn reserve(&mut self, size: usize) -> Result<(), StoreStatus> {
        if size <= self.held_size || self.turn.is_some() {
            return Ok(());
        }
        let steps = (size - self.held_size).div_ceil(BUDGET_STEP);
        let wanted = u32::try_from(steps).unwrap_or(u32::MAX);
        if let Ok(permit) = Arc::clone(&self.receiver.budget).try_acquire_many_owned(wanted) {
            match &mut self.held {
                Some(held) => held.merge(permit),
                None => self.held = Some(permit),
            }
            self.held_size += steps * BUDGET_STEP;
            return Ok(());
        }
        let turn = tokio::time::timeout(BUDGET_WAIT, Arc::clone(&self.receiver.reserve).acquire_owned());
        let full = |why: &str| StoreStatus::with_comment(StatusCode::OUT_OF_RESOURCES, why);
        match turn.await {
            Ok(Ok(turn)) => {
                self.turn = Some(turn);
                Ok(())
            }
            Ok(Err(_)) => Err(full("receiver is stopping")),
            Err(_) => Err(full("receive memory is taken by other senders; try again")),
        }
    }
}

impl StoreSink for InstanceSink {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreStatus> {
        let size = self.file.len() + bytes.len();
        if size > self.receiver.settings.read.limits.object_size_max {
            let comment = "object is larger than dicom.object_size_max";
            return Err(StoreStatus::with_comment(StatusCode::OUT_OF_RESOURCES, comment));
        }
        self.reserve(size).await?;
        self.file.extend_from_slice(bytes);
        self.sha256.update(bytes);
        Ok(())
    }

    async fn finish(self) -> StoreStatus {
        let counters = self.receiver.counters();
        self.receiver.expected_size.store(self.file.len().min(EXPECTED_SIZE_MAX), Ordering::Relaxed);
        let sha256 = hex(&self.sha256.finalize());
        let file = self.file.freeze();
        let kept = self.receiver.keep(file.clone(), sha256, self.announced.clone(), self.from.clone()).await;
        self.receiver.give_back(file);
        match kept {
            Ok(_) => StoreStatus::success(),
            Err(status) => {
                counters.instances_refused_count.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    calling = %self.from.calling_ae, sop_instance_uid = %self.announced.sop_instance_uid,
                    status = %status.code, comment = status.comment.as_deref().unwrap_or(""), "instance refused"
                );
                status
            }
        }
    }
}
