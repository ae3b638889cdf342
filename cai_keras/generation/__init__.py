"""Generated pictures: where they come from, and the features that judge them."""
