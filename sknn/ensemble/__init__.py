"""Ensembles: several networks trained side by side, whose predictions are averaged."""
