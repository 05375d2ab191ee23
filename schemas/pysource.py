"""Python functions written by a program: straight-line source for one Avro schema, compiled once."""

from __future__ import annotations

from typing import Any


class Source:
    """Python source under construction, and the names that it refers to."""

    def __init__(self, head: str, names: dict[str, Any]) -> None:
        self.lines = [head]
        self.names = names
        self._count = 0

    def add(self, depth: int, *lines: str) -> None:
        """Lines, so many levels deep."""
        self.lines += ("    " * depth + line for line in lines)

    def fresh(self) -> str:
        """A variable that no other has the name of."""
        self._count += 1
        return f"v{self._count}"

    def name(self, value: Any) -> str:
        """The name under which the source may use a value."""
        name = f"f{len(self.names)}"
        self.names[name] = value
        return name

    def function(self, name: str) -> Any:
        """The function of that name that the source defines."""
        exec("\n".join(self.lines), self.names)  # noqa: S102 - the source above is all ours, from committed schemas
        return self.names[name]


def spelled_out(node: Any, known: dict[str, Any] | None = None) -> Any:
    """A schema whose named records are repeated where they are only named; ``known`` are those met so far."""
    known = {} if known is None else known
    if isinstance(node, str):
        return known.get(node, node)
    if isinstance(node, list):
        return [spelled_out(item, known) for item in node]
    if node.get("type") == "record":
        fields = [{**field, "type": spelled_out(field["type"], known)} for field in node["fields"]]
        known[f"{node['namespace']}.{node['name']}"] = spelled = {**node, "fields": fields}
        return spelled
    return {**node, "items": spelled_out(node["items"], known)} if "items" in node else node
