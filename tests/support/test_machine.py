"""Freed memory is kept: counted in page faults, in a process of its own."""

import os
import platform
import subprocess
import sys

import pytest

STEPS = """
import resource, sys, torch
from utils.support import machine

def faults():  # of steps that hold four blocks of 8 MB and free them: 8,192 pages each
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        blocks = [torch.ones(2**21) for _ in range(4)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults(), print(faults())
print(machine.keep_freed())
faults(), print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that is asked")
def test_what_a_step_frees_the_next_one_finds():
    command = [sys.executable, "-c", STEPS]
    # Left to itself glibc may keep the blocks or not; from here on it hands every one back.
    hasty = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    ran = subprocess.run(command, check=True, capture_output=True, text=True, env=hasty)
    ran = ran.stdout.split()
    assert ran[1] == "True"
    assert int(ran[0]) > 10_000  # what there is to mend
    assert int(ran[2]) < 1_000
