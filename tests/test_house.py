"""Imports run one way, and nothing heavy is loaded before it is used."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "utils").rglob("*.py"))
}
# Each may import those before it; whatever has no name here is on the floor of data and models.
FLOORS = (
    ("utils.support",), ("data, models, schedules, …",), ("utils.selection", "utils.training"),
    ("utils.recipes",), ("utils.pieces", "utils.smoke"), ("utils.experiments",), ("utils.run",),
    ("utils.pretrained",), ("utils.playground",), ("utils.lab.around", "utils.lab.git"),
    ("utils.lab.runs",), ("utils.lab.search", "utils.lab.timing"), ("utils.lab.report",),
    ("utils.lab.notebooks",), ("utils.lab.__main__",),
)  # fmt: skip


def imported(path: Path, everywhere: bool = True) -> set[str]:
    """The modules of ``utils`` that a file imports, by default also within its functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return {name for name in found if name in MODULES and name != "utils"}


def test_no_module_imports_itself_by_a_detour():
    TopologicalSorter({name: imported(path, False) for name, path in MODULES.items()}).prepare()


@pytest.mark.parametrize("name", MODULES)
def test_imports_run_down(name):
    def floor(module: str) -> int:
        inside = (at for at, tops in enumerate(FLOORS) for top in tops if _is_in(module, top))
        return next(inside, 1)

    assert not {other for other in imported(MODULES[name]) if floor(other) > floor(name)}


def _is_in(module: str, top: str) -> bool:
    return module == top or module.startswith(f"{top}.")


HEAVY = ("optuna", "joblib", "distributed", "mlxtend", "albumentations", "cv2", "torchvision")


def test_the_imports_of_notebooks_01_to_04_load_nothing_heavy():
    code = "import sys\nfor source in sys.argv[1:]: exec(source)\n"
    code += f"print([m for m in {HEAVY} if m in sys.modules])"
    imports = []
    for path in sorted((ROOT / "notebooks").glob("0[1-4]*.ipynb")):
        cells = [c.source for c in nbformat.read(path, 4).cells if c.cell_type == "code"]
        imports.append(next(source for source in cells if "from utils" in source))
    command = [sys.executable, "-c", code, *imports]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert len(imports) == 4 and done.stdout.strip() == "[]", done.stdout + done.stderr
