"""Point the project at another address: ``python tools/set_repository.py https://github.com/you/fork``.

The address stands in pyproject.toml; this rewrites it there, in the notebooks' badges and Colab
cells, and in the README.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

from utils.support.files import replacing

ROOT = Path(__file__).resolve().parent.parent
FORM = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")


def current() -> str:
    """The address pyproject.toml holds."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]


def files() -> list[Path]:
    return [ROOT / "pyproject.toml", ROOT / "README.md", *sorted(ROOT.glob("notebooks/*.ipynb"))]


def rewrite(old: str, new: str) -> int:
    """Replace the address and its owner/name part everywhere; how many files changed."""
    slug_old, slug_new = (url.removeprefix("https://github.com/") for url in (old, new))
    changed = 0
    for path in files():
        text = path.read_text()
        # The slug stands in badges (…/github/owner/name/blob/…), the address in all other places.
        pattern = rf"(github(?:\.com)?/){re.escape(slug_old)}(?![\w.-])"
        updated = re.sub(pattern, rf"\g<1>{slug_new}", text)
        if path.suffix == ".ipynb":
            json.loads(updated)
        if updated != text:
            with replacing(path) as temporary:
                temporary.write_text(updated)
            changed += 1
    return changed


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not FORM.fullmatch(arguments[0].rstrip("/").removesuffix(".git")):
        example = "https://github.com/you/your-fork"
        print(f"expected one address like {example}, got {arguments}", file=sys.stderr)
        return 2
    new = arguments[0].rstrip("/").removesuffix(".git")
    print(f"{rewrite(current(), new)} files now point at {new}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
