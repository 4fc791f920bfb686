//! One open association as acceptor: messages until it ends.

use crate::association::{NegotiatedContext, VERIFICATION_SOP_CLASS_UID};
use crate::command::{CommandSet, element, field};
use crate::handshake::{Ending, Tally, reason};
use crate::limits::ScpLimits;
use crate::pdu::{self, Part, Pdv};
use crate::status::{StatusCode, StoreStatus};
use crate::store_scp::{
    AssociationEnd, AssociationOpened, MoveOriginator, StoreRequest, StoreService, StoreSink,
};
use crate::wire::{RawPdu, Wire, WireError};
use domain::SopInstanceUid;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

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

/// What was agreed on beside the contexts.
pub(crate) struct Terms {
    /// What the peer takes, never 0.
    pub(crate) peer_pdu_size_max: u32,
    /// Operations that the peer may have open at once; 1: it waits for each answer.
    pub(crate) operations_window: u16,
}

/// A C-STORE that was kept, or not.
struct Finished {
    context_id: u8,
    request: CommandSet,
    status: StoreStatus,
}

/// What the association waited for.
enum Event {
    Arrived(Result<RawPdu, WireError>),
    Finished(Result<Finished, JoinError>),
}

/// An open association.
pub(crate) struct Session<'a, S: StoreService> {
    service: Arc<S>,
    wire: &'a mut Wire,
    limits: &'a ScpLimits,
    tally: &'a Tally,
    opened: AssociationOpened,
    contexts: HashMap<u8, NegotiatedContext>,
    terms: Terms,
    command: Option<PartialCommand>,
    incoming: Option<Incoming<S::Sink>>,
    /// A context whose data set is thrown away beside the one that is arriving (duplicate invocation).
    ignored: Option<u8>,
    /// Instances that are being kept while others arrive: only with a window above 1.
    under_way: JoinSet<Finished>,
    /// Message ids of these.
    open_messages: Vec<u16>,
}

impl<'a, S: StoreService> Session<'a, S> {
    pub(crate) fn new(
        service: Arc<S>,
        wire: &'a mut Wire,
        limits: &'a ScpLimits,
        tally: &'a Tally,
        opened: AssociationOpened,
        terms: Terms,
    ) -> Self {
        let contexts = opened.contexts.iter().map(|context| (context.id, context.clone())).collect();
        Self {
            service,
            wire,
            limits,
            tally,
            opened,
            contexts,
            terms,
            command: None,
            incoming: None,
            ignored: None,
            under_way: JoinSet::new(),
            open_messages: Vec::new(),
        }
    }

    fn is_between_messages(&self) -> bool {
        self.command.is_none() && self.incoming.is_none() && self.ignored.is_none()
    }

    /// Takes messages until the association ends; what arrived whole is kept, and answered if somebody listens,
    /// before the end is told.
    pub(crate) async fn converse(&mut self, stop: &CancellationToken) -> Ending {
        let ending = self.take_messages(stop).await;
        let mut listens = matches!(ending.end, AssociationEnd::Released | AssociationEnd::Stopped);
        while let Some(finished) = self.under_way.join_next().await {
            listens = self.answer_finished(finished, listens).await.is_ok() && listens;
        }
        ending
    }

    async fn take_messages(&mut self, stop: &CancellationToken) -> Ending {
        let deadline = Instant::now() + self.limits.association_time_max;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // A peer that waits for our answers is not idle.
            let timeout = if self.under_way.is_empty() { self.limits.idle_timeout.min(left) } else { left };
            let may_stop = self.is_between_messages();
            let has_room = self.under_way.len() < usize::from(self.terms.operations_window);
            let event = tokio::select! {
                biased;
                () = stop.cancelled(), if may_stop => {
                    let last_word = pdu::abort(2, reason::NOT_SPECIFIED).to_vec();
                    return Ending { end: AssociationEnd::Stopped, last_word };
                }
                Some(finished) = self.under_way.join_next(), if !self.under_way.is_empty() => {
                    Event::Finished(finished)
                }
                read = self.wire.read_pdu(self.limits.pdu_size_max, timeout), if has_room => {
                    Event::Arrived(read)
                }
            };
            let handled = match event {
                Event::Finished(finished) => self.answer_finished(finished, true).await,
                Event::Arrived(read) => self.arrived(read, timeout == left).await,
            };
            if let Err(ending) = handled {
                return ending;
            }
        }
    }

    /// `was_last_time`: the wait was cut by the association's own limit.
    async fn arrived(&mut self, read: Result<RawPdu, WireError>, was_last_time: bool) -> Result<(), Ending> {
        match read {
            Err(WireError::TimedOut(_)) if was_last_time => {
                Err(Ending::abort(reason::NOT_SPECIFIED, "association lasted longer than its limit"))
            }
            Err(error) => Err(Ending::from(error)),
            Ok(raw) if raw.kind == pdu::P_DATA => self.data(&raw.body).await,
            Ok(raw) => Err(control_pdu(raw.kind, &raw.body)),
        }
    }

    /// Counts what became of an instance, and answers it when somebody `listens`.
    async fn answer_finished(
        &mut self,
        finished: Result<Finished, JoinError>,
        listens: bool,
    ) -> Result<(), Ending> {
        let Finished { context_id, request, status } = match finished {
            Ok(finished) => finished,
            // As if it had panicked here: the association ends, and only it.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => return Err(Ending::abort(reason::NOT_SPECIFIED, error.to_string())),
        };
        let message_id = request.number(element::MESSAGE_ID);
        if let Some(place) = self.open_messages.iter().position(|open| Some(*open) == message_id) {
            self.open_messages.swap_remove(place);
        }
        self.count(field::STORE_RQ, &status);
        if listens { self.respond(context_id, &request, &status).await } else { Ok(()) }
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

    /// A command while a data set is arriving: fragments of two messages never mix, whatever the window.
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
        if self.open_messages.contains(&message_id) {
            return Err(StoreStatus::with_comment(
                StatusCode::DUPLICATE_INVOCATION,
                "an operation with this message id is open",
            ));
        }
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
            Target::Sink(sink) if self.terms.operations_window > 1 => {
                self.open_messages.extend(request.number(element::MESSAGE_ID));
                self.under_way.spawn(async move {
                    let status = sink.finish().await;
                    Finished { context_id, request, status }
                });
                return Ok(());
            }
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
        pdu::append_data(&mut bytes, context_id, Part::Command, &response, self.terms.peer_pdu_size_max);
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
