//! Negotiation (PS3.8 7.1.1, PS3.7 annex D): pure decisions, no socket.

use crate::pdu::AssociateRequest;
use crate::policy::Rejection;
use dicom_ul::pdu::{
    AssociationAC, Pdu, PresentationContextProposed, PresentationContextResult,
    PresentationContextResultReason, UserVariableItem,
};
use std::collections::HashSet;

/// Verification SOP class (PS3.4 annex A).
pub const VERIFICATION_SOP_CLASS_UID: &str = "1.2.840.10008.1.1";
/// DICOM application context name (PS3.7 annex A.2.1).
pub(crate) const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";
/// Default transfer syntax of DICOM, the only one that everybody must take.
pub(crate) const IMPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2";
/// Item type of the Asynchronous Operations Window (PS3.7 D.3.3.3).
const OPERATIONS_WINDOW_ITEM: u8 = 0x53;
/// Root of the storage SOP classes of PS3.4 annex B.
const STORAGE_ROOT: &str = "1.2.840.10008.5.1.4.1.1.";

/// How we name ourselves (PS3.7 D.3.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Implementation {
    /// Implementation Class UID.
    pub class_uid: String,
    /// Implementation Version Name, at most 16 characters.
    pub version_name: String,
}

impl Default for Implementation {
    /// lungcad's own: a UID under 2.25 that stays the same over versions.
    fn default() -> Self {
        Self {
            class_uid: "2.25.84071254870345621430987564031288450321".to_owned(),
            version_name: concat!("LUNGCAD_", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// A SOP class that we take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbstractSyntax {
    /// SOP class UID.
    pub uid: String,
    /// Whether instances are kept; passed on in [`crate::StoreRequest::kept`].
    pub kept: bool,
}

/// What happens to storage classes that are not on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OtherStorage {
    /// Abstract syntax not supported.
    Refuse,
    /// Accepted with `kept` false: the sender can go on, the service answers and keeps nothing.
    #[default]
    AcceptNotKept,
    /// Accepted with `kept` true.
    AcceptKept,
}

/// One presentation context with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiatedContext {
    /// Presentation context id, odd.
    pub id: u8,
    /// SOP class.
    pub abstract_syntax_uid: String,
    /// The chosen transfer syntax, or none when refused.
    pub transfer_syntax_uid: Option<String>,
    /// 0 accepted, 3 abstract syntax, 4 transfer syntaxes not supported (PS3.8 table 9-18).
    pub result: u8,
    /// Whether instances of the class are kept.
    pub kept: bool,
}

/// What an acceptor offers.
pub(crate) struct Offer<'a> {
    pub(crate) abstract_syntaxes: &'a [AbstractSyntax],
    pub(crate) other_storage: OtherStorage,
    /// In our order of preference.
    pub(crate) transfer_syntaxes: &'a [String],
}

impl Offer<'_> {
    /// `Some(kept)` when the class is taken.
    fn takes(&self, uid: &str) -> Option<bool> {
        if uid == VERIFICATION_SOP_CLASS_UID {
            return Some(true);
        }
        if let Some(known) = self.abstract_syntaxes.iter().find(|known| known.uid == uid) {
            return Some(known.kept);
        }
        let is_storage = uid.starts_with(STORAGE_ROOT);
        match self.other_storage {
            OtherStorage::AcceptNotKept if is_storage => Some(false),
            OtherStorage::AcceptKept if is_storage => Some(true),
            OtherStorage::Refuse | OtherStorage::AcceptNotKept | OtherStorage::AcceptKept => None,
        }
    }

    /// Answers one context: our order of transfer syntaxes, not the requestor's.
    fn answer(&self, proposed: &PresentationContextProposed) -> NegotiatedContext {
        let mut context = NegotiatedContext {
            id: proposed.id,
            abstract_syntax_uid: proposed.abstract_syntax.clone(),
            transfer_syntax_uid: None,
            result: 3,
            kept: false,
        };
        let Some(kept) = self.takes(&proposed.abstract_syntax) else { return context };
        context.kept = kept;
        let is_offered = |uid: &str| proposed.transfer_syntaxes.iter().any(|offered| offered == uid);
        let chosen = if proposed.abstract_syntax == VERIFICATION_SOP_CLASS_UID {
            // No data set ever travels on it: whatever the peer proposes will do.
            proposed.transfer_syntaxes.first().cloned()
        } else {
            self.transfer_syntaxes.iter().find(|ours| is_offered(ours)).cloned()
        };
        context.result = if chosen.is_some() { 0 } else { 4 };
        context.transfer_syntax_uid = chosen;
        context
    }
}

/// Answers all contexts of a request.
pub(crate) fn negotiate(request: &AssociateRequest, offer: &Offer<'_>) -> Vec<NegotiatedContext> {
    request.contexts.iter().map(|proposed| offer.answer(proposed)).collect()
}

/// What is wrong with a request whatever the policy says: an abort in words, or a rejection.
pub(crate) enum Fault {
    Reject(Rejection),
    Abort(String),
}

/// Checks a request against PS3.8 9.3.2.
pub(crate) fn check_request(request: &AssociateRequest, contexts_count_max: usize) -> Result<(), Fault> {
    if request.protocol_version & 1 == 0 {
        return Err(Fault::Reject(Rejection::PROTOCOL_VERSION_NOT_SUPPORTED));
    }
    if request.application_context != APPLICATION_CONTEXT {
        return Err(Fault::Reject(Rejection::APPLICATION_CONTEXT_NOT_SUPPORTED));
    }
    if request.contexts.len() > contexts_count_max {
        return Err(Fault::Abort(format!(
            "{} presentation contexts proposed, at most {contexts_count_max} are taken",
            request.contexts.len()
        )));
    }
    let mut seen = HashSet::new();
    for context in &request.contexts {
        if context.id % 2 == 0 || !seen.insert(context.id) {
            return Err(Fault::Abort(format!(
                "presentation context id {} is even or used twice",
                context.id
            )));
        }
    }
    Ok(())
}

/// Whether a request is for C-ECHO only.
pub(crate) fn is_verification_only(contexts: &[NegotiatedContext]) -> bool {
    !contexts.is_empty()
        && contexts.iter().all(|context| context.abstract_syntax_uid == VERIFICATION_SOP_CLASS_UID)
}

/// How many operations the requestor may have open at once: what it asks for (PS3.7 D.3.3.3; 0: no limit), at most
/// `ours`. Who does not ask waits for each answer.
pub(crate) fn operations_window(asked: Option<(u16, u16)>, ours: u16) -> u16 {
    match asked {
        None => 1,
        Some((0, _)) => ours.max(1),
        Some((invoked, _)) => invoked.min(ours).max(1),
    }
}

/// The A-ASSOCIATE-AC for a request. Roles are left out: the default holds, the requestor is SCU.
/// `operations_window` is said to a requestor that asked; it performs none of ours.
pub(crate) fn acceptance(
    request: &AssociateRequest,
    contexts: &[NegotiatedContext],
    pdu_size_max: u32,
    operations_window: u16,
    implementation: &Implementation,
) -> Pdu {
    let window = request.user.operations_window.map(|_| operations_window);
    let presentation_contexts = contexts
        .iter()
        .map(|context| PresentationContextResult {
            id: context.id,
            reason: match context.result {
                0 => PresentationContextResultReason::Acceptance,
                3 => PresentationContextResultReason::AbstractSyntaxNotSupported,
                _ => PresentationContextResultReason::TransferSyntaxesNotSupported,
            },
            transfer_syntax: context
                .transfer_syntax_uid
                .clone()
                .unwrap_or_else(|| IMPLICIT_VR_LITTLE_ENDIAN.to_owned()),
        })
        .collect();
    Pdu::AssociationAC(AssociationAC {
        protocol_version: 1,
        calling_ae_title: request.calling.clone(),
        called_ae_title: request.called.clone(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts,
        user_variables: user_variables(pdu_size_max, window, implementation),
    })
}

/// The user information items that both roles send.
pub(crate) fn user_variables(
    pdu_size_max: u32,
    operations_window: Option<u16>,
    implementation: &Implementation,
) -> Vec<UserVariableItem> {
    let mut items = vec![
        UserVariableItem::MaxLength(pdu_size_max),
        UserVariableItem::ImplementationClassUID(implementation.class_uid.clone()),
    ];
    if let Some(invoked) = operations_window {
        let performed = 1_u16;
        let bytes = [invoked.to_be_bytes(), performed.to_be_bytes()].concat();
        items.push(UserVariableItem::Unknown(OPERATIONS_WINDOW_ITEM, bytes));
    }
    items.push(UserVariableItem::ImplementationVersionName(implementation.version_name.clone()));
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
    const MR: &str = "1.2.840.10008.5.1.4.1.1.4";
    const EXPLICIT: &str = "1.2.840.10008.1.2.1";
    const JPEG_LS: &str = "1.2.840.10008.1.2.4.80";

    fn check(
        other_storage: OtherStorage,
        abstract_syntax: &str,
        proposed: &[&str],
        expect: (u8, Option<&str>, bool),
    ) {
        let ours = [EXPLICIT.to_owned(), IMPLICIT_VR_LITTLE_ENDIAN.to_owned(), JPEG_LS.to_owned()];
        let kept = [AbstractSyntax { uid: CT.to_owned(), kept: true }];
        let offer = Offer { abstract_syntaxes: &kept, other_storage, transfer_syntaxes: &ours };
        let answer = offer.answer(&PresentationContextProposed {
            id: 1,
            abstract_syntax: abstract_syntax.to_owned(),
            transfer_syntaxes: proposed.iter().map(|&uid| uid.to_owned()).collect(),
        });
        assert_eq!(
            (answer.result, answer.transfer_syntax_uid.as_deref(), answer.kept),
            expect,
            "{abstract_syntax}"
        );
    }

    /// Goal: a requestor gets the window that it asks for, at most ours. Method: PS3.7 D.3.3.3, 0 is no limit.
    #[test]
    fn windows_are_bounded() {
        let cases =
            [(None, 1), (Some((0, 0)), 16), (Some((1, 1)), 1), (Some((5, 0)), 5), (Some((99, 1)), 16)];
        for (asked, expect) in cases {
            assert_eq!(operations_window(asked, 16), expect, "{asked:?}");
        }
        assert_eq!(operations_window(Some((0, 0)), 0), 1);
    }

    /// Goal: our order of preference, our classes. Method: proposals in the other order and of other classes.
    #[test]
    fn contexts_are_answered_by_our_lists() {
        use OtherStorage::{AcceptKept, AcceptNotKept, Refuse};
        let implicit = IMPLICIT_VR_LITTLE_ENDIAN;
        check(Refuse, CT, &[JPEG_LS, implicit, EXPLICIT], (0, Some(EXPLICIT), true));
        check(Refuse, CT, &[JPEG_LS], (0, Some(JPEG_LS), true));
        check(Refuse, CT, &["1.2.840.10008.1.2.4.100"], (4, None, true));
        check(Refuse, MR, &[EXPLICIT], (3, None, false));
        check(AcceptNotKept, MR, &[EXPLICIT], (0, Some(EXPLICIT), false));
        check(AcceptKept, MR, &[EXPLICIT], (0, Some(EXPLICIT), true));
        check(AcceptKept, "1.2.840.10008.5.1.4.1.2.2.1", &[EXPLICIT], (3, None, false));
        check(Refuse, VERIFICATION_SOP_CLASS_UID, &[JPEG_LS], (0, Some(JPEG_LS), true));
    }
}
