//! Errors of listening and of sending.

use crate::policy::Rejection;
use crate::status::{StatusClass, StoreStatus};
use std::net::SocketAddr;

/// Why the receiver could not start.
#[derive(Debug, thiserror::Error)]
pub enum DimseError {
    /// The address cannot be listened on.
    #[error("listening for DICOM on {listen}: {source}; choose a free port, or one above 1023 when not root")]
    Bind {
        /// The configured address.
        listen: SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A setting is out of its range.
    #[error("settings of the DICOM receiver: {0}")]
    Settings(String),
}

/// Why an instance did not reach a peer.
#[derive(Debug, thiserror::Error)]
pub enum ScuError {
    /// No connection.
    #[error("connecting to {address}: {source}; check address, port and that the peer is running")]
    Connect {
        /// `host:port`.
        address: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A setting is out of its range.
    #[error("settings of the peer: {0}")]
    Settings(String),
    /// The peer refused the association.
    #[error("association with {called} at {address} rejected: {rejection}")]
    Rejected {
        /// `host:port`.
        address: String,
        /// Called AE title.
        called: String,
        /// What the peer said.
        rejection: Rejection,
    },
    /// The peer aborted.
    #[error("association with {address} aborted by the peer (source {source_code}, reason {reason})")]
    Aborted {
        /// `host:port`.
        address: String,
        /// 0 service user, 2 service provider.
        source_code: u8,
        /// Provider reason, PS3.8 table 9-26.
        reason: u8,
    },
    /// The peer did not answer in time.
    #[error("waiting for {what} from {address}: nothing within {timeout_ms} ms")]
    TimedOut {
        /// `host:port`.
        address: String,
        /// What was awaited.
        what: &'static str,
        /// How long.
        timeout_ms: u128,
    },
    /// The connection broke.
    #[error("connection with {address} lost: {why}")]
    ConnectionLost {
        /// `host:port`.
        address: String,
        /// In words.
        why: String,
    },
    /// The peer said something that the protocol does not allow.
    #[error("peer {address} broke the protocol: {why}")]
    Protocol {
        /// `host:port`.
        address: String,
        /// In words.
        why: String,
    },
    /// No accepted presentation context for this class and syntax.
    #[error("peer {address} accepted no context for {sop_class_uid} in {transfer_syntax_uid}")]
    NoContext {
        /// `host:port`.
        address: String,
        /// SOP class.
        sop_class_uid: String,
        /// Transfer syntax.
        transfer_syntax_uid: String,
    },
    /// The peer answered with a failure; the association lives on.
    #[error("peer {address} refused {sop_instance_uid}: {status}")]
    Refused {
        /// `host:port`.
        address: String,
        /// The instance, or the SOP class for a C-ECHO.
        sop_instance_uid: String,
        /// What the peer said.
        status: StoreStatus,
    },
}

impl ScuError {
    /// Whether trying again without a change of settings is pointless.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Rejected { rejection, .. } => rejection.is_permanent(),
            Self::Refused { status, .. } => status.code.class() == StatusClass::Failure,
            Self::NoContext { .. } | Self::Settings(_) => true,
            Self::Connect { .. }
            | Self::Aborted { .. }
            | Self::TimedOut { .. }
            | Self::ConnectionLost { .. }
            | Self::Protocol { .. } => false,
        }
    }

    /// Whether the association can carry another request after this error.
    #[must_use]
    pub fn association_lives(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::NoContext { .. })
    }
}
