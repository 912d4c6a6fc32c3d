"""Fitted networks in other formats and libraries."""
