"""The engine: stages on Kafka, exactly once.

One transaction holds what a batch put out, what it changed (on the changelog topic) and how far the inbox was read; a
local store follows each committed transaction, so it is never ahead of Kafka, and where it is behind it is brought
forward from the changelog.
"""
