//! Rows of arriving instances, in groups: one task takes what is waiting (a commit costs the same for 1 row
//! and for 100), writes it in one transaction and answers each caller.

use crate::database::{Database, Tx, args};
use crate::error::{Error, Result};
use crate::events::{self, NewEvent};
use crate::instances::{NewInstance, StoreOutcome};
use crate::series;
use domain::EventKind;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Rows in one commit.
const GROUP_COUNT_MAX: usize = 100;
/// Callers that may wait; more wait for a place.
const QUEUE_COUNT_MAX: usize = 256;
/// Tries of a group that lost against another process.
const TRIES_COUNT_MAX: u32 = 5;

/// Handle of the intake task.
#[derive(Debug)]
pub(crate) struct Intake {
    queue: mpsc::Sender<Request>,
}

struct Request {
    arrival: Arrival,
    reply: oneshot::Sender<Result<StoreOutcome>>,
}

/// An instance whose bytes are durable already.
struct Arrival {
    instance: NewInstance,
    blob_key: String,
    size_bytes: i64,
}

/// Starts the task; it ends when the handle is dropped.
pub(crate) fn start(database: Database) -> Intake {
    let (queue, mut requests) = mpsc::channel::<Request>(QUEUE_COUNT_MAX);
    tokio::spawn(async move {
        let mut group = Vec::with_capacity(GROUP_COUNT_MAX);
        while requests.recv_many(&mut group, GROUP_COUNT_MAX).await > 0 {
            let (arrivals, replies): (Vec<_>, Vec<_>) =
                group.drain(..).map(|request| (request.arrival, request.reply)).unzip();
            let answers = write(&database, &arrivals).await;
            for (reply, answer) in replies.into_iter().zip(answers) {
                // A caller that is gone needs no answer; its row is kept all the same.
                let _ = reply.send(answer);
            }
        }
    });
    Intake { queue }
}

impl Intake {
    /// Writes the row of an instance; returns when it is durable.
    pub(crate) async fn write(
        &self,
        instance: NewInstance,
        blob_key: String,
        size_bytes: i64,
    ) -> Result<StoreOutcome> {
        let (reply, answer) = oneshot::channel();
        let request = Request { arrival: Arrival { instance, blob_key, size_bytes }, reply };
        self.queue.send(request).await.map_err(|_| Error::Stopped)?;
        answer.await.map_err(|_| Error::Stopped)?
    }
}

/// Writes a group; when it fails as a whole, each row on its own, so that one cannot spoil the others.
async fn write(database: &Database, arrivals: &[Arrival]) -> Vec<Result<StoreOutcome>> {
    match write_with_tries(database, arrivals).await {
        Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
        Err(error) if arrivals.len() == 1 => vec![Err(error)],
        Err(_) => {
            let mut answers = Vec::with_capacity(arrivals.len());
            for arrival in arrivals {
                let one = write_with_tries(database, std::slice::from_ref(arrival)).await;
                answers.push(one.and_then(|mut outcomes| outcomes.pop().ok_or(Error::Stopped)));
            }
            answers
        }
    }
}

async fn write_with_tries(database: &Database, arrivals: &[Arrival]) -> Result<Vec<StoreOutcome>> {
    let mut tries = 1;
    loop {
        match write_group(database, arrivals).await {
            Err(error) if error.is_transient() && tries < TRIES_COUNT_MAX => {
                tokio::time::sleep(Duration::from_millis(20) * tries).await;
                tries += 1;
            }
            done => return done,
        }
    }
}

/// What a group brings for one series.
struct Tally<'a> {
    first: &'a NewInstance,
    stored_count: i64,
    size_bytes: i64,
    last_arrival_at: i64,
}

async fn write_group(database: &Database, arrivals: &[Arrival]) -> Result<Vec<StoreOutcome>> {
    let now = crate::now();
    let mut tx = database.begin().await?;
    // The same order in every process, so that two groups cannot wait for each other.
    let mut order: Vec<(usize, &Arrival)> = arrivals.iter().enumerate().collect();
    order.sort_by(|a, b| a.1.instance.sop_instance_uid.cmp(&b.1.instance.sop_instance_uid));
    let mut outcomes = vec![StoreOutcome::Stored; arrivals.len()];
    let mut tallies: BTreeMap<&str, Tally<'_>> = BTreeMap::new();
    let mut conflicts = Vec::new();
    let mut carried: BTreeMap<(&str, &str), [i64; 3]> = BTreeMap::new();
    for (index, arrival) in order {
        let instance = &arrival.instance;
        let outcome = insert(&mut tx, arrival).await?;
        let slot = match outcome {
            StoreOutcome::Stored => 0,
            StoreOutcome::Identical => 1,
            StoreOutcome::Conflicting => 2,
        };
        if outcome == StoreOutcome::Stored {
            let tally = tallies.entry(instance.series_uid.as_str()).or_insert(Tally {
                first: instance,
                stored_count: 0,
                size_bytes: 0,
                last_arrival_at: 0,
            });
            tally.stored_count += 1;
            tally.size_bytes += arrival.size_bytes;
            tally.last_arrival_at = tally.last_arrival_at.max(instance.received_at);
        } else if outcome == StoreOutcome::Conflicting {
            conflicts.push(instance);
        }
        if let Some(association) = &instance.association_id {
            let counts = carried.entry((association, instance.series_uid.as_str())).or_default();
            if let Some(count) = counts.get_mut(slot) {
                *count += 1;
            }
        }
        if let Some(place) = outcomes.get_mut(index) {
            *place = outcome;
        }
    }
    for tally in tallies.values() {
        add_to_series(&mut tx, tally, now).await?;
    }
    for instance in conflicts {
        note_conflict(&mut tx, instance, now).await?;
    }
    for ((association, series), counts) in carried {
        count_for_association(&mut tx, association, series, counts).await?;
    }
    crate::faults::point("before_row");
    tx.commit("storing instances").await?;
    crate::faults::point("after_row");
    Ok(outcomes)
}

/// Inserts the row of an instance unless the same bytes are known.
async fn insert(tx: &mut Tx, arrival: &Arrival) -> Result<StoreOutcome> {
    let instance = &arrival.instance;
    if insert_version(tx, arrival, 0).await? {
        return Ok(StoreOutcome::Stored);
    }
    let sql = "SELECT version, data_set_sha256, transfer_syntax_uid FROM instance \
               WHERE sop_instance_uid = $1 ORDER BY version";
    let rows = tx.rows("reading an instance", sql, args![instance.sop_instance_uid.as_str()]).await?;
    let mut next = 0;
    for row in &rows {
        if row.text(1)? == instance.data_set_sha256 && row.text(2)? == instance.transfer_syntax_uid {
            return Ok(StoreOutcome::Identical);
        }
        next = row.int(0)? + 1;
    }
    if insert_version(tx, arrival, next).await? {
        return Ok(StoreOutcome::Conflicting);
    }
    Err(Error::Conflict(format!(
        "instance {} arrives twice at the same moment with other bytes; send it again",
        instance.sop_instance_uid
    )))
}

async fn insert_version(tx: &mut Tx, arrival: &Arrival, version: i64) -> Result<bool> {
    let sql = "INSERT INTO instance (sop_instance_uid, version, series_instance_uid, study_instance_uid, \
               sop_class_uid, transfer_syntax_uid, data_set_sha256, blob_key, size_bytes, facts_json, \
               calling_ae, association_id, received_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
               ON CONFLICT (sop_instance_uid, version) DO NOTHING";
    let instance = &arrival.instance;
    let args = args![
        instance.sop_instance_uid.as_str(),
        version,
        instance.series_uid.as_str(),
        instance.study_uid.as_str(),
        &instance.sop_class_uid,
        &instance.transfer_syntax_uid,
        &instance.data_set_sha256,
        &arrival.blob_key,
        arrival.size_bytes,
        &instance.facts_json,
        &instance.calling_ae,
        instance.association_id.as_deref(),
        instance.received_at,
    ];
    Ok(tx.execute("storing an instance", sql, args).await? == 1)
}

/// Opens, reopens or just counts up the series of a tally. Most arrivals belong to a series that is receiving: one
/// statement does for them.
async fn add_to_series(tx: &mut Tx, tally: &Tally<'_>, now: i64) -> Result<()> {
    let uid = tally.first.series_uid.as_str();
    if count_up(tx, tally, now).await? {
        return Ok(());
    }
    let held = match series::lock(tx, uid, now).await? {
        Some(held) => held,
        None => series::open(tx, tally.first, now).await?,
    };
    if held.state != domain::SeriesState::Receiving {
        series::reopen(tx, uid, &held, tally.stored_count, now).await?;
    }
    if !count_up(tx, tally, now).await? {
        return Err(Error::Conflict(format!("series {uid} changed its state while it was held")));
    }
    Ok(())
}

/// `false` when the series is not there or not receiving.
async fn count_up(tx: &mut Tx, tally: &Tally<'_>, now: i64) -> Result<bool> {
    let sql = "UPDATE series SET instance_count = instance_count + $2, size_bytes = size_bytes + $3, \
               last_arrival_at = CASE WHEN last_arrival_at > $4 THEN last_arrival_at ELSE $4 END, \
               updated_at = $5 WHERE series_instance_uid = $1 AND state = 'receiving'";
    let uid = tally.first.series_uid.as_str();
    let args = args![uid, tally.stored_count, tally.size_bytes, tally.last_arrival_at, now];
    Ok(tx.execute("counting instances", sql, args).await? == 1)
}

/// Reports an instance kept apart in the log of the series that holds the first one, and in its own.
async fn note_conflict(tx: &mut Tx, instance: &NewInstance, now: i64) -> Result<()> {
    let sop = instance.sop_instance_uid.as_str();
    let sql = "SELECT series_instance_uid FROM instance WHERE sop_instance_uid = $1 AND version = 0";
    let first = tx.row("reading an instance", sql, args![sop]).await?;
    let first_series = first.map_or_else(|| Ok(String::new()), |row| row.text(0))?;
    let own_series = instance.series_uid.as_str();
    let message = format!(
        "instance {sop} from {} has other bytes than the one already stored; both are kept, the first is \
         analysed",
        instance.calling_ae
    );
    let fields = serde_json::json!({
        "sop_instance_uid": sop,
        "calling_ae": instance.calling_ae,
        "data_set_sha256": instance.data_set_sha256,
        "series_of_first": first_series,
    });
    let mut logs = vec![first_series.as_str(), own_series];
    logs.dedup();
    for log in logs {
        let event = NewEvent::new(EventKind::ConflictingInstance, message.clone(), fields.clone());
        events::append(tx, log, now, event).await?;
    }
    let sql = "UPDATE series SET conflict_count = conflict_count + 1 WHERE series_instance_uid = $1";
    tx.execute("counting conflicts", sql, args![&first_series]).await?;
    Ok(())
}

async fn count_for_association(
    tx: &mut Tx,
    association: &str,
    series: &str,
    [stored, duplicate, conflict]: [i64; 3],
) -> Result<()> {
    let sql = "INSERT INTO association_series \
               (association_id, series_instance_uid, stored_count, duplicate_count, conflict_count) \
               VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (association_id, series_instance_uid) DO UPDATE SET \
               stored_count = association_series.stored_count + excluded.stored_count, \
               duplicate_count = association_series.duplicate_count + excluded.duplicate_count, \
               conflict_count = association_series.conflict_count + excluded.conflict_count";
    tx.execute("counting for an association", sql, args![association, series, stored, duplicate, conflict])
        .await?;
    Ok(())
}
