"""Writes tests/data/clinical-cases.json: cases of the risk models, measures and eligibility rules, worked out
here a second time from the published equations, in Python, so that the Rust code is not its own judge.

Usage: python3 tests/foreign/clinical_cases.py > tests/data/clinical-cases.json
"""

import itertools
import json
import math

CASES = []


def add(model, inputs, why, **expect):
    CASES.append({"model": model, "inputs": inputs, **expect, "why": why})


def value(model, inputs, expected, why, tolerance=1e-12):
    add(model, inputs, why, status="result", expected=expected, tolerance=tolerance)


def logistic(x):
    return 1 / (1 + math.exp(-x))


# --- Brock -------------------------------------------------------------------------------------------

BROCK = {
    #          b0       age      fem       fh        emph      size      nonsolid  part      upper     count     spic
    "brock2b": (-6.7892, 0.0287, 0.6011, 0.2961, 0.2953, -5.3854, -0.1276, 0.3770, 0.6581, -0.0824, 0.7729),
    "brock2b_fp": (-6.78917, 0.0286687, 0.6010727, 0.2961090, 0.2953112, -5.385484, -0.1276173, 0.3769578,
                   0.6581383, -0.0824156, 0.7729335),
    "brock2a": (-6.8071, 0.0321, 0.5635, 0.3013, 0.3462, -5.6693, -0.3005, 0.3395, 0.7116, -0.0803, 0.0),
    "brock1b": (-6.6144, 0.0, 0.6467, 0.0, 0.0, -5.5537, 0.0, 0.0, 0.6009, 0.0, 0.9309),
}
BOOLS = ["female", "family_history_lung_cancer", "emphysema", "upper_lobe", "spiculation"]


def brock(model, i):
    b0, age, fem, fh, em, size, non, part, up, count, spic = BROCK[model]
    x = b0 + fem * i["female"] + size * ((10 / i["diameter_mm"]) ** 0.5 - 1.58113883) + up * i["upper_lobe"]
    x += spic * (i.get("spiculation") or 0)
    if model != "brock1b":
        x += age * (i["age"] - 62) + fh * i["family_history_lung_cancer"] + em * i["emphysema"]
        x += {"nonsolid": non, "part_solid": part, "solid": 0}[i["type"]] + count * (i["nodule_count"] - 4)
    return logistic(x)


PERSON = {"age": 71, "female": 1, "family_history_lung_cancer": 1, "emphysema": 1, "diameter_mm": 9.5,
          "type": "part_solid", "upper_lobe": 1, "nodule_count": 2, "spiculation": 1}
OTHER = {"age": 57, "female": 0, "family_history_lung_cancer": 0, "emphysema": 0, "diameter_mm": 17.25,
         "type": "nonsolid", "upper_lobe": 0, "nodule_count": 9, "spiculation": 0}

for model in BROCK:
    keep = {"brock2a": [k for k in PERSON if k != "spiculation"],
            "brock1b": ["female", "diameter_mm", "upper_lobe", "spiculation"]}.get(model, list(PERSON))
    for person in (PERSON, OTHER):
        inputs = {k: person[k] for k in keep}
        value(model, inputs, brock(model, inputs), "all terms")
    base = {k: PERSON[k] for k in keep}
    inputs = {**base, "diameter_mm": 30}
    value(model, inputs, brock(model, inputs), "30 mm is still a nodule")
    add(model, {**base, "diameter_mm": 30.1}, "above 30 mm: a mass", status="not_applicable")
    add(model, {"diameter_mm": 35}, "a mass, whatever else is missing", status="not_applicable")
    ranged = [n for n in BOOLS + ["type"] if n in keep]
    for missing in [[n] for n in ranged] + [["family_history_lung_cancer", "emphysema"], ranged]:
        if not all(n in keep for n in missing):
            continue
        inputs = {k: v for k, v in base.items() if k not in missing}
        worlds = []
        choices = [["solid", "part_solid", "nonsolid"] if n == "type" else [0, 1] for n in missing]
        for combination in itertools.product(*choices):
            worlds.append(brock(model, {**inputs, **dict(zip(missing, combination))}))
        order = [n for n in ["female", "family_history_lung_cancer", "emphysema", "type", "upper_lobe", "spiculation"]
                 if n in missing]
        add(model, inputs, f"{len(worlds)} combinations", status="range", range=[min(worlds), max(worlds)],
            missing=order, tolerance=1e-12, undetermined=min(worlds) < 0.1 <= max(worlds))
    near = {**{k: OTHER[k] for k in keep}, "diameter_mm": 12.0, "upper_lobe": 1}
    if "type" in near:
        near["type"] = "solid"
    if "nodule_count" in near:
        near["nodule_count"] = 1
    for diameter in (8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0):
        inputs = {**near, "diameter_mm": diameter}
        del inputs["female"]
        worlds = [brock(model, {**inputs, "female": female}) for female in (0, 1)]
        add(model, inputs, "sex not known", status="range", range=[min(worlds), max(worlds)], missing=["female"],
            tolerance=1e-12, undetermined=min(worlds) < 0.1 <= max(worlds))
    needed = [n for n in ["age", "diameter_mm", "nodule_count"] if n in keep]
    for name in needed:
        add(model, {k: v for k, v in base.items() if k != name}, "needed", status="insufficient", missing=[name])
    add(model, {}, "nothing known", status="insufficient", missing=needed)

# --- Mayo, VA, PKUPH -----------------------------------------------------------------------------------


def mayo(i):
    return logistic(-6.8272 + 0.0391 * i["age"] + 0.7917 * i["ever_smoker"]
                    + 1.3388 * i["extrathoracic_cancer_over_5y"] + 0.1274 * i["diameter_mm"]
                    + 1.0407 * i["spiculation"] + 0.7838 * i["upper_lobe"])


M = {"age": 61, "ever_smoker": 1, "extrathoracic_cancer_over_5y": 1, "diameter_mm": 8.5, "spiculation": 1,
     "upper_lobe": 1}
value("mayo", M, mayo(M), "all terms")
value("mayo", {**M, "diameter_mm": 30}, mayo({**M, "diameter_mm": 30}), "30 mm is still a nodule")
add("mayo", {**M, "diameter_mm": 30.1}, "above 30 mm", status="not_applicable")
add("mayo", {**M, "cancer_within_5y": True}, "cancer within 5 years", status="not_applicable")
add("mayo", {**M, "prior_lung_cancer": 1}, "lung cancer", status="not_applicable")
value("mayo", {**M, "cancer_within_5y": False, "prior_lung_cancer": 0}, mayo(M), "stated: neither")
for name in M:
    add("mayo", {k: v for k, v in M.items() if k != name}, "needed", status="insufficient", missing=[name])


def va(i):
    return logistic(-8.404 + 2.061 * i["ever_smoker"] + 0.779 * i["age"] / 10 + 0.112 * i["diameter_mm"]
                    - 0.567 * i.get("years_since_quit", 0) / 10)


V = {"age": 64, "ever_smoker": 1, "years_since_quit": 7.5, "diameter_mm": 11.5}
value("va", V, va(V), "all terms")
NEVER = {"age": 64, "ever_smoker": 0, "diameter_mm": 11.5}
value("va", NEVER, va(NEVER), "a never smoker has no years since quitting")
add("va", {**NEVER, "years_since_quit": 3}, "a never smoker who quit", status="error", reason="years_since_quit")
add("va", {**V, "years_since_quit": 65}, "longer than the life", status="error", reason="years_since_quit")
for name in ["age", "diameter_mm", "years_since_quit"]:
    add("va", {k: v for k, v in V.items() if k != name}, "needed", status="insufficient", missing=[name])
add("va", {"age": 64, "diameter_mm": 11.5}, "needed", status="insufficient",
    missing=["ever_smoker", "years_since_quit"])


def pkuph(i):
    return logistic(-4.496 + 0.07 * i["age"] + 0.676 * i["diameter_mm"] / 10 + 0.736 * i["spiculation"]
                    + 1.267 * i["family_history_cancer"] - 1.615 * i["calcification"] - 1.408 * i["clear_border"])


P = {"age": 63, "diameter_mm": 14.5, "spiculation": 1, "family_history_cancer": 1, "calcification": 1,
     "clear_border": 1}
value("pkuph", P, pkuph(P), "all terms")
for name in P:
    add("pkuph", {k: v for k, v in P.items() if k != name}, "needed", status="insufficient", missing=[name])

# --- Herder ----------------------------------------------------------------------------------------------

FDG = {"none": (0, 0.08), "faint": (2.322, 0.17), "moderate": (4.617, 1.9), "intense": (4.771, 9.9)}
for fdg, (term, ratio) in FDG.items():
    for pre in (0.12, 0.5, 0.93):
        odds = pre / (1 - pre) * ratio
        value("herder2005_logistic", {"pretest": pre, "fdg": fdg}, logistic(-4.739 + 3.691 * pre + term), "form")
        value("herder_bts_lr", {"pretest": pre, "fdg": fdg}, odds / (1 + odds), "form")
for model in ("herder2005_logistic", "herder_bts_lr"):
    add(model, {"pretest": 0.3}, "not shown without PET", status="insufficient", missing=["fdg"])
    add(model, {"fdg": "faint"}, "needed", status="insufficient", missing=["pretest"])
    add(model, {"pretest": 18.7, "fdg": "faint"}, "percent", status="error", reason="pretest")
value("herder_bts_lr", {"pretest": 1, "fdg": "none"}, 1.0, "certain before is certain after")
value("herder_bts_lr", {"pretest": 0, "fdg": "intense"}, 0.0, "impossible before is impossible after")

# --- LLP ---------------------------------------------------------------------------------------------------

MEN2 = [-9.06, -8.16, -7.31, -6.63, -5.97, -5.56, -5.31, -4.83, -4.68]
WOMEN2 = [-9.90, -8.06, -7.46, -6.50, -6.22, -5.99, -5.49, -5.23, -5.42]
MEN3 = [-9.84, -8.94, -8.09, -7.41, -6.75, -6.34, -6.09, -5.61, -5.46]
WOMEN3 = [-10.37, -8.53, -7.93, -6.97, -6.69, -6.46, -5.96, -5.70, -5.89]


def llp(version, i):
    alphas = {2: (MEN2, WOMEN2), 3: (MEN3, WOMEN3)}[version][i["female"]]
    band = min((i["age"] - 40) // 5, 8)
    f = (i["age"] + 0.5) % 5
    x = ((5 - f) * alphas[band] + f * alphas[min(band + 1, 8)]) / 5
    y = i["smoking_years"]
    x += 0 if y == 0 else 0.7692 if y < 20 else 1.4516 if y < 40 else 2.5072 if y < 60 else 2.7243
    x += 0.6025 * i["respiratory_disease"] + 0.6343 * i["asbestos"] + 0.6754 * i["prior_cancer"]
    x += {"none": 0, "early": 0.7034, "late": 0.1677}[i["family_history"]]
    return logistic(x)


L = {"age": 66, "female": 0, "smoking_years": 30, "respiratory_disease": 1, "asbestos": 1, "prior_cancer": 1,
     "family_history": "early"}
for version in (2, 3):
    model = f"llpv{version}"
    for age in [40, 42, 44, 45, 49, 50, 54, 55, 59, 60, 64, 65, 69, 70, 74, 75, 79, 80, 84, 95]:
        for female in (0, 1):
            inputs = {**L, "age": age, "female": female}
            value(model, inputs, llp(version, inputs), "band and sex")
    for years in [0, 0.5, 19.9, 20, 39.9, 40, 59.9, 60, 64]:
        inputs = {**L, "smoking_years": years}
        value(model, inputs, llp(version, inputs), "class of smoking")
    for change in [{"family_history": "late"}, {"family_history": "none"}, {"respiratory_disease": 0},
                   {"asbestos": 0}, {"prior_cancer": 0}]:
        inputs = {**L, **change}
        value(model, inputs, llp(version, inputs), "factor")
    add(model, {**L, "age": 39}, "below the first band", status="not_applicable")
    add(model, {**L, "age": 50, "smoking_years": 51}, "longer than the life", status="error", reason="smoking_years")
    for name in L:
        add(model, {k: v for k, v in L.items() if k != name}, "needed", status="insufficient", missing=[name])

# --- PLCOm2012 -----------------------------------------------------------------------------------------------

RACE = {"white": 0, "american_indian": 0, "alaskan_native": 0, "black": 0.3944778, "hispanic": -0.7434744,
        "asian": -0.466585, "native_hawaiian": 1.027152, "pacific_islander": 1.027152}


def plco(i):
    x = -4.532506 + 0.0778868 * (i["age"] - 62) + RACE[i.get("race", "white")] - 0.0812744 * (i["education"] - 4)
    x += -0.0274194 * (i["bmi"] - 27) + 0.3553063 * i["copd"] + 0.4589971 * i["personal_cancer"]
    x += 0.587185 * i["family_history_lung_cancer"] + 0.2597431 * i["current_smoker"]
    x -= 1.822606 * (10 / i["cigarettes_per_day"] - 0.4021541613)
    x += 0.0317321 * (i["smoking_years"] - 27) - 0.0308572 * (i.get("quit_years", 0) - 10)
    return logistic(x)


Q = {"age": 67, "race": "white", "education": 2, "bmi": 24.5, "copd": 1, "personal_cancer": 1,
     "family_history_lung_cancer": 1, "current_smoker": 0, "cigarettes_per_day": 15, "smoking_years": 33,
     "quit_years": 4}
for race in RACE:
    inputs = {**Q, "race": race}
    value("plcom2012", inputs, plco(inputs), "race")
NORACE = {k: v for k, v in Q.items() if k != "race"}
value("plcom2012", NORACE, plco(NORACE), "race not given")
CURRENT = {k: v for k, v in {**Q, "current_smoker": 1}.items() if k != "quit_years"}
value("plcom2012", CURRENT, plco(CURRENT), "a current smoker has no years since quitting")
value("plcom2012", {**Q, "cigarettes_per_day": 1}, plco({**Q, "cigarettes_per_day": 1}), "one a day")
add("plcom2012", {**Q, "cigarettes_per_day": 0.9}, "less than one a day", status="error", reason="cigarettes_per_day")
add("plcom2012", {**Q, "cigarettes_per_day": 0}, "none a day", status="error", reason="cigarettes_per_day")
add("plcom2012", {**Q, "ever_smoker": False}, "never smoker", status="not_applicable")
add("plcom2012", {**Q, "current_smoker": 1}, "smokes and quit", status="error", reason="quit_years")
add("plcom2012", {**Q, "smoking_years": 68}, "longer than the life", status="error", reason="smoking_years")
add("plcom2012", {**Q, "quit_years": 68}, "longer than the life", status="error", reason="quit_years")
for name in Q:
    if name != "race":
        missing = ["current_smoker"] if name == "current_smoker" else [name]
        add("plcom2012", {k: v for k, v in Q.items() if k != name}, "needed", status="insufficient", missing=missing)

# --- measures ----------------------------------------------------------------------------------------------------

for d, v in [(6, 113.0973), (8, 268.0826), (10, 523.5988), (15, 1767.1459), (30, 14137.1669)]:
    value("measure:sphere_volume_mm3", {"diameter_mm": d}, v, "table of Lung-RADS equivalences", 1e-3)
for v, d in [(80, 5.346), (100, 5.759), (250, 7.816), (300, 8.306), (500, 9.847)]:
    value("measure:effective_diameter_mm", {"volume_mm3": v}, d, "table", 1e-3)
for d1, d2, t, vdt in [(6, 8, 90, 72.3), (10, 12, 180, 228.1), (8, 8.5, 365, 1391.1)]:
    value("measure:vdt_days_from_diameters", {"diameter1_mm": d1, "diameter2_mm": d2, "days": t}, vdt, "table", 0.05)
value("measure:voxel_volume_mm3", {"voxels": 1000, "spacing_x_mm": 0.7, "spacing_y_mm": 0.7, "spacing_z_mm": 1.25},
      612.5, "1000 voxels")
value("measure:mass_doubling_time_days", {"mass1_mg": 100, "mass2_mg": 200, "days": 400}, 400, "doubled", 1e-9)
DOUBLING = [("measure:vdt_days", "volume1_mm3", "volume2_mm3"), ("measure:mass_doubling_time_days", "mass1_mg", "mass2_mg"),
            ("measure:vdt_days_from_diameters", "diameter1_mm", "diameter2_mm")]
for model, first, second in DOUBLING:
    power = 3 if "diameter" in first else 1
    exact = math.log(2) * 30 / (power * math.log(1.5))
    value(model, {first: 100, second: 150, "days": 30}, exact, "30 days are enough", 1e-9)
    value(model, {first: 150, second: 100, "days": 30}, -exact, "shrinking", 1e-9)
    value(model, {first: 100, second: 100, "days": 30}, None, "nothing changed")
    add(model, {first: 100, second: 150, "days": 29}, "too soon", status="not_applicable")
    add(model, {first: 100, second: 150, "days": 0}, "no time", status="error", reason="days")
    add(model, {first: 100, second: 150, "days": -90}, "back in time", status="error", reason="days")
    add(model, {first: 0, second: 150, "days": 90}, "nothing to grow", status="error", reason=first)
    add(model, {first: 100, "days": 90}, "needed", status="insufficient", missing=[second])
value("measure:volume_change", {"volume1_mm3": 200, "volume2_mm3": 100}, -0.5, "halved")
value("measure:volume_change", {"volume1_mm3": 200, "volume2_mm3": 200}, 0.0, "nothing changed")
value("measure:mass_mg", {"volume_mm3": 500, "mean_hu": -1000}, 0.0, "air has no mass here")
for long, short, mean in [(6.0, 5.8, 5.9), (5.95, 5.95, 6.0), (5.94, 5.94, 5.9), (6.05, 6.04, 6.1), (8.0, 7.8, 7.9),
                          (29.9, 29.8, 29.9), (1.15, 1.05, 1.2), (15.0, 14.85, 15.0)]:
    value("measure:lung_rads_mean_mm", {"long_mm": long, "short_mm": short}, mean, "tenths, half up", 1e-9)
for long, short, mean in [(5.5, 5.5, 6), (5.5, 5.4, 5), (8.9, 8.1, 9), (8.5, 8.4, 8), (5.7, 5.3, 6), (0.4, 0.4, 0)]:
    value("measure:fleischner_mean_mm", {"long_mm": long, "short_mm": short}, mean, "whole mm, half up", 0)
for model in ("measure:lung_rads_mean_mm", "measure:fleischner_mean_mm"):
    add(model, {"long_mm": 5, "short_mm": 6}, "short axis longer", status="error", reason="short_mm")
for mm, t in [(9.9, "T1a"), (10, "T1a"), (10.1, "T1b"), (20, "T1b"), (20.1, "T1c"), (30, "T1c"), (30.1, "T2a"),
              (40, "T2a"), (40.1, "T2b"), (50, "T2b"), (50.1, "T3"), (70, "T3"), (70.1, "T4"), (200, "T4")]:
    value("measure:tnm_t_by_size", {"invasive_or_solid_mm": mm}, t, "class of size", 0)

# --- eligibility --------------------------------------------------------------------------------------------------


def invited(program, inputs, expected, why):
    add(f"eligibility:{program}", inputs, why, status="result", expected=expected, tolerance=0)


def open_on(program, inputs, missing, why):
    add(f"eligibility:{program}", inputs, why, status="insufficient", missing=missing)


SMOKING = {  # program: youngest, oldest, pack-years, years since quitting
    "USPSTF2013": (55, 80, 30, 15), "USPSTF2021": (50, 80, 20, 15), "CMS2022": (50, 77, 20, 15),
    "NLST": (55, 74, 30, 15), "NCCN2024": (50, None, 20, None), "ACS2023": (50, 80, 20, None),
    "EC50_75": (50, 75, 30, 15), "CN2018": (50, 74, 20, 5),
}
for program, (low, high, packs, quit_years) in SMOKING.items():
    base = {"age": low, "status": "current", "pack_years": packs}
    invited(program, base, True, "youngest, least exposure")
    invited(program, {**base, "age": low - 1}, False, "too young")
    if high is None:
        invited(program, {**base, "age": 95}, True, "no upper age")
    else:
        invited(program, {**base, "age": high}, True, "oldest")
        invited(program, {**base, "age": high + 1}, False, "too old")
    invited(program, {**base, "pack_years": packs - 0.1}, False, "too little")
    former = {**base, "status": "former"}
    if quit_years is None:
        invited(program, {**former, "quit_years": 40}, True, "any time since quitting")
        invited(program, former, True, "any time since quitting")
    else:
        invited(program, {**former, "quit_years": quit_years}, True, "just in time")
        invited(program, {**former, "quit_years": quit_years + 0.1}, False, "too long ago")
        open_on(program, former, ["quit_years"], "a former smoker since when")
        open_on(program, {k: v for k, v in base.items() if k != "status"}, ["status", "quit_years"], "smoker or not")
    open_on(program, {k: v for k, v in base.items() if k != "age"}, ["age"], "how old")
    open_on(program, {k: v for k, v in base.items() if k != "pack_years"}, ["pack_years"], "how much")
    invited(program, {"age": low, "status": "never"}, False, "a never smoker has no pack-years")
    invited(program, {"age": low, "status": "current", "cpd": packs, "years_smoked": 20}, True, "pack-years worked out")
    invited(program, {"age": low, "status": "current", "cpd": packs, "years_smoked": 19.9}, False, "worked out")
    invited(program, {"age": low - 1}, False, "age alone decides")

N = {"age": 60, "status": "current", "cpd": 16, "years_smoked": 26}
for change, yes, why in [
    ({}, True, "first rule"), ({"cpd": 15}, False, "not more than 15"), ({"years_smoked": 25}, False, "not more than 25"),
    ({"cpd": 15.5, "years_smoked": 25.5}, True, "first rule, just"), ({"cpd": 10.5, "years_smoked": 30.5}, True, "second rule, just"),
    ({"cpd": 10, "years_smoked": 31}, False, "not more than 10"), ({"cpd": 11, "years_smoked": 30}, False, "not more than 30"),
    ({"cpd": 15, "years_smoked": 30.5}, True, "second rule"), ({"cpd": 15, "years_smoked": 26}, False, "neither"),
    ({"cpd": 40, "years_smoked": 25}, False, "years of both"), ({"cpd": 10, "years_smoked": 42}, False, "cigarettes of both"),
    ({"age": 50}, True, "youngest"), ({"age": 49}, False, "too young"), ({"age": 74}, True, "oldest"), ({"age": 75}, False, "too old"),
    ({"status": "former", "quit_years": 10}, True, "just in time"), ({"status": "former", "quit_years": 10.1}, False, "too long ago"),
]:
    invited("NELSON", {**N, **change}, yes, why)
open_on("NELSON", {"age": 60, "status": "current"}, ["cpd", "years_smoked"], "how much")

T = {"age": 60, "status": "former", "plcom2012": 0.0151, "llpv2": 0.0249}
for change, yes, why in [
    ({}, True, "by plcom2012"), ({"plcom2012": 0.01509}, False, "neither"), ({"plcom2012": 0.01509, "llpv2": 0.025}, True, "by llpv2"),
    ({"age": 55}, True, "youngest"), ({"age": 54}, False, "too young"), ({"age": 74}, True, "oldest"), ({"age": 75}, False, "too old"),
    ({"status": "never"}, False, "ever smokers only"), ({"status": "current"}, True, "ever smokers"),
]:
    invited("TLHC", {**T, **change}, yes, why)
invited("TLHC", {"age": 60, "status": "former", "llpv2": 0.03}, True, "one risk is enough")
open_on("TLHC", {"age": 60, "status": "former", "llpv2": 0.01}, ["plcom2012"], "the other risk may decide")
for age, risk, yes in [(50, 0.05, True), (50, 0.0499, False), (49, 0.05, False), (75, 0.05, True), (76, 0.05, False)]:
    invited("UKLS", {"age": age, "llpv2": risk}, yes, "limits")
open_on("UKLS", {"age": 60}, ["llpv2"], "needed")

NO = {"occupational_exposure": False, "copd": False, "pulmonary_fibrosis": False, "tuberculosis": False, "prior_cancer": False,
      "family_history_lung_cancer": False}
C = {"age": 40, "status": "never", **NO}
invited("CN_county_2020", C, False, "no risk factor")
for name in NO:
    invited("CN_county_2020", {**C, name: True}, True, "a risk factor")
    open_on("CN_county_2020", {k: v for k, v in C.items() if k != name}, [name], "may decide")
for change, yes, why in [
    ({"status": "current", "pack_years": 20}, True, "smoker"), ({"status": "current", "pack_years": 19.9}, False, "too little"),
    ({"status": "former", "pack_years": 20, "quit_years": 14.9}, True, "just in time"),
    ({"status": "former", "pack_years": 20, "quit_years": 15}, False, "15 years are too long"),
    ({"age": 39, "copd": True}, False, "too young"), ({"age": 80, "copd": True}, True, "oldest"), ({"age": 81, "copd": True}, False, "too old"),
]:
    invited("CN_county_2020", {**C, **change}, yes, why)

NO = {"copd": False, "passive_smoke_years": 0, "occupational_exposure_years": 0, "family_history_lung_cancer": False}
C = {"age": 50, "status": "never", **NO}
for change, yes, why in [
    ({}, False, "no risk factor"), ({"copd": True}, True, "a risk factor"), ({"family_history_lung_cancer": True}, True, "a risk factor"),
    ({"passive_smoke_years": 20}, True, "20 years"), ({"passive_smoke_years": 19.9}, False, "less"),
    ({"occupational_exposure_years": 1}, True, "1 year"), ({"occupational_exposure_years": 0.9}, False, "less"),
    ({"status": "current", "pack_years": 30}, True, "smoker"), ({"status": "current", "pack_years": 29.9}, False, "too little"),
    ({"status": "former", "pack_years": 30, "quit_years": 14.9}, True, "just in time"),
    ({"status": "former", "pack_years": 30, "quit_years": 15}, False, "15 years are too long"),
    ({"age": 49, "copd": True}, False, "too young"), ({"age": 74, "copd": True}, True, "oldest"), ({"age": 75, "copd": True}, False, "too old"),
]:
    invited("CN2021", {**C, **change}, yes, why)
open_on("CN2021", {"age": 55, "status": "never"},
        ["passive_smoke_years", "copd", "occupational_exposure_years", "family_history_lung_cancer"], "may decide")
for inputs, field in [({"status": "never", "pack_years": 5}, "pack_years"), ({"status": "current", "quit_years": 5}, "quit_years"),
                      ({"status": "never", "cpd": 5}, "cpd"), ({"age": 40, "years_smoked": 41}, "years_smoked"),
                      ({"age": 40, "quit_years": 41}, "quit_years")]:
    add("eligibility:USPSTF2021", inputs, "contradiction", status="error", reason=field)

print("[\n" + ",\n".join(json.dumps(case) for case in CASES) + "\n]")
