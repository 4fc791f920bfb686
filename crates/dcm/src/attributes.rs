//! A data set being written: attributes put by keyword, VR taken from the dictionary, length limits kept.
//!
//! Everything that we write goes through here, so that padding, VR, character set and file meta are
//! decided once. Text is UTF-8; [`Attributes::into_part10`] adds `ISO_IR 192` when it is not ASCII.

use crate::derived::WriteError;
use crate::part10::{FileMeta, file_meta};
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::header::{DataElement, Tag, VR};
use dicom_core::value::{DataSetSequence, PrimitiveValue, Value};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use dicom_encoding::TransferSyntaxIndex;
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

/// Transfer syntax that we write by default.
pub(crate) const EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";
/// The other uncompressed little endian syntax.
pub(crate) const IMPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2";
/// One data set or sequence item being written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attributes {
    object: InMemDicomObject,
}

impl Attributes {
    pub(crate) fn new() -> Self {
        Self { object: InMemDicomObject::new_empty() }
    }

    fn put(&mut self, tag: Tag, vr: VR, value: PrimitiveValue) {
        self.object.put(DataElement::new(tag, vr, value));
    }

    /// Type 2 attribute without a value.
    pub(crate) fn empty(&mut self, tag: Tag) -> &mut Self {
        let vr = vr_of(tag);
        if vr == VR::SQ {
            return self.sequence(tag, Vec::new());
        }
        self.put(tag, vr, PrimitiveValue::Empty);
        self
    }

    /// Text of any string VR; cut to what the VR allows. A backslash separates values, except in the
    /// long text VRs.
    pub(crate) fn text(&mut self, tag: Tag, text: &str) -> &mut Self {
        let vr = vr_of(tag);
        let value = if text.is_empty() {
            PrimitiveValue::Empty
        } else if matches!(vr, VR::LT | VR::ST | VR::UT | VR::UR) {
            PrimitiveValue::from(cut(text, vr))
        } else {
            let values: Vec<String> = text.split('\\').map(|v| fitted(v, vr)).collect();
            PrimitiveValue::Strs(values.into())
        };
        self.put(tag, vr, value);
        self
    }

    /// Several values of a string VR.
    pub(crate) fn texts(&mut self, tag: Tag, values: &[&str]) -> &mut Self {
        let vr = vr_of(tag);
        let values: Vec<String> = values.iter().map(|v| cut(v, vr).replace('\\', "/")).collect();
        self.put(tag, vr, PrimitiveValue::Strs(values.into()));
        self
    }

    /// Decimal strings.
    pub(crate) fn decimals(&mut self, tag: Tag, values: &[f64]) -> &mut Self {
        let values: Vec<String> = values.iter().map(|v| decimal_string(*v)).collect();
        self.put(tag, VR::DS, PrimitiveValue::Strs(values.into()));
        self
    }

    /// Whole number as IS, DS or another string VR.
    pub(crate) fn number(&mut self, tag: Tag, value: u32) -> &mut Self {
        self.text(tag, &value.to_string())
    }

    pub(crate) fn u16s(&mut self, tag: Tag, values: &[u16]) -> &mut Self {
        self.put(tag, VR::US, PrimitiveValue::U16(values.into()));
        self
    }

    pub(crate) fn u32s(&mut self, tag: Tag, values: &[u32]) -> &mut Self {
        self.put(tag, VR::UL, PrimitiveValue::U32(values.into()));
        self
    }

    pub(crate) fn f32s(&mut self, tag: Tag, values: &[f32]) -> &mut Self {
        self.put(tag, VR::FL, PrimitiveValue::F32(values.into()));
        self
    }

    pub(crate) fn f64(&mut self, tag: Tag, value: f64) -> &mut Self {
        self.put(tag, VR::FD, PrimitiveValue::from(value));
        self
    }

    /// An attribute that holds tags (AT).
    pub(crate) fn tag(&mut self, tag: Tag, value: Tag) -> &mut Self {
        self.put(tag, VR::AT, PrimitiveValue::from(value));
        self
    }

    /// Raw little endian bytes, OB or OW; padded to an even length.
    pub(crate) fn bytes(&mut self, tag: Tag, vr: VR, mut bytes: Vec<u8>) -> &mut Self {
        if bytes.len() % 2 == 1 {
            bytes.push(0);
        }
        self.put(tag, vr, PrimitiveValue::U8(bytes.into()));
        self
    }

    pub(crate) fn sequence(&mut self, tag: Tag, items: Vec<Self>) -> &mut Self {
        let items: Vec<InMemDicomObject> = items.into_iter().map(|i| i.object).collect();
        self.object.put(DataElement::new(tag, VR::SQ, Value::from(DataSetSequence::from(items))));
        self
    }

    /// A sequence of one item.
    pub(crate) fn item(&mut self, tag: Tag, item: Self) -> &mut Self {
        self.sequence(tag, vec![item])
    }

    /// Removes an attribute.
    pub(crate) fn remove(&mut self, tag: Tag) {
        self.object.remove_element(tag);
    }

    /// Puts every attribute of `other`; those already here are replaced.
    pub(crate) fn extend(&mut self, other: Self) -> &mut Self {
        for element in other.object {
            self.object.put(element);
        }
        self
    }

    /// The file: preamble, file meta, data set. SOP class and instance UID must be there.
    ///
    /// `what` names the object in errors.
    pub(crate) fn into_part10(
        mut self,
        what: &'static str,
        transfer_syntax: &str,
    ) -> Result<Vec<u8>, WriteError> {
        if self.object.get(tags::SPECIFIC_CHARACTER_SET).is_none() && !is_ascii(&self.object) {
            self.text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192");
        }
        let failed = |cause: String| WriteError::Encode { what, cause };
        let uid = |tag: Tag| self.object.element(tag).ok().and_then(|e| e.to_str().ok()).unwrap_or_default();
        let mut bytes = file_meta(&FileMeta {
            sop_class_uid: &uid(tags::SOP_CLASS_UID),
            sop_instance_uid: &uid(tags::SOP_INSTANCE_UID),
            transfer_syntax_uid: transfer_syntax,
            calling_ae: "",
            called_ae: "",
        });
        let syntax = TransferSyntaxRegistry
            .get(transfer_syntax)
            .ok_or_else(|| failed(format!("transfer syntax {transfer_syntax} is not known")))?;
        self.object.write_dataset_with_ts(&mut bytes, syntax).map_err(|e| failed(e.to_string()))?;
        Ok(bytes)
    }
}

fn is_ascii(object: &InMemDicomObject) -> bool {
    object.iter().all(|element| match element.value() {
        Value::Primitive(PrimitiveValue::Str(text)) => text.is_ascii(),
        Value::Primitive(PrimitiveValue::Strs(texts)) => texts.iter().all(|t| t.is_ascii()),
        Value::Sequence(sequence) => sequence.items().iter().all(is_ascii),
        Value::Primitive(_) | Value::PixelSequence(_) => true,
    })
}

/// VR of the dictionary; where it depends on the pixels the unsigned one.
pub(crate) fn vr_of(tag: Tag) -> VR {
    StandardDataDictionary.by_tag(tag).map_or(VR::UN, |entry| entry.vr().relaxed())
}

/// One value of a string VR; a decimal string that is too long is written anew, not cut in its exponent.
fn fitted(text: &str, vr: VR) -> String {
    match text.trim().parse::<f64>() {
        Ok(value) if vr == VR::DS && text.len() > 16 => decimal_string(value),
        _ => cut(text, vr).to_owned(),
    }
}

/// `text` cut to the characters that the VR allows (PS3.5 table 6.2-1).
fn cut(text: &str, vr: VR) -> &str {
    let count_max = match vr {
        VR::AE | VR::CS | VR::SH | VR::DS => 16,
        VR::IS => 12,
        VR::LO | VR::UI => 64,
        VR::PN => 194,
        VR::ST => 1024,
        VR::LT => 10_240,
        _ => return text,
    };
    text.char_indices().nth(count_max).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

/// Shortest text of at most 16 characters that is nearest to `value` (VR DS); not finite gives 0.
pub(crate) fn decimal_string(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return "0".to_owned();
    }
    let shortest = value.to_string();
    if shortest.len() <= 16 {
        return shortest;
    }
    let plain = (0..=15).rev().map(|digits| format!("{value:.digits$}")).find(|text| text.len() <= 16);
    match plain {
        Some(text) if value.abs() >= 1e-4 => {
            let text =
                if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
            text.to_owned()
        }
        _ => (0..=12)
            .rev()
            .map(|digits| format!("{value:.digits$e}"))
            .find(|text| text.len() <= 16)
            .unwrap_or_else(|| "0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Goal: a DS never exceeds 16 characters and keeps all the digits that fit.
        #[test]
        fn decimal_strings_fit_and_are_near(value in prop_oneof![-1e6..1e6f64, -1.0..1.0f64, any::<f64>()]) {
            let text = decimal_string(value);
            prop_assert!(text.len() <= 16, "{}", text);
            let back: f64 = text.parse().unwrap();
            if value.is_finite() {
                prop_assert!((back - value).abs() <= value.abs() * 1e-8, "{} -> {}", value, text);
            }
        }
    }

    #[test]
    fn decimal_strings_are_the_shortest() {
        for (value, text) in [
            (0.1, "0.1"),
            (-0.0, "0"),
            (0.703125, "0.703125"),
            (-120.0, "-120"),
            (1.0 / 3.0, "0.33333333333333"),
        ] {
            assert_eq!(decimal_string(value), text);
        }
    }

    #[test]
    fn text_is_cut_at_a_character() {
        assert_eq!(cut(&"肺".repeat(70), VR::LO).chars().count(), 64);
        assert_eq!(cut("short", VR::SH), "short");
    }
}
