"""Fingerprints change with the meaning of what an entry point reaches, and with nothing else."""

import textwrap
from pathlib import Path

import pytest

from artpipe.code import stage_fingerprints
from artpipe.code.boundaries import BOUNDARIES, DECIDING
from artpipe.code.fingerprints import PackageCode, package_files
from artpipe.code.module_code import ModuleCode
from artpipe.code.stage_fingerprints import STAGES

ROOT = Path(__file__).parents[3]

FORMATTED, UNICODE = "742968eddb0e870a", "dc72c55c7bed2160"  # computed by Python 3.11.7, 3.12.1 and 3.13.0
FILES = {
    "__init__.py": "",
    "stage.py": '''
        """A stage."""
        from pack import tools
        from pack.again import measure
        from pack.plain import Kept, unused
        import pack.deep.inner

        LIMIT = 3
        LIMIT += 1

        def main(x):
            """Do it."""
            from pack.late import late
            # a comment
            return tools.first(x) + measure(LIMIT) + late() + pack.deep.inner.value() + Kept().size()

        def other():
            return unused()

        if False:
            print("at import")
    ''',
    "tools.py": "def first(x):\n    return helper(x)\ndef helper(x):\n    return x\ndef third(x):\n    return 3\n",
    "again.py": "from pack.plain import measure\n",
    "plain.py": """
        JOB = "pack.worker:job"
        def measure(x): return JOB
        class Kept:
            '''A class.'''
            def size(self):
                '''Its size.'''
                return 2
        def unused(): return 1
    """,
    "late.py": "def late(): return 1\n",
    "worker.py": "def job(): return 1\ndef idle(): return 1\n",
    "lonely.py": "def alone(): return 1\n",
    "deep/__init__.py": "",
    "deep/inner.py": "def value(): return 5\n",
}


@pytest.fixture
def package(tmp_path):
    """Return a function that writes the package, with some text replaced, and returns the fingerprint of its stage."""

    def write(file="", old="", new=""):
        for name, text in FILES.items():
            path = tmp_path / "pack" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            content = textwrap.dedent(text)
            if name == file:
                assert old in content
                content = content.replace(old, new)
            path.write_text(content)
        return PackageCode(package_files("pack", tmp_path / "pack")).fingerprint([("pack.stage", "main")])

    return write


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("stage.py", "# a comment", "# another comment"),
        ("stage.py", "Do it.", "Do it well."),
        ("stage.py", "def main", "\n\n\ndef main"),
        ("stage.py", "return unused()", "return 2"),
        ("tools.py", "return 3", "return 4"),
        ("plain.py", "def unused(): return 1", "def unused(): return 2"),
        ("plain.py", "Its size.", "The size."),
        ("worker.py", "idle(): return 1", "idle(): return 2"),
        ("lonely.py", "return 1", "return 2"),
    ],
)
def test_what_cannot_change_the_result_changes_nothing(package, file, old, new):
    """A comment, a docstring, an empty line or a definition that is not reached leaves the fingerprint as it is."""
    assert package(file, old, new) == package()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("stage.py", "LIMIT = 3", "LIMIT = 2"),
        ("stage.py", "LIMIT += 1", "LIMIT += 2"),
        ("stage.py", "measure(LIMIT)", "measure(LIMIT + 1)"),
        ("stage.py", '"at import"', '"on import"'),
        ("tools.py", "return x", "return -x"),
        ("plain.py", "return JOB", "return JOB[1:]"),
        ("plain.py", "return 2", "return 3"),
        ("late.py", "return 1", "return 2"),
        ("worker.py", "job(): return 1", "job(): return 2"),
        ("deep/inner.py", "return 5", "return 6"),
        ("deep/__init__.py", "", "print(1)\n"),
        ("again.py", "from pack.plain import measure", "def measure(x): return 9"),
    ],
)
def test_what_is_reached_changes_the_fingerprint(package, file, old, new):
    """Globals, helpers of other modules, late imports, re-exports, module paths in strings, code run on import."""
    assert package(file, old, new) != package()


def test_an_entry_that_is_not_there_reaches_nothing(package, tmp_path):
    """A name that is defined nowhere in the package has no code."""
    package()
    assert PackageCode(package_files("pack", tmp_path / "pack")).reachable([("pack.stage", "nothing")]) == set()


PLUGIN = "from pack.helper import X\nMODEL = X\n"


def closure(tmp_path, **files):
    """Return the fingerprint of `MODEL` in the module `plugin` of a package with these files."""
    for path in tmp_path.glob("pack/*.py"):
        path.unlink()
    for name, text in {"__init__": "", "helper": "X = 1\n", "plugin": PLUGIN, **files}.items():
        path = tmp_path / "pack" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return PackageCode(package_files("pack", tmp_path / "pack")).fingerprint([("pack.plugin", "MODEL")])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"plugin": "from .helper import X\nMODEL = X\n"}, {"helper": "X = 2\n"}),
        ({"plugin": "from . import helper\nMODEL = helper.X\n"}, {"helper": "X = 2\n"}),
        ({"plugin": "from pack.helper import *\nMODEL = X\n"}, {"helper": "X = 2\n"}),
        (
            {"again": "from pack.helper import *\n", "plugin": "from pack.again import X\nMODEL = X\n"},
            {"helper": "X = 2\n"},
        ),
        (
            {"plugin": "try:\n    from pack.helper import X\nexcept ImportError:\n    X = 0\nMODEL = X\n"},
            {"helper": "X = 2\n"},
        ),
        ({"plugin": "if True:\n    from pack.helper import X\nMODEL = X\n"}, {"helper": "X = 2\n"}),
        ({"plugin": "import pack.helper\nMODEL = 1\n"}, {"helper": "X = 2\n"}),
        ({"plugin": "from pack import helper  # noqa\nMODEL = 1\n"}, {"helper": "X = 2\n"}),
        ({"helper": "def __getattr__(name):\n    return 1\n"}, {"helper": "def __getattr__(name):\n    return 2\n"}),
        ({"helper": "globals().update(X=1)\n"}, {"helper": "globals().update(X=2)\n"}),
        ({"helper": "if not TYPE_CHECKING:\n    X = 1\n"}, {"helper": "if not TYPE_CHECKING:\n    X = 2\n"}),
        (
            {"helper": "if TYPE_CHECKING:\n    X = 0\nelse:\n    X = 1\n"},
            {"helper": "if TYPE_CHECKING:\n    X = 0\nelse:\n    X = 2\n"},
        ),
        (
            {"plugin": "from math import floor as f\nMODEL = f(1.5)\n"},
            {"plugin": "from math import ceil as f\nMODEL = f(1.5)\n"},
        ),
        ({"plugin": "import math as m\nMODEL = m.pi\n"}, {"plugin": "import cmath as m\nMODEL = m.pi\n"}),
        (
            {"plugin": "from importlib import import_module\nMODEL = import_module('.helper', __package__).X\n"},
            {"helper": "X = 2\n"},
        ),
        ({"helper": "match 1:\n    case X:\n        pass\n"}, {"helper": "match 2:\n    case X:\n        pass\n"}),
        ({"helper": f"X = {'9' * 5000}\n"}, {"helper": f"X = {'8' * 5000}\n"}),
    ],
)
def test_what_is_imported_in_any_way_counts(tmp_path, before, after):
    """Relative, by a star, in a branch, for its effects, under another name, while the module runs."""
    assert closure(tmp_path, **before) != closure(tmp_path, **before | after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"plugin": "import math as m\nMODEL = m.pi\n"}, {"plugin": "import math as n\nimport cmath\nMODEL = 1\n"}),
        ({"again": "from pack.helper import X\n"}, {"plugin": "from pack.again import X\nMODEL = X\n"}),
        ({"plugin": "from pack.helper import X\nMODEL = X\n"}, {"plugin": "from .helper import X\nMODEL = X\n"}),
    ],
)
def test_where_a_name_comes_through_is_the_same(tmp_path, before, after):
    """A re-export and a relative import mean the same definition."""
    same = after.get("plugin", "").startswith("import math") is False
    assert (closure(tmp_path, **before) == closure(tmp_path, **before | after)) is same


def test_modules_that_import_each_other_by_stars_end(tmp_path):
    """A circle of stars resolves what is there and nothing else."""
    circle = {"helper": "from pack.plugin import *\nY = 2\n", "plugin": "from pack.helper import *\nMODEL = Y, Z\n"}
    assert closure(tmp_path, **circle) != closure(tmp_path, **circle | {"helper": "from pack.plugin import *\nY = 3\n"})


@pytest.mark.parametrize(
    ("source", "digits"),
    [
        ('def f(x, w):\n    return f"{x:>{w}}"\nMODEL = f\n', FORMATTED),
        ('MODEL = "\U0001fae8\u2ffc"\n', UNICODE),
    ],
)
def test_versions_of_python_agree(tmp_path, source, digits):
    """The fingerprint is the same number under every Python: neither its syntax tree's habits nor its Unicode tables count."""
    assert closure(tmp_path, plugin=source) == digits


@pytest.mark.parametrize(
    "source", [f"MODEL = {' + '.join(['x'] * 5000)}\n", f"MODEL = {'-' * 9000}1\n", "def broken(:\n"]
)
def test_any_text_has_a_fingerprint(tmp_path, source):
    """Thousands of terms, of signs, and what is no Python are read as they stand, and a change is seen."""
    assert closure(tmp_path, plugin=source) != closure(
        tmp_path, plugin=source.replace("MODEL", "MODEL = MODEL1", 1) + "#\n# a\n1\n"
    )


def test_a_literal_does_not_reach_what_it_names(tmp_path):
    """What a plugin says of itself is read: the function that a text in it names decides no page."""
    files = {
        "__init__": "",
        "helper": "def rows(): return 1\n",
        "plugin": 'INFO = dict(rows="pack.helper:rows", title="a")\n',
    }
    numbers = []
    for change in ({}, {"helper": "def rows(): return 2\n"}, {"plugin": files["plugin"].replace('"a"', '"b"')}):
        for name, text in (files | change).items():
            (tmp_path / "pack").mkdir(exist_ok=True)
            (tmp_path / f"pack/{name}.py").write_text(text)
        code = PackageCode(package_files("pack", tmp_path / "pack"))
        numbers.append(code.fingerprint_literals([("pack.plugin", "INFO"), ("pack.plugin", "NOT_THERE")]))
    assert numbers[0] == numbers[1] != numbers[2]


def test_odd_files_are_no_modules(tmp_path):
    """A link to nothing, a folder called like a module, an editor's lock and a hidden file are passed over."""
    (tmp_path / "a.py").write_text("X = 1\n")
    (tmp_path / ".#a.py").symlink_to("nowhere")
    (tmp_path / "gone.py").symlink_to("nowhere")
    (tmp_path / "folder.py").mkdir()
    assert package_files("pack", tmp_path) == {"pack.a": tmp_path / "a.py"}


@pytest.fixture(scope="module")
def own_code():
    """Return a function that gives each stage's fingerprint in artpipe's own code, with texts in some files replaced."""
    files = package_files("artpipe", ROOT / "artpipe")

    def fingerprints(edits=(), folder=None):
        sources = dict(files)
        for number, (module, old, new) in enumerate(edits):
            text = files[module].read_text()
            assert text.count(old) == 1
            sources[module] = folder / f"changed_{number}.py"
            sources[module].write_text(text.replace(old, new))
        code = PackageCode(sources, BOUNDARIES)
        return {stage: code.fingerprint([entry], DECIDING.get(stage, ())) for stage, entry in STAGES.items()}

    before = fingerprints()
    return lambda *change: (before, fingerprints(*change))


@pytest.mark.parametrize(
    ("edits", "stale"),
    [
        (
            [
                (
                    "artpipe.config.params",
                    '    subtitle: str = ""\n',
                    '    subtitle: str = ""\n    frame: str = "thin"\n',
                )
            ],
            {"gallery"},
        ),
        (
            [("artpipe.config.verdict_bounds", "dropped_share: _Share = 0.1", "dropped_share: _Share = 0.2")],
            {"evaluate", "gallery"},
        ),
        (  # three at once: what they reach together is what any of them reaches
            [
                ("artpipe.config.secret_scan", "_MIN_CHARACTERS = ", "_MIN_CHARACTERS = 1 + "),
                ("artpipe.training.progress_bar", "REFRESH_SECONDS = ", "REFRESH_SECONDS = 1 + "),
                ("artpipe.system.locks", "def hold_lock(", "def _new():\n    return 1\n\n\n_new()\n\n\ndef hold_lock("),
            ],
            set(),
        ),
        ([("artpipe.training.loop", "def describe_divergence(", "print()\n\n\ndef describe_divergence(")], {"train"}),
    ],
    ids=["gallery", "verdict", "no result", "training"],
)
def test_an_edit_reaches_the_stages_whose_result_it_can_change(own_code, tmp_path, edits, stale):
    """An option of the gallery trains nothing, a bound of a verdict is no matter of ingest, a lock of none."""
    before, after = own_code(edits, tmp_path)
    assert {stage for stage in STAGES if before[stage] != after[stage]} == stale


def test_every_boundary_is_there_and_has_a_reason():
    """A boundary that was renamed would end nothing."""
    files = package_files("artpipe", ROOT / "artpipe")
    for place, reason in BOUNDARIES.items():
        module, _, name = place.partition(":")
        assert module in files
        assert reason
        assert not name or name in ModuleCode(module, files).definitions


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_does_not_depend_on_another(stage):
    """A change of the gallery trains nothing, and so on: no stage reaches the module of another."""
    reached = {
        module for module, _ in PackageCode(package_files("artpipe", ROOT / "artpipe")).reachable([STAGES[stage]])
    }
    assert reached & {module for module, _ in STAGES.values()} == {STAGES[stage][0]}
    assert stage == "gallery" or not any(module.startswith(("artpipe.site", "artpipe.sections")) for module in reached)


@pytest.mark.nightly
def test_a_second_project_computes_nothing(tmp_path, monkeypatch):
    """Fingerprints of the same files are taken from the user's cache; where that is damaged they are computed again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = stage_fingerprints.installed_fingerprints(tmp_path / "first")
    with monkeypatch.context() as patch:
        patch.setattr(stage_fingerprints, "_compute_fingerprints", lambda _: pytest.fail("computed"))
        assert stage_fingerprints.installed_fingerprints(tmp_path / "second") == first
    assert (tmp_path / "second/.state/code.json").read_bytes() == (tmp_path / "first/.state/code.json").read_bytes()
    (tmp_path / "cache/artpipe/code.json").write_text("{")
    assert stage_fingerprints.installed_fingerprints(tmp_path / "third") == first
