"""First records beside those made again."""

from made_up import of

from utils.lab.report import replication
from utils.lab.runs import protocol


def test_only_what_was_made_again_is_compared(runs, monkeypatch):
    first = {
        name: {"last": {"0": 99.1, "1": 99.2, "2": 99.3}}
        for name in ("01_skeleton", "02_regularization", "design_a", "given_up")
    }
    monkeypatch.setattr(protocol, "first_records", lambda: first)
    runs["01_skeleton"], runs["design_a"] = of(99.2, 99.3, 99.7), of(99.1, 99.2, 99.3)
    runs["02_regularization"] = of(99.1, 99.2, 99.3)
    (found,) = replication.table().rows
    assert found == [
        "Skeleton",
        "99.200 ± 0.100 (3)",
        "99.400 ± 0.265 (3)",
        "+0.20 [-0.23, +0.63] (not shown)",
    ]
