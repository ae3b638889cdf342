"""Networks that several papers share, as functions that extend a Keras graph."""
