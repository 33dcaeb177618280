"""JSB chorales, quarter-note grid, public split: nats per step of the kind rnn beside sigmoids for each key.

    python benchmarks/rnn_music.py jsb-chorales-quarter.json [--steps 1500] [--batch-size 8] [--sigmoid-steps 3000]

The file is that of the papers: an object of lists `train`, `valid`, `test`, a piece a list of chords, a chord a list of
MIDI pitches. Whole pieces, the state carried; the weights are those with the best validation.
"""

import argparse
import copy
import json
import math
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from artpipe.artifacts.shards import Spec
from artpipe.contracts.special_tokens import PAD
from artpipe.modalities.music.score import read_roll, sample_steps
from artpipe.modalities.music.tokens import VOCABULARY, encode_steps
from artpipe.models.rnn import RNN, Params
from artpipe.preprocessing.token_rows import cut_rows

LENGTH, KEYS, LOWEST = 320, 88, 21
POINTS = 8  # at which validation is measured


def padded(rows):
    width = max(map(len, rows))
    return torch.tensor([row + [PAD] * (width - len(row)) for row in rows])


def notes_one_after_another(pieces, options):
    """Train the kind rnn; return nats per step of the test split at the best point of validation."""
    works = {
        split: [encode_steps(sample_steps(read_roll(piece, 1, 0), 1, 0)) for piece in pieces[split]] for split in pieces
    }
    rows = torch.tensor([row for work in works["train"] for row in cut_rows(work, LENGTH)])
    spec = Spec(
        dataset="jsb", medium="music", grid=1, length=LENGTH, classes=(), count=len(rows), vocabulary=VOCABULARY
    )
    common = {
        "kind": "rnn",
        "dataset": "jsb",
        "pretrained": "",
        "feature_extractor": "",
        "transpose": 5,
        "warmup_steps": 30,
    }
    net = RNN(
        Params(
            **common,
            steps=options.steps,
            batch_size=options.batch_size,
            width=options.width,
            dropout=options.dropout,
            read_dropout=options.read_dropout,
            learning_rate=options.rate,
            weight_decay=options.decay,
        ),
        spec,
    )

    def cost(split):
        net.eval()
        ordered = sorted(works[split], key=len)
        batches = [padded(ordered[start : start + 16]) for start in range(0, len(ordered), 16)]
        total = sum(float(net.nll(batch).double().sum()) for batch in batches)
        net.train()
        return total / sum(map(len, pieces[split]))

    def step(order):
        net.step({"tokens": rows[order]})
        net.steps_done += 1

    return trained(net, step, cost, len(rows), options.steps, options.batch_size)


def a_sigmoid_for_each_key(pieces, options):
    """Train an LSTM of 256 whose 88 outputs are independent, as TCN's authors do; return the same measure."""
    rolls = {split: [roll(piece) for piece in pieces[split]] for split in pieces}
    lstm, out = nn.LSTM(KEYS, 256, batch_first=True), nn.Linear(256, KEYS)
    net = nn.ModuleList([lstm, out])
    adam = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.01)

    def nats(batch):
        whole = nn.utils.rnn.pad_sequence(batch, batch_first=True, padding_value=-1.0)
        before = F.pad(whole.clamp(min=0), (0, 0, 1, 0))[:, :-1]
        hidden = F.dropout(lstm(before)[0], 0.5, net.training)
        lost = F.binary_cross_entropy_with_logits(out(hidden), whole.clamp(min=0), reduction="none")
        return (lost * (whole >= 0)).sum(), sum(map(len, batch))

    @torch.no_grad()
    def cost(split):
        net.eval()
        total, count = nats(rolls[split])
        net.train()
        return float(total) / count

    def step(order):
        shift = int(torch.randint(-5, 6, ()))
        total, count = nats([rolls["train"][i].roll(shift, 1) for i in order.tolist()])
        adam.zero_grad()
        (total / count).backward()
        adam.step()

    return trained(net, step, cost, len(rolls["train"]), options.sigmoid_steps, 8)


def roll(piece):
    found = torch.zeros(len(piece), KEYS)
    for at, chord in enumerate(piece):
        found[at, [pitch - LOWEST for pitch in chord]] = 1
    return found


def trained(net, step, cost, count, steps, size):
    """Return test cost, core-seconds and the step that validation chose."""
    best, kept, chosen, spent, order = math.inf, None, 0, 0.0, torch.empty(0, dtype=torch.long)
    for number in range(1, steps + 1):
        start = time.process_time()
        while len(order) < size:
            order = torch.cat([order, torch.randperm(count)])
        step(order[:size])
        order = order[size:]
        spent += time.process_time() - start
        if number % max(1, steps // POINTS) == 0:
            valid = cost("valid")
            print(f"  step {number:5d}  {spent:6.0f} core-s  validation {valid:.3f}", flush=True)
            if valid < best:
                best, chosen, kept = valid, number, copy.deepcopy(net.state_dict())
    net.load_state_dict(kept)
    return cost("test"), spent, chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--decay", type=float, default=0.01)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--read-dropout", type=float, default=0.1)
    parser.add_argument("--sigmoid-steps", type=int, default=3000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    pieces = json.loads(options.file.read_text())
    rows = [("TCN (Bai et al. 2018)", 8.10, None), ("RNN-NADE (Boulanger-Lewandowski et al. 2012)", 5.56, None)]
    for name, train in (("a sigmoid for each key, LSTM", a_sigmoid_for_each_key), ("rnn, note by note", notes_one_after_another)):  # fmt: skip
        print(name)
        nats, spent, _ = train(pieces, options)
        rows.append((name, nats, spent))
    print(f"\n{'nats per step, test':46s} {'NLL':>6s} {'core-s':>7s}")
    for name, nats, spent in rows:
        print(f"{name:46s} {nats:6.2f} {'paper' if spent is None else f'{spent:.0f}':>7s}")


if __name__ == "__main__":
    main()
