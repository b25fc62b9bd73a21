"""librosa's effects by its names."""

from ._genrescope import hpss

__all__ = ["hpss"]
