//! Crashers: each is refused as an error, in little time and memory, before any parser sees it.

use crate::support;
use dcm::guard::{self, GuardError, WalkError};
use dcm::header::{self, ReadOptions};
use dcm::limits::Limits;
use dcm::part10::{FileMeta, file_meta};
use dcm::pixels::{Frames, PixelError, Rescale};
use proptest::prelude::*;
use std::io::Write;
use std::sync::LazyLock;

const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const IMPLICIT: &str = "1.2.840.10008.1.2";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
const RLE: &str = "1.2.840.10008.1.2.5";
const JPEG_LS: &str = "1.2.840.10008.1.2.4.80";

fn check(bytes: &[u8], transfer_syntax: &str) -> Result<guard::GuardReport, GuardError> {
    guard::check_data_set(bytes, transfer_syntax, &Limits::default())
}

/// An explicit VR little endian element with a 32-bit length.
fn long(tag: [u16; 2], vr: &[u8; 2], length: u32, value: &[u8]) -> Vec<u8> {
    let mut e: Vec<u8> = tag.iter().flat_map(|t| t.to_le_bytes()).collect();
    e.extend(vr);
    e.extend([0, 0]);
    e.extend(length.to_le_bytes());
    e.extend(value);
    e
}

fn short(tag: [u16; 2], vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut e: Vec<u8> = tag.iter().flat_map(|t| t.to_le_bytes()).collect();
    e.extend(vr);
    e.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
    e.extend(value);
    e
}

const ITEM: [u8; 8] = [0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF];

/// Sequences nested a hundred thousand deep overflow the stack of a recursive parser.
#[test]
fn nests_are_refused() {
    let explicit: Vec<u8> = (0..100_000)
        .flat_map(|_| [long([0x0040, 0xA730], b"SQ", u32::MAX, &[]), ITEM.to_vec()].concat())
        .collect();
    let unknown: Vec<u8> = (0..100_000)
        .flat_map(|_| [long([0x0009, 0x1001], b"UN", u32::MAX, &[]), ITEM.to_vec()].concat())
        .collect();
    let implicit: Vec<u8> = (0..100_000)
        .flat_map(|_| [&[0x40, 0, 0x30, 0xA7, 0xFF, 0xFF, 0xFF, 0xFF][..], &ITEM].concat())
        .collect();
    for (bytes, ts) in [(explicit, EXPLICIT), (unknown, EXPLICIT), (implicit, IMPLICIT)] {
        let error = check(&bytes, ts).unwrap_err();
        assert!(matches!(error, GuardError::Walk(WalkError::TooDeep { max: 32, .. })), "{error}");
    }
}

/// Nests of defined length, in implicit VR known only to the dictionary, are followed as well.
#[test]
fn nests_of_defined_length_are_refused() {
    let mut bytes = Vec::new();
    for _ in 0..40 {
        let mut item = vec![0xFE, 0xFF, 0x00, 0xE0];
        item.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        item.extend(&bytes);
        bytes = vec![0x40, 0, 0x30, 0xA7];
        bytes.extend(u32::try_from(item.len()).unwrap().to_le_bytes());
        bytes.extend(item);
    }
    assert!(matches!(check(&bytes, IMPLICIT), Err(GuardError::Walk(WalkError::TooDeep { .. }))));
}

/// A length of 4 GiB in a file of a hundred bytes must not be believed.
#[test]
fn lengths_past_the_end_are_refused() {
    for vr in [b"OB", b"OW", b"OD", b"UT", b"UN"] {
        for length in [0xFFFF_FFFE, 0x1000_0000] {
            let bytes = long([0x0009, 0x1001], vr, length, &[0; 64]);
            assert!(matches!(check(&bytes, EXPLICIT), Err(GuardError::Walk(WalkError::Truncated { .. }))));
        }
    }
    let implicit = [&[0x10, 0, 0x10, 0, 0xFE, 0xFF, 0xFF, 0xFF][..], &[b'A'; 64]].concat();
    assert!(matches!(check(&implicit, IMPLICIT), Err(GuardError::Walk(WalkError::Truncated { .. }))));
    // `??` is no VR; parsers that take it as UN read a 32-bit length.
    let bad_vr = long([0x0010, 0x0010], b"??", 0x6000_0000, &[0; 64]);
    assert!(matches!(check(&bad_vr, EXPLICIT), Err(GuardError::Walk(WalkError::Malformed { .. }))));
}

/// Floods of tiny things are counted.
#[test]
fn floods_are_refused() {
    let elements: Vec<u8> = (0..300_000).flat_map(|_| short([0x0009, 0x0010], b"LO", b"")).collect();
    assert!(matches!(check(&elements, EXPLICIT), Err(GuardError::Walk(WalkError::TooManyElements { .. }))));
    let mut items = long([0x0040, 0xA730], b"SQ", u32::MAX, &[]);
    items.extend((0..150_000).flat_map(|_| [0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0]));
    assert!(matches!(check(&items, EXPLICIT), Err(GuardError::Walk(WalkError::TooManyItems { .. }))));
}

/// A deflate bomb stops at the limit.
#[test]
fn deflate_bombs_stop_at_the_limit() {
    let mut bomb = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&long([0x7FE0, 0x0010], b"OB", 64 << 20, &vec![0; 64 << 20])).unwrap();
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 100_000);
    let limits = Limits { inflated_size_max: 1 << 20, ..Limits::default() };
    let error = guard::check_data_set(&bomb, DEFLATED, &limits).unwrap_err();
    assert_eq!(error, GuardError::InflatesTooFar { max: 1 << 20 });
    assert_eq!(check(&bomb[..bomb.len() / 2], DEFLATED), Err(GuardError::Deflate));
}

/// A CT file with one fragment as its pixel data.
fn encapsulated(transfer_syntax_uid: &str, rows: u16, columns: u16, fragment: &[u8]) -> Vec<u8> {
    let mut file = file_meta(&FileMeta {
        sop_class_uid: "1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid: "1.2.3",
        transfer_syntax_uid,
        calling_ae: "",
        called_ae: "",
    });
    let number = |tag, n: u16| short(tag, b"US", &n.to_le_bytes());
    file.extend(number([0x28, 2], 1));
    file.extend(short([0x28, 4], b"CS", b"MONOCHROME2 "));
    file.extend(number([0x28, 0x10], rows));
    file.extend(number([0x28, 0x11], columns));
    file.extend(number([0x28, 0x100], 16));
    file.extend(number([0x28, 0x101], 16));
    file.extend(number([0x28, 0x102], 15));
    file.extend(number([0x28, 0x103], 1));
    file.extend(long([0x7FE0, 0x10], b"OB", u32::MAX, &[0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0]));
    file.extend([0xFE, 0xFF, 0x00, 0xE0]);
    file.extend(u32::try_from(fragment.len()).unwrap().to_le_bytes());
    file.extend(fragment);
    file.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
    file
}

fn decode(file: &[u8]) -> Result<(), PixelError> {
    Frames::open(file, &Limits::default())?.stored(0).map(|_| ())
}

/// A mammogram of 5000 rows is kept; a CT of 5000 rows is not decoded, so it is refused.
#[test]
fn only_what_is_decoded_is_bounded_in_size() {
    let object = |class: &[u8]| {
        [
            short([8, 0x16], b"UI", class),
            short([0x28, 8], b"IS", b"4000000000"),
            short([0x28, 0x10], b"US", &5000u16.to_le_bytes()),
        ]
        .concat()
    };
    assert!(check(&object(b"1.2.840.10008.5.1.4.1.1.1.2\0"), EXPLICIT).is_ok());
    let refused = check(&object(b"1.2.840.10008.5.1.4.1.1.2\0"), EXPLICIT);
    assert!(matches!(refused, Err(GuardError::Dimension { attribute: "Rows", value: 5000, .. })));
}

/// RLE streams that claim billions of segments, and noise.
#[test]
fn rle_bombs_are_refused() {
    let mut claims = vec![0xFF; 4];
    claims.extend([0x5A; 60]);
    let noise: Vec<u8> = (0..64u8).map(|i| i.wrapping_mul(151).wrapping_add(7)).collect();
    for fragment in [claims, noise, vec![0; 64], vec![2, 0, 0, 0]] {
        assert!(matches!(decode(&encapsulated(RLE, 512, 512, &fragment)), Err(PixelError::Decode { .. })));
    }
}

/// A JPEG-LS stream of 65535 x 65535 pixels, in a data set that says 512 x 512 or the same.
#[test]
fn codec_headers_are_compared_with_the_data_set() {
    let stream = [
        &[0xFF, 0xD8, 0xFF, 0xF7, 0, 11, 16, 255, 255, 255, 255, 1, 1, 0x11, 0][..],
        &[0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0, 1, 2, 3, 4, 0xFF, 0xD9, 0],
    ]
    .concat();
    let error = decode(&encapsulated(JPEG_LS, 512, 512, &stream)).unwrap_err();
    assert!(matches!(error, PixelError::CodecHeader { frame: 0, .. }), "{error}");
    let error = decode(&encapsulated(JPEG_LS, 65535, 65535, &stream)).unwrap_err();
    assert!(matches!(error, PixelError::Guard(GuardError::Dimension { attribute: "Rows", .. })), "{error}");
}

/// A real slice, the object of the mutations: small, with sequences, JPEG-LS.
static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let Some(data) = support::data() else { return Vec::new() };
    [
        "CT1_JLSL",
        "CT1_RLE",
        "CT1_JPLL",
        "CT1_J2KR",
        "CT_small",
        "CT0012.not_fragmented_bot_jpeg_ls.80",
        "UN_sequence",
    ]
    .iter()
    .map(|name| std::fs::read(data.join(format!("parser/{name}.dcm"))).unwrap())
    .collect()
});

/// Everything that a received file goes through; errors are fine, panics are not.
fn through(bytes: &[u8]) {
    let limits = Limits::default();
    let guarded = guard::check_file(bytes, &limits);
    let header = header::read(bytes, &ReadOptions::default());
    if guarded.is_err() {
        assert!(header.is_err(), "the header reader guards as the guard does");
    }
    if let Ok(frames) = Frames::open(bytes, &limits) {
        let mut out = vec![0i16; usize::from(frames.format().rows) * usize::from(frames.format().columns)];
        for index in 0..frames.count().min(2) {
            let _ = frames.hu_into(index, &Rescale { slope: 1.0, intercept: -1024.0 }, &mut out);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Flipped bytes (most of them in the head, where structure is) and cut ends of real files.
    #[test]
    fn mutations_never_panic(
        seed in 0usize..7,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let Some(file) = SEEDS.get(seed) else { return Ok(()) };
        let mut bytes = file.clone();
        for (place, value, in_head) in edits {
            let range = if in_head { bytes.len().min(4096) } else { bytes.len() };
            let at = place.index(range);
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(file.len()));
        }
        through(&bytes);
    }

    /// Any bytes at all.
    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..600), implicit in any::<bool>()) {
        through(&bytes);
        let _ = check(&bytes, if implicit { IMPLICIT } else { EXPLICIT });
    }
}
