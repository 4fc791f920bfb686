#!/usr/bin/env python3
"""Writes a DICOM series as MetaImage and as NIfTI-1: foreign files for lungcad's readers.

    to_volumes.py DICOM_FOLDER OUT_FOLDER NAME     writes OUT_FOLDER/mhd/NAME.mhd + .raw and OUT_FOLDER/nii/NAME.nii.gz

Axial series without tilt. The NIfTI file is written from the header's definition (nifti1.h), in RAS.
"""
import gzip
import pathlib
import struct
import sys

import numpy as np
import pydicom

folder, out, name = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
slices = [pydicom.dcmread(p) for p in sorted(folder.rglob("*")) if p.is_file()]
slices.sort(key=lambda s: float(s.ImagePositionPatient[2]))
hu = np.stack([s.pixel_array * float(s.RescaleSlope) + float(s.RescaleIntercept) for s in slices])
hu = np.clip(np.rint(hu), -1024, 3071).astype("<i2")
row, column = map(float, slices[0].PixelSpacing)
origin = np.array(slices[0].ImagePositionPatient, float)
step = (float(slices[-1].ImagePositionPatient[2]) - origin[2]) / (len(slices) - 1)
assert [float(v) for v in slices[0].ImageOrientationPatient] == [1, 0, 0, 0, 1, 0]

(out / "mhd").mkdir(parents=True, exist_ok=True)
(out / "nii").mkdir(parents=True, exist_ok=True)
(out / "mhd" / f"{name}.mhd").write_text(
    "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\n"
    "TransformMatrix = 1 0 0 0 1 0 0 0 1\n"
    f"Offset = {origin[0]!r} {origin[1]!r} {origin[2]!r}\nElementSpacing = {column!r} {row!r} {step!r}\n"
    f"DimSize = {hu.shape[2]} {hu.shape[1]} {hu.shape[0]}\nElementType = MET_SHORT\nElementDataFile = {name}.raw\n"
    .replace("np.float64(", "").replace(")", ""))
(out / "mhd" / f"{name}.raw").write_bytes(hu.tobytes())

header = bytearray(352)
struct.pack_into("<i", header, 0, 348)
struct.pack_into("<8h", header, 40, 3, hu.shape[2], hu.shape[1], hu.shape[0], 1, 1, 1, 1)
struct.pack_into("<2h", header, 70, 4, 16)
struct.pack_into("<8f", header, 76, 1, column, row, step, 0, 0, 0, 0)
struct.pack_into("<3f", header, 108, 352, 1, 0)
header[123] = 2
struct.pack_into("<2h", header, 252, 0, 1)
struct.pack_into("<12f", header, 280, -column, 0, 0, -origin[0], 0, -row, 0, -origin[1], 0, 0, step, origin[2])
header[344:348] = b"n+1\0"
with gzip.open(out / "nii" / f"{name}.nii.gz", "wb", compresslevel=1) as file:
    file.write(bytes(header) + hu.tobytes())
