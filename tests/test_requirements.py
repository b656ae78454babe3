"""requirements.txt: whatever ``utils`` imports comes with it."""

import ast
import re
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def plain(name: str) -> str:
    return re.split(r"[^\w.-]", name.strip(), maxsplit=1)[0].lower().replace("_", "-")


def listed() -> set[str]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return {plain(line) for line in lines if line and not line.startswith(("#", "-"))}


def installed_with(names: set[str]) -> set[str]:
    """``names`` and whatever comes with them, without any extra."""
    found, new = set(), set(names)
    while new:
        found |= new
        lines = [line for name in new for line in needs(name) if "extra ==" not in line]
        new = {plain(line) for line in lines} - found
    return found


def needs(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:  # for another system
        return []


def imported(path: Path) -> set[str]:
    """What a module imports when it is imported: not what its functions import when called."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names - {"utils"}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "utils").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_module_imports_what_the_requirements_install(path):
    there = installed_with(listed())
    for module in imported(path):
        distributions = {plain(name) for name in packages_distributions()[module]}
        assert distributions & there, f"{path.name} imports {module}: not in requirements.txt"
