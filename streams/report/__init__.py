"""Figures for people: what the stores say, whether they agree, and when the line has come to rest."""
