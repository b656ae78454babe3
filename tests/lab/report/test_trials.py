"""What a search found: what decides tells most, and every committed study can be shown."""

import optuna
import pytest

from utils.lab import search
from utils.lab.report import trials

LIMIT = 8000


@pytest.fixture
def told(tmp_path):
    """A study in which the rate decides, and the head is noise."""
    found = search.study(LIMIT, tmp_path)
    rate = optuna.distributions.FloatDistribution(0.003, 0.05, log=True)
    head = optuna.distributions.CategoricalDistribution(["mean", "position"])
    depth = optuna.distributions.IntDistribution(1, 3)
    for at in range(24):
        lr = 0.003 + 0.002 * at
        found.add_trial(
            optuna.trial.create_trial(
                # Like a layout's own settings, "depth" is not in every trial.
                params={"lr": lr, "head": head.choices[at % 2]} | ({"depth": 2} if at % 2 else {}),
                distributions={"lr": rate, "head": head} | ({"depth": depth} if at % 2 else {}),
                value=99 + 10 * lr,
            )
        )
    return found


def test_what_decides_tells_more_than_noise(told):
    shares = trials.importances(told)
    assert sum(shares.values()) == pytest.approx(1) and shares["lr"] > 5 * shares["head"]
    assert shares.keys() == {"lr", "head"}


def test_a_few_trials_tell_nothing(tmp_path):
    found = search.study(LIMIT, tmp_path)
    found.tell(found.ask(), 99.0)
    with pytest.raises(ValueError, match="1 finished trials tell nothing"):
        trials.importances(found)


def test_the_overview_has_a_row_for_each_study_and_counts_no_killed_trial(tmp_path):
    found = search.study(LIMIT, tmp_path)
    search.study(LIMIT, tmp_path, split=2)
    search._begin(found, LIMIT)
    for value in (99.1, 99.3):
        trial = found.ask()
        stages = search.proposed(trial, LIMIT).stages
        trial.set_user_attr("stages", stages)
        found.tell(trial, value)
    found.ask()  # and killed
    table = trials.overview([LIMIT], tmp_path)
    assert table.rows == [
        ["8,000", 1, 2, 0, "99.10", "99.30", f"`{stages}`"],
        ["8,000", 2, 0, 0, "nan", "nan", ""],
    ]


def test_the_picture_shows_what_tells_most(told):
    figure = trials.picture(told, panels=1)
    assert figure.axes[0].get_title().startswith("lr (") and figure.axes[0].get_xscale() == "log"
    assert (
        "24 networks" in figure.get_suptitle() and "24 trained to the end" in figure.get_suptitle()
    )
    assert "lr sets the best 5 apart most" in figure.get_suptitle()


@pytest.mark.parametrize(
    "path", sorted(search.FOLDER.rglob("*.journal")), ids=lambda path: path.stem
)
def test_a_committed_study_keeps_within_its_limit_and_can_be_drawn(path):
    limit, _, split = path.stem.partition("-split-")
    found = search.read(int(limit), path.parent, int(split or 1))
    whole = trials.finished(found)
    assert all(trial.user_attrs["parameters"] <= int(limit) for trial in whole)
    assert all(max(trial.intermediate_values) == search.EPOCHS for trial in whole)
    if len(whole) >= 2 * trials.BEST:  # a study may be under way
        assert trials.picture(found).axes
