"""What the notebooks share: data, augmentation, models, schedules, training, recipes, runs, plots.

Read in this order: ``data``, ``loaders``, ``models``, ``training``, ``recipes``, ``run``. Imports
run one way: data and models know nothing of each other, ``training`` knows nothing of MNIST,
``run`` puts the pieces together, and ``lab`` makes and reports many runs. Importing any of them
sets no seed and reads no data.
"""

import os

# Else importing albumentations calls home or, without a network, warns. It is read at that import.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
