"""A params.yaml of `format: 1` gets today's names, and nothing else of it changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artpipe.config.format_migration import list_renamed_parameters, migrate_lock, migrate_params
from artpipe.config.parameter_names import EVALUATION_NAMES, KIND_NAMES, VERDICT_NAMES, model_names, rename_card
from artpipe.config.safe_yaml import parse_yaml
from artpipe.errors import UserError

OLD = """\
# `uses` and `rate` stand in comments too
format: 1 # the first
models:
  "painter":   # quoted
    kind: gan
    'uses' : data/shards/digits   # uses: nothing
    ruler:     judge
    rate:   1e-3
    noise: 0x10
    title: "rate: 5"
  judge: {kind: classifier, noise: .40, ruler: judge, "uses": data/shards/digits} # noise
  mine: {kind: uses, noise: 1, rate: 2, uses: x}

evaluation: {hang: 24, verdicts: {ruler_skill: 0.30}}
"""
NEW = """\
# `uses` and `rate` stand in comments too
format: 2 # the first
models:
  "painter":   # quoted
    kind: gan
    'pretrained' : data/shards/digits   # uses: nothing
    feature_extractor:     judge
    learning_rate:   1e-3
    latent_dim: 0x10
    title: "rate: 5"
  judge: {kind: classifier, noise_std: .40, feature_extractor: judge, "pretrained": data/shards/digits} # noise
  mine: {kind: uses, noise: 1, rate: 2, pretrained: x}

evaluation: {exhibits: 24, verdicts: {extractor_skill: 0.30}}
"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_only_names_change(line_end, mark):
    """Comments, quotes, spaces, numbers as they are written, line ends and a byte order mark stay."""
    old, new = (mark + text.replace("\n", line_end) for text in (OLD, NEW))
    assert migrate_params(old) == new


def test_what_is_of_today_stays():
    """A second migration finds nothing to do."""
    assert migrate_params(NEW) == NEW
    assert list_renamed_parameters(NEW) == {}


def test_the_plan_says_where_names_change():
    """Each pair of names with its places; a kind of somebody else's plugin keeps what only it calls so."""
    places = list_renamed_parameters(OLD)
    assert places["uses", "pretrained"] == ["models.painter", "models.judge", "models.mine"]
    assert places["noise", "latent_dim"] == ["models.painter"]
    assert places["noise", "noise_std"] == ["models.judge"]
    assert places["ruler_skill", "extractor_skill"] == ["evaluation.verdicts"]


def test_entries_that_share_an_anchor_are_renamed_once():
    """What an alias or a merge repeats is written once, and so renamed once."""
    old = "format: 1\nmodels:\n  a: &a {kind: gan, rate: 1}\n  b: *a\n  c: {<<: *a, noise: 2}\n"
    new = "format: 2\nmodels:\n  a: &a {kind: gan, learning_rate: 1}\n  b: *a\n  c: {<<: *a, latent_dim: 2}\n"
    assert migrate_params(old) == new


def test_one_anchor_of_two_kinds_is_refused():
    """A name that becomes two names cannot be written once; nothing is damaged."""
    with pytest.raises(UserError, match=r"params\.yaml: this way of writing YAML is beyond artpipe"):
        migrate_params("format: 1\nmodels:\n  a: &a {kind: gan, noise: 1}\n  b: {<<: *a, kind: classifier}\n")


def test_a_parameter_under_both_names_is_refused():
    """Which of the two was meant only a person knows."""
    with pytest.raises(UserError, match=r"`models\.a` has `rate` and `learning_rate`, which are one parameter"):
        migrate_params("format: 1\nmodels:\n  a: {kind: gan, rate: 1, learning_rate: 2}\n")


LOCK = """\
schema: '2.0'
stages:
  train@painter:
    cmd: artpipe train painter
    params:
      code.yaml:
        code.train: abc
      params.yaml:
        format: 1
        models.painter:
          kind: gan
          uses: data/shards/digits
          rate: 0.001
        seed: 1
  gallery:
    cmd: artpipe gallery
    params:
      params.yaml:
        format: 1
        evaluation:
          hang: 24
        models:
          painter:
            kind: gan
            rate: 0.001
  train@judge:
    params:
      params.yaml:
        format: 2
        models.judge: {kind: classifier, noise_std: 1}
  bare:
    cmd: 'true'
"""


def test_a_lock_gets_the_same_names():
    """Stages that ran with old names, and only these."""
    new = LOCK.replace("format: 1", "format: 2").replace("uses:", "pretrained:").replace("hang:", "exhibits:")
    assert migrate_lock(LOCK) == new.replace("rate:", "learning_rate:")
    assert migrate_lock(migrate_lock(LOCK)) == migrate_lock(LOCK)
    assert migrate_lock("schema: '2.0'\n") == "schema: '2.0'\n"


kinds = st.sampled_from([*KIND_NAMES, "faststyle", "mine"])
names = st.sampled_from(sorted({name for table in KIND_NAMES.values() for name in table} | {"uses", "ruler", "steps"}))
values = st.one_of(
    st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text("ab: #'\"", max_size=8), st.none()
)
entries = st.builds(lambda kind, fields: {"kind": kind, **fields}, kinds, st.dictionaries(names, values, max_size=6))


@given(models=st.dictionaries(st.from_regex(r"[a-z][a-z0-9-]{0,5}", fullmatch=True), entries, max_size=4))
def test_values_stay(models):
    """Whatever stands in entries: the same values in the same order, under today's names."""
    text = f"format: 1\nmodels: {_flow(models)}\n"
    migrated = parse_yaml(migrate_params(text), "params.yaml")["models"]
    for name, entry in models.items():
        today = model_names(entry["kind"])
        assert list(migrated[name].items()) == [(today.get(key, key), value) for key, value in entry.items()]


def _flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "null" if value is None else repr(value)


def test_a_card_of_format_1_is_read_under_todays_names():
    """Parameters by their kind, the hash of what was used; a check made of old names is no check any more."""
    card = {"format": 1, "uses": "ab", "check": "cd", "params": {"kind": "vae", "latent": 4, "uses": "x"}}
    today = {"format": 2, "pretrained": "ab", "params": {"kind": "vae", "latent_dim": 4, "pretrained": "x"}}
    assert rename_card(card) == today
    assert rename_card(today) == today


def test_no_name_of_today_is_an_old_one():
    """So a name says which format it is of."""
    for names in (EVALUATION_NAMES, VERDICT_NAMES, *map(model_names, KIND_NAMES)):
        assert not set(names) & set(names.values())
