//! Geometry and rescale of each frame: from the root of a single-frame image, from functional groups of
//! Enhanced and Legacy Converted Enhanced CT (PS3.3 C.7.6.16), per-frame first, then shared.

use super::Values;
use crate::guard::ascii;
use crate::pixels::PixelFormat;
use crate::walk::{Element, Level};
use dicom_dictionary_std::tags;
use serde::{Deserialize, Serialize};

/// Where one frame lies and how its values become HU. What is missing or malformed is absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FrameGeometry {
    /// ImagePositionPatient: centre of the first pixel, LPS mm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<[f64; 3]>,
    /// ImagePositionPatient as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_text: Option<String>,
    /// ImageOrientationPatient: direction of rising column index, then of rising row index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<[f64; 6]>,
    /// PixelSpacing: mm between rows, mm between columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixel_spacing: Option<[f64; 2]>,
    /// RescaleSlope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slope: Option<f64>,
    /// RescaleIntercept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intercept: Option<f64>,
    /// FrameAcquisitionNumber (0020,9156) of a multi-frame image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquisition_number: Option<i64>,
    /// TemporalPositionIndex (0020,9128) of a multi-frame image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporal_position: Option<i64>,
}

/// `N` decimal strings separated by backslashes; anything not finite or too few gives `None`.
pub(super) fn decimals<const N: usize>(value: &[u8]) -> Option<[f64; N]> {
    let text = ascii(value)?;
    let mut numbers = [0.0; N];
    let mut parts = text.split('\\');
    for number in &mut numbers {
        *number = parts.next()?.trim().parse::<f64>().ok().filter(|v| v.is_finite())?;
    }
    Some(numbers)
}

impl FrameGeometry {
    /// From the root of the data set.
    pub(super) fn from_values(values: &Values<'_, '_>) -> Self {
        Self {
            position: values.raw(tags::IMAGE_POSITION_PATIENT).and_then(decimals),
            position_text: values.raw(tags::IMAGE_POSITION_PATIENT).and_then(ascii),
            orientation: values.raw(tags::IMAGE_ORIENTATION_PATIENT).and_then(decimals),
            pixel_spacing: values.raw(tags::PIXEL_SPACING).and_then(decimals),
            slope: values.float(tags::RESCALE_SLOPE),
            intercept: values.float(tags::RESCALE_INTERCEPT),
            acquisition_number: None,
            temporal_position: None,
        }
    }

    fn or(self, other: &Self) -> Self {
        Self {
            position_text: self.position_text.or_else(|| other.position_text.clone()),
            position: self.position.or(other.position),
            orientation: self.orientation.or(other.orientation),
            pixel_spacing: self.pixel_spacing.or(other.pixel_spacing),
            slope: self.slope.or(other.slope),
            intercept: self.intercept.or(other.intercept),
            acquisition_number: self.acquisition_number.or(other.acquisition_number),
            temporal_position: self.temporal_position.or(other.temporal_position),
        }
    }
}

/// What else the functional groups say; the first frame speaks for all.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedFacts {
    pub(super) slice_thickness_mm: Option<f64>,
    pub(super) convolution_kernel: Vec<String>,
    pub(super) frame_type: Vec<String>,
    pub(super) rescale_type: Option<String>,
    pub(super) kvp: Option<f64>,
    pub(super) acquisition_number: Option<i64>,
    pub(super) acquisition_date_time: Option<String>,
}

/// Collects the functional groups during the walk.
#[derive(Debug, Clone, Default)]
pub(super) struct FunctionalGroups {
    shared: FrameGeometry,
    per_frame: Vec<FrameGeometry>,
    facts: SharedFacts,
    contrast_agent: Option<String>,
}

impl FunctionalGroups {
    /// An element two sequences deep: `outer` is the shared or per-frame sequence, `inner` the group.
    pub(super) fn element(&mut self, outer: &Level, inner: &Level, element: &Element<'_>) {
        let frame = match outer.tag {
            tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE if outer.item == 0 => &mut self.shared,
            tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE => {
                // Items come in order, one at a time, and their number is bounded by the walk.
                if self.per_frame.len() <= outer.item {
                    self.per_frame.resize(outer.item + 1, FrameGeometry::default());
                }
                let Some(frame) = self.per_frame.get_mut(outer.item) else { return };
                frame
            }
            _ => return,
        };
        let value = element.value;
        match (inner.tag, element.tag) {
            (tags::PLANE_POSITION_SEQUENCE, tags::IMAGE_POSITION_PATIENT) => {
                frame.position = decimals(value);
                frame.position_text = ascii(value);
            }
            (tags::PLANE_ORIENTATION_SEQUENCE, tags::IMAGE_ORIENTATION_PATIENT) => {
                frame.orientation = decimals(value);
            }
            (tags::PIXEL_MEASURES_SEQUENCE, tags::PIXEL_SPACING) => frame.pixel_spacing = decimals(value),
            (tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, tags::RESCALE_SLOPE) => {
                frame.slope = decimals(value).map(|[v]| v);
            }
            (tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, tags::RESCALE_INTERCEPT) => {
                frame.intercept = decimals(value).map(|[v]| v);
            }
            (tags::FRAME_CONTENT_SEQUENCE, tags::FRAME_ACQUISITION_NUMBER) => {
                frame.acquisition_number = element.encoding.u16_at(value, 0).map(i64::from);
                self.facts.acquisition_number = self.facts.acquisition_number.or(frame.acquisition_number);
            }
            (tags::FRAME_CONTENT_SEQUENCE, tags::TEMPORAL_POSITION_INDEX) => {
                frame.temporal_position = element.encoding.u32_at(value, 0).map(i64::from);
            }
            _ => self.fact(inner, element),
        }
    }

    fn fact(&mut self, inner: &Level, element: &Element<'_>) {
        let value = element.value;
        let facts = &mut self.facts;
        let list = || ascii(value).map(|t| t.split('\\').map(|v| v.trim().to_owned()).collect::<Vec<_>>());
        match (inner.tag, element.tag) {
            (tags::PIXEL_MEASURES_SEQUENCE, tags::SLICE_THICKNESS) => {
                facts.slice_thickness_mm = facts.slice_thickness_mm.or(decimals(value).map(|[v]| v));
            }
            (tags::CT_RECONSTRUCTION_SEQUENCE, tags::CONVOLUTION_KERNEL)
                if facts.convolution_kernel.is_empty() =>
            {
                facts.convolution_kernel = list().unwrap_or_default();
            }
            (tags::CT_IMAGE_FRAME_TYPE_SEQUENCE, tags::FRAME_TYPE) if facts.frame_type.is_empty() => {
                facts.frame_type = list().unwrap_or_default();
            }
            (tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, tags::RESCALE_TYPE)
                if facts.rescale_type.is_none() =>
            {
                facts.rescale_type = ascii(value).filter(|t| !t.is_empty());
            }
            (tags::CTX_RAY_DETAILS_SEQUENCE, tags::KVP) => {
                facts.kvp = facts.kvp.or(decimals(value).map(|[v]| v));
            }
            (tags::FRAME_CONTENT_SEQUENCE, tags::FRAME_ACQUISITION_DATE_TIME)
                if facts.acquisition_date_time.is_none() =>
            {
                facts.acquisition_date_time = ascii(value).filter(|t| !t.is_empty());
            }
            (tags::CONTRAST_BOLUS_USAGE_SEQUENCE, tags::CONTRAST_BOLUS_AGENT_ADMINISTERED)
                if ascii(value).is_some_and(|t| t == "YES") =>
            {
                self.contrast_agent = Some("administered".to_owned());
            }
            _ => {}
        }
    }

    pub(super) fn shared(&self) -> &SharedFacts {
        &self.facts
    }

    /// Enhanced images say per frame whether an agent was in the patient.
    pub(super) fn contrast_agent(&self) -> Option<String> {
        self.contrast_agent.clone()
    }

    /// One geometry per frame: its own, else the shared group's, else the root's.
    pub(super) fn frames(&self, root: &FrameGeometry, pixels: Option<&PixelFormat>) -> Vec<FrameGeometry> {
        let Some(pixels) = pixels else { return Vec::new() };
        let shared = self.shared.clone().or(root);
        // NumberOfFrames was checked against the limits; a shorter per-frame sequence leaves geometry absent
        // only where neither shared group nor root has it.
        let count = usize::try_from(pixels.frames_count).unwrap_or(1).max(1);
        (0..count).map(|i| self.per_frame.get(i).cloned().unwrap_or_default().or(&shared)).collect()
    }
}
