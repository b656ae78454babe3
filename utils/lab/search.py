"""The search for the most accurate network of a size, on the validation split.

Optuna proposes recipes that fill a limit of parameters, each trains on 50,000 of the 60,000
training images and is judged on the other 10,000, and one that lags behind the others at its
epoch is given up. The study is a journal in assets/search: the same command goes on with it, and
several at a time share it. Another one on the second split says how much of it is chance.

Separable convolutions are not proposed any more: three trials with up to 2,000 parameters ended
half a point below the first freeze's plain ones (assets/search/separable).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import optuna
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import Trial, TrialState

from utils import data, models, training
from utils.experiments.frontier import FRONTIER
from utils.lab.runs import protocol, results
from utils.lab.runs.job import images_of
from utils.lab.runs.validation import IMAGES, SPLITS, check_split
from utils.pieces import prepare
from utils.recipes import Recipe, build_model
from utils.support import checks, machine

FOLDER = results.FOLDER.parent / "search"
FIRST = FOLDER / "first"  # the search before the first freeze, of a wider choice of layouts
EPOCHS = 10
AUGMENTATIONS = ["affine_mild", "affine", "affine_strong"]
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
        remedy = f"python -m utils.lab search {limit} --split {split}"
        raise ValueError(f"there is no study {path.name}: {remedy}")
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
    """Add ``trials`` to the study of ``limit``, on one thread; return the study.

    Raises ``ValueError`` for a study that decided a frozen recipe: that is closed.
    """
    checks.whole(1, trials=trials)
    if names := protocol.decided(path := journal(limit, folder, split)):
        raise ValueError(
            f"{path.name} decided {', '.join(names)}, which is frozen: search with another limit"
        )
    found = study(limit, folder, split)
    _begin(found, limit)
    images = images_of(IMAGES[split]) if images is None else images

    def objective(trial: Trial) -> float:
        recipe = proposed(trial, limit)
        trial.set_user_attr("stages", recipe.stages)
        trial.set_user_attr("parameters", models.count_parameters(build_model(recipe)))

        def after_epoch(history: training.History) -> None:
            passes, half = divmod(sum(recipe.images_per_epoch(2)[: len(history)]), 2)
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
