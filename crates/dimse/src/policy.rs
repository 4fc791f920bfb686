//! Who may open an association: the seam, and the ready rules by AE title.

use crate::association::NegotiatedContext;
use domain::AeTitle;
use std::fmt;
use std::net::SocketAddr;

/// What a peer asks for, before it is answered.
#[derive(Debug, Clone)]
pub struct AssociationRequest {
    /// Who calls.
    pub calling: AeTitle,
    /// Whom it calls.
    pub called: AeTitle,
    /// Where it calls from.
    pub peer: SocketAddr,
    /// The presentation contexts, with the answer that negotiation would give.
    pub contexts: Vec<NegotiatedContext>,
}

/// Decides who may open an association.
pub trait AssociationPolicy: Send + Sync + 'static {
    /// Lets `request` in or says why not. Called once per A-ASSOCIATE-RQ; must not block.
    ///
    /// # Errors
    /// The [`Rejection`] that goes out as A-ASSOCIATE-RJ and to [`crate::StoreService::association_ended`].
    fn admit(&self, request: &AssociationRequest) -> Result<(), Rejection>;
}

/// Rules by AE title (compared case-sensitively, blanks around are not significant: PS3.5 VR AE).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AeRules {
    /// Titles that we answer to; empty: any.
    pub called: Vec<AeTitle>,
    /// Titles that may call; empty: any.
    pub calling: Vec<AeTitle>,
}

impl AssociationPolicy for AeRules {
    fn admit(&self, request: &AssociationRequest) -> Result<(), Rejection> {
        if !self.called.is_empty() && !self.called.contains(&request.called) {
            return Err(Rejection::CALLED_AE_NOT_RECOGNIZED);
        }
        if !self.calling.is_empty() && !self.calling.contains(&request.calling) {
            return Err(Rejection::CALLING_AE_NOT_RECOGNIZED);
        }
        Ok(())
    }
}

/// An A-ASSOCIATE-RJ (PS3.8 table 9-21): result, source, reason as they stand on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rejection {
    /// 1 permanent, 2 transient.
    pub result: u8,
    /// 1 service user, 2 provider (ACSE), 3 provider (presentation).
    pub source: u8,
    /// Meaning depends on the source.
    pub reason: u8,
}

impl Rejection {
    /// (1, 1, 1).
    pub const NO_REASON: Self = Self { result: 1, source: 1, reason: 1 };
    /// (1, 1, 2).
    pub const APPLICATION_CONTEXT_NOT_SUPPORTED: Self = Self { result: 1, source: 1, reason: 2 };
    /// (1, 1, 3).
    pub const CALLING_AE_NOT_RECOGNIZED: Self = Self { result: 1, source: 1, reason: 3 };
    /// (1, 1, 7).
    pub const CALLED_AE_NOT_RECOGNIZED: Self = Self { result: 1, source: 1, reason: 7 };
    /// (1, 2, 2).
    pub const PROTOCOL_VERSION_NOT_SUPPORTED: Self = Self { result: 1, source: 2, reason: 2 };
    /// (2, 3, 1).
    pub const TEMPORARY_CONGESTION: Self = Self { result: 2, source: 3, reason: 1 };
    /// (2, 3, 2).
    pub const LOCAL_LIMIT_EXCEEDED: Self = Self { result: 2, source: 3, reason: 2 };

    /// Whether the same request will be rejected again (anything but "transient").
    #[must_use]
    pub fn is_permanent(self) -> bool {
        self.result != 2
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match (self.source, self.reason) {
            (1, 1) | (2, 1) => "no reason given",
            (1, 2) => "application context not supported",
            (1, 3) => "calling AE title not recognized",
            (1, 7) => "called AE title not recognized",
            (2, 2) => "protocol version not supported",
            (3, 1) => "temporary congestion",
            (3, 2) => "local limit exceeded",
            _ => "reserved reason",
        };
        let result = if self.is_permanent() { "permanent" } else { "transient" };
        write!(f, "{result}, {reason} ({}, {}, {})", self.result, self.source, self.reason)
    }
}
