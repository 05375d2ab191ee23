"""The outside world: what the platform asks of it, tried at least once, never twice where it may have been done.

``worker`` reads requests and writes down what became of them; one file more per outside world says how it is called.
"""
