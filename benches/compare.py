"""Measures lungcad beside its peers; see compare.sh. Rounds are interleaved; medians are compared."""

import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
LUNGCAD = ROOT / "target/release/lungcad"
FOLDER_TO_HU = ROOT / "target/release/examples/folder_to_hu"
ROUNDS = 5
PROCESSES, READS = 3, 6  # of the readers: the first reads of a process find new memory, the later ones are the rule in a server
HEAD = """# Benchmarks

Made by `benches/compare.sh --write`; all of it in one run on one machine, rounds interleaved, medians.
lungcad answers a C-STORE only when file, folder entry and row are synced; storescp and Orthanc do not sync.
The sender is `lungcad send` for all receivers; its start and the reading of the files are in the time. It proposes a
window of 16 operations (PS3.7 D.3.3.3): a receiver that takes it, as lungcad does, may answer later while more arrives;
storescp and Orthanc leave it at one. Senders that never ask, as DCMTK's, are the rows that wait for each answer.

"""
NOTES = "## Notes\n"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait(what, done, limit=120):
    until = time.monotonic() + limit
    while time.monotonic() < until:
        value = done()
        if value:
            return value
        time.sleep(0.02)
    raise SystemExit(f"{what}: nothing within {limit} s")


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)
    except OSError:
        return None


class Receiver:
    """A process that takes C-STORE on self.port under the title self.title."""

    def __init__(self, command, **kw):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **kw)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def start_lungcad(folder, destination=None, roles="receive,work,deliver,web"):
    site = folder / "lungcad.toml"
    text = f'[dicom]\nlisten = "127.0.0.1:0"\n[http]\nlisten = "127.0.0.1:0"\n[storage]\nroot = "{folder}/data"\n'
    if destination:
        text += f'[[destinations]]\nname = "pacs"\naddress = "127.0.0.1:{destination}"\nae_title = "ORTHANC"\n'
    site.write_text(text)
    one = Receiver([LUNGCAD, "serve", "--roles", roles, "--config", site], cwd=ROOT)
    words = dict(w.split("=") for w in one.process.stdout.readline().split()[1:])
    one.port, one.title = int(words["dicom"].split(":")[1]), "LUNGCAD"
    one.http = words.get("http")
    return one


def start_storescp(folder):
    (folder / "files").mkdir()
    port = free_port()
    one = Receiver(["storescp", "--fork", "+B", "-od", folder / "files", str(port)])
    one.port, one.title = port, "STORESCP"
    wait("storescp", lambda: subprocess.run(["echoscu", "127.0.0.1", str(port)], capture_output=True).returncode == 0)
    return one


def start_orthanc(folder):
    port, http = free_port(), free_port()
    config = {
        "StorageDirectory": str(folder), "IndexDirectory": str(folder), "HttpPort": http, "DicomPort": port,
        "DicomAet": "ORTHANC", "DicomCheckCalledAet": False, "DicomAlwaysAllowStore": True, "AuthenticationEnabled": False,
        "RemoteAccessAllowed": False, "StableAge": 60, "OverwriteInstances": True, "Plugins": [],
    }
    (folder / "orthanc.json").write_text(json.dumps(config))
    one = Receiver(["Orthanc", folder / "orthanc.json"])
    one.port, one.title, one.http = port, "ORTHANC", f"127.0.0.1:{http}"
    wait("Orthanc", lambda: get(f"http://{one.http}/system"))
    return one


def send(receiver, folder, associations, operations=16):
    """Seconds of the sender, its start included. `operations`: the window that it proposes; 1: none."""
    started = time.monotonic()
    run = subprocess.run(
        [LUNGCAD, "send", folder, f"127.0.0.1:{receiver.port}", "--called", receiver.title,
         "--associations", str(associations), "--operations", str(operations)],
        capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"sending to {receiver.title}: {run.stdout}{run.stderr}")
    return time.monotonic() - started


def simulate(folder, *arguments):
    if not (folder / "truth.json").exists():
        subprocess.run([LUNGCAD, "simulate", "--out", folder, *arguments], check=True, stdout=subprocess.DEVNULL)
    return folder / "dicom"


def receiving(rows, scan):
    """Senders that propose a window of 16 operations, which storescp and Orthanc do not take, and senders that wait."""
    starters = {"lungcad": (start_lungcad, 16), "lungcad, waiting": (start_lungcad, 1),
                "storescp": (start_storescp, 16), "Orthanc": (start_orthanc, 16)}
    for associations in (1, 4):
        seconds = {name: [] for name in starters}
        for _ in range(ROUNDS):
            for name, (start, operations) in starters.items():
                with tempfile.TemporaryDirectory() as folder:
                    kw = {"roles": "receive"} if start is start_lungcad else {}
                    receiver = start(pathlib.Path(folder), **kw)
                    os.sync()
                    seconds[name].append(send(receiver, scan, associations, operations))
                    receiver.stop()
        median = {name: statistics.median(s) for name, s in seconds.items()}
        for us, how in (("lungcad", "sender proposes 16 operations"), ("lungcad, waiting", "sender waits for each answer")):
            for peer, goal in (("storescp", 0.9), ("Orthanc", 3.0 if associations == 4 else None)):
                rows.append(row(f"receive 300 slices, {associations} association(s), {how}, beside {peer}",
                                300 / median[us], 300 / median[peer], "slices/s", goal, higher=True))


READERS = {
    "SimpleITK": """
import SimpleITK as sitk, sys, time
for _ in range(int(sys.argv[2])):
    t = time.perf_counter()
    r = sitk.ImageSeriesReader(); r.SetFileNames(r.GetGDCMSeriesFileNames(sys.argv[1]))
    image = r.Execute()  # kept: the view does not own its pixels
    a = sitk.GetArrayViewFromImage(image)
    print(f"{time.perf_counter() - t:.4f} {int(a.astype('int64').sum())}")
""",
    "pydicom+numpy": """
import glob, numpy as np, pydicom, sys, time
for _ in range(int(sys.argv[2])):
    t = time.perf_counter()
    d = [pydicom.dcmread(f) for f in glob.glob(sys.argv[1] + '/*')]
    d.sort(key=lambda s: float(s.ImagePositionPatient[2]))
    a = np.stack([s.pixel_array * np.float32(s.RescaleSlope) + np.float32(s.RescaleIntercept) for s in d]).astype(np.int16)
    print(f"{time.perf_counter() - t:.4f} {int(a.astype('int64').sum())}")
""",
}


def reading(rows, native, jpegls):
    for name, folder, goal in (("native", native, 4.0), ("JPEG-LS", jpegls, 2.0)):
        seconds, sums = {}, {}
        for _ in range(PROCESSES):
            commands = {"lungcad": [FOLDER_TO_HU, folder, str(READS)]}
            commands |= {peer: [sys.executable, "-c", code, str(folder), str(READS)] for peer, code in READERS.items()}
            for who, command in commands.items():
                out = subprocess.run(command, capture_output=True, text=True)
                if out.returncode != 0:
                    raise SystemExit(f"{who}: {out.stderr}")
                for line in out.stdout.splitlines():
                    second, total = line.split()
                    seconds.setdefault(who, []).append(float(second))
                    sums.setdefault(who, set()).add(int(total))
        median = {who: statistics.median(s) for who, s in seconds.items()}
        same = len(set().union(*sums.values())) == 1
        for peer in READERS:
            rows.append(row(f"folder of 275 slices to HU volume, {name}, beside {peer}" + ("" if same else " (sums differ)"),
                            median["lungcad"], median[peer], "s", goal, higher=False))


def high_water_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def end_to_end(rows, scan):
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        orthanc = start_orthanc(pathlib.Path(two))
        server = start_lungcad(pathlib.Path(one), orthanc.port)
        wait("worker", lambda: (get(f"http://{server.http}/readyz") or {}).get("status") == "ok")
        send(server, scan, 1)
        started = time.monotonic()
        wait("SR at the destination", lambda: (get(f"http://{orthanc.http}/statistics") or {}).get("CountInstances", 0) >= 2, 600)
        seconds = time.monotonic() - started
        children = subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True).stdout.split()
        memory = high_water_mb(server.process.pid) + sum(high_water_mb(c) for c in children)
        rows.append(row("last C-STORE-RSP to SR and SEG at the destination, 275 slices (2 s of it quiet time)", seconds, None, "s", None, False))
        rows.append(row("peak memory of server and worker together, 275 slices", memory, None, "MB", 1200, False))
        server.stop()
        orthanc.stop()


def row(name, us, peer, unit, goal, higher):
    ratio = None if peer is None else (us / peer if higher else peer / us)
    reached = None
    if goal is not None:
        reached = us <= goal if peer is None else ratio >= goal
    return {"name": name, "us": round(us, 3), "peer": None if peer is None else round(peer, 3),
            "ratio": None if ratio is None else round(ratio, 2), "unit": unit, "goal": goal, "reached": reached}


def table(rows):
    lines = ["| what | lungcad | peer | ratio (above 1: lungcad is better) | goal |", "|---|---|---|---|---|"]
    for r in rows:
        peer = "" if r["peer"] is None else f"{r['peer']:g} {r['unit']}"
        ratio = "" if r["ratio"] is None else f"{r['ratio']:g}"
        goal = "" if r["goal"] is None else f"{r['goal']:g}" + ("" if r["peer"] is not None else f" {r['unit']}") + (", reached" if r["reached"] else ", **missed**")
        lines.append(f"| {r['name']} | {r['us']:g} {r['unit']} | {peer} | {ratio} | {goal} |")
    return "\n".join(lines)


def main():
    work = ROOT / "target/bench"
    work.mkdir(parents=True, exist_ok=True)
    three_hundred = simulate(work / "scan300", "--slices", "300", "--seed", "3")
    native = simulate(work / "scan275", "--slices", "275", "--seed", "5")
    jpegls = work / "jpegls"
    if not jpegls.exists():
        part = work / "jpegls.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        for file in sorted(native.iterdir()):
            subprocess.run(["dcmcjpls", file, part / file.name], check=True)
        part.rename(jpegls)
    rows = []
    receiving(rows, three_hundred)
    reading(rows, native, jpegls)
    end_to_end(rows, native)
    if "--json" in sys.argv:
        print("\n".join(json.dumps({k: r[k] for k in ("name", "us", "peer", "ratio", "unit")}) for r in rows))
        return
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown")
    text = f"{table(rows)}\n\n{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {cpu}; load before: {LOAD}.\n"
    print(text)
    if "--write" in sys.argv:
        file = ROOT / "docs/benchmarks.md"
        kept = file.read_text().split(NOTES, 1)[1] if file.exists() and NOTES in file.read_text() else "\n"
        file.write_text(HEAD + text + "\n" + NOTES + kept)


LOAD = os.getloadavg()[0]
if __name__ == "__main__":
    main()
