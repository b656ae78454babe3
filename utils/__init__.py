"""What the notebooks share: data, augmentation, models, schedules, training, pictures.

Read in this order: ``data``, ``loaders``, ``models``, ``training``, ``recipes``. Imports run one
way: ``data``, ``models``, ``schedules`` and ``receptive_field`` know nothing of each other,
``training`` knows nothing of MNIST, ``recipes`` puts the pieces together, and ``lab``
runs recipes and reports them. Importing any of them sets no seed and reads no data.
"""

import os

# torch's profiler logs every start and stop to stderr; it reads this when torch is imported.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")
