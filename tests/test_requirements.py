"""Versions: what is imported is required, and the files that fix versions fit the requirements."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from utils.support.paths import ROOT


def by_name(lines):
    """The requirements in ``lines``, by package; comments and pip's own options are left out."""
    lines = [line.split("#")[0].strip() for line in lines]
    found = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def versions(requirements, operator):
    """``{package: version}`` for each bound with ``operator``."""
    return {
        package: Version(bound.version)
        for package, requirement in requirements.items()
        for bound in requirement.specifier
        if bound.operator == operator
    }


REQUIRED = by_name(read("requirements.txt").splitlines())
EXTRAS = tomllib.loads(read("pyproject.toml"))["project"]["optional-dependencies"].values()
EXTRA = by_name(line for lines in EXTRAS for line in lines)


def imported(nodes):
    modules = {alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names}
    modules |= {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
    return {name.split(".")[0] for name in modules} - sys.stdlib_module_names - {"utils"}


def test_what_utils_imports_is_required():
    """By name; a function, not the head of a module, may import what an extra installs."""
    distributions = packages_distributions()
    for path in sorted((ROOT / "utils").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for module in imported(ast.walk(tree)):
            allowed = REQUIRED if module in imported(tree.body) else REQUIRED | EXTRA
            packages = {canonicalize_name(name) for name in distributions.get(module, [module])}
            assert packages & allowed.keys(), f"{path.relative_to(ROOT)} imports {module}"


def test_the_lowest_versions_are_those_that_the_requirements_allow():
    lowest = versions(by_name(read(".ci/constraints/lowest.txt").splitlines()), "==")
    assert lowest == versions(REQUIRED, ">=") and lowest.keys() == REQUIRED.keys()


@pytest.mark.parametrize("name", ["requirements-lock.txt", ".ci/constraints/colab.txt"])
def test_fixed_versions_satisfy_the_requirements(name):
    """Else the lock could not be installed, and an installation would change what Colab has."""
    fixed = versions(by_name(read(name).splitlines()), "==")
    for package in fixed.keys() & REQUIRED.keys():
        assert fixed[package] in REQUIRED[package].specifier, f"{package} {fixed[package]}"
    missing = {"jupyter", "nbval", "optuna"} if "colab" in name else set()
    assert REQUIRED.keys() - fixed.keys() == missing


def test_an_extra_does_not_repeat_a_requirement():
    """Two bounds for one package come to differ."""
    assert EXTRA.keys() & REQUIRED.keys() == set()
