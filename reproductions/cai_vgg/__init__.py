"""Simonyan and Zisserman 2015, and the feature network that this project ships."""
