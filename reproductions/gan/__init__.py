"""Goodfellow et al. 2014: generative adversarial networks, and DCGAN."""
