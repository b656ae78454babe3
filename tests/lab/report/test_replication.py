"""First records beside those made again."""

from made_up import of, row

from utils.lab.report import replication
from utils.lab.runs import protocol, results


def test_only_what_was_made_again_is_compared(runs, monkeypatch):
    first = {
        name: {"machine": "old", "last": {"0": 99.1, "1": 99.2, "2": 99.3}}
        for name in ("01_skeleton", "design_a", "given_up")
    }
    machines = {"01_skeleton": "new", "design_a": "old"}
    monkeypatch.setattr(protocol, "first_records", lambda: first)
    monkeypatch.setattr(results, "reported", lambda name: [{"machine": machines[name]}])
    runs["01_skeleton"] = of(99.2, 99.3, 99.4)
    (found,) = replication.table().rows
    assert found == [
        "Skeleton",
        "99.200 ± 0.100 (3)",
        "99.300 ± 0.100 (3)",
        "+0.10 [-0.13, +0.33] (not shown)",
    ]
    assert row(replication.table(), "Skeleton")["made again"].endswith("(3)")
