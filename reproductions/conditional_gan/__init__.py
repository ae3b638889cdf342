"""Mirza and Osindero 2014: both players are told the class."""
