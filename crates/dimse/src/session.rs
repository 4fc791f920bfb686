//! One association as acceptor: handshake, then messages until it ends.

use crate::admission::{Kind, Ticket};
use crate::association::{self, Fault, NegotiatedContext, VERIFICATION_SOP_CLASS_UID};
use crate::command::{CommandSet, element, field};
use crate::limits::ScpLimits;
use crate::listener::Shared;
use crate::pdu::{self, AssociateRequest, Part, Pdv};
use crate::policy::{AssociationPolicy, AssociationRequest, Rejection};
use crate::status::{StatusCode, StoreStatus};
use crate::store_scp::{
    AssociationEnd, AssociationEnded, AssociationOpened, MoveOriginator, StoreRequest, StoreService,
    StoreSink,
};
use crate::wire::{Wire, WireError};
use domain::{AeTitle, SopInstanceUid};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Provider reasons of A-ABORT, PS3.8 table 9-26.
mod reason {
    pub(super) const NOT_SPECIFIED: u8 = 0;
    pub(super) const UNRECOGNIZED_PDU: u8 = 1;
    pub(super) const UNEXPECTED_PDU: u8 = 2;
    pub(super) const INVALID_PARAMETER: u8 = 6;
}

/// What is counted while an association lives; survives a panic of its task.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) association_id: Uuid,
    peer: SocketAddr,
    /// Calling and called title as sent.
    titles: OnceLock<(String, String)>,
    stored: AtomicU64,
    failed: AtomicU64,
    size: AtomicU64,
}

impl Tally {
    pub(crate) fn new(association_id: Uuid, peer: SocketAddr) -> Self {
        Self {
            association_id,
            peer,
            titles: OnceLock::new(),
            stored: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            size: AtomicU64::new(0),
        }
    }

    pub(crate) fn ended(&self, end: AssociationEnd, duration: Duration) -> AssociationEnded {
        let (calling, called) = self.titles.get().cloned().unwrap_or_default();
        AssociationEnded {
            association_id: self.association_id,
            calling,
            called,
            peer: self.peer,
            end,
            instances_count_stored: self.stored.load(Ordering::Relaxed),
            instances_count_failed: self.failed.load(Ordering::Relaxed),
            data_size: self.size.load(Ordering::Relaxed),
            duration,
        }
    }
}

/// An end, with what is said to the peer about it.
struct Ending {
    end: AssociationEnd,
    last_word: Vec<u8>,
}

impl Ending {
    fn abort(reason: u8, why: impl Into<String>) -> Self {
        Self {
            end: AssociationEnd::Aborted { reason, why: why.into() },
            last_word: pdu::abort(2, reason).to_vec(),
        }
    }

    fn reject(rejection: Rejection) -> Self {
        Self { end: AssociationEnd::Rejected(rejection), last_word: pdu::rejection(rejection).to_vec() }
    }

    fn quiet(end: AssociationEnd) -> Self {
        Self { end, last_word: Vec::new() }
    }
}

impl From<WireError> for Ending {
    fn from(error: WireError) -> Self {
        let why = error.to_string();
        match error {
            WireError::Closed | WireError::Cut | WireError::Io(_) => {
                Self::quiet(AssociationEnd::ConnectionLost { why })
            }
            WireError::TooLong { .. } => Self::abort(reason::INVALID_PARAMETER, why),
            WireError::UnknownType(_) => Self::abort(reason::UNRECOGNIZED_PDU, why),
            WireError::TimedOut(_) => Self::abort(reason::NOT_SPECIFIED, why),
        }
    }
}

/// Runs one connection to its end.
pub(crate) async fn run<S: StoreService, P: AssociationPolicy>(
    shared: Arc<Shared<S, P>>,
    stream: TcpStream,
    tally: Arc<Tally>,
    ticket: Ticket,
) -> AssociationEnd {
    let mut wire = Wire::new(stream);
    let ending = match handshake(&shared, &mut wire, &tally, ticket).await {
        Err(ending) => ending,
        Ok(established) => {
            let Established { opened, peer_pdu_size_max, ticket } = established;
            let mut session = Session {
                service: Arc::clone(&shared.service),
                wire: &mut wire,
                limits: &shared.settings.limits,
                tally: &tally,
                contexts: opened.contexts.iter().map(|context| (context.id, context.clone())).collect(),
                opened,
                peer_pdu_size_max,
                command: None,
                incoming: None,
                ignored: None,
            };
            let ending = session.converse(&shared.stop).await;
            drop(session);
            drop(ticket);
            ending
        }
    };
    // The place is free and the end is known before the peer has taken our last word.
    let Ending { end, last_word } = ending;
    shared.tasks.spawn(async move { wire.finish(&last_word).await });
    end
}

/// What a handshake gives.
struct Established {
    opened: AssociationOpened,
    /// What the peer takes; never 0.
    peer_pdu_size_max: u32,
    ticket: Ticket,
}

async fn handshake<S: StoreService, P: AssociationPolicy>(
    shared: &Shared<S, P>,
    wire: &mut Wire,
    tally: &Tally,
    ticket: Ticket,
) -> Result<Established, Ending> {
    let settings = &shared.settings;
    let limits = &settings.limits;
    let first = tokio::select! {
        biased;
        first = wire.read_pdu(limits.association_request_size_max, limits.artim_timeout) => first?,
        () = shared.stop.cancelled() => return Err(Ending::quiet(AssociationEnd::Stopped)),
    };
    if first.kind == pdu::ABORT {
        let (source, reason) = pdu::read_abort(&first.body);
        return Err(Ending::quiet(AssociationEnd::AbortedByPeer { source, reason }));
    }
    if first.kind != pdu::ASSOCIATE_RQ {
        return Err(Ending::abort(
            reason::UNEXPECTED_PDU,
            format!("first PDU is of type {}, not an association request", first.kind),
        ));
    }
    let request = pdu::read_associate_request(&first.body)
        .map_err(|error| Ending::abort(reason::INVALID_PARAMETER, format!("association request: {error}")))?;
    let _ = tally.titles.set((request.calling.clone(), request.called.clone()));
    association::check_request(&request, limits.contexts_count_max).map_err(|fault| match fault {
        Fault::Reject(rejection) => Ending::reject(rejection),
        Fault::Abort(why) => Ending::abort(reason::INVALID_PARAMETER, why),
    })?;
    let (asked, ticket) = admit(shared, &request, tally.peer, ticket)?;
    let acceptance =
        association::acceptance(&request, &asked.contexts, limits.pdu_size_max, &settings.implementation);
    let bytes = pdu::encode(&acceptance)
        .map_err(|error| Ending::abort(reason::NOT_SPECIFIED, format!("association acceptance: {error}")))?;
    let opened = AssociationOpened {
        association_id: tally.association_id,
        calling: asked.calling,
        called: asked.called,
        peer: tally.peer,
        implementation_version_name: request.user.implementation_version_name.clone(),
        contexts: asked.contexts,
    };
    shared.service.association_opened(&opened).await;
    wire.write(&bytes, limits.write_timeout).await?;
    let peer_pdu_size_max = match request.user.pdu_size_max {
        0 => limits.pdu_size_max,
        size => size,
    };
    Ok(Established { opened, peer_pdu_size_max, ticket })
}

/// Titles, policy, limits; the place of the handshake becomes the place of an association.
fn admit<S, P: AssociationPolicy>(
    shared: &Shared<S, P>,
    request: &AssociateRequest,
    peer: SocketAddr,
    ticket: Ticket,
) -> Result<(AssociationRequest, Ticket), Ending> {
    let title = |text: &str, rejection| AeTitle::new(text).map_err(|_| Ending::reject(rejection));
    let asked = AssociationRequest {
        called: title(&request.called, Rejection::CALLED_AE_NOT_RECOGNIZED)?,
        calling: title(&request.calling, Rejection::CALLING_AE_NOT_RECOGNIZED)?,
        peer,
        contexts: association::negotiate(request, &shared.settings.offer()),
    };
    shared.policy.admit(&asked).map_err(Ending::reject)?;
    let ordinary = shared.admission.enter(peer.ip(), Kind::Association);
    let place = ordinary.or_else(|| {
        let is_verification = association::is_verification_only(&asked.contexts);
        is_verification.then(|| shared.admission.enter(peer.ip(), Kind::Verification)).flatten()
    });
    drop(ticket);
    match place {
        Some(place) => Ok((asked, place)),
        None => Err(Ending::reject(Rejection::LOCAL_LIMIT_EXCEEDED)),
    }
}

/// A data set that is arriving.
struct Incoming<K> {
    context_id: u8,
    request: CommandSet,
    target: Target<K>,
    size: u64,
}

/// Where the bytes of a data set go.
enum Target<K> {
    Sink(K),
    /// Thrown away; the answer is known.
    Drain(StoreStatus),
}

/// A command set that is arriving.
struct PartialCommand {
    context_id: u8,
    bytes: Vec<u8>,
}

struct Session<'a, S: StoreService> {
    service: Arc<S>,
    wire: &'a mut Wire,
    limits: &'a ScpLimits,
    tally: &'a Tally,
    opened: AssociationOpened,
    contexts: HashMap<u8, NegotiatedContext>,
    peer_pdu_size_max: u32,
    command: Option<PartialCommand>,
    incoming: Option<Incoming<S::Sink>>,
    /// A context whose data set is thrown away beside the one that is arriving (duplicate invocation).
    ignored: Option<u8>,
}

impl<S: StoreService> Session<'_, S> {
    fn is_between_messages(&self) -> bool {
        self.command.is_none() && self.incoming.is_none() && self.ignored.is_none()
    }

    async fn converse(&mut self, stop: &CancellationToken) -> Ending {
        let deadline = Instant::now() + self.limits.association_time_max;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ending::abort(reason::NOT_SPECIFIED, "association lasted longer than its limit");
            }
            let timeout = self.limits.idle_timeout.min(left);
            let may_stop = self.is_between_messages();
            let read = tokio::select! {
                biased;
                () = stop.cancelled(), if may_stop => {
                    let last_word = pdu::abort(2, reason::NOT_SPECIFIED).to_vec();
                    return Ending { end: AssociationEnd::Stopped, last_word };
                }
                read = self.wire.read_pdu(self.limits.pdu_size_max, timeout) => read,
            };
            let handled = match read {
                Err(error) => Err(Ending::from(error)),
                Ok(raw) if raw.kind == pdu::P_DATA => self.data(&raw.body).await,
                Ok(raw) => Err(control_pdu(raw.kind, &raw.body)),
            };
            if let Err(ending) = handled {
                return ending;
            }
        }
    }

    async fn data(&mut self, body: &[u8]) -> Result<(), Ending> {
        for value in pdu::data_values(body) {
            let value = value.map_err(|error| Ending::abort(reason::INVALID_PARAMETER, error.to_string()))?;
            if !self.contexts.contains_key(&value.context_id) {
                return Err(Ending::abort(
                    reason::INVALID_PARAMETER,
                    format!("presentation context {} was not proposed", value.context_id),
                ));
            }
            if value.is_command { self.command_part(value).await? } else { self.data_part(value).await? }
        }
        Ok(())
    }

    /// Gathers a command set, bounded, and acts on it when it is complete.
    async fn command_part(&mut self, value: Pdv<'_>) -> Result<(), Ending> {
        let command = self
            .command
            .get_or_insert_with(|| PartialCommand { context_id: value.context_id, bytes: Vec::new() });
        if command.context_id != value.context_id {
            return Err(Ending::abort(
                reason::UNEXPECTED_PDU,
                "command set changes its presentation context",
            ));
        }
        if command.bytes.len() + value.fragment.len() > self.limits.command_size_max {
            return Err(Ending::abort(
                reason::INVALID_PARAMETER,
                format!("command set is longer than {} bytes", self.limits.command_size_max),
            ));
        }
        command.bytes.extend_from_slice(value.fragment);
        if !value.is_last {
            return Ok(());
        }
        let Some(command) = self.command.take() else { return Ok(()) };
        let set = CommandSet::decode(&command.bytes)
            .map_err(|error| Ending::abort(reason::INVALID_PARAMETER, error.to_string()))?;
        self.dispatch(command.context_id, set).await
    }

    async fn dispatch(&mut self, context_id: u8, set: CommandSet) -> Result<(), Ending> {
        let Some(command) = set.number(element::COMMAND_FIELD) else {
            return Err(Ending::abort(reason::INVALID_PARAMETER, "command set without command field"));
        };
        if command == field::CANCEL_RQ {
            return Ok(());
        }
        if command & field::RESPONSE != 0 {
            return Err(Ending::abort(reason::UNEXPECTED_PDU, "a response came where only requests may"));
        }
        if let Some(incoming) = &self.incoming {
            return self.interleaved(context_id, &set, incoming.context_id).await;
        }
        let target = match self.judge(context_id, command, &set) {
            Err(status) => Target::Drain(status),
            Ok(None) => return self.respond(context_id, &set, &StoreStatus::success()).await,
            Ok(Some(request)) => match self.service.begin(&request).await {
                Ok(sink) => Target::Sink(sink),
                Err(status) => Target::Drain(status),
            },
        };
        if let (Target::Drain(status), false) = (&target, set.has_data_set()) {
            let status = status.clone();
            self.count(command, &status);
            return self.respond(context_id, &set, &status).await;
        }
        self.incoming = Some(Incoming { context_id, request: set, target, size: 0 });
        Ok(())
    }

    /// A command while a data set is arriving: we negotiated one operation at a time.
    async fn interleaved(
        &mut self,
        context_id: u8,
        set: &CommandSet,
        busy_context: u8,
    ) -> Result<(), Ending> {
        let is_duplicate = self.incoming.as_ref().is_some_and(|incoming| {
            incoming.request.number(element::MESSAGE_ID) == set.number(element::MESSAGE_ID)
        });
        let can_tell_apart = !set.has_data_set() || (context_id != busy_context && self.ignored.is_none());
        if !can_tell_apart {
            return Err(Ending::abort(reason::UNEXPECTED_PDU, "a command came in the middle of a data set"));
        }
        if set.has_data_set() {
            self.ignored = Some(context_id);
        }
        let code =
            if is_duplicate { StatusCode::DUPLICATE_INVOCATION } else { StatusCode::RESOURCE_LIMITATION };
        let status = StoreStatus::with_comment(code, "one operation at a time");
        self.respond(context_id, set, &status).await
    }

    /// What a request is worth: `Ok(None)` C-ECHO, `Ok(Some)` a C-STORE to begin, `Err` the failure to answer.
    fn judge(
        &self,
        context_id: u8,
        command: u16,
        set: &CommandSet,
    ) -> Result<Option<StoreRequest>, StoreStatus> {
        let mistyped = |element| {
            StoreStatus::with_comment(StatusCode::MISTYPED_ARGUMENT, "element missing or malformed")
                .offending(&[(0, element)])
        };
        let message_id = set.number(element::MESSAGE_ID).ok_or_else(|| mistyped(element::MESSAGE_ID))?;
        if command != field::STORE_RQ && command != field::ECHO_RQ {
            let comment = format!("operation {command:04X} is not offered");
            return Err(StoreStatus::with_comment(StatusCode::UNRECOGNIZED_OPERATION, comment));
        }
        let class_uid = set
            .text(element::AFFECTED_SOP_CLASS_UID)
            .ok_or_else(|| mistyped(element::AFFECTED_SOP_CLASS_UID))?;
        let context = self.contexts.get(&context_id).filter(|context| {
            let is_echo = context.abstract_syntax_uid == VERIFICATION_SOP_CLASS_UID;
            context.abstract_syntax_uid == class_uid && is_echo == (command == field::ECHO_RQ)
        });
        let Some((context, transfer_syntax_uid)) = context.zip(context.and_then(accepted_syntax)) else {
            let comment = "SOP class does not belong to an accepted context";
            return Err(StoreStatus::with_comment(StatusCode::SOP_CLASS_NOT_SUPPORTED, comment)
                .offending(&[(0, element::AFFECTED_SOP_CLASS_UID)]));
        };
        if set.has_data_set() != (command == field::STORE_RQ) {
            return Err(mistyped(element::DATA_SET_TYPE));
        }
        if command == field::ECHO_RQ {
            return Ok(None);
        }
        let instance_uid = set
            .text(element::AFFECTED_SOP_INSTANCE_UID)
            .ok_or_else(|| mistyped(element::AFFECTED_SOP_INSTANCE_UID))?;
        let sop_instance_uid = SopInstanceUid::new(&instance_uid).map_err(|error| {
            StoreStatus::with_comment(StatusCode::INVALID_OBJECT_INSTANCE, error.to_string())
                .offending(&[(0, element::AFFECTED_SOP_INSTANCE_UID)])
        })?;
        let move_originator = set.text(element::MOVE_ORIGINATOR_AE_TITLE).map(|ae_title| MoveOriginator {
            ae_title,
            message_id: set.number(element::MOVE_ORIGINATOR_MESSAGE_ID).unwrap_or_default(),
        });
        Ok(Some(StoreRequest {
            association_id: self.opened.association_id,
            calling: self.opened.calling.clone(),
            called: self.opened.called.clone(),
            peer: self.opened.peer,
            sop_class_uid: class_uid,
            sop_instance_uid,
            transfer_syntax_uid: transfer_syntax_uid.to_owned(),
            message_id,
            move_originator,
            kept: context.kept,
        }))
    }

    /// Hands a fragment to the sink; answers when it was the last.
    async fn data_part(&mut self, value: Pdv<'_>) -> Result<(), Ending> {
        if self.ignored == Some(value.context_id) {
            if value.is_last {
                self.ignored = None;
            }
            return Ok(());
        }
        let expected = self.incoming.as_mut().filter(|incoming| incoming.context_id == value.context_id);
        let Some(incoming) = expected else {
            return Err(Ending::abort(reason::UNEXPECTED_PDU, "a data set came without its command"));
        };
        let count = u64::try_from(value.fragment.len()).unwrap_or(u64::MAX);
        incoming.size = incoming.size.saturating_add(count);
        self.tally.size.fetch_add(count, Ordering::Relaxed);
        let limit = self.limits.object_size_max;
        if incoming.size > limit.saturating_add(self.limits.drain_size_max) {
            return Err(Ending::abort(reason::NOT_SPECIFIED, "refused data set does not end"));
        }
        if let Target::Sink(sink) = &mut incoming.target {
            let written = if incoming.size > limit {
                let comment = format!("object is larger than {limit} bytes");
                Err(StoreStatus::with_comment(StatusCode::OUT_OF_RESOURCES, comment))
            } else {
                sink.write(value.fragment).await
            };
            if let Err(status) = written {
                incoming.target = Target::Drain(status);
            }
        }
        if value.is_last { self.complete().await } else { Ok(()) }
    }

    async fn complete(&mut self) -> Result<(), Ending> {
        let Some(Incoming { context_id, request, target, .. }) = self.incoming.take() else { return Ok(()) };
        let status = match target {
            Target::Sink(sink) => sink.finish().await,
            Target::Drain(status) => status,
        };
        self.count(request.number(element::COMMAND_FIELD).unwrap_or_default(), &status);
        self.respond(context_id, &request, &status).await
    }

    fn count(&self, command: u16, status: &StoreStatus) {
        if command != field::STORE_RQ {
            return;
        }
        let counter = if status.is_delivered() { &self.tally.stored } else { &self.tally.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    async fn respond(
        &mut self,
        context_id: u8,
        request: &CommandSet,
        status: &StoreStatus,
    ) -> Result<(), Ending> {
        if status.code != StatusCode::SUCCESS {
            let command = request.number(element::COMMAND_FIELD).unwrap_or_default();
            let association_id = self.tally.association_id;
            tracing::info!(%association_id, command = format!("{command:04X}"), %status, "request answered");
        }
        let response = CommandSet::response(request, status).encode();
        let mut bytes = Vec::with_capacity(response.len() + 64);
        pdu::append_data(&mut bytes, context_id, Part::Command, &response, self.peer_pdu_size_max);
        Ok(self.wire.write(&bytes, self.limits.write_timeout).await?)
    }
}

fn accepted_syntax(context: &NegotiatedContext) -> Option<&str> {
    context.transfer_syntax_uid.as_deref()
}

/// The end that a PDU other than P-DATA means in an open association.
fn control_pdu(kind: u8, body: &[u8]) -> Ending {
    match kind {
        pdu::RELEASE_RQ => {
            Ending { end: AssociationEnd::Released, last_word: pdu::RELEASE_RESPONSE.to_vec() }
        }
        pdu::ABORT => {
            let (source, reason) = pdu::read_abort(body);
            Ending::quiet(AssociationEnd::AbortedByPeer { source, reason })
        }
        kind => Ending::abort(reason::UNEXPECTED_PDU, format!("PDU of type {kind} in an open association")),
    }
}
