//! Kind `segmentation`.

use super::{Activation, AxisOrder, InputSpec, OutputSpec, Role};
use serde::Deserialize;

/// Bound on the classes.
const LABELS_COUNT_MAX: usize = 64;

/// How a slice becomes the network's input, and an answer labels of the slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SliceFit {
    /// As lungmask does it: the box of the body, resized to the input; over all answers one piece per label.
    BodyBox,
}

/// Numbers of kind `segmentation`: a network that takes whole axial slices, one at a time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentationDecode {
    /// Slice to input and back.
    pub fit: SliceFit,
    /// Names of the classes, in the order of the output's channels or numbers.
    pub labels: Vec<String>,
}

impl SegmentationDecode {
    /// The class of everything that is none of the others.
    pub const BACKGROUND: &'static str = "background";
    /// A class of role `lungs`.
    pub const RIGHT_LUNG: &'static str = "right-lung";
    /// A class of role `lungs`.
    pub const LEFT_LUNG: &'static str = "left-lung";

    /// Label number of each class: 0 for the background, from 1 on for the others in their order.
    #[must_use]
    pub fn numbers(&self) -> Vec<u8> {
        let mut next = 0;
        let mut number = |name: &String| {
            if name == Self::BACKGROUND {
                return 0;
            }
            next += 1;
            next
        };
        self.labels.iter().map(&mut number).collect()
    }

    /// Label number of the class of that name.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u8> {
        let index = self.labels.iter().position(|label| label == name)?;
        self.numbers().get(index).copied()
    }

    /// Classes that a role needs.
    fn needed(role: Role) -> &'static [&'static str] {
        match role {
            Role::Lungs => &[Self::BACKGROUND, Self::RIGHT_LUNG, Self::LEFT_LUNG],
            Role::Detector | Role::Reducer | Role::Segmenter | Role::Characterizer => &[Self::BACKGROUND],
        }
    }

    /// Classes that the role needs, and tensors that fit them.
    pub(super) fn check(&self, role: Role, input: &InputSpec, outputs: &[OutputSpec]) -> Result<(), String> {
        let count = |name: &str| self.labels.iter().filter(|label| *label == name).count();
        if self.labels.len() > LABELS_COUNT_MAX || self.labels.iter().any(|l| l.is_empty() || count(l) > 1) {
            return Err(format!("labels are at most {LABELS_COUNT_MAX} names, each there once"));
        }
        if let Some(name) = Self::needed(role).iter().find(|name| count(name) == 0) {
            return Err(format!("labels of role {} lack {name:?}", role.as_str()));
        }
        let [d, h, w] = input.edge();
        if input.axes != AxisOrder::LpsZyx || d != 1 {
            return Err(format!(
                "kind segmentation takes one slice, axes = \"lps-zyx\" and shape [1, 1, 1, h, w], not {:?}; wrap a network of four axes as training/export_lungmask.py does",
                input.shape
            ));
        }
        if input.hu_clip.iter().any(|hu| hu.fract() != 0.0 || hu.abs() > 4096.0) {
            return Err(format!("hu_clip {:?}: slices are resized in whole HU within 4096", input.hu_clip));
        }
        let channels = |output: &OutputSpec| match output.values {
            Activation::Label => 1,
            Activation::Logit | Activation::Probability => self.labels.len(),
        };
        match outputs {
            [output] if output.shape == [1, channels(output), 1, h, w] => Ok(()),
            _ => Err(format!(
                "kind segmentation with {} labels and input {:?} needs one output, [1, {}, 1, {h}, {w}] or with values = \"label\" [1, 1, 1, {h}, {w}]; the pack states {:?}",
                self.labels.len(),
                input.shape,
                self.labels.len(),
                outputs.iter().map(|o| &o.shape).collect::<Vec<_>>()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: classes in any order come out as background 0 and the others from 1 on. Method: the background in the middle.
    #[test]
    fn the_background_is_label_0() {
        let labels = ["left-lung", "background", "trachea", "right-lung"].map(str::to_owned).to_vec();
        let decode = SegmentationDecode { fit: SliceFit::BodyBox, labels };
        assert_eq!(decode.numbers(), [1, 0, 2, 3]);
        assert_eq!(decode.number("right-lung"), Some(3));
        assert_eq!(decode.number("lingula"), None);
    }
}
