"""Scores of one's own: recognised, added, learned, stopped and resumed bit by bit, measured, played and hung."""

import hashlib
import shutil
import wave
from pathlib import Path

import pytest

from artpipe.artifacts.report import load_report
from artpipe.modalities.music.midi_reader import read_midi
from artpipe.modalities.music.performance import encode_midi
from artpipe.modalities.music.tokens import FERMATA, Step

pytestmark = pytest.mark.xdist_group("music")
SMALL = "steps: 20\n    evaluate_every_steps: 10\n    width: 16\n    embedding: 16\n    max_tokens: 120\n    transpose: 2\n    pieces: 2"


def hymn(number: int) -> bytes:
    """Return the MIDI file of a piece of four voices, twelve beats long."""
    roots = [(number + beat * (2 + number // 6)) % 11 for beat in range(12)]
    steps = [
        Step(FERMATA * (beat == 5), [72 + root, 67 + root, 64 + root, 48 + root]) for beat, root in enumerate(roots)
    ]
    return encode_midi(steps, 1)


def hashes(folder: str) -> dict[str, str]:
    """Return the hash of every file of a folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(folder).iterdir()}


@pytest.mark.nightly
def test_a_folder_of_scores_becomes_a_room(studio, tmp_path, artpipe, monkeypatch):
    """MIDI files are music, an rnn by default; trained in two halves as in one; what hangs is heard, seen and read."""
    monkeypatch.setenv("ARTPIPE_TRACKING", "off")
    folder = tmp_path / "given"
    folder.mkdir()
    for number in range(30):
        (folder / f"hymn {number:02d}.mid").write_bytes(hymn(number)[: 40 if number == 29 else None])
    code, _, err = artpipe("dataset", "add", "--no-plan", folder, "--name", "hymns", "--creator", "A. Cantor")
    assert code == 0, err
    text = Path("params.yaml").read_text()
    assert "medium: music" in text
    text = text.replace("steps: 1500", SMALL).replace("[kid]", "[training, nll_per_step, harmony]")
    Path("params.yaml").write_text(
        text.replace("sections: []", "sections: [wall, rooms, exhibits, scores, quarantine]")
    )
    code, said, err = artpipe("ingest", "hymns")
    assert code == 0, err
    assert "truncated" in said
    assert artpipe("preprocess", "hymns")[0] == 0
    assert artpipe("train", "hymns-rnn")[0] == 0
    whole = hashes("data/checkpoints/hymns-rnn")
    shutil.rmtree("data/checkpoints/hymns-rnn")
    final = Path("params.yaml").read_text()
    Path("params.yaml").write_text(final.replace("steps: 20\n", "steps: 10\n"))
    assert artpipe("train", "hymns-rnn")[0] == 0
    Path("params.yaml").write_text(final)
    assert artpipe("train", "hymns-rnn")[0] == 0
    assert hashes("data/checkpoints/hymns-rnn") == whole

    assert artpipe("evaluate", "hymns-rnn")[0] == 0
    report, _ = load_report(Path("data/reports/hymns-rnn"))
    scores = {score.name: score for score in report.scores}
    assert {"nll_per_step", "nll_per_step_chain", "in_key", "dissonant", "copied_passages"} <= set(scores)
    assert scores["nll_per_step"].interval is not None
    assert [exhibit.kind for exhibit in report.exhibits] == ["audio", "audio"]
    for exhibit in report.exhibits:
        with wave.open(str(Path("data/reports/hymns-rnn") / exhibit.file)) as sound:
            assert sound.getnframes() > sound.getframerate()
        data = (Path("data/reports/hymns-rnn") / exhibit.parts["midi"].file).read_bytes()
        assert len(read_midi(data, 4).voices) <= 4
        assert exhibit.parts["score"].file.endswith(".png")
    assert {path.suffix for path in Path("data/runs/hymns-rnn/progress").iterdir()} == {".png"}
