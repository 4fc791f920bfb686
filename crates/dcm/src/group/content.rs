//! What kind of image each instance is: axial scan, localizer, dose report, reformat.

use super::LeftOut;
use crate::header::InstanceHeader;
use domain::SkipReason;
use std::collections::BTreeSet;

/// Images that may be part of the stack.
pub(super) struct Content {
    /// Indices into the headers.
    pub(super) images: Vec<usize>,
    pub(super) left_out: LeftOut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Scan,
    Localizer,
    DoseReport,
    Reformat,
}

/// Words of ImageType values that mark a computed image.
const REFORMAT: &[&str] =
    &["MIP", "MINIP", "AVERAGE", "MPR", "RESAMPLED", "PROJECTION", "MPVR", "SSD", "VRT"];

/// Kind by ImageType (0008,0008). `DERIVED` alone says little: re-encoded axial slices carry it.
pub(super) fn kind(header: &InstanceHeader) -> Kind {
    let upper = |v: &String| v.to_ascii_uppercase();
    let values: Vec<String> = header.image_type.iter().map(upper).collect();
    let words: Vec<&str> = values
        .iter()
        .flat_map(|v| v.split(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|w| !w.is_empty())
        .collect();
    let has = |word: &str| words.contains(&word);
    let derived = values.first().is_some_and(|v| v == "DERIVED");
    let located = header.frames.iter().any(|f| f.position.is_some());
    if has("LOCALIZER") || has("SCOUT") || has("TOPOGRAM") {
        Kind::Localizer
    } else if has("DOSE") || has("SCREEN") || (has("SECONDARY") && !located) {
        Kind::DoseReport
    } else if words.iter().any(|w| REFORMAT.contains(w)) || (derived && has("VOLUME")) {
        // VOLUME alone is the usual flavour of an original Enhanced CT (PS3.3 C.8.16.1.3).
        Kind::Reformat
    } else {
        Kind::Scan
    }
}

/// CT images of one series without what is not a scan; repeated SOP Instance UIDs count once.
pub(super) fn choose(headers: &[InstanceHeader]) -> Result<Content, SkipReason> {
    let mut seen = BTreeSet::new();
    let ct: Vec<usize> = headers
        .iter()
        .enumerate()
        .filter(|(_, h)| is_ct(h) && seen.insert(&h.sop_instance_uid))
        .map(|(i, _)| i)
        .collect();
    if ct.is_empty() {
        let sop_class_uid = headers.first().map(|h| h.sop_class_uid.clone()).unwrap_or_default();
        return Err(SkipReason::NotCt { sop_class_uid });
    }
    let of = |wanted: Kind| -> Vec<usize> {
        ct.iter().copied().filter(|i| headers.get(*i).is_some_and(|h| kind(h) == wanted)).collect()
    };
    let images = of(Kind::Scan);
    let (localizers, doses, reformats) = (of(Kind::Localizer), of(Kind::DoseReport), of(Kind::Reformat));
    if images.is_empty() {
        if let Some(header) = reformats.first().and_then(|i| headers.get(*i)) {
            return Err(SkipReason::DerivedReformat { image_type: header.image_type.join("\\") });
        }
        return Err(if localizers.is_empty() { SkipReason::DoseReport } else { SkipReason::Localizer });
    }
    let mut left_out = LeftOut::default();
    left_out.add(localizers.len(), "localizer");
    left_out.add(doses.len(), "dose report or screen save");
    left_out.add(reformats.len(), "derived reformat");
    Ok(Content { images, left_out })
}

/// A CT image with pixels; PET/CT stores both under one study, never in one series.
fn is_ct(header: &InstanceHeader) -> bool {
    header.is_ct_image() && header.pixels.is_some() && header.modality.as_deref().is_none_or(|m| m == "CT")
}
