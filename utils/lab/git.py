"""What git says of this checkout."""

from __future__ import annotations

import subprocess

from utils.support import paths


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The ended command, its output as text; ``OSError`` where there is no git."""
    command = ["git", "-C", str(paths.ROOT), *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8")
