"""Memory that is free and still held: what allocators keep for the next array goes back to the machine."""

import ctypes

import pyarrow as pa


def give_back() -> None:
    """Hand freed memory back: Arrow's pool keeps what a file was read with, and glibc what lies between two arrays that are in use.

    A night's steps need gigabytes one after the other; what the one kept would be added to the peak of the next.
    """
    pa.default_memory_pool().release_unused()
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # no glibc: others give back by themselves
        return
    trim(0)
