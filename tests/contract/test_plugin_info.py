"""What a plugin says of itself: read as imported, agreeing with what it does, and said nowhere else."""

import ast
import importlib
import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from artpipe import plugins
from artpipe.contracts.model import FeatureExtractor
from artpipe.contracts.plugin_info import MediumInfo, MetricInfo, ModelInfo, medium_info, model_info, read_info
from artpipe.nn.style.perceptual import PerceptualNetwork

ROOT = Path(__file__).parents[2]
INFOS = {"models": ModelInfo, "modalities": MediumInfo, "metrics": MetricInfo}
BUILT_IN = [(group, name) for group in INFOS for name in plugins.list_plugins(group)]
QUOTED = re.compile(r"""(?<!class=)["'](\w+)["']""")
FORMS = {"checkpoint": FeatureExtractor, "weights": PerceptualNetwork}  # of what a constructor gets as `pretrained`

# Names of a kind, a medium or a metric that stand in other files too, for another thing or for a reason.
A_FORM = "the form of an exhibit, whatever made it"
A_MEASURE = "a measure of a validation, or a table of a report, by which others find it"
A_ROLE = "the role of exhibits"
A_USE = "what a page has a file for"
A_VALUE = "a value of a message"
A_WORD = "a word of foreign files"
OLDER = "what was written before it had another name, or any"
ELSEWHERE = {
    "artpipe/export/imagefolder.py": {"text": "the column of captions, as the Hub calls it"},
    "artpipe/export/networks/vae_painter.py": {"likelihood": "a parameter"},
    "artpipe/artifacts/report.py": {"text": A_FORM},
    "artpipe/artifacts/shards.py": {"picture": OLDER},
    "artpipe/config/parameter_names.py": dict.fromkeys(plugins.list_plugins("models"), OLDER),
    "artpipe/contracts/model.py": {"text": A_FORM},
    "artpipe/contracts/gallery_work.py": {"text": A_FORM},
    "artpipe/language/message.py": {"text": A_VALUE},
    "artpipe/layout/sidecars.py": {"text": A_WORD},
    "artpipe/metrics/elbo.py": {"likelihood": "a field of the learner"},
    "artpipe/metrics/held_out.py": dict.fromkeys(("fid", "kid"), A_MEASURE),
    "artpipe/metrics/restoration.py": {"lpips": A_MEASURE},
    "artpipe/modalities/music/musicxml_reader.py": {"text": A_VALUE},
    "artpipe/models/classifier.py": {"accuracy": A_MEASURE},
    "artpipe/models/faststyle.py": {"style": "one of its losses", "stylisation": A_ROLE},
    "artpipe/models/gan.py": {"kid": A_MEASURE},
    "artpipe/models/inpaint.py": {"restoration": A_ROLE},
    "artpipe/models/rnn.py": {"nll_per_step": A_MEASURE},
    "artpipe/models/style.py": {"stylisation": A_ROLE},
    "artpipe/models/vae.py": {"elbo": A_MEASURE, "flow": "its prior, a normalising flow, and that one's loss"},
    "artpipe/nn/classifier/calibration.py": {"accuracy": A_MEASURE},
    "artpipe/nn/sequence/token_exhibits.py": {"text": A_FORM},
    "artpipe/orchestration/services/curate_page/curate.js": {"text": "a kind of input, of HTML"},
    "artpipe/orchestration/services/curated_project.py": {"text": A_FORM, "picture": A_FORM},
    "artpipe/sections/catalogue.py": {"text": A_FORM},
    "artpipe/site/catalogue_plates.py": {"text": A_FORM},
    "artpipe/templates/museum/work.html": {"text": A_FORM},
    "artpipe/sections/licences.py": {"text": "what there is to copy"},
    "artpipe/site_check/published_site.py": {"style": A_USE, "picture": A_USE},
    "artpipe/site_check/site_weight.py": {"style": A_USE, "picture": A_USE},
    "artpipe/starters/dvc/plots/page.html": {"text": "an element of SVG"},
    "artpipe/orchestration/reporting/webhook.py": {"flow": "a word of Prefect's"},
    "artpipe/observations/painted_in_styles.py": {"style": A_VALUE},
    "artpipe/project/starter_texts.py": {"music": "a starter"},
    "artpipe/sections/confusions.py": {"accuracy": A_MEASURE},
    "artpipe/sections/neighbours.py": {"text": A_FORM},
    "artpipe/sections/plaque.py": {"text": A_FORM},
    "artpipe/site/loader.py": {"text": A_FORM},
    "artpipe/templates/museum/macros.html": {"text": A_FORM, "style": "a part that hangs beside a work"},
    "artpipe/tracking/mlflow_store.py": {"training": "a word of MLflow's"},
    "artpipe/untrusted/archives/archive_reader.py": {"copying": "of files"},
    "artpipe/untrusted/metadata.py": dict.fromkeys(("text", "training"), A_WORD),
    "artpipe/untrusted/record_files.py": {"text": A_WORD},
}
A_PART = "held_out"  # of a dataset: what nothing was learned from; a metric is called so too


def owner(path: Path) -> tuple[str, str]:
    """Return the group and the plugin whose own file this is, by its place."""
    group, _, name = path.relative_to(ROOT / "artpipe").with_suffix("").as_posix().partition("/")
    return group, name.partition("/")[0]


def named_in(path: Path) -> set[str]:
    """Return the names of built-in kinds, media and metrics that stand quoted in a file which is not their own."""
    names = {name for group, name in BUILT_IN if (group, name) != owner(path)}
    if path.suffix != ".py":
        return names & set(QUOTED.findall(path.read_text()))
    values = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
    texts = [value for value in values if isinstance(value, str)]
    fragments = [word for text in texts if "{%" in text for word in QUOTED.findall(text)]
    return names & {*texts, *fragments}


@pytest.mark.parametrize(("group", "name"), BUILT_IN)
def test_what_is_read_is_what_is_imported(group, name):
    """The literals of a file are the fields of its constant."""
    module, constant = plugins.locate_plugin(group, name)
    imported = getattr(importlib.import_module(module), f"{constant}_INFO", INFOS[group]())
    assert read_info(INFOS[group], group, name) == imported


@pytest.mark.parametrize("kind", plugins.list_plugins("models"))
def test_a_kind_says_what_its_constructor_takes(kind):
    """`pretrained` is what the constructor declares to take; the title and the cost are said."""
    info = model_info(kind)
    hints = get_type_hints(plugins.load_plugin("models", kind).build.__init__)
    assert {name for name, form in FORMS.items() if form in get_args(hints["pretrained"])} == {info.pretrained} - {""}
    assert info.title
    assert "nanoseconds_per_pixel" in info.model_fields_set


@pytest.mark.parametrize("kind", plugins.list_plugins("models"))
def test_a_kind_s_starting_params_are_its_own(kind):
    """What a new entry begins with are parameters of the kind."""
    entry = {"kind": kind, "dataset": "any", "pretrained": "data/weights/any", "feature_extractor": "any"}
    begun = plugins.load_plugin("models", kind).params.model_validate(entry | dict(model_info(kind).starting_params))
    assert {*model_info(kind).starting_params} <= begun.model_fields_set


@pytest.mark.parametrize("kind", plugins.list_plugins("models"))
def test_a_kind_s_presets_raise_its_own_parameters(kind):
    """Every kind says what `long` and `gpu` are; none of it is less than what an entry without a number has."""
    fields, presets = plugins.load_plugin("models", kind).params.model_fields, model_info(kind).presets
    assert {"long", "gpu"} <= {*presets}
    for budget in presets.values():
        assert budget.steps_factor > 1
        assert {name: least for name, least in budget.at_least.items() if least < fields[name].default} == {}


@pytest.mark.parametrize("medium", plugins.list_plugins("modalities"))
def test_a_medium_s_size_is_a_parameter_of_it(medium):
    """What a plan reckons with is the default of the medium's own parameter."""
    info, params = medium_info(medium), plugins.load_plugin("modalities", medium).params
    assert params.model_fields[info.size_parameter].default == info.default_size
    assert params.model_validate(dict(info.starting_params))
    if info.preview_job:
        assert callable(plugins.load_function(info.preview_job))


def test_a_kind_that_says_nothing_is_the_slowest():
    """A plan is better too long than too short."""
    rates = [model_info(kind).nanoseconds_per_pixel for kind in plugins.list_plugins("models")]
    assert ModelInfo().nanoseconds_per_pixel == max(rates)


def test_no_other_file_names_a_kind_a_medium_or_a_metric():
    """Whatever depends on which plugin it is stands in the plugin's own file; the few others have their reasons."""
    places = [path for path in sorted((ROOT / "artpipe").rglob("*")) if path.suffix in {".py", ".html", ".js"}]
    found = {path.relative_to(ROOT).as_posix(): named_in(path) - {A_PART} for path in places}
    allowed = {path: set(names) for path, names in ELSEWHERE.items()}
    excess = {path: names - allowed.get(path, set()) for path, names in found.items()}
    assert {path: names for path, names in excess.items() if names} == {}
    gone = {path: names - found.get(path, set()) for path, names in allowed.items() if "parameter_names" not in path}
    assert {path: names for path, names in gone.items() if names} == {}


def test_a_name_is_seen_wherever_it_stands(tmp_path, monkeypatch):
    """In code, in a fragment of a page, in a template; in its own file it may stand."""
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    for place, text, names in (
        ("site/a.py", 'if kind == "gan": pass', {"gan"}),
        ("site/b.py", 'HTML = """{% if kind == "vae" %}"""', {"vae"}),
        ("templates/c.html", "{{ medium == 'music' }}", {"music"}),
        ("models/gan.py", 'names = ("gan", "rnn")', {"rnn"}),
    ):
        path = tmp_path / "artpipe" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        assert named_in(path) == names


@pytest.mark.parametrize("kind", plugins.list_plugins("models"))
def test_defaults_of_a_kind_are_those_of_its_parameters(kind):
    """A plan knows steps and batch of an entry that says neither, without importing the kind."""
    fields, info = plugins.load_plugin("models", kind).params.model_fields, model_info(kind)
    assert (info.default_steps, info.default_batch_size) == (fields["steps"].default, fields["batch_size"].default)
