"""The data folder as arrays: nodule cubes, background lungs, whole scans, and tiles cut from them.

Values are uint8: 0 is -1024 HU or less, 255 is 300 HU or more; networks see them divided by 255, which is
`hu_clip = [-1024, 300]` of `pack.toml`. Order of axes is z, y, x everywhere.
"""
import hashlib
import json
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.append(str(pathlib.Path(__file__).resolve().parent / "baseline_log"))
import scans

HU_CLIP = (-1024.0, 300.0)
# Whole scans of known truth, in none of the cubes: never trained on, never used to choose a setting.
UNSEEN = ("LIDC-IDRI-0001", "LIDC-IDRI-0005", "LIDC-IDRI-0006", "LIDC-IDRI-0314")
RIM_MM = 4.0  # nothing is learned or counted nearer than this to the rim of a cube
AMBIGUOUS_MM = 4.0  # nor nearer than this to the surface of a mark that is neither nodule nor not


def held_out(patient):
    """Whether a patient belongs to the fixed fifth that is only measured on. By name, so it never changes."""
    return hashlib.sha256(patient.encode()).digest()[0] % 5 == 0


def to_gray(hu):
    return np.round((np.clip(hu, *HU_CLIP) - HU_CLIP[0]) * (255 / (HU_CLIP[1] - HU_CLIP[0]))).astype(np.uint8)


class Cubes:
    """All cubes in memory (690 MB): `gray` and `mask` [n, 64, 64, 64], `rows` of index.jsonl, `nodules`."""

    def __init__(self, data, cache):
        cache.mkdir(parents=True, exist_ok=True)
        files = [cache / name for name in ("cubes-gray.npy", "cubes-mask.npy", "cubes-rows.json")]
        if not files[2].exists():
            self._decode(data, files)
        self.gray, self.mask = np.load(files[0]), np.load(files[1], mmap_mode="r")
        self.rows = json.loads(files[2].read_text())
        self.nodules = [nodules_of(row) for row in self.rows]
        self.train = [i for i, row in enumerate(self.rows) if not held_out(row["patient"])]
        self.test = [i for i, row in enumerate(self.rows) if held_out(row["patient"])]

    @staticmethod
    def _decode(data, files):
        gray, mask, rows = [], [], []
        for cube in scans.cubes(data):
            gray.append(to_gray(cube.pop("hu")))
            mask.append(cube.pop("mask"))
            rows.append(cube)
        np.save(files[0], np.stack(gray))
        np.save(files[1], np.stack(mask))
        files[2].write_text(json.dumps(rows))

    def at_one_mm(self, index):
        """Cube on the 1 mm grid from its first voxel, float32 0..1; as the program resamples."""
        spacing = np.array(self.rows[index]["spacing_mm"])
        size = [int((n - 1) * s) + 1 for n, s in zip(self.gray[index].shape, spacing)]
        centre = (np.array(size) - 1) / 2
        return cut(self.gray[index], centre / spacing, spacing, np.eye(3), size, "border")


def nodules_of(row):
    """Marks in a cube: [(place in mm from voxel 0, z y x; diameter mm; readers)], the middle one first."""
    origin = np.array(row["origin_lps_mm"])
    own = (np.array(row["center_lps_mm"]) - origin)[::-1]
    found = [(own, row["mask_diameter_mm"], row["readers"])]
    for other in row["others_inside"]:
        found.append(((np.array(other["lps"]) - origin)[::-1], other["d"], other["readers"]))
    return found


class Background:
    """A whole scan on the 1 mm grid with the lungs in which marks are looked for, and what is known to be there:
    `lesions` [(place in voxels, diameter mm)]."""

    def __init__(self, name, gray, lungs, lesions=()):
        self.name, self.gray, self.lungs, self.lesions = name, gray, lungs, lesions
        self.places = np.argwhere(lungs[::4, ::4, ::4]) * 4


def known_lesions(data, series_uid):
    """The segmented lesions of a scan by `qin-truth.json`: [(place on its 1 mm grid, diameter mm of a ball as large)]. That
    there is no other is not known."""
    found = []
    for series in json.loads((data / "qin-truth.json").read_text())["series"]:
        if series["series_instance_uid"] == series_uid:
            first = np.array(series["first_ipp_lps"])
            for nodule in series["nodules"]:
                one = nodule["consensus50"]
                found.append(((np.array(one["centre_lps"]) - first)[::-1], one["sphere_diameter_mm"]))
    return found


def backgrounds(data, cache):
    loaded = []
    for folder in sorted((data / "backgrounds").iterdir()):
        file = cache / f"background-{folder.name}.npz"
        if not file.exists():
            hu, spacing, _ = scans.read_series(next(folder.iterdir()))
            hu = one_mm(hu, spacing)
            np.savez_compressed(file, gray=to_gray(hu), lungs=scans.lung_mask(hu))
        with np.load(file) as arrays:
            lesions = known_lesions(data, next(folder.iterdir()).name)
            loaded.append(Background(folder.name, arrays["gray"], arrays["lungs"], lesions))
    return loaded


def one_mm(hu, spacing):
    """Plain trilinear, voxel 0 kept in place, no low-pass: the rule of crates/cad/src/resample.rs."""
    size = [int((n - 0.5) * s) + 1 for n, s in zip(hu.shape, spacing)]
    for axis in range(3):
        place = np.minimum(np.arange(size[axis]) / spacing[axis], hu.shape[axis] - 1)
        low = place.astype(int)
        high = np.minimum(low + 1, hu.shape[axis] - 1)
        part = (place - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        first = hu.take(low, axis)
        hu = first + part * (hu.take(high, axis) - first)
    return hu


def unseen_scan(data, cache, patient):
    """1 mm float32 HU volume, lungs, LPS of voxel 0 (z, y, x), truth of one of the four whole scans."""
    file = cache / f"unseen-{patient}.npz"
    if not file.exists():
        hu, spacing, origin = scans.read_series(next((data / "ct" / patient).iterdir()))
        hu = one_mm(hu, spacing)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(file, hu=np.round(hu).astype(np.int16), lungs=scans.lung_mask(hu), origin=origin)
    with np.load(file) as arrays:
        loaded = arrays["hu"].astype(np.float32), arrays["lungs"], arrays["origin"]
    return *loaded, scans.truth_of(data, patient)


def cut(volume, centre, spacing, matrix, size, outside="reflection"):
    """Tile of `size` voxels around `centre` (voxels of `volume`), float32 0..1.

    `matrix` maps tile voxels from the tile's middle to millimetres; `spacing` is the volume's, mm.
    """
    size = [size] * 3 if np.isscalar(size) else list(size)
    to_voxel = matrix / np.asarray(spacing, float)[:, None]
    # Only the part that the tile can reach is turned into floats.
    reach = np.abs(to_voxel) @ (np.array(size) / 2) + 2
    low = np.clip(np.floor(centre - reach), 0, None).astype(int)
    high = np.minimum(np.ceil(centre + reach) + 1, volume.shape).astype(int)
    low = np.minimum(low, np.array(volume.shape) - 2)
    high = np.maximum(high, low + 2)
    part = volume[tuple(slice(a, b) for a, b in zip(low, high))]
    n = np.array(part.shape) - 1.0
    # theta of affine_grid: rows and columns in x, y, z; both grids run from -1 to 1 over their voxel centres.
    half = (np.array(size) - 1) / 2
    theta = np.empty((3, 4), np.float32)
    theta[:, :3] = (2 / n[:, None] * to_voxel * half[None])[::-1, ::-1]
    theta[:, 3] = (2 * (centre - low) / n - 1)[::-1]
    grid = F.affine_grid(torch.from_numpy(theta)[None], [1, 1, *size], align_corners=True)
    source = torch.from_numpy(np.ascontiguousarray(part)).float()[None, None]
    return F.grid_sample(source, grid, padding_mode=outside, align_corners=True)[0, 0].mul_(1 / 255).numpy()


def random_matrix(random, turn_degrees=15.0, zoom=(0.8, 1.25)):
    """Tile voxels to mm: flips, quarter turns in plane, a free turn, a zoom. And the zoom of objects."""
    axis = random.normal(size=3)
    axis /= np.linalg.norm(axis)
    angle = np.deg2rad(random.uniform(-turn_degrees, turn_degrees))
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    matrix = np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k
    matrix = matrix * random.choice([-1, 1], 3)[None]
    if random.random() < 0.5:
        matrix = matrix[:, [0, 2, 1]]
    factor = np.exp(random.uniform(np.log(zoom[0]), np.log(zoom[1])))
    return matrix / factor, factor


def gauss(sigma):
    reach = max(1, int(np.ceil(2.5 * sigma)))
    kernel = np.exp(-np.arange(-reach, reach + 1) ** 2 / (2 * sigma**2))
    return torch.tensor(kernel / kernel.sum(), dtype=torch.float32)


def blur(tile, kernel, axis):
    """Tensor [d, h, w] smoothed along one axis."""
    reach = len(kernel) // 2
    shape = [1, 1, 1, 1, 1]
    shape[2 + axis] = len(kernel)
    pad = [0] * 6
    pad[2 * (2 - axis)] = pad[2 * (2 - axis) + 1] = reach
    return F.conv3d(F.pad(tile[None, None], pad, mode="replicate"), kernel.view(shape))[0, 0]


def degrade(tile, random):
    """Thicker slices, coloured noise, HU offset; numpy [d, h, w] 0..1."""
    tile = torch.from_numpy(tile)
    if random.random() < 0.35:
        tile = blur(tile, gauss(random.uniform(0.5, 1.3)), 0)
    if random.random() < 0.15:
        kernel = gauss(random.uniform(0.4, 0.8))
        tile = blur(blur(tile, kernel, 1), kernel, 2)
    if random.random() < 0.6:
        noise = torch.from_numpy(random.standard_normal(tile.shape, np.float32))
        kernel = gauss(random.uniform(0.3, 1.0))
        noise = blur(blur(noise, kernel, 1), kernel, 2)
        tile = tile + noise * float(random.uniform(0, 45) / (HU_CLIP[1] - HU_CLIP[0]) / noise.std())
    tile = tile + float(random.uniform(-20, 20) / (HU_CLIP[1] - HU_CLIP[0]))
    return tile.clamp_(0, 1).numpy()
