//! Character sets of PS3.5 section 6.1, decoded from raw bytes.
//!
//! dicom-rs splits multi-values before decoding and knows no ISO 2022 escapes; here a value is decoded
//! first and split afterwards, because the second byte of a GBK or GB18030 character may be a backslash.

use encoding_rs::{
    EUC_JP, EUC_KR, Encoding, GB18030, GBK, ISO_8859_2, ISO_8859_3, ISO_8859_4, ISO_8859_5, ISO_8859_6,
    ISO_8859_7, ISO_8859_8, ISO_8859_15, UTF_8, WINDOWS_874, WINDOWS_1254,
};

const ESC: u8 = 0x1B;

/// A set that stands in the upper half (G1) of an ISO 2022 text, or alone.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Upper {
    /// ASCII only: nothing is defined above 0x7F.
    Nothing,
    /// ISO 8859-1.
    Latin1,
    /// Half-width katakana of JIS X 0201.
    Katakana,
    /// A single-byte set or a two-byte set with both bytes above 0x7F.
    Set(&'static Encoding),
}

/// What the lower half (G0) holds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lower {
    Ascii,
    /// JIS X 0208 in pairs.
    Kanji,
    /// JIS X 0212 in pairs.
    SupplementaryKanji,
}

/// One defined term of SpecificCharacterSet (0008,0005).
#[derive(Debug, Clone, Copy, PartialEq)]
enum Charset {
    /// Whole text in an encoding without code extensions.
    Whole(&'static Encoding),
    /// ISO 2022, with this in G1 at the start.
    Iso2022(Upper),
    Unknown,
}

/// Number of an `ISO_IR n` or `ISO 2022 IR n` term, however it is punctuated.
fn charset(term: &str) -> Charset {
    let plain: String =
        term.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    match plain.as_str() {
        "" | "ISOIR6" | "ISO2022IR6" => return Charset::Iso2022(Upper::Nothing),
        "GB18030" => return Charset::Whole(GB18030),
        "GBK" | "GB2312" => return Charset::Whole(GBK),
        "UTF8" | "ISOIR192" | "ISO2022IR192" => return Charset::Whole(UTF_8),
        _ => {}
    }
    let number = plain.strip_prefix("ISO2022IR").or_else(|| plain.strip_prefix("ISOIR")).unwrap_or("");
    Charset::Iso2022(match number {
        "13" => Upper::Katakana,
        "58" => Upper::Set(GBK),
        "100" => Upper::Latin1,
        "101" => Upper::Set(ISO_8859_2),
        "109" => Upper::Set(ISO_8859_3),
        "110" => Upper::Set(ISO_8859_4),
        "126" => Upper::Set(ISO_8859_7),
        "127" => Upper::Set(ISO_8859_6),
        "138" => Upper::Set(ISO_8859_8),
        "144" => Upper::Set(ISO_8859_5),
        "148" => Upper::Set(WINDOWS_1254),
        "149" => Upper::Set(EUC_KR),
        "166" => Upper::Set(WINDOWS_874),
        "203" => Upper::Set(ISO_8859_15),
        // Kanji come by escape into G0; G1 stays empty.
        "87" | "159" => Upper::Nothing,
        _ => return Charset::Unknown,
    })
}

/// `true` when `term` is a character set that [`decode`] knows; for checking `charset_fallback`.
#[must_use]
pub fn is_known_charset(term: &str) -> bool {
    charset(term) != Charset::Unknown
}

/// Decodes one value (all of its multi-values together).
///
/// `specific_character_set` holds the values of (0008,0005), in order, empty ones too. `fallback` is the
/// site's answer for objects that declare nothing (or ASCII) and hold bytes above 0x7F all the same;
/// without it such bytes are taken as UTF-8 where they are valid UTF-8, else as ISO 8859-1.
#[must_use]
pub fn decode(bytes: &[u8], specific_character_set: &[&str], fallback: Option<&str>) -> String {
    if bytes.is_ascii() && !bytes.contains(&ESC) {
        return bytes.iter().map(|b| char::from(*b)).collect();
    }
    let first = charset(specific_character_set.first().copied().unwrap_or(""));
    match first {
        Charset::Whole(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        Charset::Iso2022(start) if bytes.contains(&ESC) => decode_iso2022(bytes, start),
        Charset::Iso2022(Upper::Nothing) | Charset::Unknown => decode_undeclared(bytes, fallback),
        Charset::Iso2022(start) => decode_iso2022(bytes, start),
    }
}

/// Decodes, then splits at backslashes and removes padding from each value.
#[must_use]
pub fn decode_values(bytes: &[u8], specific_character_set: &[&str], fallback: Option<&str>) -> Vec<String> {
    decode(bytes, specific_character_set, fallback).split('\\').map(|v| trimmed(v).to_owned()).collect()
}

/// Without the blanks and NULs that pad values.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c == '\0' || c == ' ')
}

fn decode_undeclared(bytes: &[u8], fallback: Option<&str>) -> String {
    match fallback.map(charset) {
        Some(Charset::Whole(encoding)) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        Some(Charset::Iso2022(start)) if start != Upper::Nothing => decode_iso2022(bytes, start),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => upper_text(Upper::Latin1, bytes),
        },
    }
}

/// PS3.5 6.1.2.5: escapes switch G0 and G1; both return to the first value's sets at a delimiter.
fn decode_iso2022(bytes: &[u8], start: Upper) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    let (mut lower, mut upper) = (Lower::Ascii, start);
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == ESC {
            if let Some((change, used)) = escape(tail) {
                match change {
                    Escape::Lower(l) => lower = l,
                    Escape::Upper(u) => upper = u,
                }
                rest = tail.get(used..).unwrap_or(&[]);
            } else {
                rest = tail;
            }
        } else if byte >= 0x80 {
            let run = rest.iter().take_while(|b| **b >= 0x80).count();
            let (high, after) = rest.split_at(run);
            text.push_str(&upper_text(upper, high));
            rest = after;
        } else if lower != Lower::Ascii && byte > 0x20 && !tail.is_empty() {
            let (pair, after) = rest.split_at(2);
            text.push_str(&kanji(lower, pair));
            rest = after;
        } else {
            if matches!(byte, b'\\' | b'^' | b'=' | b'\r' | b'\n' | 0x0C | b'\t') {
                (lower, upper) = (Lower::Ascii, start);
            }
            text.push(char::from(byte));
            rest = tail;
        }
    }
    text
}

enum Escape {
    Lower(Lower),
    Upper(Upper),
}

/// The sequence after ESC (PS3.3 C.12.1.1.2), and how many bytes it has.
fn escape(after: &[u8]) -> Option<(Escape, usize)> {
    let upper = |u| Escape::Upper(u);
    let found = match after {
        [b'$', b'B' | b'@', ..] => (Escape::Lower(Lower::Kanji), 2),
        [b'$', b'(', b'D', ..] => (Escape::Lower(Lower::SupplementaryKanji), 3),
        [b'$', b')', b'C', ..] => (upper(Upper::Set(EUC_KR)), 3),
        [b'$', b')', b'A', ..] => (upper(Upper::Set(GBK)), 3),
        [b'(', b'B' | b'J', ..] => (Escape::Lower(Lower::Ascii), 2),
        [b')', b'I', ..] => (upper(Upper::Katakana), 2),
        [b'-', b'A', ..] => (upper(Upper::Latin1), 2),
        [b'-', b'B', ..] => (upper(Upper::Set(ISO_8859_2)), 2),
        [b'-', b'C', ..] => (upper(Upper::Set(ISO_8859_3)), 2),
        [b'-', b'D', ..] => (upper(Upper::Set(ISO_8859_4)), 2),
        [b'-', b'F', ..] => (upper(Upper::Set(ISO_8859_7)), 2),
        [b'-', b'G', ..] => (upper(Upper::Set(ISO_8859_6)), 2),
        [b'-', b'H', ..] => (upper(Upper::Set(ISO_8859_8)), 2),
        [b'-', b'L', ..] => (upper(Upper::Set(ISO_8859_5)), 2),
        [b'-', b'M', ..] => (upper(Upper::Set(WINDOWS_1254)), 2),
        [b'-', b'T', ..] => (upper(Upper::Set(WINDOWS_874)), 2),
        [b'-', b'b', ..] => (upper(Upper::Set(ISO_8859_15)), 2),
        _ => return None,
    };
    Some(found)
}

fn upper_text(upper: Upper, bytes: &[u8]) -> String {
    match upper {
        Upper::Set(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        Upper::Katakana => bytes.iter().map(|b| katakana(*b)).collect(),
        Upper::Latin1 | Upper::Nothing => bytes.iter().map(|b| char::from(*b)).collect(),
    }
}

/// JIS X 0201: 0xA1 to 0xDF are U+FF61 to U+FF9F.
fn katakana(byte: u8) -> char {
    match byte {
        0xA1..=0xDF => char::from_u32(0xFF61 + u32::from(byte - 0xA1)).unwrap_or('\u{FFFD}'),
        _ => '\u{FFFD}',
    }
}

/// A pair of 7-bit bytes is EUC-JP with the high bits set (after 0x8F for JIS X 0212).
fn kanji(lower: Lower, pair: &[u8]) -> String {
    let mut euc = Vec::with_capacity(3);
    if lower == Lower::SupplementaryKanji {
        euc.push(0x8F);
    }
    euc.extend(pair.iter().map(|b| b | 0x80));
    EUC_JP.decode_without_bom_handling(&euc).0.into_owned()
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
