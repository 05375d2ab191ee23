"""What the sinks rest on: which records make a batch, where it stands, who waits for whom, and bytes that change their
form alone."""

from tests.mutants.mutant import Mutant

MUTANTS: dict[str, Mutant] = {
    "a stored batch is stored again": Mutant(
        "sinks/delivery.py", 'return "stored" if seen == {True} else "new"', 'return "new"'
    ),
    "half a batch counts as new": Mutant("sinks/delivery.py", "    if len(seen) > 1:\n", "    if len(seen) > 2:\n"),
    "a batch ends before its last record": Mutant(
        "sinks/delivery.py",
        "self.reach(topic, partition, offset + 1)",
        "self.reach(topic, partition, offset)",
    ),
    "the end of a partition moves back": Mutant(
        "sinks/delivery.py", "if offset > self._reached.get(", "if offset != self._reached.get("
    ),
    "a token names one offset too many": Mutant("sinks/delivery.py", "{r.first}-{r.end - 1}", "{r.first}-{r.end}"),
    "a large offset loses its last byte": Mutant(
        "schemas/compiled.py", "_FIRST[number & 127] + _varint(number >> 7)", "_FIRST[number & 127]"
    ),
    "nothing is empty text": Mutant(
        "sinks/postgres/transcode.py", "    {parts[0]} = null", "    {parts[0]} = lengths[0]"
    ),
    "a posting with a tail is taken": Mutant("sinks/postgres/transcode.py", "if p != len(b):", "if p > len(b):"),
    "columns in any order": Mutant(
        "sinks/postgres/transcode.py", "if list(source.columns) != source.written:", "if not source.columns:"
    ),
    "a batch goes on though the one before failed": Mutant(
        "sinks/runner.py",
        "        self._writing.result()\n        self._writing = ",
        "        self._writing = ",
    ),
    "a fault is seen with the next batch": Mutant(
        "sinks/runner.py", "        self._writing.result()\n        return time", "        return time"
    ),
    "reading never waits for the store": Mutant(
        "sinks/runner.py", "if writer.has_rested() or collected.is_full:", "if writer.has_rested():"
    ),
    "the store never rests": Mutant("sinks/runner.py", ">= self._sink.rest_seconds", ">= 0"),
}
