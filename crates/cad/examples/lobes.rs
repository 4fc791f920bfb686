//! Draws the fissures that are found in a folder of CT slices: sagittal slices at a sixth, third, two thirds and five
//! sixths of the way across the lungs, one PPM picture (magnified twice, 1 mm; front on the left of each).
//!
//! `lobes FOLDER OUT.ppm`

#![allow(clippy::print_stdout, clippy::disallowed_methods)] // a program for people, with files

use cad::lobes::Fissure;
use dcm::group::{AssemblyRules, plan};
use dcm::header::{ReadOptions, read};
use domain::{LpsPoint, Side, Volume, VoxelPoint};

/// Pixels of a millimetre.
const SCALE: f64 = 2.0;

fn volume(folder: &str) -> Result<Volume, Box<dyn std::error::Error>> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    paths.sort();
    let mut headers = Vec::new();
    for path in &paths {
        headers.push(read(&std::fs::read(path)?, &ReadOptions::default())?);
    }
    let plan = plan(&headers, &AssemblyRules::default())?;
    let load = |index: usize| std::fs::read(&paths[index]).map_err(|e| e.to_string());
    Ok(dcm::volume::build(&plan, &headers, &dcm::limits::Limits::default(), &load, &|_, _| {})?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: lobes FOLDER OUT.ppm".into());
    };
    let volume = volume(&folder)?;
    let lungs = cad::lungs::segment(&volume)?;
    let lobes = cad::lobes::find(&volume, &lungs);
    for (lobe, ml) in domain::Lobe::ALL.iter().zip(lobes.volumes_ml(&lungs)) {
        println!("{} {ml:.0} ml", lobe.as_str());
    }
    let (nz, ny, nx) = lungs.left.dim();
    let corner = |z: usize, y: usize, x: usize| {
        lungs.affine.to_lps(VoxelPoint { z: z as f64, y: y as f64, x: x as f64 })
    };
    let (first, last) = (corner(0, 0, 0), corner(nz - 1, ny - 1, nx - 1));
    let margin = 25.0;
    let (width, height) = (((last.y - first.y) * SCALE) as usize, ((last.z - first.z) * SCALE) as usize);
    let mut pixels = vec![[0u8; 3]; width * 4 * height];
    for (panel, part) in [1.0 / 6.0, 1.0 / 3.0, 2.0 / 3.0, 5.0 / 6.0].into_iter().enumerate() {
        let x = first.x + margin + (last.x - first.x - 2.0 * margin) * part;
        for row in 0..height {
            for column in 0..width {
                let place =
                    LpsPoint { x, y: first.y + column as f64 / SCALE, z: last.z - row as f64 / SCALE };
                let hu = cad::resample::trilinear(volume.hu.view(), volume.affine.to_voxel(place));
                let gray = ((hu.unwrap_or(-1024.0) + 1000.0) * 255.0 / 350.0).clamp(0.0, 255.0) as u8;
                let side = if part < 0.5 { Side::Right } else { Side::Left };
                let mask = if side == Side::Right { &lungs.right } else { &lungs.left };
                let voxel =
                    <[f64; 3]>::from(lungs.affine.to_voxel(place)).map(|v| v.round().max(0.0) as usize);
                let inside = mask.get(voxel).copied().unwrap_or(false);
                let on = |fissure: Fissure| {
                    let near = lobes.above_mm(fissure, place).is_some_and(|mm| mm.abs() < 0.6);
                    let ends = fissure == Fissure::RightHorizontal
                        && lobes.above_mm(Fissure::RightOblique, place).is_some_and(|mm| mm < 0.0);
                    inside && fissure.side() == side && near && !ends
                };
                let color = match Fissure::ALL.into_iter().find(|f| on(*f)) {
                    Some(Fissure::RightHorizontal) => [80, 255, 80],
                    Some(_) => [255, 80, 80],
                    None => [gray; 3],
                };
                pixels[row * width * 4 + panel * width + column] = color;
            }
        }
    }
    let mut bytes = format!("P6\n{} {height}\n255\n", width * 4).into_bytes();
    bytes.extend(pixels.iter().flatten());
    std::fs::write(&out, bytes)?;
    Ok(())
}
