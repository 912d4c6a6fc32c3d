"""Layers: one definition for each kind, from which all else about it is derived."""
