//! File preamble and file meta information (PS3.10 section 7.1), written in front of received bytes.

/// Our implementation class UID (0002,0012), also for association negotiation (PS3.7 D.3.3.2).
/// Under the 2.25 root (PS3.5 B.2): `derived_uid(["implementation", "lungcad"])`, checked by a test.
pub const IMPLEMENTATION_CLASS_UID: &str = "2.25.224159758416717781408346564415367294477";

/// Our implementation version name (0002,0013), at most 16 characters.
pub const IMPLEMENTATION_VERSION_NAME: &str = "LUNGCAD_1";

/// What group 0002 says about a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileMeta<'a> {
    /// SOP Class UID of the object.
    pub sop_class_uid: &'a str,
    /// SOP Instance UID of the object.
    pub sop_instance_uid: &'a str,
    /// Transfer syntax of the bytes that follow.
    pub transfer_syntax_uid: &'a str,
    /// Sending application entity, empty when not known (then left out).
    pub calling_ae: &'a str,
    /// Receiving application entity, empty when not known (then left out).
    pub called_ae: &'a str,
}

/// Preamble, `DICM` and group 0002 in explicit VR little endian; the data set follows directly.
///
/// Values longer than 64 bytes are cut: no UID or AE title is longer.
#[must_use]
pub fn file_meta(meta: &FileMeta<'_>) -> Vec<u8> {
    let mut group = Vec::with_capacity(512);
    long_element(&mut group, 0x0001, *b"OB", &[0, 1]);
    text_element(&mut group, 0x0002, *b"UI", meta.sop_class_uid);
    text_element(&mut group, 0x0003, *b"UI", meta.sop_instance_uid);
    text_element(&mut group, 0x0010, *b"UI", meta.transfer_syntax_uid);
    text_element(&mut group, 0x0012, *b"UI", IMPLEMENTATION_CLASS_UID);
    text_element(&mut group, 0x0013, *b"SH", IMPLEMENTATION_VERSION_NAME);
    if !meta.calling_ae.is_empty() {
        text_element(&mut group, 0x0016, *b"AE", meta.calling_ae);
        text_element(&mut group, 0x0017, *b"AE", meta.calling_ae);
    }
    if !meta.called_ae.is_empty() {
        text_element(&mut group, 0x0018, *b"AE", meta.called_ae);
    }
    let mut file = vec![0u8; 128];
    file.extend_from_slice(b"DICM");
    file.extend_from_slice(&[2, 0, 0, 0, b'U', b'L', 4, 0]);
    // The group is below 2 KiB: every value is cut to 64 bytes.
    file.extend_from_slice(&u32::try_from(group.len()).unwrap_or(0).to_le_bytes());
    file.extend_from_slice(&group);
    file
}

/// An element whose VR has a 16-bit length, padded to even with NUL (UI) or a blank.
fn text_element(out: &mut Vec<u8>, element: u16, vr: [u8; 2], text: &str) {
    let mut value: Vec<u8> = text.bytes().take(64).collect();
    if value.len() % 2 == 1 {
        value.push(if vr == *b"UI" { 0 } else { b' ' });
    }
    out.extend_from_slice(&[2, 0]);
    out.extend_from_slice(&element.to_le_bytes());
    out.extend_from_slice(&vr);
    out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(&value);
}

/// An element whose VR has two reserved bytes and a 32-bit length.
fn long_element(out: &mut Vec<u8>, element: u16, vr: [u8; 2], value: &[u8; 2]) {
    out.extend_from_slice(&[2, 0]);
    out.extend_from_slice(&element.to_le_bytes());
    out.extend_from_slice(&vr);
    out.extend_from_slice(&[0, 0, 2, 0, 0, 0]);
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The meta group must be what dicom-object reads, and the class UID what it says it is.
    #[test]
    fn a_foreign_reader_reads_the_meta_group() {
        let bytes = file_meta(&FileMeta {
            sop_class_uid: "1.2.840.10008.5.1.4.1.1.2",
            sop_instance_uid: "1.2.3",
            transfer_syntax_uid: "1.2.840.10008.1.2.1",
            calling_ae: "CT1",
            called_ae: "LUNGCAD",
        });
        let meta = dicom_object::FileMetaTable::from_reader(&bytes[128..]).unwrap();
        assert_eq!(meta.media_storage_sop_instance_uid().trim_end_matches('\0'), "1.2.3");
        assert_eq!(meta.transfer_syntax().trim_end_matches('\0'), "1.2.840.10008.1.2.1");
        assert_eq!(meta.information_group_length as usize + 128 + 4 + 12, bytes.len());
        assert_eq!(IMPLEMENTATION_CLASS_UID, domain::derived_uid(&["implementation", "lungcad"]));
    }
}
