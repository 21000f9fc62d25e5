"""What is in the archives, and what is not."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.utils import canonicalize_name

from livekit_bithuman.demo import vendor

from .conftest import ROOT
from .environments import uv
from .metadata import extras, required

#: Beside the package, in the source archive.
BESIDE = {
    "CHANGELOG.md",
    "LICENSE",
    "NOTICE",
    "README.md",
    "PKG-INFO",
    "hatch_build.py",
    "pyproject.toml",
    ".gitignore",
}
#: The characters' bundles are the largest.
LARGEST_FILE_BYTES = 4_000_000
#: Parts that only run with an extra, whose packages they may import at their top.
OF_AN_EXTRA = {
    "livekit_bithuman/demo/": ("demo",),
    "livekit_bithuman/local/": ("offline", "openai"),
    "livekit_bithuman/testing/": ("testing",),
}


def tracked() -> set[str]:
    """The package's files as git has them, and the page's own livekit-client."""
    listed = subprocess.run(
        ["git", "ls-files", "livekit_bithuman"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    fetched = {str((vendor.DIRECTORY / name).relative_to(ROOT)) for name, _ in vendor.FILES.values()}
    return set(listed.stdout.split("\n")) - {""} | fetched


def modules(wheel: Path) -> dict[str, ast.Module]:
    """The wheel's modules, parsed."""
    with ZipFile(wheel) as archive:
        return {name: ast.parse(archive.read(name)) for name in archive.namelist() if name.endswith(".py")}


def imported(tree: ast.AST) -> set[str]:
    """The foreign packages that a piece of code imports, by what is imported: `livekit.agents`, not `livekit`."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.partition(".")[0] not in {*sys.stdlib_module_names, "livekit_bithuman"}}


@cache
def installed() -> Mapping[str, list[str]]:
    """Which distributions bring a module, of what this environment has."""
    return packages_distributions()


def distribution(name: str) -> str:
    """Who brings a module."""
    first, _, rest = name.partition(".")
    if first == "livekit":  # a namespace of several distributions
        part = rest.partition(".")[0]
        plugin = rest.split(".")[1] if part == "plugins" else ""
        return {"agents": "livekit-agents", "api": "livekit-api", "plugins": f"livekit-plugins-{plugin}"}.get(
            part, "livekit"
        )
    if first == "opentelemetry":  # another one
        parts = {"sdk": "sdk", "exporter.otlp.proto.http": "exporter-otlp-proto-http"}
        return f"opentelemetry-{next((part for path, part in parts.items() if rest.startswith(path)), 'api')}"
    return canonicalize_name(installed().get(first, [first])[0])


def at_the_top(tree: ast.Module) -> ast.Module:
    """What runs when the module is imported: no function bodies, no `if TYPE_CHECKING`."""

    class Top(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
            return None

        def visit_If(self, node: ast.If) -> ast.AST | None:
            checked = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            return None if checked else self.generic_visit(node)

    top = Top().visit(tree)
    assert isinstance(top, ast.Module)
    return top


def test_the_wheel_has_the_package_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == tracked()


def test_the_source_archive_has_what_builds_the_wheel_and_nothing_else(source_archive: Path) -> None:
    with tarfile.open(source_archive) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    assert names == tracked() | BESIDE


def test_the_source_archive_builds_the_same_wheel(source_archive: Path, wheel: Path, tmp_path: Path) -> None:
    uv("build", "--quiet", "--wheel", source_archive, "--out-dir", tmp_path)
    (other,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as first, ZipFile(other) as second:
        assert {item.filename: item.CRC for item in first.infolist()} == {
            item.filename: item.CRC for item in second.infolist()
        }


def test_no_file_is_large_or_knows_the_machine_that_built_it(wheel: Path, source_archive: Path) -> None:
    files: dict[str, bytes] = {}
    with ZipFile(wheel) as archive:
        files |= {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(source_archive) as source:
        files |= {member.name: source.extractfile(member).read() for member in source if member.isfile()}  # type: ignore[union-attr]
    assert not {name for name, data in files.items() if len(data) > LARGEST_FILE_BYTES}
    here = {
        f"{folder}/".encode() for folder in (ROOT, sys.prefix, sys.base_prefix, Path.home()) if len(str(folder)) > 1
    }
    assert not {name for name, data in files.items() for folder in here if folder in data}


def test_the_size_that_the_documentation_states_is_the_wheels(wheel: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = wheel.stat().st_size / 1e6
    with capsys.disabled():
        print(f"\n{wheel.name}: {size:.1f} MB")
    stated = re.search(r"wheel has ([\d.]+) MB", (ROOT / "docs" / "quickstart.md").read_text())
    assert stated, "docs/quickstart.md says how large the wheel is"
    assert abs(float(stated[1]) - size) < 0.3


def test_every_module_imports_only_what_is_declared(wheel: Path) -> None:
    always = {canonicalize_name(one.name) for one in required(wheel)}
    ever = {canonicalize_name(one.name) for one in required(wheel, extras(wheel))} - {"ruff", "mypy", "uv"}
    undeclared: set[tuple[str, str]] = set()
    for name, tree in modules(wheel).items():
        allowed = {extra for folder, some in OF_AN_EXTRA.items() if name.startswith(folder) for extra in some}
        at_import = always | {canonicalize_name(one.name) for one in required(wheel, allowed)}
        everywhere, top = imported(tree), imported(at_the_top(tree))  # in this order: the second empties the tree
        undeclared |= {(name, one) for one in everywhere if distribution(one) not in ever}
        undeclared |= {(name, one) for one in top if distribution(one) not in at_import}
    assert not undeclared


def test_every_dependency_is_imported(wheel: Path) -> None:
    used = {distribution(one) for tree in modules(wheel).values() for one in imported(tree)}
    assert {canonicalize_name(one.name) for one in required(wheel)} <= used
