"""Self-supervised video alignment and unsupervised action segmentation."""

__all__ = ["__version__"]

__version__ = "0.1.0"
