//! From connect to an open association: first PDU, checks, policy, limits, answer.

use crate::admission::{Kind, Ticket};
use crate::association::{self, Fault};
use crate::listener::Shared;
use crate::pdu::{self, AssociateRequest};
use crate::policy::{AssociationPolicy, AssociationRequest, Rejection};
use crate::session::{Session, Terms};
use crate::store_scp::{AssociationEnd, AssociationEnded, AssociationOpened, StoreService};
use crate::wire::{Wire, WireError};
use domain::AeTitle;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpStream;
use uuid::Uuid;

/// Provider reasons of A-ABORT, PS3.8 table 9-26.
pub(crate) mod reason {
    pub(crate) const NOT_SPECIFIED: u8 = 0;
    pub(crate) const UNRECOGNIZED_PDU: u8 = 1;
    pub(crate) const UNEXPECTED_PDU: u8 = 2;
    pub(crate) const INVALID_PARAMETER: u8 = 6;
}

/// What is counted while an association lives; survives a panic of its task.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) association_id: Uuid,
    peer: SocketAddr,
    /// Calling and called title as sent.
    titles: OnceLock<(String, String)>,
    pub(crate) stored: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) size: AtomicU64,
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
pub(crate) struct Ending {
    pub(crate) end: AssociationEnd,
    pub(crate) last_word: Vec<u8>,
}

impl Ending {
    pub(crate) fn abort(reason: u8, why: impl Into<String>) -> Self {
        Self {
            end: AssociationEnd::Aborted { reason, why: why.into() },
            last_word: pdu::abort(2, reason).to_vec(),
        }
    }

    fn reject(rejection: Rejection) -> Self {
        Self { end: AssociationEnd::Rejected(rejection), last_word: pdu::rejection(rejection).to_vec() }
    }

    pub(crate) fn quiet(end: AssociationEnd) -> Self {
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
            let Established { opened, peer_pdu_size_max, operations_window, ticket } = established;
            let service = Arc::clone(&shared.service);
            let limits = &shared.settings.limits;
            let terms = Terms { peer_pdu_size_max, operations_window };
            let mut session = Session::new(service, &mut wire, limits, &tally, opened, terms);
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
    /// Operations that the peer may have open at once.
    operations_window: u16,
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
    let operations_window =
        association::operations_window(request.user.operations_window, limits.operations_max);
    let acceptance = association::acceptance(
        &request,
        &asked.contexts,
        limits.pdu_size_max,
        operations_window,
        &settings.implementation,
    );
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
    Ok(Established { opened, peer_pdu_size_max, operations_window, ticket })
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
