//! Lungs by a network that takes axial slices (pack kind `segmentation`), as lungmask runs its U-Net: slice by slice,
//! then one piece per label, then back into the scan.

use crate::analyze::{AnalyzeError, Progress, Step};
use cad::lungmask::{PreparedSlice, placed, prepared, strongest, tidied};
use cad::lungs::Lungs;
use domain::{SkipReason, Volume};
use inference::{Activation, InputSpec, Kind, Network, SegmentationDecode};
use ndarray::{Array2, Array3, Axis, Ix5};

/// The lungs of the scan.
pub(crate) fn lungs(
    volume: &Volume,
    network: &mut Network,
    progress: Progress<'_>,
) -> Result<Lungs, AnalyzeError> {
    let (slices, answers) = answers(volume, network, progress)?;
    let labels = placed(tidied(answers.view()).view(), &slices, volume);
    let number = |name: &str| {
        let missing = || AnalyzeError::Unfit(format!("network for the lungs has no class {name}"));
        decode(network)?.number(name).ok_or_else(missing)
    };
    let (left, right) = (number(SegmentationDecode::LEFT_LUNG)?, number(SegmentationDecode::RIGHT_LUNG)?);
    let lungs = Lungs::of_labels(volume, labels.view(), left, right);
    Ok(lungs.map_err(|e| SkipReason::NotChest { detail: e.detail })?)
}

fn decode(network: &Network) -> Result<&SegmentationDecode, AnalyzeError> {
    match &network.spec().decode {
        Kind::Segmentation(decode) => Ok(decode),
        _ => Err(AnalyzeError::Unfit("network for the lungs is not of kind segmentation".to_owned())),
    }
}

/// The slices as the network takes them, and its labels `[slice, row, column]` of them: 0 is background.
pub(crate) fn answers(
    volume: &Volume,
    network: &mut Network,
    progress: Progress<'_>,
) -> Result<(Vec<PreparedSlice>, Array3<u8>), AnalyzeError> {
    let numbers = decode(network)?.numbers();
    let spec = network.spec().clone();
    let (Some(input), Some(output)) = (spec.inputs.first(), spec.outputs.first()) else {
        return Err(AnalyzeError::Unfit("network for the lungs lacks an input or output".to_owned()));
    };
    let [_, rows, columns] = input.edge();
    #[allow(clippy::cast_possible_truncation)] // whole numbers within 4096, checked with the pack
    let hu_clip = input.hu_clip.map(|hu| hu as i16);
    let slices = prepared(volume, hu_clip, [rows, columns]);
    let mut labels = Array3::zeros((slices.len(), rows, columns));
    for (done, (slice, mut label)) in slices.iter().zip(labels.outer_iter_mut()).enumerate() {
        progress(Step::Lungs, done, slices.len());
        let classes = classes(slice, input, output.values, network)?;
        for (label, class) in label.iter_mut().zip(&classes) {
            let beyond = || AnalyzeError::Unfit(format!("label {class} is none of {}", numbers.len()));
            *label = *numbers.get(*class).ok_or_else(beyond)?;
        }
    }
    progress(Step::Lungs, slices.len(), slices.len());
    Ok((slices, labels))
}

/// The class of each pixel of one slice.
fn classes(
    slice: &PreparedSlice,
    input: &InputSpec,
    values: Activation,
    network: &mut Network,
) -> Result<Array2<usize>, AnalyzeError> {
    let scaled = slice.hu.mapv(|hu| input.scale(f32::from(hu)));
    let tensor = scaled.view().insert_axis(Axis(0)).insert_axis(Axis(0)).insert_axis(Axis(0));
    let output = network.run(tensor)?.into_iter().next();
    let map = output
        .ok_or_else(|| AnalyzeError::Unfit("network for the lungs has no output".to_owned()))?
        .into_dimensionality::<Ix5>()
        .map_err(|e| AnalyzeError::Unfit(format!("labels of the lungs: {e}")))?;
    let map = map.index_axis_move(Axis(0), 0).index_axis_move(Axis(1), 0);
    Ok(match values {
        // What is no number of a class is refused by the caller.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // not below 0, and casts saturate
        Activation::Label => {
            map.index_axis_move(Axis(0), 0).mapv(|v| if v > -0.5 { v.round() as usize } else { usize::MAX })
        }
        Activation::Logit | Activation::Probability => strongest(map.view()),
    })
}

#[cfg(test)]
mod tests;
