//! One association as requestor, shared by C-STORE and C-ECHO.

use crate::association::{APPLICATION_CONTEXT, Implementation, operations_window, user_variables};
use crate::command::{CommandSet, element, field};
use crate::error::ScuError;
use crate::pdu::{self, Part};
use crate::status::StoreStatus;
use crate::wire::{RawPdu, Wire, WireError};
use dicom_ul::pdu::{AssociationRQ, Pdu, PresentationContextProposed};
use domain::AeTitle;
use std::time::Duration;
use tokio::net::TcpStream;

/// Longest A-ASSOCIATE-AC or other control PDU that we take.
const CONTROL_SIZE_MAX: u32 = 256 * 1024;
/// Longest response command set.
const RESPONSE_SIZE_MAX: usize = 64 * 1024;
/// Whole PDUs are gathered up to this size before they are written.
const WRITE_SIZE: usize = 256 * 1024;
/// A peer that takes less than this cannot be talked to.
const PEER_PDU_SIZE_MIN: u32 = 64;
/// PS3.8: odd ids of one byte.
const CONTEXTS_COUNT_MAX: usize = 128;

/// Where to call and how.
#[derive(Debug, Clone)]
pub struct PeerSettings {
    /// `host:port`.
    pub address: String,
    /// Our AE title.
    pub calling: AeTitle,
    /// The peer's AE title.
    pub called: AeTitle,
    /// Time to connect and to get the association accepted.
    pub connect_timeout: Duration,
    /// Time for each response, and for the peer to take each write.
    pub response_timeout: Duration,
    /// Longest P-DATA-TF that we take; ours never exceed the peer's limit nor this.
    pub pdu_size_max: u32,
    /// C-STOREs that we would like to have open at once (asynchronous operations window, PS3.7 D.3.3.3); 1: each
    /// waits for its answer, and nothing is asked. What the peer grants:
    /// [`crate::StoreAssociation::operations_window`].
    pub operations_window: u16,
    /// Transfer syntaxes, the preferred first: orders the answer of
    /// [`crate::StoreAssociation::accepted_transfer_syntax`]. Empty: in the order of the proposal.
    pub prefer_transfer_syntaxes: Vec<String>,
    /// How we name ourselves.
    pub implementation: Implementation,
}

impl PeerSettings {
    /// Defaults: 10 s to connect, 60 s for a response, PDU of 128 KiB.
    ///
    /// # Errors
    /// [`ScuError::Settings`] when a title is not an AE title.
    pub fn new(address: impl Into<String>, calling: &str, called: &str) -> Result<Self, ScuError> {
        let title = |text: &str| {
            AeTitle::new(text).map_err(|error| ScuError::Settings(format!("AE title {text:?}: {error}")))
        };
        Ok(Self {
            address: address.into(),
            calling: title(calling)?,
            called: title(called)?,
            connect_timeout: Duration::from_secs(10),
            response_timeout: Duration::from_secs(60),
            pdu_size_max: 131_072,
            operations_window: 1,
            prefer_transfer_syntaxes: Vec::new(),
            implementation: Implementation::default(),
        })
    }
}

/// A SOP class with the transfer syntaxes that we can send it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedContext {
    /// SOP class UID.
    pub sop_class_uid: String,
    /// Each gets a presentation context of its own, so that the peer says of each whether it takes it.
    pub transfer_syntax_uids: Vec<String>,
}

impl ProposedContext {
    /// From literals.
    #[must_use]
    pub fn new(sop_class_uid: &str, transfer_syntax_uids: &[&str]) -> Self {
        Self {
            sop_class_uid: sop_class_uid.to_owned(),
            transfer_syntax_uids: transfer_syntax_uids.iter().map(|&uid| uid.to_owned()).collect(),
        }
    }
}

/// A context that the peer accepted.
#[derive(Debug, Clone)]
pub(crate) struct AcceptedContext {
    pub(crate) id: u8,
    pub(crate) sop_class_uid: String,
    pub(crate) transfer_syntax_uid: String,
}

/// A request that was sent and not answered yet.
#[derive(Debug)]
struct OpenRequest {
    message_id: u16,
    context_id: u8,
    /// Command field of the answer.
    expected: u16,
}

/// An open association.
#[derive(Debug)]
pub(crate) struct Requestor {
    wire: Wire,
    pub(crate) address: String,
    called: String,
    timeout: Duration,
    /// What we take.
    pdu_size_max: u32,
    /// What we send at most.
    send_size_max: u32,
    message_id: u16,
    open_requests: Vec<OpenRequest>,
    /// Requests that may be open at once.
    pub(crate) operations_window: u16,
    pub(crate) contexts: Vec<AcceptedContext>,
}

impl Requestor {
    /// Connects and negotiates.
    pub(crate) async fn open(peer: &PeerSettings, contexts: &[ProposedContext]) -> Result<Self, ScuError> {
        let proposed = propose(contexts)?;
        let request = encode_request(peer, &proposed)?;
        let timed_out = || ScuError::TimedOut {
            address: peer.address.clone(),
            what: "a connection",
            timeout_ms: peer.connect_timeout.as_millis(),
        };
        let connect_error = |source| ScuError::Connect { address: peer.address.clone(), source };
        let stream = tokio::time::timeout(peer.connect_timeout, TcpStream::connect(&peer.address))
            .await
            .map_err(|_| timed_out())?
            .map_err(connect_error)?;
        let mut requestor = Self {
            wire: Wire::new(stream),
            address: peer.address.clone(),
            called: peer.called.to_string(),
            timeout: peer.response_timeout,
            pdu_size_max: peer.pdu_size_max,
            send_size_max: peer.pdu_size_max,
            message_id: 0,
            open_requests: Vec::new(),
            operations_window: 1,
            contexts: Vec::new(),
        };
        requestor.send(&request).await?;
        let answer = requestor.receive("the answer to an association request", peer.connect_timeout).await?;
        requestor.take_acceptance(&answer, &proposed, peer.operations_window)?;
        Ok(requestor)
    }

    fn take_acceptance(
        &mut self,
        answer: &RawPdu,
        proposed: &[PresentationContextProposed],
        wanted_window: u16,
    ) -> Result<(), ScuError> {
        if answer.kind != pdu::ASSOCIATE_AC {
            return Err(self.unexpected(answer));
        }
        let acceptance =
            pdu::read_associate_acceptance(&answer.body).map_err(|error| self.protocol(error.to_string()))?;
        let peer_max = acceptance.user.pdu_size_max;
        if peer_max != 0 && peer_max < PEER_PDU_SIZE_MIN {
            return Err(self.protocol(format!("takes PDUs of at most {peer_max} bytes")));
        }
        if peer_max != 0 {
            self.send_size_max = self.send_size_max.min(peer_max);
        }
        self.operations_window = operations_window(acceptance.user.operations_window, wanted_window);
        for context in acceptance.contexts.into_iter().filter(|context| context.result == 0) {
            let Some(ours) = proposed.iter().find(|ours| ours.id == context.id) else {
                return Err(self.protocol(format!("accepted context {}, which was not proposed", context.id)));
            };
            // One transfer syntax was proposed in it: nothing else can have been accepted.
            let only = ours.transfer_syntaxes.first().cloned().unwrap_or_default();
            if context.transfer_syntax.as_deref().is_some_and(|uid| !uid.is_empty() && uid != only) {
                return Err(self.protocol(format!("accepted another transfer syntax than {only}")));
            }
            self.contexts.push(AcceptedContext {
                id: context.id,
                sop_class_uid: ours.abstract_syntax.clone(),
                transfer_syntax_uid: only,
            });
        }
        Ok(())
    }

    /// The id of the next message: never 0, unique while it is open.
    pub(crate) fn next_message_id(&mut self) -> u16 {
        self.message_id = self.message_id.checked_add(1).unwrap_or(1);
        self.message_id
    }

    /// Sends one message and waits for its response; none other may be open.
    pub(crate) async fn perform(
        &mut self,
        context_id: u8,
        command: &CommandSet,
        data_set: Option<&[u8]>,
    ) -> Result<StoreStatus, ScuError> {
        self.request(context_id, command, data_set).await?;
        Ok(self.answer().await?.1)
    }

    /// Sends one message.
    pub(crate) async fn request(
        &mut self,
        context_id: u8,
        command: &CommandSet,
        data_set: Option<&[u8]>,
    ) -> Result<(), ScuError> {
        let mut out = Vec::with_capacity(1024);
        pdu::append_data(&mut out, context_id, Part::Command, &command.encode(), self.send_size_max);
        if let Some(data_set) = data_set {
            let mut rest = data_set;
            loop {
                rest = pdu::append_data_pdu(&mut out, context_id, Part::DataSet, rest, self.send_size_max);
                if rest.is_empty() {
                    break;
                }
                if out.len() >= WRITE_SIZE {
                    self.send(&out).await?;
                    out.clear();
                }
            }
        }
        self.send(&out).await?;
        self.open_requests.push(OpenRequest {
            message_id: command.number(element::MESSAGE_ID).unwrap_or_default(),
            context_id,
            expected: command.number(element::COMMAND_FIELD).unwrap_or_default() | field::RESPONSE,
        });
        Ok(())
    }

    /// The next answer: message id and status of an open request. Answers need not come in the order of requests.
    pub(crate) async fn answer(&mut self) -> Result<(u16, StoreStatus), ScuError> {
        let (context_id, response) = self.response().await?;
        let place = self.open_requests.iter().position(|open| {
            open.context_id == context_id
                && response.number(element::COMMAND_FIELD) == Some(open.expected)
                && response.number(element::MESSAGE_ID_RESPONDED_TO) == Some(open.message_id)
        });
        match (place, response.status()) {
            (Some(place), Some(status)) => Ok((self.open_requests.swap_remove(place).message_id, status)),
            _ => Err(self.protocol("answered another message than ours".to_owned())),
        }
    }

    /// A whole command set and its context.
    async fn response(&mut self) -> Result<(u8, CommandSet), ScuError> {
        let mut bytes = Vec::new();
        let mut context_id = None;
        loop {
            let raw = self.receive("a response", self.timeout).await?;
            if raw.kind != pdu::P_DATA {
                return Err(self.unexpected(&raw));
            }
            for value in pdu::data_values(&raw.body) {
                let value = value.map_err(|error| self.protocol(error.to_string()))?;
                let begun = *context_id.get_or_insert(value.context_id);
                if !value.is_command || value.context_id != begun {
                    return Err(self.protocol("sent data where a response was due".to_owned()));
                }
                if bytes.len() + value.fragment.len() > RESPONSE_SIZE_MAX {
                    return Err(self.protocol("sent an endless response".to_owned()));
                }
                bytes.extend_from_slice(value.fragment);
                if value.is_last {
                    let set = CommandSet::decode(&bytes).map_err(|error| self.protocol(error.to_string()))?;
                    return Ok((begun, set));
                }
            }
        }
    }

    /// Releases in order.
    pub(crate) async fn release(mut self) -> Result<(), ScuError> {
        self.send(&pdu::RELEASE_REQUEST).await?;
        loop {
            let raw = self.receive("the answer to a release request", self.timeout).await?;
            match raw.kind {
                pdu::RELEASE_RP => break,
                // Release collision (PS3.8 9.2.3): the requestor answers and goes on waiting.
                pdu::RELEASE_RQ => self.send(&pdu::RELEASE_RESPONSE).await?,
                _ => return Err(self.unexpected(&raw)),
            }
        }
        self.wire.close().await;
        Ok(())
    }

    /// Gives up.
    pub(crate) async fn abort(self) {
        self.wire.finish(&pdu::abort(0, 0)).await;
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), ScuError> {
        match self.wire.write(bytes, self.timeout).await {
            Ok(()) => Ok(()),
            Err(error) => {
                // A peer that aborts stops reading: its A-ABORT says more than the broken pipe.
                let brief = Duration::from_millis(200);
                match self.wire.read_pdu(CONTROL_SIZE_MAX, brief).await {
                    Ok(raw) if raw.kind == pdu::ABORT => Err(self.unexpected(&raw)),
                    Ok(_) | Err(_) => Err(self.wire_error(&error, "the peer to take data")),
                }
            }
        }
    }

    async fn receive(&mut self, what: &'static str, timeout: Duration) -> Result<RawPdu, ScuError> {
        let size_max = self.pdu_size_max.max(CONTROL_SIZE_MAX);
        match self.wire.read_pdu(size_max, timeout).await {
            Ok(raw) => Ok(raw),
            Err(error) => Err(self.wire_error(&error, what)),
        }
    }

    fn wire_error(&self, error: &WireError, what: &'static str) -> ScuError {
        let address = self.address.clone();
        match error {
            WireError::TimedOut(timeout) => {
                ScuError::TimedOut { address, what, timeout_ms: timeout.as_millis() }
            }
            WireError::Closed | WireError::Cut | WireError::Io(_) => {
                ScuError::ConnectionLost { address, why: error.to_string() }
            }
            WireError::TooLong { .. } | WireError::UnknownType(_) => self.protocol(error.to_string()),
        }
    }

    fn protocol(&self, why: String) -> ScuError {
        ScuError::Protocol { address: self.address.clone(), why }
    }

    /// The error that a PDU means which is not the awaited one.
    fn unexpected(&self, raw: &RawPdu) -> ScuError {
        let address = self.address.clone();
        match raw.kind {
            pdu::ABORT => {
                let (source_code, reason) = pdu::read_abort(&raw.body);
                ScuError::Aborted { address, source_code, reason }
            }
            pdu::ASSOCIATE_RJ => match pdu::read_rejection(&raw.body) {
                Ok(rejection) => ScuError::Rejected { address, called: self.called.clone(), rejection },
                Err(error) => self.protocol(error.to_string()),
            },
            kind => self.protocol(format!("sent a PDU of type {kind} that is not due")),
        }
    }
}

/// One presentation context for each class and syntax.
fn propose(contexts: &[ProposedContext]) -> Result<Vec<PresentationContextProposed>, ScuError> {
    let pairs: Vec<(&String, &String)> = contexts
        .iter()
        .flat_map(|context| context.transfer_syntax_uids.iter().map(|uid| (&context.sop_class_uid, uid)))
        .collect();
    if pairs.is_empty() || pairs.len() > CONTEXTS_COUNT_MAX {
        return Err(ScuError::Settings(format!(
            "{} presentation contexts to propose, 1 to {CONTEXTS_COUNT_MAX} are possible",
            pairs.len()
        )));
    }
    let ids = (1..=u8::MAX).step_by(2);
    Ok(ids
        .zip(pairs)
        .map(|(id, (class, syntax))| PresentationContextProposed {
            id,
            abstract_syntax: class.clone(),
            transfer_syntaxes: vec![syntax.clone()],
        })
        .collect())
}

fn encode_request(
    peer: &PeerSettings,
    proposed: &[PresentationContextProposed],
) -> Result<Vec<u8>, ScuError> {
    let window = (peer.operations_window > 1).then_some(peer.operations_window);
    let request = Pdu::AssociationRQ(AssociationRQ {
        protocol_version: 1,
        calling_ae_title: peer.calling.to_string(),
        called_ae_title: peer.called.to_string(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: proposed.to_vec(),
        user_variables: user_variables(peer.pdu_size_max, window, &peer.implementation),
    });
    pdu::encode(&request).map_err(|error| ScuError::Settings(format!("association request: {error}")))
}
