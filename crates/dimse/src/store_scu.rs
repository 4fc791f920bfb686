//! Sends instances by C-STORE (PS3.4 annex B).

use crate::command::CommandSet;
use crate::error::ScuError;
use crate::requestor::{AcceptedContext, PeerSettings, ProposedContext, Requestor};
use crate::status::StoreStatus;

/// An open association for sending. After an error whose [`ScuError::association_lives`] is false, drop it
/// and open another.
#[derive(Debug)]
pub struct StoreAssociation {
    requestor: Requestor,
    prefer: Vec<String>,
}

impl StoreAssociation {
    /// Connects to `peer` and proposes `contexts`, one presentation context for each class and syntax.
    ///
    /// # Errors
    /// [`ScuError`]: no connection, rejected, aborted, timed out. A peer that accepts no context is no error
    /// here: ask [`Self::accepted_transfer_syntax`].
    pub async fn open(peer: &PeerSettings, contexts: &[ProposedContext]) -> Result<Self, ScuError> {
        let requestor = Requestor::open(peer, contexts).await?;
        Ok(Self { requestor, prefer: peer.prefer_transfer_syntaxes.clone() })
    }

    /// The accepted transfer syntax to send `sop_class_uid` in: first of the peer's preferences, then in the
    /// order of the proposal.
    #[must_use]
    pub fn accepted_transfer_syntax(&self, sop_class_uid: &str) -> Option<&str> {
        let accepted = || self.accepted(sop_class_uid).map(|context| context.transfer_syntax_uid.as_str());
        self.prefer
            .iter()
            .find_map(|preferred| accepted().find(|uid| uid == preferred))
            .or_else(|| accepted().next())
    }

    /// All accepted transfer syntaxes of a SOP class, in the order of the proposal.
    #[must_use]
    pub fn accepted_transfer_syntaxes(&self, sop_class_uid: &str) -> Vec<&str> {
        self.accepted(sop_class_uid).map(|context| context.transfer_syntax_uid.as_str()).collect()
    }

    fn accepted(&self, sop_class_uid: &str) -> impl Iterator<Item = &AcceptedContext> {
        self.requestor.contexts.iter().filter(move |context| context.sop_class_uid == sop_class_uid)
    }

    /// How many [`Self::begin`]s may be open at once: as many as the peer grants of what
    /// [`PeerSettings::operations_window`] asks for; 1 from a peer that knows no window.
    #[must_use]
    pub fn operations_window(&self) -> usize {
        usize::from(self.requestor.operations_window)
    }

    /// Sends one data set (no preamble, no file meta information), encoded in `transfer_syntax_uid`, and waits
    /// for the answer; nothing else may be open. `Ok` means that the peer has it: success, a warning, or 0111 (it
    /// had it already).
    ///
    /// # Errors
    /// [`ScuError::NoContext`], [`ScuError::Refused`] with the peer's status, or an error of the association.
    pub async fn store(
        &mut self,
        sop_class_uid: &str,
        sop_instance_uid: &str,
        transfer_syntax_uid: &str,
        data_set: &[u8],
    ) -> Result<StoreStatus, ScuError> {
        self.begin(sop_class_uid, sop_instance_uid, transfer_syntax_uid, data_set).await?;
        let (_, status) = self.answer().await?;
        if status.is_delivered() {
            return Ok(status);
        }
        Err(ScuError::Refused {
            address: self.requestor.address.clone(),
            sop_instance_uid: sop_instance_uid.to_owned(),
            status,
        })
    }

    /// Sends one data set as [`Self::store`] and does not wait: the message id that [`Self::answer`] will name.
    ///
    /// # Errors
    /// [`ScuError::NoContext`], or an error of the association.
    pub async fn begin(
        &mut self,
        sop_class_uid: &str,
        sop_instance_uid: &str,
        transfer_syntax_uid: &str,
        data_set: &[u8],
    ) -> Result<u16, ScuError> {
        let context_id = self
            .accepted(sop_class_uid)
            .find(|context| context.transfer_syntax_uid == transfer_syntax_uid)
            .map(|context| context.id)
            .ok_or_else(|| ScuError::NoContext {
                address: self.requestor.address.clone(),
                sop_class_uid: sop_class_uid.to_owned(),
                transfer_syntax_uid: transfer_syntax_uid.to_owned(),
            })?;
        let message_id = self.requestor.next_message_id();
        let command = CommandSet::store_request(message_id, sop_class_uid, sop_instance_uid);
        self.requestor.request(context_id, &command, Some(data_set)).await?;
        Ok(message_id)
    }

    /// The next answer to what was begun: its message id and the peer's status, delivered or not.
    ///
    /// # Errors
    /// An error of the association: nothing more will be answered.
    pub async fn answer(&mut self) -> Result<(u16, StoreStatus), ScuError> {
        self.requestor.answer().await
    }

    /// Ends the association in order.
    ///
    /// # Errors
    /// [`ScuError`] when the peer does not answer; what was stored stays stored.
    pub async fn release(self) -> Result<(), ScuError> {
        self.requestor.release().await
    }

    /// Ends the association at once.
    pub async fn abort(self) {
        self.requestor.abort().await;
    }
}
