//! C-ECHO as SCU (PS3.4 annex A): is the peer there and does it know us.

use crate::association::{IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION_SOP_CLASS_UID};
use crate::command::CommandSet;
use crate::error::ScuError;
use crate::requestor::{PeerSettings, ProposedContext, Requestor};
use crate::status::StatusCode;
use std::time::{Duration, Instant};

/// Opens an association, sends one C-ECHO, releases. The time is that of the C-ECHO alone.
///
/// # Errors
/// [`ScuError`] as for sending; [`ScuError::Refused`] when the answer is not success.
pub async fn echo(peer: &PeerSettings) -> Result<Duration, ScuError> {
    let context = ProposedContext::new(VERIFICATION_SOP_CLASS_UID, &[IMPLICIT_VR_LITTLE_ENDIAN]);
    let mut requestor = Requestor::open(peer, &[context]).await?;
    let Some(context_id) = requestor.contexts.first().map(|context| context.id) else {
        let address = requestor.address.clone();
        requestor.abort().await;
        return Err(ScuError::NoContext {
            address,
            sop_class_uid: VERIFICATION_SOP_CLASS_UID.to_owned(),
            transfer_syntax_uid: IMPLICIT_VR_LITTLE_ENDIAN.to_owned(),
        });
    };
    let message_id = requestor.next_message_id();
    let begun = Instant::now();
    let status = requestor.perform(context_id, &CommandSet::echo_request(message_id), None).await?;
    let duration = begun.elapsed();
    if status.code != StatusCode::SUCCESS {
        let address = requestor.address.clone();
        requestor.abort().await;
        return Err(ScuError::Refused {
            address,
            sop_instance_uid: VERIFICATION_SOP_CLASS_UID.to_owned(),
            status,
        });
    }
    requestor.release().await?;
    Ok(duration)
}
