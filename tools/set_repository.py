"""Point badges, Colab cells and links at a fork: ``python tools/set_repository.py [ADDRESS]``.

Without an address, at the one that git knows as the remote ``origin``.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from utils.support.files import write_text

ROOT = Path(__file__).resolve().parent.parent
# https://github.com/you/fork, git@github.com:you/fork.git, ssh://git@github.com/you/fork
FORM = re.compile(r"(?:https://|git@|ssh://git@)github\.com[/:]([\w.-]+/[\w.-]+?)(?:\.git)?/?")


def current() -> str:
    """The address that pyproject.toml holds."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]["urls"]["Repository"]


def origin() -> str:
    """The address of the remote ``origin``; an empty string where there is none."""
    command = ["git", "remote", "get-url", "origin"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def files() -> list[Path]:
    notebooks = (ROOT / "notebooks").glob("[0-9]*.ipynb")
    solutions = (ROOT / "notebooks/solutions").glob("[0-9]*.ipynb")
    return [ROOT / "pyproject.toml", ROOT / "README.md", *sorted(notebooks), *sorted(solutions)]


def rewrite(old: str, new: str) -> int:
    """Write ``new`` for the owner and name ``old`` in every link; return how many files change."""
    changed = 0
    for path in files():
        text = path.read_text(encoding="utf-8")
        # Badges link to …/github/owner/name/blob/…, all else to https://github.com/owner/name.
        link = rf"(github(?:\.com)?/){re.escape(old)}(?![\w.-])"
        updated = re.sub(link, rf"\g<1>{new}", text)
        if updated != text:
            write_text(updated, path)
            changed += 1
    return changed


def main(arguments: list[str]) -> int:
    address = arguments[0] if arguments else origin()
    new = FORM.fullmatch(address)
    if not new or len(arguments) > 1:
        example = "https://github.com/you/your-fork"
        print(f"expected one address like {example}, got {address!r}", file=sys.stderr)
        return 2
    changed = rewrite(FORM.fullmatch(current())[1], new[1])
    print(f"{changed} files now point at https://github.com/{new[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
