//! What a receiver does with an instance: the seam between the network and whoever keeps instances.

use crate::association::NegotiatedContext;
use crate::policy::Rejection;
use crate::status::StoreStatus;
use domain::{AeTitle, SopInstanceUid};
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use uuid::Uuid;

/// Who asked for a C-STORE by C-MOVE (PS3.7 9.1.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveOriginator {
    /// Move Originator Application Entity Title (0000,1030), as sent.
    pub ae_title: String,
    /// Move Originator Message ID (0000,1031).
    pub message_id: u16,
}

/// A C-STORE-RQ whose data set is about to arrive.
#[derive(Debug, Clone)]
pub struct StoreRequest {
    /// The association, the same in all its events.
    pub association_id: Uuid,
    /// Who sends.
    pub calling: AeTitle,
    /// Whom it called.
    pub called: AeTitle,
    /// Where it sends from.
    pub peer: SocketAddr,
    /// Affected SOP Class UID (0000,0002): equals the abstract syntax of the context.
    pub sop_class_uid: String,
    /// Affected SOP Instance UID (0000,1000). The data set may say otherwise: comparing is the sink's business.
    pub sop_instance_uid: SopInstanceUid,
    /// Transfer syntax of the bytes that follow.
    pub transfer_syntax_uid: String,
    /// Message ID (0000,0110).
    pub message_id: u16,
    /// Set when a C-MOVE is behind it.
    pub move_originator: Option<MoveOriginator>,
    /// Whether config keeps this SOP class; false: the service should answer and keep nothing.
    pub kept: bool,
}

/// Keeps instances.
pub trait StoreService: Send + Sync + 'static {
    /// Takes the bytes of one instance.
    type Sink: StoreSink;

    /// A data set is about to arrive.
    ///
    /// # Errors
    /// A status: the data set is read to its end, thrown away and answered with it.
    fn begin(&self, request: &StoreRequest) -> impl Future<Output = Result<Self::Sink, StoreStatus>> + Send;

    /// An association was accepted.
    fn association_opened(&self, opened: &AssociationOpened) -> impl Future<Output = ()> + Send {
        let _ = opened;
        async {}
    }

    /// An association ended, or was refused: called exactly once for each connection.
    fn association_ended(&self, ended: &AssociationEnded) -> impl Future<Output = ()> + Send {
        let _ = ended;
        async {}
    }
}

/// Takes the bytes of one data set, without preamble and file meta information, in the transfer syntax of
/// [`StoreRequest`]. Dropped without [`StoreSink::finish`] it must forget the instance.
pub trait StoreSink: Send + 'static {
    /// The next bytes.
    ///
    /// # Errors
    /// A status: the rest is read and thrown away, the sink is dropped, the sender gets the status.
    fn write(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), StoreStatus>> + Send;

    /// The data set is complete. Success may be answered only when the instance is durable.
    fn finish(self) -> impl Future<Output = StoreStatus> + Send;
}

/// An association that was accepted.
#[derive(Debug, Clone)]
pub struct AssociationOpened {
    /// The same in all its events.
    pub association_id: Uuid,
    /// Who called.
    pub calling: AeTitle,
    /// Whom it called.
    pub called: AeTitle,
    /// Where it called from.
    pub peer: SocketAddr,
    /// Implementation version name of the caller (PS3.7 D.3.3.2), may be empty.
    pub implementation_version_name: String,
    /// Every context with its answer.
    pub contexts: Vec<NegotiatedContext>,
}

/// An association that ended or never came to be.
#[derive(Debug, Clone)]
pub struct AssociationEnded {
    /// The same in all its events.
    pub association_id: Uuid,
    /// Calling AE title as sent; empty when no request arrived.
    pub calling: String,
    /// Called AE title as sent; empty when no request arrived.
    pub called: String,
    /// Where it called from.
    pub peer: SocketAddr,
    /// How it ended.
    pub end: AssociationEnd,
    /// Instances that were answered with success or a warning.
    pub instances_count_stored: u64,
    /// Instances that were answered with a failure.
    pub instances_count_failed: u64,
    /// Data set bytes received.
    pub data_size: u64,
    /// From accept to end.
    pub duration: Duration,
}

/// How an association ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssociationEnd {
    /// The peer released it.
    Released,
    /// Refused; nothing was received.
    Rejected(Rejection),
    /// The peer sent A-ABORT.
    AbortedByPeer {
        /// 0 service user, 2 service provider.
        source: u8,
        /// Provider reason, PS3.8 table 9-26.
        reason: u8,
    },
    /// We sent A-ABORT.
    Aborted {
        /// Provider reason, PS3.8 table 9-26.
        reason: u8,
        /// In words, for the administrator.
        why: String,
    },
    /// The connection went away without release.
    ConnectionLost {
        /// In words.
        why: String,
    },
    /// Closed because too many connections wait for their first PDU.
    TooManyConnections,
    /// The server stops.
    Stopped,
    /// Our own code failed; only this association is lost.
    Failed,
}

impl fmt::Display for AssociationEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Released => f.write_str("released"),
            Self::Rejected(rejection) => write!(f, "rejected: {rejection}"),
            Self::AbortedByPeer { source, reason } => {
                write!(f, "aborted by the peer (source {source}, reason {reason})")
            }
            Self::Aborted { why, reason } => write!(f, "aborted by us: {why} (reason {reason})"),
            Self::ConnectionLost { why } => write!(f, "connection lost: {why}"),
            Self::TooManyConnections => {
                f.write_str("closed: too many connections wait for their first message")
            }
            Self::Stopped => f.write_str("server is stopping"),
            Self::Failed => f.write_str("failed inside the receiver; see the log"),
        }
    }
}
