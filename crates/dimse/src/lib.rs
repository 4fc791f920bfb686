//! The DICOM network of lungcad: C-STORE and C-ECHO, as receiver (SCP) and as sender (SCU).
//!
//! It moves bytes and parses only command sets. It must **not** know: data sets, files, the archive, what a
//! series is. A received data set leaves as a stream through [`StoreSink`]; what is sent comes in as bytes.
//!
//! PDU types and their writer are those of `dicom-ul`. Reading, negotiation, the message layer, limits,
//! timers and socket options are ours, because a receiver needs its own order of transfer syntaxes, bounds
//! checked before memory is taken, tolerance of unknown items, and `TCP_QUICKACK` before each read (two to
//! three times the throughput with senders of default settings).
//!
//! | entry | what |
//! |---|---|
//! | [`Scp::bind`], [`Scp::serve`] | listen, negotiate, receive |
//! | [`StoreService`], [`StoreSink`] | what a receiver does with an instance |
//! | [`AssociationPolicy`], [`AeRules`] | who may call |
//! | [`StoreAssociation`] | send instances |
//! | [`echo()`] | is the peer there |
//! | [`StoreStatus`], [`StatusCode`] | the status codes of PS3.4 and PS3.7 |
//! | [`ScpLimits`] | everything that a peer could make grow |
//!
//! ```no_run
//! # async fn example() -> Result<(), dimse::ScuError> {
//! use dimse::{Implementation, PeerSettings, ProposedContext, StoreAssociation};
//! let peer = PeerSettings::new("127.0.0.1:4242", "LUNGCAD", "ORTHANC")?;
//! let sr = ProposedContext::new("1.2.840.10008.5.1.4.1.1.88.34", &["1.2.840.10008.1.2.1"]);
//! let mut association = StoreAssociation::open(&peer, &[sr]).await?;
//! let data_set = [0u8; 0];
//! association.store("1.2.840.10008.5.1.4.1.1.88.34", "2.25.1", "1.2.840.10008.1.2.1", &data_set).await?;
//! association.release().await
//! # }
//! ```
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod admission;
mod association;
mod command;
mod echo;
mod error;
mod handshake;
mod limits;
mod listener;
mod pdu;
mod policy;
mod requestor;
mod session;
mod status;
mod store_scp;
mod store_scu;
#[cfg(test)]
mod testdata;
mod wire;

pub use association::{
    AbstractSyntax, Implementation, NegotiatedContext, OtherStorage, VERIFICATION_SOP_CLASS_UID,
};
pub use command::{CommandError, CommandSet};
pub use echo::echo;
pub use error::{DimseError, ScuError};
pub use limits::ScpLimits;
pub use listener::{Scp, ScpSettings};
pub use policy::{AeRules, AssociationPolicy, AssociationRequest, Rejection};
pub use requestor::{PeerSettings, ProposedContext};
pub use status::{StatusClass, StatusCode, StatusRow, StoreStatus, status_table};
pub use store_scp::{
    AssociationEnd, AssociationEnded, AssociationOpened, MoveOriginator, StoreRequest, StoreService,
    StoreSink,
};
pub use store_scu::StoreAssociation;
