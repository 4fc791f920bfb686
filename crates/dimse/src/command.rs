//! Command sets (PS3.7 section 6.3 and annex E): Implicit VR little endian, group 0000 only, flat.

use crate::status::{StatusCode, StoreStatus};
use std::collections::BTreeMap;

/// Command fields (0000,0100) that we name.
pub(crate) mod field {
    pub(crate) const STORE_RQ: u16 = 0x0001;
    pub(crate) const ECHO_RQ: u16 = 0x0030;
    pub(crate) const CANCEL_RQ: u16 = 0x0FFF;
    /// Set in every response.
    pub(crate) const RESPONSE: u16 = 0x8000;
}

/// Elements of group 0000 that we use.
pub(crate) mod element {
    pub(crate) const GROUP_LENGTH: u16 = 0x0000;
    pub(crate) const AFFECTED_SOP_CLASS_UID: u16 = 0x0002;
    pub(crate) const REQUESTED_SOP_CLASS_UID: u16 = 0x0003;
    pub(crate) const COMMAND_FIELD: u16 = 0x0100;
    pub(crate) const MESSAGE_ID: u16 = 0x0110;
    pub(crate) const MESSAGE_ID_RESPONDED_TO: u16 = 0x0120;
    pub(crate) const PRIORITY: u16 = 0x0700;
    pub(crate) const DATA_SET_TYPE: u16 = 0x0800;
    pub(crate) const STATUS: u16 = 0x0900;
    pub(crate) const OFFENDING_ELEMENT: u16 = 0x0901;
    pub(crate) const ERROR_COMMENT: u16 = 0x0902;
    pub(crate) const AFFECTED_SOP_INSTANCE_UID: u16 = 0x1000;
    pub(crate) const MOVE_ORIGINATOR_AE_TITLE: u16 = 0x1030;
    pub(crate) const MOVE_ORIGINATOR_MESSAGE_ID: u16 = 0x1031;
}

/// Command Data Set Type (0000,0800): no data set follows. Any other value says that one does.
const NO_DATA_SET: u16 = 0x0101;
/// A command that we write has a data set: any value but 0101.
const DATA_SET_FOLLOWS: u16 = 0x0001;
/// PS3.7 annex E has 34 elements; a set with more is not a command set.
const ELEMENTS_COUNT_MAX: usize = 64;
/// VR LO: what Error Comment may hold.
const ERROR_COMMENT_SIZE_MAX: usize = 64;

/// Why bytes are not a command set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// An element of another group.
    #[error("command set holds an element of group {0:04X}")]
    ForeignGroup(u16),
    /// An element runs past the end, or has undefined length.
    #[error("command element (0000,{element:04X}) of {size} bytes runs past the end of the command set")]
    Truncated {
        /// Element number.
        element: u16,
        /// Its length.
        size: u32,
    },
    /// Bytes after the last element that are no element.
    #[error("command set ends in the middle of an element")]
    Ragged,
    /// The same element twice.
    #[error("command element (0000,{0:04X}) occurs twice")]
    Repeated(u16),
    /// More elements than PS3.7 has.
    #[error("command set has more than {ELEMENTS_COUNT_MAX} elements")]
    TooMany,
}

/// A command set: element number to value bytes, without group length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommandSet {
    elements: BTreeMap<u16, Vec<u8>>,
}

impl CommandSet {
    /// Reads the bytes of a command set. The group length is not trusted and not kept.
    ///
    /// # Errors
    /// [`CommandError`] when they are not a flat list of elements of group 0000.
    pub fn decode(bytes: &[u8]) -> Result<Self, CommandError> {
        let mut elements = BTreeMap::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (head, tail) = rest.split_first_chunk::<8>().ok_or(CommandError::Ragged)?;
            let [g0, g1, e0, e1, l0, l1, l2, l3] = *head;
            let group = u16::from_le_bytes([g0, g1]);
            let element = u16::from_le_bytes([e0, e1]);
            let size = u32::from_le_bytes([l0, l1, l2, l3]);
            if group != 0 {
                return Err(CommandError::ForeignGroup(group));
            }
            let (value, next) = usize::try_from(size)
                .ok()
                .and_then(|count| tail.split_at_checked(count))
                .ok_or(CommandError::Truncated { element, size })?;
            if elements.len() >= ELEMENTS_COUNT_MAX {
                return Err(CommandError::TooMany);
            }
            if elements.insert(element, value.to_vec()).is_some() {
                return Err(CommandError::Repeated(element));
            }
            rest = next;
        }
        elements.remove(&element::GROUP_LENGTH);
        Ok(Self { elements })
    }

    /// The bytes of the set, group length first, elements ascending.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(256);
        for (&element, value) in &self.elements {
            append_element(&mut body, element, value);
        }
        let mut out = Vec::with_capacity(body.len() + 12);
        let size = u32::try_from(body.len()).unwrap_or(u32::MAX);
        append_element(&mut out, element::GROUP_LENGTH, &size.to_le_bytes());
        out.extend_from_slice(&body);
        out
    }

    /// A US value.
    pub(crate) fn number(&self, element: u16) -> Option<u16> {
        match self.elements.get(&element)?.as_slice() {
            [low, high] => Some(u16::from_le_bytes([*low, *high])),
            _ => None,
        }
    }

    /// A UI, AE or LO value without padding.
    pub(crate) fn text(&self, element: u16) -> Option<String> {
        let value = self.elements.get(&element)?;
        let text = String::from_utf8_lossy(value);
        Some(text.trim_matches(|c: char| c == '\0' || c.is_ascii_whitespace()).to_owned())
    }

    pub(crate) fn has_data_set(&self) -> bool {
        self.number(element::DATA_SET_TYPE).is_some_and(|kind| kind != NO_DATA_SET)
    }

    pub(crate) fn set_number(&mut self, element: u16, value: u16) {
        self.elements.insert(element, value.to_le_bytes().to_vec());
    }

    pub(crate) fn set_uid(&mut self, element: u16, uid: &str) {
        self.set_padded(element, uid.as_bytes(), 0);
    }

    pub(crate) fn set_text(&mut self, element: u16, text: &str) {
        self.set_padded(element, text.as_bytes(), b' ');
    }

    fn set_padded(&mut self, element: u16, bytes: &[u8], padding: u8) {
        let mut value = bytes.to_vec();
        if value.len() % 2 == 1 {
            value.push(padding);
        }
        self.elements.insert(element, value);
    }

    /// C-ECHO-RQ (PS3.7 table 9.3-12).
    pub(crate) fn echo_request(message_id: u16) -> Self {
        let mut set = Self::default();
        set.set_uid(element::AFFECTED_SOP_CLASS_UID, crate::association::VERIFICATION_SOP_CLASS_UID);
        set.set_number(element::COMMAND_FIELD, field::ECHO_RQ);
        set.set_number(element::MESSAGE_ID, message_id);
        set.set_number(element::DATA_SET_TYPE, NO_DATA_SET);
        set
    }

    /// C-STORE-RQ (PS3.7 table 9.3-1), medium priority.
    pub(crate) fn store_request(message_id: u16, sop_class_uid: &str, sop_instance_uid: &str) -> Self {
        let mut set = Self::default();
        set.set_uid(element::AFFECTED_SOP_CLASS_UID, sop_class_uid);
        set.set_number(element::COMMAND_FIELD, field::STORE_RQ);
        set.set_number(element::MESSAGE_ID, message_id);
        set.set_number(element::PRIORITY, 0);
        set.set_number(element::DATA_SET_TYPE, DATA_SET_FOLLOWS);
        set.set_uid(element::AFFECTED_SOP_INSTANCE_UID, sop_instance_uid);
        set
    }

    /// The response to `request` (PS3.7 tables 9.3-2, 9.3-13): its UIDs and message id are given back.
    pub(crate) fn response(request: &Self, status: &StoreStatus) -> Self {
        let mut set = Self::default();
        let class = [element::AFFECTED_SOP_CLASS_UID, element::REQUESTED_SOP_CLASS_UID];
        if let Some(uid) = class.iter().find_map(|&element| request.elements.get(&element)) {
            set.elements.insert(element::AFFECTED_SOP_CLASS_UID, uid.clone());
        }
        if let Some(uid) = request.elements.get(&element::AFFECTED_SOP_INSTANCE_UID) {
            set.elements.insert(element::AFFECTED_SOP_INSTANCE_UID, uid.clone());
        }
        let command = request.number(element::COMMAND_FIELD).unwrap_or_default();
        set.set_number(element::COMMAND_FIELD, command | field::RESPONSE);
        set.set_number(
            element::MESSAGE_ID_RESPONDED_TO,
            request.number(element::MESSAGE_ID).unwrap_or_default(),
        );
        set.set_number(element::DATA_SET_TYPE, NO_DATA_SET);
        set.set_number(element::STATUS, status.code.0);
        if !status.offending_elements.is_empty() {
            let tags = status
                .offending_elements
                .iter()
                .flat_map(|(group, element)| [group.to_le_bytes(), element.to_le_bytes()].concat())
                .collect();
            set.elements.insert(element::OFFENDING_ELEMENT, tags);
        }
        if let Some(comment) = &status.comment {
            let line: String = comment
                .chars()
                .map(|c| if c == '\\' || !(' '..='~').contains(&c) { '?' } else { c })
                .take(ERROR_COMMENT_SIZE_MAX)
                .collect();
            set.set_text(element::ERROR_COMMENT, &line);
        }
        set
    }

    /// Status, comment and offending elements of a response; none when it has no status.
    pub(crate) fn status(&self) -> Option<StoreStatus> {
        let code = StatusCode(self.number(element::STATUS)?);
        let comment = self.text(element::ERROR_COMMENT).filter(|comment| !comment.is_empty());
        let tags = self.elements.get(&element::OFFENDING_ELEMENT).map_or(&[][..], Vec::as_slice);
        let offending_elements = tags
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&[g0, g1, e0, e1]| (u16::from_le_bytes([g0, g1]), u16::from_le_bytes([e0, e1])))
            .collect();
        Some(StoreStatus { code, comment, offending_elements })
    }
}

fn append_element(out: &mut Vec<u8>, element: u16, value: &[u8]) {
    let size = u32::try_from(value.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&element.to_le_bytes());
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata;
    use proptest::prelude::*;

    const HEADERS_SIZE: usize = 12;

    /// Goal: our commands are DCMTK's, byte for byte. Method: golden C-ECHO-RQ and -RSP.
    #[test]
    fn echo_commands_equal_those_of_dcmtk() {
        let request = testdata::bytes(testdata::ECHOSCU_ECHO_REQUEST).split_off(HEADERS_SIZE);
        assert_eq!(CommandSet::echo_request(1).encode(), request);
        let set = CommandSet::decode(&request).unwrap();
        let response = CommandSet::response(&set, &StoreStatus::success()).encode();
        assert_eq!(response, testdata::bytes(testdata::STORESCP_ECHO_RESPONSE).split_off(HEADERS_SIZE));
    }

    /// Goal: a failure says what and why. Method: response read back.
    #[test]
    fn failure_carries_comment_and_offending_elements() {
        let request = CommandSet::store_request(7, "1.2.840.10008.5.1.4.1.1.2", "1.2.3");
        let status =
            StoreStatus::with_comment(StatusCode::DATA_SET_MISMATCH, format!("ä\\{}", "x".repeat(99)))
                .offending(&[(0x0008, 0x0016), (0x0008, 0x0018)]);
        let response = CommandSet::decode(&CommandSet::response(&request, &status).encode()).unwrap();
        let read = response.status().unwrap();
        assert_eq!(read.code, StatusCode::DATA_SET_MISMATCH);
        assert_eq!(read.offending_elements, [(0x0008, 0x0016), (0x0008, 0x0018)]);
        assert_eq!(read.comment.unwrap(), format!("??{}", "x".repeat(62)));
        assert_eq!(response.text(element::AFFECTED_SOP_INSTANCE_UID).as_deref(), Some("1.2.3"));
        assert_eq!(response.number(element::MESSAGE_ID_RESPONDED_TO), Some(7));
        assert_eq!(response.number(element::COMMAND_FIELD), Some(0x8001));
    }

    fn check_refused(bytes: &[u8], expect: &CommandError) {
        assert_eq!(CommandSet::decode(bytes).as_ref(), Err(expect));
    }

    /// Goal: what is not a flat list of group 0000 is refused. Method: one lie each.
    #[test]
    fn lies_are_refused() {
        check_refused(&[8, 0, 5, 0, 0, 0, 0, 0], &CommandError::ForeignGroup(8));
        check_refused(
            &[0, 0, 2, 0, 0xFF, 0xFF, 0xFF, 0xFF],
            &CommandError::Truncated { element: 2, size: u32::MAX },
        );
        check_refused(&[0, 0, 2, 0, 1, 0, 0, 0], &CommandError::Truncated { element: 2, size: 1 });
        check_refused(&[0, 0, 2], &CommandError::Ragged);
        check_refused(&[0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0], &CommandError::Repeated(2));
        let bomb: Vec<u8> = (0..100u8).flat_map(|i| [0, 0, i, 1, 0, 0, 0, 0]).collect();
        check_refused(&bomb, &CommandError::TooMany);
    }

    proptest! {
        /// Goal: no bytes make the decoder panic, and what it takes it writes back the same.
        /// Method: arbitrary bytes and mutated real commands.
        #[test]
        fn any_bytes_are_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(set) = CommandSet::decode(&bytes) {
                prop_assert_eq!(CommandSet::decode(&set.encode()), Ok(set));
            }
        }

        #[test]
        fn mutated_commands_are_taken_or_refused(at in 0usize..68, to in any::<u8>(), cut in 0usize..68) {
            let mut bytes = CommandSet::store_request(3, "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4").encode();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = to;
            }
            for slice in [&bytes[..], &bytes[..cut]] {
                if let Ok(set) = CommandSet::decode(slice) {
                    let _ = (set.status(), set.has_data_set(), set.text(element::AFFECTED_SOP_CLASS_UID));
                    prop_assert_eq!(CommandSet::decode(&set.encode()), Ok(set));
                }
            }
        }

        #[test]
        fn sets_come_back(texts in proptest::collection::btree_map(1u16.., "[0-9.]{0,64}", 0..20)) {
            let mut set = CommandSet::default();
            for (element, text) in &texts {
                set.set_uid(*element, text);
            }
            let back = CommandSet::decode(&set.encode()).unwrap();
            for (element, text) in &texts {
                prop_assert_eq!(back.text(*element), Some(text.clone()));
            }
        }
    }
}
