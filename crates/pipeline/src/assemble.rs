//! Instances to one volume, or the reason why not.
//!
//! Used twice: by a worker, whose instances lie in the archive, and by `analyze`, whose instances lie in files.

use crate::assembled::Assembled;
use dcm::group::{AcquisitionKey, AssemblyRules, acquisition_key, better_reconstruction, plan};
use dcm::header::InstanceHeader;
use dcm::limits::Limits;
use dcm::volume::{VolumePlan, build};
use domain::{SeriesInstanceUid, SkipReason};
use ndarray::{Array2, Axis};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::time::Instant;

/// One stored instance of a series.
#[derive(Debug, Clone)]
pub struct StoredInstance {
    /// What it says about itself.
    pub header: InstanceHeader,
    /// Where its bytes are; opaque here.
    pub blob_key: String,
    /// Hash of its data set, hex.
    pub sha256: String,
}

/// The instances of one series, and how their bytes are had.
#[derive(Debug, Clone)]
pub struct SeriesInstances {
    headers: Vec<InstanceHeader>,
    blob_keys: Vec<String>,
    limits: Limits,
    /// Hash over all of them in the order of their SOP Instance UIDs: the same instances, the same digest.
    pub input_digest: String,
}

/// Bytes of the instance with that blob key.
pub type Load<'a> = &'a (dyn Fn(&str) -> Result<bytes::Bytes, String> + Sync);

impl SeriesInstances {
    /// Orders the instances by UID, so that the way they arrived cannot show in the result. `limits` bound each
    /// one when it is decoded.
    #[must_use]
    pub fn new(mut instances: Vec<StoredInstance>, limits: Limits) -> Self {
        instances.sort_by(|a, b| a.header.sop_instance_uid.cmp(&b.header.sop_instance_uid));
        instances.dedup_by(|a, b| a.header.sop_instance_uid == b.header.sop_instance_uid);
        let mut hash = Sha256::new();
        for one in &instances {
            hash.update(one.header.sop_instance_uid.as_str().as_bytes());
            hash.update([0]);
            hash.update(one.sha256.as_bytes());
            hash.update([0]);
        }
        let input_digest = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        let (headers, blob_keys) = instances.into_iter().map(|i| (i.header, i.blob_key)).unzip();
        Self { headers, blob_keys, limits, input_digest }
    }

    /// Headers, by SOP Instance UID.
    #[must_use]
    pub fn headers(&self) -> &[InstanceHeader] {
        &self.headers
    }

    /// Key of the bytes of instance `index`.
    #[must_use]
    pub fn blob_key(&self, index: usize) -> Option<&str> {
        self.blob_keys.get(index).map(String::as_str)
    }

    /// Which slices make the volume.
    ///
    /// # Errors
    /// [`SkipReason`].
    pub fn plan(&self, rules: &AssemblyRules) -> Result<VolumePlan, SkipReason> {
        plan(&self.headers, rules)
    }

    /// Decodes the planned slices.
    ///
    /// # Errors
    /// [`SkipReason::DecodeFailed`] and others of the decoder.
    pub fn assemble(
        &self,
        plan: &VolumePlan,
        load: Load<'_>,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Assembled, SkipReason> {
        let started = Instant::now();
        let volume = build(plan, &self.headers, &self.limits, &|index| self.bytes(index, load), progress)?;
        let header = self.headers.first().ok_or(SkipReason::TooFewSlices { count: 0, count_min: 1 })?;
        Ok(Assembled {
            study_instance_uid: header.study_instance_uid.clone(),
            series_instance_uid: header.series_instance_uid.clone(),
            volume,
            slices: plan
                .source_slices(&self.headers, &|index| self.blob_key(index).unwrap_or_default().to_owned()),
            warnings: plan.warnings.clone(),
            input_digest: self.input_digest.clone(),
            assemble_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// HU of some slices of the volume that [`Self::assemble`] would make, without the others.
    ///
    /// # Errors
    /// As [`Self::assemble`].
    pub fn slices_hu(
        &self,
        plan: &VolumePlan,
        wanted: &[usize],
        load: Load<'_>,
    ) -> Result<BTreeMap<usize, Array2<i16>>, SkipReason> {
        let mut found = BTreeMap::new();
        for index in wanted {
            let Some(slice) = plan.slices.get(*index) else { continue };
            let mut one = plan.clone();
            one.slices = vec![*slice];
            one.shape = [1, plan.shape[1], plan.shape[2]];
            let volume = build(&one, &self.headers, &self.limits, &|i| self.bytes(i, load), &|_, _| {})?;
            found.insert(*index, volume.hu.index_axis(Axis(0), 0).to_owned());
        }
        Ok(found)
    }

    fn bytes(&self, index: usize, load: Load<'_>) -> Result<bytes::Bytes, String> {
        let key = self.blob_key(index).ok_or_else(|| format!("instance {index} is not in the series"))?;
        load(key)
    }
}

/// A series of the same study that could stand in for another.
#[derive(Debug, Clone)]
pub struct Reconstruction {
    /// Which series.
    pub series_instance_uid: SeriesInstanceUid,
    /// Its plan; only series that can be analysed compete.
    pub plan: VolumePlan,
    /// From which acquisition.
    pub key: Option<AcquisitionKey>,
}

impl Reconstruction {
    /// Of a series that can be analysed.
    #[must_use]
    pub fn of(series_instance_uid: SeriesInstanceUid, plan: VolumePlan, instances: &SeriesInstances) -> Self {
        let key = acquisition_key(instances.headers());
        Self { series_instance_uid, plan, key }
    }
}

/// How a series compares with the others of its acquisition.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The best of those that are better, and in what.
    pub better: Option<(SeriesInstanceUid, String)>,
    /// Those that it is better than, and in what.
    pub worse: Vec<(SeriesInstanceUid, String)>,
}

/// Compares `own` with `others`. Equals are decided by the lower UID, so that exactly one of them is analysed.
#[must_use]
pub fn choose(own: &Reconstruction, others: &[Reconstruction]) -> Choice {
    let mut choice = Choice::default();
    let mut best: Option<&Reconstruction> = None;
    for other in others {
        let same = matches!((&own.key, &other.key), (Some(a), Some(b)) if a.same_acquisition(b));
        if !same || other.series_instance_uid == own.series_instance_uid {
            continue;
        }
        if let Some(why) = beats(other, own) {
            let leads = best.is_none_or(|b| beats(other, b).is_some());
            if leads {
                best = Some(other);
                choice.better = Some((other.series_instance_uid.clone(), why));
            }
        } else if let Some(why) = beats(own, other) {
            choice.worse.push((other.series_instance_uid.clone(), why));
        }
    }
    choice
}

fn beats(a: &Reconstruction, b: &Reconstruction) -> Option<String> {
    if let Some(why) = better_reconstruction(&a.plan.summary, &b.plan.summary) {
        return Some(why);
    }
    if better_reconstruction(&b.plan.summary, &a.plan.summary).is_some() {
        return None;
    }
    (a.series_instance_uid < b.series_instance_uid)
        .then(|| "equal; the lower series UID was taken".to_owned())
}
