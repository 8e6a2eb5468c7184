"""Etiograph: a knowledge graph of why legs hurt, and the questions it answers."""

__version__ = "0.1.0"
