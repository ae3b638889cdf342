"""Layers, losses, an engine and claims for papers of image-domain deep learning."""

__version__ = "0.1.0"
