"""What judges generated pictures: feature extractors by name, and how they resize."""
