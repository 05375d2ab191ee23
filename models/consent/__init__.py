"""May a person be contacted: what they said, when their clocks allow it, how often."""
