"""Read the scans and cubes that the measurement uses, on the grid that the detector wants."""
import importlib.util
import json
import pathlib

import numpy as np
import pydicom
from scipy import ndimage

LUNG_HU = -400  # below: air, lung


def read_series(folder):
    """HU float32 [z, y, x] feet first, spacing [z, y, x] mm, LPS of voxel 0. Axial series only."""
    slices = [pydicom.dcmread(p) for p in pathlib.Path(folder).glob("*.dcm")]
    slices.sort(key=lambda s: float(s.ImagePositionPatient[2]))
    hu = np.stack([
        s.pixel_array.astype(np.float32) * float(s.RescaleSlope) + float(s.RescaleIntercept) for s in slices
    ]).clip(-1024, 3071)
    z = [float(s.ImagePositionPatient[2]) for s in slices]
    row, column = (float(v) for v in slices[0].PixelSpacing)
    spacing = np.array([(z[-1] - z[0]) / (len(z) - 1), row, column])
    x0, y0, z0 = (float(v) for v in slices[0].ImagePositionPatient)
    return hu, spacing, np.array([z0, y0, x0])


def resample(hu, spacing, target_mm):
    """Trilinear, voxel 0 kept in place; low-pass in plane first, as NETWORKS-style down-sampling wants."""
    sigma = [0.4 * target_mm / s if s < target_mm else 0 for s in spacing]
    smooth = ndimage.gaussian_filter(hu, sigma)
    shape = [int((n - 1) * s / target_mm) + 1 for n, s in zip(hu.shape, spacing)]
    return ndimage.affine_transform(
        smooth, np.array([target_mm] * 3) / spacing, output_shape=shape, order=1, mode="nearest"
    )


def lung_mask(hu):
    """Lungs on a 1 mm grid, closed by 12 mm: air inside the body, the two largest parts, trachea and all."""
    coarse = ndimage.zoom(hu, 0.5, order=1)
    air = coarse < LUNG_HU
    labels, _ = ndimage.label(air)
    # Air that reaches the border of the image in plane is outside the body.
    rim = np.unique(np.concatenate([labels[:, 0].ravel(), labels[:, -1].ravel(), labels[:, :, 0].ravel(), labels[:, :, -1].ravel()]))
    air[np.isin(labels, rim)] = False
    labels, count = ndimage.label(air)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    keep = [i for i in np.argsort(sizes)[::-1][:2] if sizes[i] > 0.1 * sizes.max()]
    lungs = np.isin(labels, keep)
    far = ndimage.distance_transform_edt(~np.pad(lungs, 8)) <= 6
    closed = ndimage.distance_transform_edt(far) > 6
    closed = closed[8:-8, 8:-8, 8:-8]
    lungs |= closed
    return ndimage.zoom(lungs.astype(np.uint8), np.array(hu.shape) / np.array(lungs.shape), order=0) > 0


def truth_of(data, patient):
    """Truth nodules and LUNA16 exclusions of one scan, as in lidc-truth.json."""
    for series in json.loads((data / "lidc-truth.json").read_text())["series"]:
        if series["patient_id"] == patient:
            return series
    raise KeyError(patient)


def cubes(data, want=lambda row: True):
    """The nodule cubes, through their own reader."""
    spec = importlib.util.spec_from_file_location("cube_reader", data / "cubes" / "load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield from module.cubes(want)
