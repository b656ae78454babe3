"""A loader in the place of another one, for whoever looks at training or changes its batches."""

from __future__ import annotations


class Around:
    """What ``loader`` has, but for its batches: a subclass gives these."""

    def __init__(self, loader):
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str):
        return getattr(self.loader, name)  # what a loader that selects has besides
