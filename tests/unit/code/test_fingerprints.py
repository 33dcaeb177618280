"""Fingerprints change with the meaning of what an entry point reaches, and with nothing else."""

import textwrap
from pathlib import Path

import pytest

from artpipe.code.code_yaml import STAGES
from artpipe.code.fingerprints import PackageCode, package_files

ROOT = Path(__file__).parents[3]

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


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_does_not_depend_on_another(stage):
    """A change of the gallery trains nothing, and so on: no stage reaches the module of another."""
    reached = {
        module for module, _ in PackageCode(package_files("artpipe", ROOT / "artpipe")).reachable([STAGES[stage]])
    }
    assert reached & {module for module, _ in STAGES.values()} == {STAGES[stage][0]}
    assert stage == "gallery" or not any(module.startswith(("artpipe.site", "artpipe.sections")) for module in reached)
