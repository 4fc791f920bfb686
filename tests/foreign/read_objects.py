#!/usr/bin/env python3
"""Reads every SR and SEG under folders with pydicom and highdicom and prints one JSON document.

    python read_objects.py FOLDER ...

Source CT images in the folders (any depth) are used to turn SCOORD pixels into patient millimetres.
The exit code is 1 when a file could not be read or contradicts itself; `errors` says why.

{"reports": [{file, sop_instance_uid, sop_class_uid, series_instance_uid, patient_name, completion,
              completion_description, preliminary, predecessors, groups: {volumetric, planar, image},
              exam_texts: {concept: text}, nodule_present, exam_category: as category below, or null,
              triage: {code, meaning, basis, use} or null,
              nodules: [{tracking_uid, tracking_identifier, center_lps, mark_lps, mark_sop_instance_uid,
                         mark_frame, side, attenuation, segment: [sop uid, number],
                         measures: {"Volume": mm3, "Attenuation Coefficient/Mean": HU, ...},
                         risks: [{model, derivation, percent, unit, inputs: [text], terms: [text], open}],
                         category: {code, meaning, row, guideline, management} or null}]}],
 "segmentations": [{file, sop_instance_uid, series_instance_uid,
                    segments: [{number, label, tracking_uid, voxels, center_lps, frames, sources}]}],
 "images": n, "errors": [text]}
"""
import json
import sys
from pathlib import Path

import highdicom
import numpy
import pydicom

SR_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.88.22",
    "1.2.840.10008.5.1.4.1.1.88.33",
    "1.2.840.10008.5.1.4.1.1.88.34",
}
SEG_CLASS = "1.2.840.10008.5.1.4.1.1.66.4"
CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.2.2",
}


class Planes:
    """Pixel grids of the source images, by SOP Instance UID and frame (1 for single-frame images)."""

    def __init__(self):
        self.planes = {}

    def add(self, image):
        if "PerFrameFunctionalGroupsSequence" not in image:
            self.planes[image.SOPInstanceUID, 1] = (
                image.ImagePositionPatient,
                image.ImageOrientationPatient,
                image.PixelSpacing,
            )
            return
        shared = image.SharedFunctionalGroupsSequence[0]
        for number, frame in enumerate(image.PerFrameFunctionalGroupsSequence, 1):
            orientation = frame.get("PlaneOrientationSequence", shared.get("PlaneOrientationSequence"))[0]
            measures = frame.get("PixelMeasuresSequence", shared.get("PixelMeasuresSequence"))[0]
            self.planes[image.SOPInstanceUID, number] = (
                frame.PlanePositionSequence[0].ImagePositionPatient,
                orientation.ImageOrientationPatient,
                measures.PixelSpacing,
            )

    def to_lps(self, uid, frame, column, row):
        """SCOORD (0.5, 0.5 is the centre of the first pixel) to LPS; None without the image."""
        plane = self.planes.get((uid, frame or 1))
        return None if plane is None else pixel_to_lps(plane, column - 0.5, row - 0.5)


def pixel_to_lps(plane, column, row):
    position, orientation, spacing = (numpy.array([float(v) for v in part]) for part in plane)
    point = position + orientation[:3] * column * spacing[1] + orientation[3:] * row * spacing[0]
    return [float(v) for v in point]


def name_of(item):
    return item.name.meaning


def find(group, meaning):
    return [item for item in group if item.name is not None and name_of(item) == meaning]


def measures_of(group):
    values = {}
    for item in group:
        if item.value_type.value != "NUM" or name_of(item) == RISK:
            continue
        derivation = [c.value.meaning for c in item.get("ContentSequence", []) if name_of(c) == "Derivation"]
        measured = item.MeasuredValueSequence[0]
        name = "/".join([name_of(item), *derivation])
        values[name] = float(measured.get("FloatingPointValue", measured.NumericValue))
    return values


RISK = "Probability of cancer"


def below(item, meaning):
    """Values of the text children with that concept, in their order."""
    return [c.value for c in item.get("ContentSequence", []) if name_of(c) == meaning]


def risks_of(group):
    """Every probability of cancer with its model, inputs and terms."""
    risks = []
    for item in find(group, RISK):
        children = item.ContentSequence
        measured = item.MeasuredValueSequence[0]
        method = next(c.value for c in children if name_of(c) == "Measurement Method")
        derivation = [c.value.meaning for c in children if name_of(c) == "Derivation"]
        risks.append({
            "model": method.value,
            "derivation": derivation[0] if derivation else None,
            "percent": float(measured.FloatingPointValue),
            "unit": measured.MeasurementUnitsCodeSequence[0].CodeValue,
            "inputs": below(item, "Algorithm Parameters"),
            "terms": below(item, "Risk model term"),
            "open": (below(item, "Not known to the risk model") or [None])[0],
        })
    return risks


def category_of(group):
    """Category of the leading guideline, coded or in words; None where it is not settled."""
    for item in [*find(group, "Lung-RADS assessment"), *find(group, "Guideline category")]:
        coded = item.value_type.value == "CODE"
        first = lambda meaning: (below(item, meaning) or [None])[0]
        return {
            "code": item.value.value if coded else None,
            "meaning": item.value.meaning if coded else item.value,
            "row": first("Guideline row"),
            "guideline": first("Guideline and version"),
            "management": first("Guideline recommendation"),
        }
    return None


def read_nodules(report, planes):
    """Volumetric and planar groups, joined by tracking UID."""
    nodules = {}
    volumetric = report.get_volumetric_roi_measurement_groups()
    planar = report.get_planar_roi_measurement_groups()
    for group in [*volumetric, *planar]:
        items = group[0].ContentSequence
        nodule = nodules.setdefault(group.tracking_uid, {
            "tracking_uid": group.tracking_uid, "measures": {}, "risks": [], "category": None,
        })
        nodule["tracking_identifier"] = group.tracking_identifier
        for name, value in measures_of(items).items():
            if name in nodule["measures"]:
                raise ValueError(f"{group.tracking_identifier}: {name} is given twice")
            nodule["measures"][name] = value
        nodule["risks"] += risks_of(items)
        nodule["category"] = category_of(items) or nodule["category"]
        for site in group.finding_sites:
            nodule["side"] = site.laterality.meaning if site.laterality else None
            nodule["site"] = site.value.meaning
        for item in find(items, "Nodule attenuation"):
            nodule["attenuation"] = item.value.meaning
        for item in find(items, "Referenced Segment"):
            nodule["segment"] = [item.referenced_sop_instance_uid, int(item.referenced_segment_numbers[0])]
        for item in find(items, "Image Region"):
            image = item.ContentSequence[0]
            frames = image.referenced_frame_numbers
            frame = int(frames[0]) if frames else None
            column, row = item.value[0]
            nodule["mark_sop_instance_uid"] = image.referenced_sop_instance_uid
            nodule["mark_frame"] = frame
            nodule["mark_lps"] = planes.to_lps(image.referenced_sop_instance_uid, frame, column, row)
    for nodule in nodules.values():
        center = [nodule["measures"].get(f"Center {axis}") for axis in
                  ("X (patient left)", "Y (patient posterior)", "Z (patient head)")]
        nodule["center_lps"] = None if None in center else center
    groups = {
        "volumetric": len(volumetric),
        "planar": len(planar),
        "image": len(report.get_image_measurement_groups()),
    }
    return list(nodules.values()), groups


def read_report(path, planes):
    dataset = highdicom.sr.srread(path)
    report = dataset.content
    nodules, groups = read_nodules(report, planes)
    texts, present, exam_category, triage = {}, None, None, None
    for group in report.get_image_measurement_groups():
        for item in group[0].ContentSequence:
            if item.value_type.value == "TEXT":
                texts.setdefault(name_of(item), item.value)
            if name_of(item) == "Nodule presence":
                present = item.value.meaning == "Present"
            if name_of(item) == "Exam triage score (worklist order)":
                [basis], [use] = below(item, "Basis of the exam triage score"), below(item, "Use of the exam triage score")
                triage = {"code": item.value.value, "meaning": item.value.meaning, "basis": basis, "use": use}
        exam_category = category_of(group[0].ContentSequence) or exam_category
    predecessors = [
        instance.ReferencedSOPInstanceUID
        for study in dataset.get("PredecessorDocumentsSequence", [])
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    ]
    return {
        "file": path.name,
        "sop_instance_uid": dataset.SOPInstanceUID,
        "sop_class_uid": dataset.SOPClassUID,
        "series_instance_uid": dataset.SeriesInstanceUID,
        "patient_name": str(dataset.PatientName),
        "completion": dataset.CompletionFlag,
        "completion_description": dataset.get("CompletionFlagDescription"),
        "preliminary": dataset.get("PreliminaryFlag"),
        "predecessors": predecessors,
        "groups": groups,
        "exam_texts": texts,
        "nodule_present": present,
        "exam_category": exam_category,
        "triage": triage,
        "nodules": nodules,
    }


def read_segmentation(path, planes):
    dataset = highdicom.seg.segread(path)
    frames = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    orientation = shared.PlaneOrientationSequence[0].ImageOrientationPatient
    spacing = shared.PixelMeasuresSequence[0].PixelSpacing
    segments = []
    for number in dataset.segment_numbers:
        description = dataset.get_segment_description(number)
        points, sources = [], []
        for frame, groups in zip(frames, dataset.PerFrameFunctionalGroupsSequence):
            if groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber != number:
                continue
            rows, columns = numpy.nonzero(frame)
            if len(rows) == 0:
                raise ValueError(f"segment {number}: a frame is empty")
            position = groups.PlanePositionSequence[0].ImagePositionPatient
            image = groups.DerivationImageSequence[0].SourceImageSequence[0]
            source = (image.ReferencedSOPInstanceUID, int(image.get("ReferencedFrameNumber", 1)))
            plane = planes.planes.get(source)
            if plane is not None and [v.original_string for v in plane[0]] != [v.original_string for v in position]:
                raise ValueError(f"segment {number}: position {position} is not that of its image {plane[0]}")
            points.extend(pixel_to_lps((position, orientation, spacing), c, r) for c, r in zip(columns, rows))
            sources.append(list(source))
        segments.append({
            "number": int(number),
            "label": description.segment_label,
            "tracking_uid": description.tracking_uid,
            "voxels": len(points),
            "center_lps": [float(v) for v in numpy.mean(points, axis=0)],
            "frames": len(sources),
            "sources": sources,
        })
    return {
        "file": path.name,
        "sop_instance_uid": dataset.SOPInstanceUID,
        "series_instance_uid": dataset.SeriesInstanceUID,
        "segments": segments,
    }


def dicom_files(folders):
    """Files with a SOP class that is read here, each with its class."""
    for path in sorted(p for folder in folders for p in folder.rglob("*") if p.is_file()):
        try:
            yield path, pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"]).get("SOPClassUID")
        except pydicom.errors.InvalidDicomError:
            continue


def main(folders):
    planes, reports, segmentations, errors = Planes(), [], [], []
    files = list(dicom_files(folders))
    for path, sop_class in files:
        if sop_class in CT_CLASSES:
            planes.add(pydicom.dcmread(path, stop_before_pixels=True))
    for path, sop_class in files:
        try:
            if sop_class in SR_CLASSES:
                reports.append(read_report(path, planes))
            elif sop_class == SEG_CLASS:
                segmentations.append(read_segmentation(path, planes))
        except Exception as error:  # whatever a reader stumbles over is what is asked for
            errors.append(f"{path.name}: {type(error).__name__}: {error}")
    document = {
        "reports": reports,
        "segmentations": segmentations,
        "images": len(planes.planes),
        "errors": errors,
    }
    json.dump(document, sys.stdout, indent=1)
    print()
    return 1 if errors else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main([Path(argument) for argument in sys.argv[1:]]))
