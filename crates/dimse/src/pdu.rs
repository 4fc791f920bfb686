//! Reading PDUs (PS3.8 section 9.3): bounded, tolerant of unknown items and padded UIDs.
//!
//! `dicom-ul` has the types and the writer that we use. Its reader refuses what occurs in the field: a refused
//! context without transfer syntax, an unknown item, a trailing NUL in a UID.

use dicom_ul::pdu::{Pdu, PresentationContextProposed, write_pdu};

pub(crate) const ASSOCIATE_RQ: u8 = 1;
pub(crate) const ASSOCIATE_AC: u8 = 2;
pub(crate) const ASSOCIATE_RJ: u8 = 3;
pub(crate) const P_DATA: u8 = 4;
pub(crate) const RELEASE_RQ: u8 = 5;
pub(crate) const RELEASE_RP: u8 = 6;
pub(crate) const ABORT: u8 = 7;

/// PDU type, reserved byte, length.
pub(crate) const PDU_HEADER_SIZE: usize = 6;
/// PDV length, context id, message control header.
pub(crate) const PDV_HEADER_SIZE: usize = 6;

/// Why bytes are not the PDU that they claim to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PduError {
    #[error("{0} is longer than what holds it")]
    Truncated(&'static str),
    #[error("{0} is missing")]
    Missing(&'static str),
}

/// A-ASSOCIATE-RQ as far as we use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AssociateRequest {
    pub(crate) protocol_version: u16,
    pub(crate) called: String,
    pub(crate) calling: String,
    pub(crate) application_context: String,
    pub(crate) contexts: Vec<PresentationContextProposed>,
    pub(crate) user: UserInformation,
}

/// A-ASSOCIATE-AC as far as we use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AssociateAcceptance {
    pub(crate) contexts: Vec<ContextResult>,
    pub(crate) user: UserInformation,
}

/// One answer of an A-ASSOCIATE-AC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContextResult {
    pub(crate) id: u8,
    pub(crate) result: u8,
    pub(crate) transfer_syntax: Option<String>,
}

/// User information items (PS3.7 D.3.3) that we use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct UserInformation {
    /// 0: no limit.
    pub(crate) pdu_size_max: u32,
    pub(crate) implementation_version_name: String,
    /// Asynchronous Operations Window (PS3.7 D.3.3.3): operations that the requestor may have open, and that it
    /// performs, at once; 0: no limit. Absent: one and one.
    pub(crate) operations_window: Option<(u16, u16)>,
}

/// One presentation data value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pdv<'a> {
    pub(crate) context_id: u8,
    pub(crate) is_command: bool,
    pub(crate) is_last: bool,
    pub(crate) fragment: &'a [u8],
}

/// A cursor over bytes that never reads past their end.
#[derive(Debug, Clone, Copy)]
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], PduError> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(PduError::Truncated(what))?;
        self.0 = tail;
        Ok(head)
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, PduError> {
        let (&first, tail) = self.0.split_first().ok_or(PduError::Truncated(what))?;
        self.0 = tail;
        Ok(first)
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, PduError> {
        let (bytes, tail) = self.0.split_first_chunk::<2>().ok_or(PduError::Truncated(what))?;
        self.0 = tail;
        Ok(u16::from_be_bytes(*bytes))
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, PduError> {
        let (bytes, tail) = self.0.split_first_chunk::<4>().ok_or(PduError::Truncated(what))?;
        self.0 = tail;
        Ok(u32::from_be_bytes(*bytes))
    }

    /// Item type and the bytes of the item.
    fn item(&mut self, what: &'static str) -> Result<(u8, Cursor<'a>), PduError> {
        let kind = self.u8(what)?;
        self.u8(what)?;
        let size = usize::from(self.u16(what)?);
        Ok((kind, Cursor(self.take(size, what)?)))
    }
}

/// Text without the blanks and NULs that pad it; what is not ASCII becomes U+FFFD.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_matches(|c: char| c == '\0' || c.is_ascii_whitespace()).to_owned()
}

/// Protocol version, called and calling title: the fixed head of A-ASSOCIATE-RQ and -AC.
fn association_head(cursor: &mut Cursor<'_>) -> Result<(u16, String, String), PduError> {
    let protocol_version = cursor.u16("protocol version")?;
    cursor.u16("reserved field")?;
    let called = text(cursor.take(16, "called AE title")?);
    let calling = text(cursor.take(16, "calling AE title")?);
    cursor.take(32, "reserved field")?;
    Ok((protocol_version, called, calling))
}

/// Reads the body of an A-ASSOCIATE-RQ.
pub(crate) fn read_associate_request(body: &[u8]) -> Result<AssociateRequest, PduError> {
    let mut cursor = Cursor(body);
    let (protocol_version, called, calling) = association_head(&mut cursor)?;
    let mut application_context = None;
    let mut contexts = Vec::new();
    let mut user = UserInformation::default();
    while !cursor.is_empty() {
        let (kind, mut item) = cursor.item("item of the association request")?;
        match kind {
            0x10 => application_context = Some(text(item.0)),
            0x20 => contexts.push(proposed_context(&mut item)?),
            0x50 => user = user_information(item)?,
            _ => {}
        }
    }
    Ok(AssociateRequest {
        protocol_version,
        called,
        calling,
        application_context: application_context.ok_or(PduError::Missing("application context"))?,
        contexts,
        user,
    })
}

fn proposed_context(item: &mut Cursor<'_>) -> Result<PresentationContextProposed, PduError> {
    let id = item.u8("presentation context")?;
    item.take(3, "presentation context")?;
    let mut abstract_syntax = None;
    let mut transfer_syntaxes = Vec::new();
    while !item.is_empty() {
        match item.item("presentation context item")? {
            (0x30, uid) => abstract_syntax = Some(text(uid.0)),
            (0x40, uid) => transfer_syntaxes.push(text(uid.0)),
            _ => {}
        }
    }
    Ok(PresentationContextProposed {
        id,
        abstract_syntax: abstract_syntax.ok_or(PduError::Missing("abstract syntax"))?,
        transfer_syntaxes,
    })
}

/// Reads the body of an A-ASSOCIATE-AC.
pub(crate) fn read_associate_acceptance(body: &[u8]) -> Result<AssociateAcceptance, PduError> {
    let mut cursor = Cursor(body);
    association_head(&mut cursor)?;
    let mut contexts = Vec::new();
    let mut user = UserInformation::default();
    while !cursor.is_empty() {
        let (kind, mut item) = cursor.item("item of the association acceptance")?;
        match kind {
            0x21 => {
                let id = item.u8("presentation context")?;
                item.u8("presentation context")?;
                let result = item.u8("presentation context")?;
                item.u8("presentation context")?;
                let mut transfer_syntax = None;
                // Not significant, and at times malformed, when the context is refused.
                while result == 0 && !item.is_empty() {
                    if let (0x40, uid) = item.item("transfer syntax")? {
                        transfer_syntax = Some(text(uid.0));
                    }
                }
                contexts.push(ContextResult { id, result, transfer_syntax });
            }
            0x50 => user = user_information(item)?,
            _ => {}
        }
    }
    Ok(AssociateAcceptance { contexts, user })
}

fn user_information(mut items: Cursor<'_>) -> Result<UserInformation, PduError> {
    let mut user = UserInformation::default();
    while !items.is_empty() {
        let (kind, mut item) = items.item("user information item")?;
        match kind {
            0x51 => user.pdu_size_max = item.u32("maximum length")?,
            0x53 => {
                let what = "asynchronous operations window";
                user.operations_window = Some((item.u16(what)?, item.u16(what)?));
            }
            0x55 => user.implementation_version_name = text(item.0),
            _ => {}
        }
    }
    Ok(user)
}

/// Source and reason of an A-ABORT; (2, 0) when the body is short.
pub(crate) fn read_abort(body: &[u8]) -> (u8, u8) {
    match body {
        [_, _, source, reason, ..] => (*source, *reason),
        _ => (2, 0),
    }
}

/// Result, source, reason of an A-ASSOCIATE-RJ.
pub(crate) fn read_rejection(body: &[u8]) -> Result<crate::policy::Rejection, PduError> {
    match body {
        [_, result, source, reason, ..] => {
            Ok(crate::policy::Rejection { result: *result, source: *source, reason: *reason })
        }
        _ => Err(PduError::Truncated("rejection")),
    }
}

/// The data values of a P-DATA-TF, in order; ends after the first error.
pub(crate) fn data_values(body: &[u8]) -> impl Iterator<Item = Result<Pdv<'_>, PduError>> {
    let mut cursor = Cursor(body);
    std::iter::from_fn(move || {
        if cursor.is_empty() {
            return None;
        }
        let value = data_value(&mut cursor);
        if value.is_err() {
            cursor = Cursor(&[]);
        }
        Some(value)
    })
}

fn data_value<'a>(cursor: &mut Cursor<'a>) -> Result<Pdv<'a>, PduError> {
    const WHAT: &str = "presentation data value";
    let size = usize::try_from(cursor.u32(WHAT)?).map_err(|_| PduError::Truncated(WHAT))?;
    let mut value = Cursor(cursor.take(size, WHAT)?);
    let context_id = value.u8(WHAT)?;
    let control = value.u8(WHAT)?;
    Ok(Pdv { context_id, is_command: control & 1 != 0, is_last: control & 2 != 0, fragment: value.0 })
}

/// What the bytes of a message are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Command,
    DataSet,
}

/// Appends `bytes` as P-DATA-TF PDUs of one PDV each, none longer than `pdu_size_max`, to `out`.
pub(crate) fn append_data(out: &mut Vec<u8>, context_id: u8, part: Part, bytes: &[u8], pdu_size_max: u32) {
    let mut rest = bytes;
    loop {
        let tail = append_data_pdu(out, context_id, part, rest, pdu_size_max);
        if tail.is_empty() {
            return;
        }
        rest = tail;
    }
}

/// Appends one P-DATA-TF with as much of `bytes` as fits and returns what is left. When nothing is left the
/// fragment carries the "last" bit (PS3.8 annex E.2).
pub(crate) fn append_data_pdu<'a>(
    out: &mut Vec<u8>,
    context_id: u8,
    part: Part,
    bytes: &'a [u8],
    pdu_size_max: u32,
) -> &'a [u8] {
    let room = usize::try_from(pdu_size_max).unwrap_or(usize::MAX).saturating_sub(PDV_HEADER_SIZE).max(1);
    let (fragment, rest) = bytes.split_at(room.min(bytes.len()));
    let control = u8::from(part == Part::Command) | if rest.is_empty() { 2 } else { 0 };
    // `room` is below 4 GiB, so these cannot saturate.
    let value_size = u32::try_from(fragment.len() + 2).unwrap_or(u32::MAX);
    out.extend_from_slice(&[P_DATA, 0]);
    out.extend_from_slice(&value_size.saturating_add(4).to_be_bytes());
    out.extend_from_slice(&value_size.to_be_bytes());
    out.extend_from_slice(&[context_id, control]);
    out.extend_from_slice(fragment);
    rest
}

/// Encodes a PDU of fixed or negotiated content.
pub(crate) fn encode(pdu: &Pdu) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(512);
    write_pdu(&mut out, pdu).map_err(|error| error.to_string())?;
    Ok(out)
}

/// A-RELEASE-RQ.
pub(crate) const RELEASE_REQUEST: [u8; 10] = [RELEASE_RQ, 0, 0, 0, 0, 4, 0, 0, 0, 0];
/// A-RELEASE-RP.
pub(crate) const RELEASE_RESPONSE: [u8; 10] = [RELEASE_RP, 0, 0, 0, 0, 4, 0, 0, 0, 0];

/// A-ABORT, source and reason as PS3.8 table 9-26.
pub(crate) fn abort(source: u8, reason: u8) -> [u8; 10] {
    [ABORT, 0, 0, 0, 0, 4, 0, 0, source, reason]
}

/// A-ASSOCIATE-RJ.
pub(crate) fn rejection(rejection: crate::policy::Rejection) -> [u8; 10] {
    [ASSOCIATE_RJ, 0, 0, 0, 0, 4, 0, rejection.result, rejection.source, rejection.reason]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata;
    use proptest::prelude::*;

    fn body(golden: &[&[u8]]) -> Vec<u8> {
        testdata::bytes(golden).split_off(PDU_HEADER_SIZE)
    }

    /// Goal: we read what DCMTK sends. Method: golden request and acceptance.
    #[test]
    fn association_pdus_of_dcmtk_are_read() {
        let request = read_associate_request(&body(testdata::ECHOSCU_REQUEST)).unwrap();
        assert_eq!((request.called.as_str(), request.calling.as_str()), ("LUNGCAD", "MODALITY1"));
        assert_eq!(request.application_context, crate::association::APPLICATION_CONTEXT);
        assert_eq!(request.user.pdu_size_max, 16_384);
        assert_eq!(request.user.implementation_version_name, "OFFIS_DCMTK_367");
        let context = request.contexts.first().unwrap();
        assert_eq!((context.id, context.abstract_syntax.as_str()), (1, "1.2.840.10008.1.1"));
        assert_eq!(context.transfer_syntaxes, ["1.2.840.10008.1.2"]);
        let acceptance = read_associate_acceptance(&body(testdata::STORESCP_ACCEPTANCE)).unwrap();
        assert_eq!(acceptance.user.pdu_size_max, 16_384);
        let result = acceptance.contexts.first().unwrap();
        assert_eq!((result.id, result.result), (1, 0));
        assert_eq!(result.transfer_syntax.as_deref(), Some("1.2.840.10008.1.2"));
    }

    /// Goal: cut PDUs are errors, never panics, and no cut of an association PDU passes. Method: each prefix.
    #[test]
    fn every_prefix_of_an_association_pdu_is_refused() {
        let request = body(testdata::ECHOSCU_REQUEST);
        let user_information_begins = request.len() - 62;
        for end in 0..request.len() {
            let read = read_associate_request(&request[..end]);
            let cut_between_items = end == user_information_begins || end == user_information_begins - 50;
            assert_eq!(read.is_ok(), cut_between_items, "{end}");
        }
    }

    /// Goal: a refused context without transfer syntax and unknown items do not break an acceptance.
    /// Method: both put into the golden acceptance.
    #[test]
    fn odd_acceptances_are_read() {
        let mut odd = body(testdata::STORESCP_ACCEPTANCE);
        odd.extend_from_slice(&[0x21, 0, 0, 4, 3, 0, 3, 0]);
        odd.extend_from_slice(&[0x77, 0, 0, 2, 1, 2]);
        let acceptance = read_associate_acceptance(&odd).unwrap();
        assert_eq!(acceptance.contexts.len(), 2);
        assert_eq!(acceptance.contexts[1], ContextResult { id: 3, result: 3, transfer_syntax: None });
    }

    /// Goal: fragments fit the peer and join to the same bytes. Method: sizes around the limits, read back by
    /// our reader and by that of dicom-ul.
    #[test]
    fn data_is_cut_to_the_peers_size() {
        for (size, pdu_size_max) in [(0, 64), (1, 64), (58, 64), (59, 64), (116, 64), (1000, 131_072), (5, 7)]
        {
            let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            let mut out = Vec::new();
            append_data(&mut out, 5, Part::DataSet, &bytes, pdu_size_max);
            let (mut joined, mut lasts, mut rest) = (Vec::new(), Vec::new(), &out[..]);
            while !rest.is_empty() {
                let length = u32::from_be_bytes(rest[2..6].try_into().unwrap());
                assert!(length <= pdu_size_max, "{length} > {pdu_size_max}");
                let end = PDU_HEADER_SIZE + length as usize;
                let theirs = dicom_ul::pdu::read_pdu(&rest[..end], 131_072, true).unwrap().unwrap();
                for value in data_values(&rest[PDU_HEADER_SIZE..end]) {
                    let value = value.unwrap();
                    assert_eq!((value.context_id, value.is_command), (5, false));
                    joined.extend_from_slice(value.fragment);
                    lasts.push(value.is_last);
                    let Pdu::PData { data } = &theirs else { panic!("{theirs:?}") };
                    assert_eq!((&data[0].data[..], data[0].is_last), (value.fragment, value.is_last));
                }
                rest = &rest[end..];
            }
            assert_eq!(joined, bytes);
            assert_eq!(lasts.iter().filter(|&&last| last).count(), 1);
            assert_eq!(lasts.last(), Some(&true));
        }
    }

    /// Goal: a data value longer than its PDU ends the reading. Method: a good value, then a lie.
    #[test]
    fn data_values_end_at_the_first_lie() {
        let mut body = vec![0, 0, 0, 3, 1, 0, 9];
        body.extend_from_slice(&[0, 0, 1, 0, 1, 0]);
        let values: Vec<_> = data_values(&body).collect();
        assert_eq!(values.len(), 2);
        assert!(values[0].is_ok() && values[1].is_err());
        assert!(data_values(&[0, 0, 0, 1, 1]).all(|value| value.is_err()), "a value has a control header");
    }

    proptest! {
        /// Goal: no bytes make a reader panic, and data values never hold more than came. Method: arbitrary
        /// bytes, and golden PDUs with three bytes changed.
        #[test]
        fn any_bytes_are_read_or_refused(
            noise in proptest::collection::vec(any::<u8>(), 0..400),
            changes in proptest::collection::vec((0usize..205, any::<u8>()), 3),
        ) {
            let mut inputs = vec![noise];
            for golden in [testdata::ECHOSCU_REQUEST, testdata::STORESCP_ACCEPTANCE] {
                let mut bytes = body(golden);
                for &(at, to) in &changes {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = to;
                    }
                }
                inputs.push(bytes);
            }
            for input in inputs {
                let _ = (read_associate_request(&input), read_associate_acceptance(&input));
                let _ = (read_abort(&input), read_rejection(&input));
                let size: usize = data_values(&input).flatten().map(|value| value.fragment.len()).sum();
                prop_assert!(size <= input.len());
            }
        }
    }
}
