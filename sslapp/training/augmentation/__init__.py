"""Weak and strong views of uint8 image batches, made on the device that trains.

Nothing here touches PIL: all operations act on whole batches of tensors, and all of them are
integer-exact copies of what PIL would do to each image.
"""

from sslapp.training.augmentation.crop import weak
from sslapp.training.augmentation.pixels import Normalisation, normalise
from sslapp.training.augmentation.policy import Policy, policies
from sslapp.training.augmentation.strong import StrongAugmentation

__all__ = ["Normalisation", "Policy", "StrongAugmentation", "normalise", "policies", "weak"]
