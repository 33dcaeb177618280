"""Every file in `sections/` keeps the contract."""

import ast
import importlib
from pathlib import Path

import pytest
from jinja2 import Environment

from artpipe import plugins
from artpipe.config.params import load_params
from artpipe.contracts.section import Section
from artpipe.site.basic_pages import BASIC_PAGE_LISTS

ROOT = Path(__file__).parents[2]
CONTRACT = {"artpipe.contracts.section", "artpipe.contracts.gallery_work"}


def page_kinds():
    """Return the pages that every gallery has, and those that sections bring."""
    sections = [plugins.load_plugin("sections", name) for name in plugins.list_plugins("sections")]
    return {*BASIC_PAGE_LISTS, *(section.page for section in sections if section.list_pages)}


@pytest.mark.parametrize("name", plugins.list_plugins("sections"))
def test_section_keeps_the_contract(name):
    """It has a docstring, a page, a function, a fragment that parses, and never calls its content safe."""
    section = plugins.load_plugin("sections", name)
    assert isinstance(section, Section)
    assert section.page in page_kinds()
    assert callable(section.fill)
    assert importlib.import_module(f"artpipe.sections.{name}").__doc__
    Environment(extensions=["jinja2.ext.i18n"], autoescape=True).parse(section.html)
    assert "safe" not in section.html.replace("safely", "")
    assert "style=" not in section.html


@pytest.mark.parametrize("name", plugins.list_plugins("sections"))
def test_section_is_an_island(name):
    """It imports nothing of artpipe but the contract, plain computations, and modules that do no more."""
    imported = list_own_imports(f"artpipe.sections.{name}")
    assert "artpipe.contracts.section" in imported
    parts = {module for module in imported if module.startswith("artpipe.site.")}
    assert imported - parts <= CONTRACT
    for part in parts:
        assert list_own_imports(part) <= CONTRACT, part


def list_own_imports(module):
    """Return the modules of artpipe that one imports, without plain computations."""
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name for name in imported if name.startswith("artpipe") and not name.startswith("artpipe.numerics.")}


def test_params_hang_every_section():
    """params.yaml names sections that exist, and forgets none."""
    assert sorted(load_params(ROOT / "params.yaml").gallery.sections) == plugins.list_plugins("sections")
