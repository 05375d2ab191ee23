"""Facts by HTTP: ``app`` is the server, ``outbox`` its way to Kafka, one file more per door.

Whoever is answered with 200 has been heard: Kafka has the fact.
"""
