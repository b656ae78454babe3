"""The search for the most accurate network of a size, on the validation split.

Optuna proposes recipes that fill a limit of parameters, each trains on 50,000 of the 60,000
training images and is judged on the other 10,000, and one that lags behind the others at its
epoch is given up. The study is a journal in assets/search: the same command goes on with it, and
several at a time share it. Another one on the second split says how much of it is chance.

Separable convolutions are not proposed any more: three trials with up to 2,000 parameters ended
half a point below the first freeze's plain ones (assets/search/separable).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path

import optuna
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from optuna.distributions import FloatDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState

from utils import data, models, plot_style, training
from utils.experiments.frontier import FRONTIER
from utils.lab.runs import results
from utils.lab.runs.job import images_of
from utils.lab.runs.validation import IMAGES, SPLITS, check_split
from utils.pieces import prepare
from utils.plot_style import BLUE, RED
from utils.recipes import Recipe, build_model, formatted
from utils.support import checks, machine
from utils.support.seeds import seeded
from utils.support.tables import Table

FOLDER = results.FOLDER.parent / "search"
FIRST = FOLDER / "first"  # the search before the first freeze, of a wider choice of layouts
EPOCHS = 10
AUGMENTATIONS = ["affine_mild", "affine", "affine_strong"]
BEST = 5  # finished trials at least that are compared with the rest
SMALLEST = 400  # parameters: below, no network of three stages is worth a trial


def proposed(trial: Trial, limit: int) -> Recipe:
    """A recipe of at most ``limit`` parameters in the frontier's manner, as wide as that allows."""
    factors = [trial.suggest_float(name, 1.0, 2.8) for name in ("before", "squeezed to", "last")]
    half = trial.suggest_categorical("hardest half", [False, True])
    recipe = FRONTIER[10_000].variant(
        f"search_{limit}",
        f"Up to {limit:,} parameters",
        augmentation=trial.suggest_categorical("augmentation", AUGMENTATIONS),
        batch_size=trial.suggest_categorical("batch_size", [64, 128]),
        lr=trial.suggest_float("lr", 0.005, 0.06, log=True),
        ema=trial.suggest_categorical("ema", [0.995, 0.998, 0.999]),
        label_smoothing=trial.suggest_categorical("label_smoothing", [0.0, 0.05, 0.1]),
        dropout=trial.suggest_categorical("dropout", [0.0, 0.02, 0.05]),
        # As many images in all: one epoch of all, then twice as many of half.
        selection=0.5 if half else 0.0,
        epochs=2 * EPOCHS - 1 if half else EPOCHS,
    )
    return widest(recipe, limit, lambda width: squeezed(width, *factors))


def first(limit: int) -> dict:
    """Where a study begins: the recipe of the first freeze, of the size nearest above."""
    known = FRONTIER[min((size for size in FRONTIER if size >= limit), default=max(FRONTIER))]
    begins = {"before": 2.0, "squeezed to": 1.6, "last": 2.0}
    settings = ("augmentation", "batch_size", "lr", "ema", "label_smoothing", "dropout")
    return begins | {name: getattr(known, name) for name in settings} | {"hardest half": False}


def widest(recipe: Recipe, limit: int, stages: Callable[[float], str]) -> Recipe:
    """``recipe`` with the widest of ``stages``, by their width, within ``limit`` parameters."""
    found = None
    for eighths in range(16, 8 * 64):
        text = stages(eighths / 8)
        wider = recipe.variant(recipe.name, recipe.title, stages=text)
        if models.count_parameters(build_model(wider)) > limit:
            break
        found = wider
    if found is None:
        raise optuna.TrialPruned(f"nothing of this shape has at most {limit} parameters")
    return found


def squeezed(width: float, before: float, squeeze: float, last: float) -> str:
    """The text of design E's manner: two convolutions and a pool, a squeeze, three convolutions.

    ``width`` channels at first, ``before`` times as many before the pool, of those a part
    ``1 / squeeze`` after it, and from there in equal steps to ``last`` times as many.
    """
    narrow = width * before / squeeze
    rising = [narrow * (1 + (last - 1) * part / 3) for part in (1, 2, 3)]
    begins = [round(channels) for channels in (width, width * before, narrow)]
    return "{}-{}/{}k1-{}-{}-{}".format(*begins, *map(round, rising))


def journal(limit: int, folder: Path = FOLDER, split: int = 1) -> Path:
    """The file of the study of one limit, judged on one of the two validation splits."""
    check_split(split)
    return folder / f"{limit}{SPLITS[split]}.journal"


def read(limit: int, folder: Path = FOLDER, split: int = 1) -> optuna.Study:
    """The study of one limit, to look at; ``ValueError`` where there is none."""
    path = journal(limit, folder, split)
    if not path.exists():
        raise ValueError(f"there is no study {path.name}: python -m utils.lab search {limit}")
    return optuna.load_study(study_name=f"up to {limit}", storage=_storage(path))


class _Journal(JournalFileBackend):
    """Before it appends a record it cuts what a full disk or a kill left of the one before."""

    def append_logs(self, logs: list[dict]) -> None:
        self._lock.acquire()
        try:
            with open(self._file_path, "rb+") as file:
                file.truncate(file.read().rfind(b"\n") + 1)
        finally:
            self._lock.release()
        super().append_logs(logs)


def _storage(path: Path) -> JournalStorage:
    # Not the default lock, a symbolic link: Windows lets few people make one.
    backend = _Journal(str(path), lock_obj=JournalFileOpenLock(str(path)))
    try:
        return JournalStorage(backend)
    except (ValueError, KeyError) as error:
        raise ValueError(
            f"{path} cannot be read ({error!r}): take it from git again, or delete the first line "
            "that is not JSON"
        ) from error


def study(limit: int, folder: Path, split: int = 1) -> optuna.Study:
    """The study of one limit and split, made where there is none."""
    checks.whole(SMALLEST, limit=limit)
    folder.mkdir(parents=True, exist_ok=True)
    return optuna.create_study(
        study_name=f"up to {limit}",
        storage=_storage(journal(limit, folder, split)),
        direction="maximize",
        load_if_exists=True,
        sampler=TPESampler(constant_liar=True, n_startup_trials=6),
        # Not earlier: at first an average of the weights lags behind, a slow one for long.
        pruner=MedianPruner(n_startup_trials=6, n_warmup_steps=EPOCHS // 2),
    )


def _begin(found: optuna.Study, limit: int) -> None:
    """Ask for ``first``, of whole epochs and of halves, unless they were tried or are asked for."""
    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.WAITING)  # a killed one is running
    trials = found.get_trials(deepcopy=False, states=states)
    known = [trial.params or trial.system_attrs.get("fixed_params") for trial in trials]
    for half in (False, True):
        if (begins := first(limit) | {"hardest half": half}) not in known:
            found.enqueue_trial(begins)


def run(
    limit: int,
    trials: int,
    split: int = 1,
    images: data.ImageSet | None = None,
    folder: Path = FOLDER,
) -> optuna.Study:
    """Add ``trials`` to the study of ``limit``, on one thread; return the study."""
    checks.whole(1, trials=trials)
    found = study(limit, folder, split)
    _begin(found, limit)
    images = images_of(IMAGES[split]) if images is None else images

    def objective(trial: Trial) -> float:
        recipe = proposed(trial, limit)
        trial.set_user_attr("stages", recipe.stages)
        trial.set_user_attr("parameters", models.count_parameters(build_model(recipe)))

        def after_epoch(history: training.History) -> None:
            passes, half = divmod(sum(recipe.images(2)[: len(history)]), 2)
            if half:
                return  # in the middle of what the others call an epoch
            trial.report(history.test_accuracy[-1], passes)
            if len(history) < recipe.epochs and trial.should_prune():
                raise optuna.TrialPruned

        history = prepare(recipe, images, 0, "cpu").fit_whole(after_epoch=after_epoch)
        return history.test_accuracy[-1]

    with machine.cpu_threads(1):
        found.optimize(objective, n_trials=trials, catch=(training.TrainingDiverged,))
    return found


# --------------------------------------------------------------------------- what was found


def finished(found: optuna.Study) -> list[FrozenTrial]:
    """Trials that trained to their end, best first."""
    whole = found.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    return sorted(whole, key=lambda trial: (-trial.value, trial.number))


def table(found: optuna.Study, top: int = 10) -> Table:
    """The best trials and what they are."""
    best = finished(found)[:top]
    known = best[0].params if best else {}
    settings = [name for name in known if name.split()[0] not in _SHAPE]
    rows = [
        [
            trial.number,
            f"{trial.value:.2f}",
            f"{trial.user_attrs['parameters']:,}",
            f"`{trial.user_attrs['stages']}`",
            *(_shown(trial.params[name]) for name in settings),
        ]
        for trial in best
    ]
    return Table(["trial", "validation accuracy", "parameters", "stages", *settings], rows)


def overview(limits: Iterable[int], folder: Path = FOLDER) -> Table:
    """A row a study: its trials, and the best that saw all digits, and the hard half of them.

    A trial that was killed does not count. ``ValueError`` for a limit without a study.
    """
    rows = []
    for limit, split in product(limits, SPLITS):
        if split > 1 and not journal(limit, folder, split).exists():
            continue  # only some were repeated
        found = read(limit, folder, split)
        trained, given_up = finished(found), len(found.get_trials(False, [TrialState.PRUNED]))
        best = [
            max((t.value for t in trained if t.params["hardest half"] == half), default=math.nan)
            for half in (False, True)
        ]
        stages = f"`{trained[0].user_attrs['stages']}`" if trained else ""
        n = len(trained) + given_up
        rows.append([f"{limit:,}", split, n, given_up, *map("{:.2f}".format, best), stages])
    columns = ["parameters at most", "split", "trials", "given up half way"]
    columns += ["best: all digits", "best: the hard half", "network of the best"]
    return Table(columns, rows)


def _shown(value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else formatted(value)


def picture(found: optuna.Study, panels: int = 6) -> Figure:
    """The finished trials against the settings that matter most, the share of each in its title."""
    trials, told = finished(found), importances(found)
    chosen = sorted(told, key=told.__getitem__, reverse=True)[:panels]
    lines = -(-len(chosen) // 3)
    figure, grid = plot_style.figure(lines, 3, height=2.2 * lines, sharey=True, squeeze=False)
    for axes, setting in zip(grid.flat, chosen, strict=False):
        _panel(axes, trials, setting)
        axes.set_title(f"{setting} ({100 * told[setting]:.0f} %)", fontsize=9.5)
    for axes in grid.flat[len(chosen) :]:
        axes.axis("off")
    figure.supylabel("validation accuracy in %", fontsize=10)
    tried = len(found.get_trials(deepcopy=False, states=[TrialState.PRUNED])) + len(trials)
    finding = f"{tried} networks of one size tried, {len(trials)} trained to the end: "
    finding += f"{chosen[0]} sets the best {_best(len(trials))} apart most"
    return plot_style.title(figure, finding)


def _panel(axes: Axes, trials: list[FrozenTrial], setting: str) -> None:
    """Accuracy against one setting: a dot per trial and, of each choice, a line at the median."""
    values, heights = [t.params[setting] for t in trials], [t.value for t in trials]
    drawn = trials[0].distributions[setting]
    if isinstance(drawn, FloatDistribution):
        axes.scatter(values, heights, s=18, color=BLUE, alpha=0.6, lw=0)
        if drawn.log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_locator(NullLocator())
    else:
        texts = [formatted(value) for value in values]
        order = sorted(set(texts), key=lambda text: (not text.isdigit(), len(text), text))
        shared = {"x": texts, "y": heights, "order": order, "ax": axes}
        with seeded(0):  # the jitter
            sns.stripplot(**shared, jitter=0.2, size=4.5, color=BLUE, alpha=0.6)
        look = {"marker": "_", "markersize": 22, "markeredgewidth": 2, "color": RED}
        sns.pointplot(**shared, estimator="median", errorbar=None, linestyle="none", **look)
    axes.tick_params(axis="x", labelsize=8)


# What the stages' text tells.
_SHAPE = ("layout", "depth", "growth", "style", "before", "squeezed", "last")


def importances(found: optuna.Study) -> dict[str, float]:
    """How much of what sets the best trials apart each setting tells; in all 1.

    Of the settings that every trial has, whatever its layout. The best are a tenth of the finished
    ones, and at least ``BEST`` of them. Raises ``ValueError`` for fewer than twice as many trials:
    nothing can be told of them.
    """
    trials = finished(found)
    n = len(trials)
    if n < 2 * BEST:
        raise ValueError(f"{n} finished trials tell nothing of settings, {2 * BEST} are needed")
    shared = set.intersection(*(set(trial.params) for trial in trials))
    evaluator = PedAnovaImportanceEvaluator(target_quantile=_best(n) / n)
    return get_param_importances(found, evaluator=evaluator, params=sorted(shared))


def _best(n: int) -> int:
    """How many of ``n`` finished trials are the best ones."""
    return max(BEST, n // 10)
