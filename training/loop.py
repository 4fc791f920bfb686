"""The training loop that all networks share: resumes from its file, averages, logs, makes batches ahead."""
import argparse
import concurrent.futures
import json
import math
import multiprocessing
import pathlib
import time

import numpy as np
import torch

import warm
from network import Averaged, freeze_statistics

LAST_RATE = 0.01  # of the highest, at the cosine's end
FROZEN_FROM = 0.8  # of the steps: BatchNorm keeps its statistics from here on
CLIP = 5.0  # norm of a gradient


class Loop:
    """A network in training and where it stands; written to and read from `file`.

    `kept`: what else a run wants in its file (numbers, arrays, lists of them).
    """

    def __init__(self, file, network, seed, rate, decay, warm_up=100, averaging=0.998):
        torch.manual_seed(seed)
        self.file, self.seed, self.rate, self.warm_up = file, seed, rate, warm_up
        self.step, self.kept = 0, {}
        self.network = network().to(memory_format=torch.channels_last_3d)
        learned = [p for p in self.network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(learned, rate, weight_decay=decay)
        self.averaged = Averaged(self.network, averaging)
        if file.exists():
            self._load()

    def start_from(self, onnx_file, sampler, loss_of):
        """Take the numbers of an exported network of the same kind, unless this run has begun."""
        if self.step == 0 and onnx_file:
            batches = (sampler.batch(10**9 + i, self.seed) for i in range(warm.CALIBRATION_BATCHES))
            warm.start_from(onnx_file, self.network, batches, loss_of)
            self.averaged.network.load_state_dict(self.network.state_dict())

    def save(self):
        state = {
            "step": self.step, "network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(),
            "averaged": self.averaged.network.state_dict(), "averaged_steps": self.averaged.steps, "kept": self.kept,
        }
        torch.save(state, self.file.with_suffix(".new"))
        self.file.with_suffix(".new").replace(self.file)

    def _load(self):
        state = torch.load(self.file, weights_only=False)
        self.step, self.kept, self.averaged.steps = state["step"], state["kept"], state["averaged_steps"]
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.averaged.network.load_state_dict(state["averaged"])

    def learning_rate(self, steps):
        """Up in a line, then down along a cosine."""
        if self.step < self.warm_up:
            return self.rate * (self.step + 1) / self.warm_up
        done = min(1, (self.step - self.warm_up) / max(1, steps - self.warm_up))
        return self.rate * (LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * done)))

    def learn(self, batch, loss_of, steps):
        """One step; the loss and what `loss_of(network, *batch)` names beside it, as floats."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(steps)
        self.network.train()
        if self.step >= FROZEN_FROM * steps:
            freeze_statistics(self.network)
        total, named = loss_of(self.network, *(torch.from_numpy(part) for part in batch))
        self.optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimiser.step()
        self.averaged.update(self.network)
        self.step += 1
        return {"loss": float(total.detach()), **{name: float(value) for name, value in named.items()}}

    def run(self, sampler, loss_of, steps, log, pause=None, log_every=20, save_every=100):
        """Learns until `steps` are done or the file NAME.stop lies beside `file`.

        `sampler.batch(step, seed)` gives a batch as arrays. `pause(loop)` is called before each step and says whether it
        changed the sampler.
        """
        log(start=self.step, steps=steps, seed=self.seed)
        sums, started, since, ahead = {}, time.time(), self.step, Ahead(sampler, self.seed)
        while self.step < steps and not self.file.with_suffix(".stop").exists():
            if pause and pause(self):
                ahead.close()
                ahead, started, since = Ahead(sampler, self.seed), time.time(), self.step
            for name, value in self.learn(ahead.batch(self.step), loss_of, steps).items():
                sums[name] = sums.get(name, 0) + value
            if self.step % log_every == 0:
                count = self.step - since
                means = {name: round(value / max(count, 1), 4) for name, value in sums.items()}
                log(step=self.step, **means, steps_per_second=round(count / (time.time() - started), 2))
                sums, started, since = {}, time.time(), self.step
            if self.step % save_every == 0:
                self.save()
        ahead.close()
        self.save()
        log(end=self.step)


class Ahead:
    """Batches made ahead by one process of its own, which knows the sampler as it was when it started."""

    DEPTH = 4
    _sampler = None  # inherited by the process

    def __init__(self, sampler, seed):
        Ahead._sampler, self.seed, self.waiting = sampler, seed, {}
        self.pool = concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork"))

    @staticmethod
    def _make(step, seed):
        torch.set_num_threads(1)
        return Ahead._sampler.batch(step, seed)

    def batch(self, step):
        for ahead in range(step, step + self.DEPTH):
            if ahead not in self.waiting:
                self.waiting[ahead] = self.pool.submit(self._make, ahead, self.seed)
        return self.waiting.pop(step).result()

    def close(self):
        self.pool.shutdown(cancel_futures=True)


def half_precision():
    """bfloat16 inside, where the processor computes it; where it only imitates it (AVX2), a step takes a hundred times longer than in f32."""
    quick = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return torch.autocast("cpu", torch.bfloat16, enabled=quick)


def stacked(items):
    """Tuples of arrays as one array for each of their places."""
    return [np.stack(part) for part in zip(*items)]


def logger(file):
    """A function that adds its named arguments to `file` as a line of JSON."""
    def log(**entry):
        with file.open("a") as out:
            out.write(json.dumps({"time": time.strftime("%H:%M:%S"), **entry}) + "\n")
    return log


def arguments(about, steps, name=None):
    """DATA, OUT and the settings that all runs have; makes OUT and sets the threads. `name`: of the run's files, where it
    can be chosen."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--start-from", type=pathlib.Path, help="ONNX file of the same network to go on from")
    parser.add_argument("--rate", type=float, help="highest learning rate; the network's own if not given")
    if name:
        parser.add_argument("--name", default=name, help="of the run's files in OUT")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    return given
