#!/usr/bin/env python3
"""Random sets of marks and what the LUNA16 protocol makes of them, by code that shares nothing with lungcad.

    luna16.py COUNT SEED     prints {"sets": [{annotations, excluded, seriesuids, submission, expected}, ...]}

The first four are the texts of the challenge's CSV files. Written from the protocol's text (Setio AAA et al., Med Image
Anal 2017;42:1-13, and the rules of its evaluation script), not from anybody's source. Places are whole numbers of
1/1024 mm, scores of 1/2^20, and the curve is counted in fractions, so that "on the radius" and "tied" mean exactly
that. Only the standard library is used.
"""
import csv
import io
import json
import random
import sys
from fractions import Fraction

MM = 1024
ONE = 1 << 20
RATES = [Fraction(1, 8), Fraction(1, 4), Fraction(1, 2), Fraction(1), Fraction(2), Fraction(4), Fraction(8)]


def inside(place, sphere):
    """Strictly within the radius, centre to centre; a negative diameter stands for 10 mm."""
    x, y, z, diameter = sphere
    if diameter < 0:
        diameter = 10 * MM
    away = sum((a - b) ** 2 for a, b in zip(place, (x, y, z)))
    return 4 * away < diameter ** 2


def judge_scan(nodules, ignored, marks):
    """marks: (x, y, z, score). Gives scores of found nodules, missed, scores of false marks, doubles, irrelevant, cut."""
    if len(marks) > 100:
        hundred_and_first = sorted((m[3] for m in marks), reverse=True)[100]
        counted = [m for m in marks if m[3] > hundred_and_first]
    else:
        counted = list(marks)
    cut = len(marks) - len(counted)
    hitting = [[m for m in counted if inside(m[:3], n)] for n in nodules]
    found = [max(m[3] for m in hits) for hits in hitting if hits]
    doubles = sum(len(hits) - 1 for hits in hitting if hits)
    # Identity, not equality: two marks may be the same numbers.
    taken = {id(m) for hits in hitting for m in hits}
    free = [m for m in counted if id(m) not in taken]
    irrelevant = [m for m in free if any(inside(m[:3], s) for s in ignored)]
    gone = {id(m) for m in irrelevant}
    false = [m[3] for m in free if id(m) not in gone]
    return found, len(nodules) - len(found), false, doubles, len(irrelevant), cut


def sensitivity_at(rate, points):
    """Straight lines between points of rising false marks; at a step the upper end; flat beyond the last."""
    reached = [p for p in points if p[0] <= rate]
    x0, y0 = reached[-1]
    beyond = [p for p in points if p[0] > rate]
    if not beyond:
        return y0
    x1, y1 = beyond[0]
    return y0 + (y1 - y0) * (rate - x0) / (x1 - x0)


def judge(scans):
    found, false = [], []
    missed = doubles = irrelevant = cut = 0
    for nodules, ignored, marks in scans:
        f, m, w, d, i, c = judge_scan(nodules, ignored, marks)
        found += f
        false += w
        missed, doubles, irrelevant, cut = missed + m, doubles + d, irrelevant + i, cut + c
    result = dict(hits=len(found), false_marks=len(false), missed=missed, doubles=doubles, irrelevant=irrelevant,
                  cut=cut, hit_scores=sorted(s / ONE for s in found), sensitivities=None, cpm=None)
    nodules_count = len(found) + missed
    if nodules_count:
        points = [(Fraction(0), Fraction(0))]
        for level in sorted(set(found) | set(false), reverse=True):
            points.append((Fraction(sum(s >= level for s in false), len(scans)),
                           Fraction(sum(s >= level for s in found), nodules_count)))
        values = [sensitivity_at(rate, points) for rate in RATES]
        result["sensitivities"] = [float(v) for v in values]
        result["cpm"] = float(sum(values) / len(values))
    return result


def text(rows, header=None):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=random_line_end.choice(["\n", "\r\n"]))
    if header:
        writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


random_line_end = random.Random(0)


def row(numbers, last_unit):
    """Three places in mm and a last number in its own unit, as text that reads back to the same double."""
    return [repr(v / MM) for v in numbers[:3]] + [repr(numbers[3] / last_unit)]


def columns(names, rows, rng):
    """The same table with its columns in any order: they are found by name."""
    order = list(range(len(names)))
    if rng.random() < 0.3:
        rng.shuffle(order)
    return [names[i] for i in order], [[row[i] for i in order] for row in rows]


def random_set(rng):
    quarter = lambda low, high: rng.randint(4 * low, 4 * high) * MM // 4
    place = lambda span: (quarter(-span, span), quarter(-span, span), quarter(-span, span))
    # Scores: coarse ones tie, fine ones do not, all-equal ones fall to the cap.
    levels = rng.choice([1, 4, 8, 32, ONE])
    score = lambda: rng.randint(0, levels) * (ONE // levels)
    scans = []
    for _ in range(rng.randint(1, 6)):
        span = rng.choice([8, 20, 60])
        nodules = [(*place(span), quarter(3, 14)) for _ in range(rng.choice([0, 0, 1, 1, 2, 4]))]
        ignored = [(*place(span), rng.choice([-MM, quarter(0, 3), quarter(3, 20)]))
                   for _ in range(rng.choice([0, 1, 5, 12]))]
        marks = []
        for _ in range(rng.choice([0, 1, 5, 20, 99, 100, 101, 140])):
            spheres = nodules + ignored
            if rng.random() < 0.6 and spheres:
                *at, diameter = rng.choice(spheres)
                radius = (diameter if diameter >= 0 else 10 * MM) // 2
                # On the radius, a hair inside or outside, or somewhere about it.
                shift = rng.choice([radius, radius - 1, radius + 1, quarter(0, 5)])
                at[rng.randrange(3)] += shift * rng.choice([-1, 1])
                marks.append((*at, score()))
            else:
                marks.append((*place(span), score()))
        if marks and rng.random() < 0.3:
            marks += rng.choices(marks, k=3)
        # Identity tells marks apart in judge_scan, so every mark is its own tuple.
        scans.append((nodules, ignored, [tuple(list(m)) for m in marks]))
    return scans


def as_files(scans, rng):
    uids = [f"1.2.826.{rng.randrange(10 ** 9)}.{i}" for i in range(len(scans))]
    spot = ["seriesuid", "coordX", "coordY", "coordZ"]
    rows = lambda which, unit: [[u, *row(s, unit)] for u, scan in zip(uids, scans) for s in scan[which]]
    marks = rows(2, ONE)
    # A scan outside the list: its marks are ignored.
    marks += [["1.2.826.0.1", "0.0", "0.0", "0.0", "0.99"]] * rng.choice([0, 0, 3])
    rng.shuffle(marks)
    table = lambda last, body: (lambda h, b: text(b, h))(*columns([*spot, last], body, rng))
    return dict(annotations=table("diameter_mm", rows(0, MM)), excluded=table("diameter_mm", rows(1, MM)),
                seriesuids=text([[u] for u in uids]), submission=table("probability", marks))


def main():
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(seed)
    sets = []
    for _ in range(count):
        scans = random_set(rng)
        sets.append({**as_files(scans, rng), "expected": judge(scans)})
    json.dump({"sets": sets}, sys.stdout)


if __name__ == "__main__":
    main()
