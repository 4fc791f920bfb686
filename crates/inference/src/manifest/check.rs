//! What can be said about a `pack.toml` without looking at the files beside it.

use super::{
    Activation, CenterPointDecode, ClassifierDecode, InputSpec, Kind, Manifest, NetworkSpec, PatchDecode,
    Probe, Role,
};

/// The one format version that this program reads.
const FORMAT: u32 = 1;
/// Bound on the number of networks of a pack.
const NETWORKS_COUNT_MAX: usize = 16;
/// Bound on one axis of a tensor.
const AXIS_MAX: usize = 1024;
/// Bound on the elements of one tensor (256 MiB of f32).
const ELEMENTS_MAX: usize = 64 << 20;
/// Bound on inputs or outputs of one network.
const TENSORS_COUNT_MAX: usize = 8;
/// Bound on self-test probes of one network.
const PROBES_COUNT_MAX: usize = 256;
/// Bound on `tile_voxels_max`: some 5 GB of work memory.
const TILE_VOXELS_MAX: usize = 64 << 20;

impl Manifest {
    /// Everything that can be said without looking at the files; the first fault found.
    pub(crate) fn check(&self) -> Result<(), String> {
        check_format(self.format)?;
        check_name(&self.name)?;
        check_version(&self.version)?;
        for (key, text) in [
            ("licence", &self.licence),
            ("intended_input", &self.intended_input),
            ("training", &self.training),
        ] {
            if text.trim().is_empty() {
                return Err(format!("{key} is empty; say it in a sentence"));
            }
        }
        let points = &self.operating_points;
        let ordered = points.quiet >= points.balanced && points.balanced >= points.sensitive;
        let inside =
            [points.quiet, points.balanced, points.sensitive].iter().all(|t| (0.0..=1.0).contains(t));
        if !(ordered && inside) {
            return Err("operating_points: need 1 >= quiet >= balanced >= sensitive >= 0".to_owned());
        }
        if let Some(c) = &self.calibration
            && !(c.slope > 0.0 && c.slope.is_finite() && c.intercept.is_finite())
        {
            return Err("calibration: slope must be above 0 and both numbers finite".to_owned());
        }
        if self.networks.is_empty() || self.networks.len() > NETWORKS_COUNT_MAX {
            return Err(format!("{} networks; need 1 to {NETWORKS_COUNT_MAX}", self.networks.len()));
        }
        for (index, spec) in self.networks.iter().enumerate() {
            spec.check()
                .map_err(|reason| format!("network {} ({}): {reason}", index + 1, spec.role.as_str()))?;
            let earlier = self.networks[..index].iter().find(|earlier| earlier.role == spec.role);
            earlier.map_or(Ok(()), |earlier| check_beside(earlier, spec))?;
        }
        self.check_looks()
    }

    /// Looks are spread over the stride: more of them than voxels of a cell would see the same twice.
    fn check_looks(&self) -> Result<(), String> {
        let detectors = self.networks.iter().filter(|spec| spec.role == Role::Detector);
        let looks: usize = detectors.clone().map(NetworkSpec::phases).sum();
        match detectors.map(|spec| &spec.decode).next() {
            Some(Kind::CenterPoint(decode)) if looks > decode.stride => Err(format!(
                "{looks} looks (detectors times phases) are more than the stride, {}",
                decode.stride
            )),
            _ => Ok(()),
        }
    }
}

/// Several detectors of kind center-point may take turns if they read and answer alike; of all else there is one.
fn check_beside(first: &NetworkSpec, other: &NetworkSpec) -> Result<(), String> {
    let role = other.role.as_str();
    let in_turn = matches!((&first.decode, other.role), (Kind::CenterPoint(_), Role::Detector));
    if !in_turn {
        return Err(format!(
            "two networks of role {role}; need one at most (only detectors of kind center-point take turns)"
        ));
    }
    if first.decode != other.decode || first.inputs != other.inputs || first.outputs != other.outputs {
        return Err(format!(
            "{} and {} are detectors that take turns; their decode, input and output must be the same",
            first.file, other.file
        ));
    }
    Ok(())
}

/// Format 1 is the only one.
pub(crate) fn check_format(format: u32) -> Result<(), String> {
    if format == FORMAT {
        return Ok(());
    }
    Err(format!(
        "format is {format}, this program reads format {FORMAT}; use a pack or a program of the other's age"
    ))
}

fn check_name(name: &str) -> Result<(), String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 64 || name.starts_with('-') || !name.chars().all(good) {
        return Err(format!("name {name:?} is not 1 to 64 of a-z, 0-9 and hyphen"));
    }
    Ok(())
}

/// `major.minor.patch` as numbers.
pub(crate) fn version_numbers(version: &str) -> Option<[u32; 3]> {
    let mut parts = version.split('.').map(|p| {
        let plain = p == "0" || (!p.starts_with('0') && p.chars().all(|c| c.is_ascii_digit()));
        if plain { p.parse::<u32>().ok() } else { None }
    });
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

fn check_version(version: &str) -> Result<(), String> {
    version_numbers(version).map(|_| ()).ok_or(format!("version {version:?} is not like 1.0.0"))
}

/// One plain file name: no folder, no leading dot, so that a pack cannot point out of its folder.
fn check_file(file: &str) -> Result<(), String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if file.is_empty() || file.len() > 128 || file.starts_with('.') || !file.chars().all(good) {
        return Err(format!(
            "file {file:?} is not a plain file name (letters, digits, dot, hyphen, underscore)"
        ));
    }
    Ok(())
}

fn check_shape(what: &str, shape: &[usize]) -> Result<(), String> {
    let elements = shape.iter().try_fold(1_usize, |n, axis| n.checked_mul(*axis));
    let fits = elements.is_some_and(|n| (1..=ELEMENTS_MAX).contains(&n));
    if shape.is_empty() || shape.len() > 8 || shape.iter().any(|a| *a > AXIS_MAX) || !fits {
        return Err(format!(
            "{what}: shape {shape:?} is outside the bounds (axes 1 to {AXIS_MAX}, {ELEMENTS_MAX} elements)"
        ));
    }
    Ok(())
}

impl NetworkSpec {
    fn check(&self) -> Result<(), String> {
        check_file(&self.file)?;
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if self.sha256.len() != 64 || !self.sha256.chars().all(hex) {
            return Err("sha256 is not 64 lower-case hex digits; take them from sha256sum".to_owned());
        }
        if !(7..=23).contains(&self.opset) {
            return Err(format!("opset {} is outside 7 to 23", self.opset));
        }
        for (what, count) in [("inputs", self.inputs.len()), ("outputs", self.outputs.len())] {
            if count == 0 || count > TENSORS_COUNT_MAX {
                return Err(format!("{count} {what}; need 1 to {TENSORS_COUNT_MAX}"));
            }
        }
        self.inputs.iter().try_for_each(InputSpec::check)?;
        for output in &self.outputs {
            check_shape(&format!("output {:?}", output.tensor), &output.shape)?;
        }
        self.check_role()?;
        self.check_spacing()?;
        self.check_decode()?;
        self.check_selftest()
    }

    /// How often one network looks.
    fn phases(&self) -> usize {
        match &self.decode {
            Kind::CenterPoint(decode) => decode.phases,
            _ => 1,
        }
    }

    fn check_role(&self) -> Result<(), String> {
        let fits = matches!(
            (self.role, &self.decode),
            (Role::Detector, Kind::CenterPoint(_) | Kind::Retinanet3d(_))
                | (Role::Reducer | Role::Characterizer, Kind::Classifier(_))
                | (Role::Segmenter, Kind::ProbabilityPatch(_))
                | (Role::Lungs, Kind::Segmentation(_))
        );
        if fits {
            return Ok(());
        }
        Err(format!("kind {} cannot serve role {}", self.decode.as_str(), self.role.as_str()))
    }

    /// Slices are resized, whatever their pixels; all else is cut at a spacing.
    fn check_spacing(&self) -> Result<(), String> {
        for input in &self.inputs {
            let (tensor, spacing_mm) = (&input.tensor, input.spacing_mm);
            if matches!(self.decode, Kind::Segmentation(_)) {
                if spacing_mm.iter().any(|s| *s != 0.0) {
                    return Err(format!("input {tensor:?}: slices are resized; leave spacing_mm out"));
                }
            } else if !spacing_mm.iter().all(|s| (0.1..=10.0).contains(s)) {
                return Err(format!("input {tensor:?}: spacing_mm {spacing_mm:?} is outside 0.1 to 10"));
            }
        }
        Ok(())
    }

    /// The shapes that the kind needs.
    fn check_decode(&self) -> Result<(), String> {
        let (input, output) = (&self.inputs[0], &self.outputs[0]);
        let [d, h, w] = input.edge();
        if output.values == Activation::Label && !matches!(self.decode, Kind::Segmentation(_)) {
            return Err("values = \"label\" belongs to kind segmentation".to_owned());
        }
        let expected = match &self.decode {
            Kind::Segmentation(decode) => {
                if self.inputs.len() > 1 {
                    return Err("kind segmentation takes one input".to_owned());
                }
                return decode.check(self.role, input, &self.outputs);
            }
            Kind::Retinanet3d(decode) => {
                if self.inputs.len() > 1 {
                    return Err("kind retinanet3d takes one input".to_owned());
                }
                return decode.check(input, &self.outputs);
            }
            Kind::CenterPoint(decode) => {
                decode.check([d, h, w])?;
                if output.values != Activation::Logit {
                    return Err("kind center-point needs values = \"logit\"".to_owned());
                }
                vec![1, 5, d / decode.stride, h / decode.stride, w / decode.stride]
            }
            Kind::ProbabilityPatch(decode) => {
                decode.check()?;
                vec![1, decode.channels.len(), d, h, w]
            }
            Kind::Classifier(decode) => {
                decode.check(self.role)?;
                vec![1, decode.classes.len()]
            }
        };
        if self.outputs.len() != 1 || output.shape != expected {
            return Err(format!(
                "kind {} with input {:?} needs one output of shape {expected:?}, the pack states {:?}",
                self.decode.as_str(),
                input.shape,
                self.outputs.iter().map(|o| &o.shape).collect::<Vec<_>>()
            ));
        }
        if self.inputs.len() > 1 && !matches!(self.decode, Kind::Classifier(_)) {
            return Err(format!("kind {} takes one input", self.decode.as_str()));
        }
        Ok(())
    }

    fn check_selftest(&self) -> Result<(), String> {
        let test = &self.selftest;
        if !(test.tolerance > 0.0 && test.tolerance.is_finite()) {
            return Err("selftest: tolerance must be above 0".to_owned());
        }
        if test.probes.is_empty() || test.probes.len() > PROBES_COUNT_MAX {
            return Err(format!("selftest: {} probes; need 1 to {PROBES_COUNT_MAX}", test.probes.len()));
        }
        for Probe(output, flat, value) in &test.probes {
            let inside = self.outputs.get(*output).is_some_and(|o| *flat < o.shape.iter().product::<usize>());
            if !inside || !value.is_finite() {
                return Err(format!("selftest: probe [{output}, {flat}, {value}] names no output element"));
            }
        }
        Ok(())
    }
}

impl InputSpec {
    fn check(&self) -> Result<(), String> {
        let what = format!("input {:?}", self.tensor);
        check_shape(&what, &self.shape)?;
        if self.shape.len() != 5 || self.shape[..2] != [1, 1] {
            return Err(format!("{what}: shape {:?} is not [1, 1, d, h, w]", self.shape));
        }
        let [low, high] = self.hu_clip;
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err(format!("{what}: hu_clip {:?} is not [lower, higher]", self.hu_clip));
        }
        if !(0.0..=1.0).contains(&self.pad_value) {
            return Err(format!("{what}: pad_value {} is outside 0 to 1", self.pad_value));
        }
        Ok(())
    }
}

impl CenterPointDecode {
    /// Edges of a tile of any size are multiples of this: the tiles' own alignment, and more than any stride.
    pub const SIZE_DIVISOR: usize = 16;

    fn check(&self, edge: [usize; 3]) -> Result<(), String> {
        if !(1..=32).contains(&self.stride) || edge.iter().any(|e| e % self.stride != 0) {
            return Err(format!("stride {} does not divide the input {edge:?}", self.stride));
        }
        if !self.margin_voxels.is_multiple_of(self.stride)
            || edge.iter().any(|e| 2 * self.margin_voxels >= *e)
        {
            return Err(format!(
                "margin_voxels {} must be a multiple of stride {} and less than half of the input {edge:?}",
                self.margin_voxels, self.stride
            ));
        }
        if let Some(voxels) = self.tile_voxels_max {
            let fits = edge.iter().all(|e| e.is_multiple_of(Self::SIZE_DIVISOR));
            if !fits
                || !(edge.iter().product()..=TILE_VOXELS_MAX).contains(&voxels)
                || !Self::SIZE_DIVISOR.is_multiple_of(self.stride)
            {
                return Err(format!(
                    "tile_voxels_max {voxels} must hold the input {edge:?}, whose edges are multiples of 16, and be at most {TILE_VOXELS_MAX}; the stride must divide 16"
                ));
            }
        }
        if !(1..=2).contains(&self.phases) || (self.phases == 2 && self.stride < 2) {
            return Err(format!("phases {} is not 1, or 2 with a stride of 2 and more", self.phases));
        }
        if !(1..=10_000).contains(&self.top_k) {
            return Err(format!("top_k {} is outside 1 to 10000", self.top_k));
        }
        let numbers = self.reference_diameter_mm > 0.0
            && (0.0..=1.0).contains(&self.score_min)
            && (0.0..=100.0).contains(&self.nms_distance_mm)
            && (0.0..=10.0).contains(&self.nms_diameter_fraction);
        if !numbers || !self.reference_diameter_mm.is_finite() {
            return Err("reference_diameter_mm, score_min or an nms number is out of range".to_owned());
        }
        Ok(())
    }
}

impl PatchDecode {
    fn check(&self) -> Result<(), String> {
        if self.channels.is_empty() || self.channels.len() > 16 {
            return Err(format!("{} channels; need 1 to 16", self.channels.len()));
        }
        if !(self.threshold > 0.0 && self.threshold < 1.0) {
            return Err(format!("threshold {} is not between 0 and 1", self.threshold));
        }
        if self.edge_diameters_min.is_some_and(|v| !(1.0..=10.0).contains(&v)) {
            return Err("edge_diameters_min is outside 1 to 10".to_owned());
        }
        Ok(())
    }
}

impl ClassifierDecode {
    fn check(&self, role: Role) -> Result<(), String> {
        let weights = [self.detector_weight, self.reducer_weight, self.bias];
        if weights.iter().flatten().any(|w| !w.is_finite()) {
            return Err("a weight is not finite".to_owned());
        }
        if self.classes.is_empty() || self.classes.len() > 64 {
            return Err(format!("{} classes; need 1 to 64", self.classes.len()));
        }
        if self.sure.is_some() != (role == Role::Characterizer) {
            return Err("sure belongs to a characterizer, and every one has it".to_owned());
        }
        match role {
            Role::Reducer if self.classes.len() != 1 || weights.iter().any(Option::is_none) => {
                Err("a reducer needs one class and detector_weight, reducer_weight and bias".to_owned())
            }
            Role::Reducer => Ok(()),
            Role::Characterizer => self.check_character(),
            Role::Detector | Role::Segmenter | Role::Lungs => self.check_no_weights(),
        }
    }

    fn check_no_weights(&self) -> Result<(), String> {
        match [self.detector_weight, self.reducer_weight, self.bias].iter().any(Option::is_some) {
            true => Err("detector_weight, reducer_weight and bias belong to a reducer".to_owned()),
            false => Ok(()),
        }
    }

    fn check_character(&self) -> Result<(), String> {
        self.check_no_weights()?;
        let is_known = |name: &String| Self::CHARACTER.contains(&name.as_str());
        if let Some(name) = self.classes.iter().find(|name| !is_known(name)) {
            return Err(format!(
                "class {name:?} of a characterizer is none of {}",
                Self::CHARACTER.join(", ")
            ));
        }
        let count = |name: &&str| self.classes.iter().filter(|class| class == name).count();
        let types = Self::CHARACTER.iter().take(3).map(&count).sum::<usize>();
        if Self::CHARACTER.iter().any(|name| count(name) > 1) || ![0, 3].contains(&types) {
            return Err(
                "classes of a characterizer stand there once; solid, part-solid, non-solid all or none"
                    .to_owned(),
            );
        }
        match self.sure {
            Some(sure) if (0.5..1.0).contains(&sure) => Ok(()),
            _ => Err("sure is outside 0.5 to 1".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a characterizer names what it rates, types all or none, and says when it is sure. Method: each mistake.
    #[test]
    fn a_characterizer_rates_what_is_known() {
        let check = |classes: &[&str], sure, bias| {
            let classes = classes.iter().map(|class| (*class).to_owned()).collect();
            let decode =
                ClassifierDecode { classes, sure, detector_weight: None, reducer_weight: None, bias };
            decode.check(Role::Characterizer)
        };
        assert_eq!(check(&ClassifierDecode::CHARACTER, Some(0.7), None), Ok(()));
        assert_eq!(check(&["spiculated"], Some(0.5), None), Ok(()));
        for (classes, sure, bias, words) in [
            (&["solid", "part-solid"][..], Some(0.7), None, "all or none"),
            (&["calcified", "calcified"], Some(0.7), None, "stand there once"),
            (&["spikulated"], Some(0.7), None, "\"spikulated\""),
            (&["calcified"], None, None, "sure belongs"),
            (&["calcified"], Some(1.0), None, "outside 0.5 to 1"),
            (&["calcified"], Some(f64::NAN), None, "outside 0.5 to 1"),
            (&["calcified"], Some(0.7), Some(0.1), "belong to a reducer"),
        ] {
            let error = check(classes, sure, bias).unwrap_err();
            assert!(error.contains(words), "{error} lacks {words}");
        }
        let reducer = ClassifierDecode {
            classes: vec!["nodule".to_owned()],
            sure: Some(0.7),
            detector_weight: Some(0.5),
            reducer_weight: Some(0.5),
            bias: Some(0.0),
        };
        assert!(reducer.check(Role::Reducer).unwrap_err().contains("sure belongs"));
    }
}
