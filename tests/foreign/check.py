#!/usr/bin/env python3
"""Runs dciodvfy (dicom3tools) and, on reports, dsrdump (DCMTK) over DICOM files.

    python check.py FILE_OR_FOLDER ...

Prints every complaint that is not on the list of allowed warnings. Exit code 1 on any error, 2 when a
checker is not installed. Needs nothing but the standard library.
"""
import shutil
import subprocess
import sys
from pathlib import Path

# Each with its reason.
ALLOWED = [
    # Our private codes are declared in CodingSchemeIdentificationSequence, which the checker does not read.
    "Unrecognized defined term = <99LUNGCAD>",
    # What the scan's patient and study attributes lack or spell oddly is copied as it is.
    "needed to build DICOMDIR",
    "</PatientName(0010,0010)[1]> - Value dubious",
    # DCMTK 3.6.7 knows ISO_IR 192 but its VR checker cannot check UTF-8.
    "does not support this Specific Character Set: ISO_IR 192",
]


def complaints(text):
    lines = [line.strip() for line in text.splitlines()]
    return [
        line for line in lines
        if line.startswith(("Error", "Warning", "E:", "W:", "F:")) and not any(word in line for word in ALLOWED)
    ]


def run(program, path):
    done = subprocess.run([*program, str(path)], capture_output=True, timeout=120)
    text = (done.stderr + (b"" if program[0] == "dsrdump" else done.stdout)).decode(errors="replace")
    found = complaints(text)
    if done.returncode != 0 and not found:
        found.append(f"Error - {program[0]} ended with {done.returncode}")
    return found


def is_report(path):
    return b"1.2.840.10008.5.1.4.1.1.88." in path.read_bytes()[:1024]


def main(arguments):
    missing = [p for p in ("dciodvfy", "dsrdump") if shutil.which(p) is None]
    if missing:
        print(f"not installed: {', '.join(missing)} (Debian: dicom3tools, dcmtk)", file=sys.stderr)
        return 2
    files = [
        path for argument in map(Path, arguments)
        for path in (sorted(p for p in argument.rglob("*.dcm") if p.is_file()) if argument.is_dir() else [argument])
    ]
    errors = 0
    for path in files:
        found = run(["dciodvfy", "-new"], path)
        if is_report(path):
            found += run(["dsrdump"], path)
        for line in found:
            print(f"{path}: {line}")
        errors += sum(not line.startswith(("Warning", "W:")) for line in found)
    print(f"{len(files)} files, {errors} errors")
    return 1 if errors or not files else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
