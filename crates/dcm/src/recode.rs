//! Our own objects in another transfer syntax, for peers that take only implicit VR.

use crate::guard;
use crate::limits::Limits;
use dicom_object::from_reader;
use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};
use std::borrow::Cow;

/// Why an object cannot be recoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecodeError {
    /// The bytes are no file that the guard lets pass.
    #[error(transparent)]
    Guard(#[from] guard::GuardError),
    /// The library does not know the transfer syntax, or refuses to read or write.
    #[error("recoding to transfer syntax {transfer_syntax_uid}: {detail}")]
    Library {
        /// What was asked for.
        transfer_syntax_uid: String,
        /// The library's words.
        detail: String,
    },
}

/// The data set of a file, without preamble and meta group, in `transfer_syntax_uid`. Borrowed where it is in that
/// syntax already. Meant for objects without compressed pixels: SR and SEG.
///
/// # Errors
/// [`RecodeError`].
pub fn data_set_in<'b>(
    file_bytes: &'b [u8],
    transfer_syntax_uid: &str,
) -> Result<Cow<'b, [u8]>, RecodeError> {
    let report = guard::check_file(file_bytes, &Limits::default())?;
    if report.transfer_syntax_uid == transfer_syntax_uid {
        return Ok(Cow::Borrowed(file_bytes.get(report.data_set_offset..).unwrap_or(&[])));
    }
    let fault =
        |detail: String| RecodeError::Library { transfer_syntax_uid: transfer_syntax_uid.to_owned(), detail };
    let syntax = TransferSyntaxRegistry
        .get(transfer_syntax_uid)
        .ok_or_else(|| fault("unknown transfer syntax".to_owned()))?;
    let object = from_reader(file_bytes).map_err(|e| fault(e.to_string()))?;
    let mut out = Vec::with_capacity(file_bytes.len());
    object.write_dataset_with_ts(&mut out, syntax).map_err(|e| fault(e.to_string()))?;
    Ok(Cow::Owned(out))
}
