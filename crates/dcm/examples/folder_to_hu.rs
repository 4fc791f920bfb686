//! Reads a folder of CT slices to one HU volume, as often as asked, and prints seconds per round and a checksum.
//! For `benches/compare.sh`: the same work that SimpleITK and pydicom do beside it.

#![allow(clippy::print_stdout, clippy::disallowed_methods)] // a program for people, with files and a clock

use dcm::group::{AssemblyRules, plan};
use dcm::header::{InstanceHeader, ReadOptions, read};
use dcm::limits::Limits;
use dcm::volume::build;
use rayon::prelude::*;
use std::path::Path;
use std::time::Instant;

fn header(path: &Path) -> Result<InstanceHeader, String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    read(&bytes, &ReadOptions::default()).map_err(|e| e.to_string())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: folder_to_hu FOLDER [ROUNDS]")?;
    let rounds: usize = arguments.next().map_or(Ok(1), |n| n.parse())?;
    for _ in 0..rounds {
        let started = Instant::now();
        let mut paths: Vec<_> =
            std::fs::read_dir(&folder)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
        paths.sort();
        // As the server does: headers first, and each file again when its slice is decoded, so that no more than one
        // file a thread is in memory. New memory for all files costs more time than reading them twice.
        let headers = paths.par_iter().map(|path| header(path)).collect::<Result<Vec<_>, _>>()?;
        let plan = plan(&headers, &AssemblyRules::default())?;
        let load = |index: usize| {
            let path = paths.get(index).ok_or_else(|| "no such file".to_owned())?;
            std::fs::read(path).map_err(|e| e.to_string())
        };
        let volume = build(&plan, &headers, &Limits::default(), &load, &|_, _| {})?;
        let seconds = started.elapsed().as_secs_f64();
        let sum: i64 = volume.hu.iter().map(|v| i64::from(*v)).sum();
        println!("{seconds:.4} {sum}");
    }
    Ok(())
}
