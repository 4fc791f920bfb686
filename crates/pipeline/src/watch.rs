//! Looks at series that are receiving and declares the complete ones, once a second at most per series.

use crate::completeness::{ArrivalFacts, CompletionRules, Verdict, judge};
use archive::{Archive, AssociationOutcome, ReceivingSeries};
use dcm::header::InstanceHeader;
use domain::SeriesInstanceUid;
use std::collections::HashMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(250);

/// What was found out about the geometry at a number of instances; it holds until more arrive.
struct Known {
    revision: i64,
    instance_count: i64,
    gapless: Option<bool>,
}

/// Watches until `cancel`.
pub async fn watch(archive: Archive, rules: CompletionRules, cancel: CancellationToken) {
    let mut known: HashMap<SeriesInstanceUid, Known> = HashMap::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = cancel.cancelled() => return,
        }
        let receiving = match archive.receiving_series().await {
            Ok(receiving) => receiving,
            Err(error) => {
                tracing::error!(%error, "looking for complete series failed");
                continue;
            }
        };
        known.retain(|uid, _| receiving.iter().any(|s| &s.series_uid == uid));
        for series in &receiving {
            if let Err(error) = look(&archive, rules, series, &mut known).await {
                tracing::error!(series = %series.series_uid, %error, "judging a series failed");
            }
        }
    }
}

async fn look(
    archive: &Archive,
    rules: CompletionRules,
    series: &ReceivingSeries,
    known: &mut HashMap<SeriesInstanceUid, Known>,
) -> archive::Result<()> {
    let quiet_for =
        Duration::from_micros(u64::try_from(archive::now() - series.last_arrival_at).unwrap_or(0));
    if quiet_for < rules.quiet.min(rules.quiet_long) {
        return Ok(());
    }
    let fresh = known
        .get(&series.series_uid)
        .filter(|k| k.revision == series.revision && k.instance_count == series.instance_count);
    let gapless = match fresh {
        Some(known) => known.gapless,
        None => {
            let gapless = geometry(archive, series).await?;
            let (revision, instance_count) = (series.revision, series.instance_count);
            known.insert(series.series_uid.clone(), Known { revision, instance_count, gapless });
            gapless
        }
    };
    let facts = ArrivalFacts {
        quiet_for,
        open_associations: usize::try_from(series.open_associations).unwrap_or(0),
        released: series.last_association_outcome.is_none_or(|o| o == AssociationOutcome::Released),
        gapless,
    };
    if let Verdict::Complete(why) = judge(facts, rules)
        && archive.complete_series(&series.series_uid, series.revision, why).await?
    {
        tracing::info!(series = %series.series_uid, instances = series.instance_count, why, "series complete");
    }
    Ok(())
}

/// Whether the CT slices form a stack without a hole; `None` for what is no CT series.
async fn geometry(archive: &Archive, series: &ReceivingSeries) -> archive::Result<Option<bool>> {
    let headers: Vec<InstanceHeader> = archive
        .series_instances(&series.series_uid)
        .await?
        .iter()
        .filter_map(|record| serde_json::from_str(&record.facts_json).ok())
        .collect();
    let any_ct = headers.iter().any(|h| dcm::conformance::is_analyzed(&h.sop_class_uid));
    Ok(any_ct.then(|| dcm::group::geometry_is_gapless(&headers)))
}
