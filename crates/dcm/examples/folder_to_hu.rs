//! Reads a folder of CT slices to one HU volume, as often as asked, and prints seconds per round and a checksum.
//! For `benches/compare.sh`: the same work that SimpleITK and pydicom do beside it.

#![allow(clippy::print_stdout, clippy::disallowed_methods)] // a program for people, with files and a clock

use dcm::group::{AssemblyRules, plan};
use dcm::header::{ReadOptions, read};
use dcm::limits::Limits;
use dcm::volume::build;
use rayon::prelude::*;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: folder_to_hu FOLDER [ROUNDS]")?;
    let rounds: usize = arguments.next().map_or(Ok(1), |n| n.parse())?;
    for _ in 0..rounds {
        let started = Instant::now();
        let mut paths: Vec<_> =
            std::fs::read_dir(&folder)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
        paths.sort();
        let files: Vec<Vec<u8>> = paths.par_iter().map(std::fs::read).collect::<Result<_, _>>()?;
        let headers =
            files.par_iter().map(|f| read(f, &ReadOptions::default())).collect::<Result<Vec<_>, _>>()?;
        let plan = plan(&headers, &AssemblyRules::default())?;
        let load =
            |index: usize| files.get(index).map(Vec::as_slice).ok_or_else(|| "no such file".to_owned());
        let volume = build(&plan, &headers, &Limits::default(), &load, &|_, _| {})?;
        let seconds = started.elapsed().as_secs_f64();
        let sum: i64 = volume.hu.iter().map(|v| i64::from(*v)).sum();
        println!("{seconds:.4} {sum}");
    }
    Ok(())
}
