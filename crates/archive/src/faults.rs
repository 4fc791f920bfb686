//! Places where a test may kill the process (feature `faults`; nothing is compiled in without it).
//!
//! `LUNGCAD_FAULT=after_blob:3` aborts the process when the point `after_blob` is passed the third time, as
//! kill -9 or a power cut would: no destructor runs, no buffer is flushed. A supervised process would come back
//! and die there again and again; with `LUNGCAD_FAULT_ONCE=FILE` only the process that makes FILE dies, so that
//! of all processes which share the environment one does, once.
//!
//! | point | passed when |
//! |---|---|
//! | `after_blob` | the bytes of an instance are durable, its row is not written |
//! | `before_row` | a group of instance rows is about to be committed |
//! | `after_row` | the group is committed, nobody was answered |
//! | `after_result` | findings are stored, the report job is queued |
//! | `after_object` | an object's bytes are durable, the result is not switched |
//! | `before_switch` | the switch of "current" is about to be committed |
//! | `after_switch` | the new result is current, its deliveries are queued |
//! | `mid_delivery` | one object is acknowledged and noted, others may be missing |
//!
//! Stages add their own names with [`point`]: `before_analysis` (the job is claimed, its series decoded next) and
//! `before_note` (the destination acknowledged an object, nobody has noted it).

#[cfg(all(feature = "faults", not(debug_assertions)))]
compile_error!("feature faults lets anyone who sets a variable kill the process; it is for debug builds");

/// Passes the point `name`: aborts the process when the environment asks for it.
#[cfg(feature = "faults")]
pub fn point(name: &str) {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex};
    static WANTED: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let text = std::env::var("LUNGCAD_FAULT").ok()?;
        let (name, count) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), count.parse().ok()?))
    });
    static PASSED: LazyLock<Mutex<HashMap<String, u64>>> = LazyLock::new(Mutex::default);
    let Some((wanted, count)) = &*WANTED else { return };
    if wanted == name {
        let mut passed = PASSED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let times = passed.entry(name.to_owned()).or_default();
        *times += 1;
        if *times == *count && is_first() {
            std::process::abort();
        }
    }
}

/// Whether no process has died here before: making a file that must not be there is the one step that only one
/// of them can do.
#[cfg(feature = "faults")]
fn is_first() -> bool {
    let Some(path) = std::env::var_os("LUNGCAD_FAULT_ONCE") else { return true };
    std::fs::OpenOptions::new().write(true).create_new(true).open(path).is_ok()
}

/// Passes the point `name`; does nothing in this build.
#[cfg(not(feature = "faults"))]
#[inline]
pub fn point(_name: &str) {}
