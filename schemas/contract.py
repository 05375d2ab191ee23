"""Avro schemas, generated from the event types: the types are the source, the files in ``schemas/avro`` their print."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from schemas.events.base import Avro, Message, Pii

NAMESPACE = "fineacers"

_PRIMITIVE = {str: "string", int: "long", bool: "boolean", bytes: "bytes", float: "double"}


def avro_schema(message: type[Message]) -> dict[str, Any]:
    """The Avro record schema of a message type; nested messages are spelled out at their first use."""
    schema: dict[str, Any] = _record(message, set())
    return schema


def _record(message: type[Message], seen: set[str]) -> Any:
    if message.__name__ in seen:
        return f"{NAMESPACE}.{message.__name__}"
    seen.add(message.__name__)
    fields = [_field(name, info, seen) for name, info in message.model_fields.items()]
    return {"type": "record", "name": message.__name__, "namespace": NAMESPACE, "fields": fields}


def _field(name: str, info: Any, seen: set[str]) -> dict[str, Any]:
    annotation = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
    field: dict[str, Any] = {"name": name, "type": _type(annotation, seen)}
    if not info.is_required():
        field["default"] = info.get_default()
    pii = _find(annotation, Pii)
    if pii is not None:
        field["pii"] = pii.name
    return field


def _type(annotation: Any, seen: set[str]) -> Any:  # noqa: PLR0911 one return per kind of type
    avro = _find_own(annotation, Avro)
    if avro is not None:
        return {"type": avro.type, "logicalType": avro.logical} if avro.logical else avro.type
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0], seen)
    if origin in (Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return ["null", _type(inner, seen)]
    if origin is list:
        return {"type": "array", "items": _type(arguments[0], seen)}
    if origin is Literal:
        return "string"
    if isinstance(annotation, type) and issubclass(annotation, Message):
        return _record(annotation, seen)
    return _PRIMITIVE[annotation]


def _find_own(annotation: Any, kind: type[Any]) -> Any:
    metadata = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((item for item in metadata if isinstance(item, kind)), None)


def _find(annotation: Any, kind: type[Any]) -> Any:
    """The first metadata of a kind on an annotation or inside its union or list."""
    found = _find_own(annotation, kind)
    if found is not None:
        return found
    return next((hit for inner in get_args(annotation) if (hit := _find(inner, kind)) is not None), None)


def nested_messages(annotation: Any) -> list[type[Message]]:
    """The message types that an annotation mentions."""
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, Message) else []
    return [found for inner in get_args(annotation) for found in nested_messages(inner)]


def pii_fields(message: type[Message]) -> dict[str, str]:
    """Personal fields of a message type and their classes, nested ones with a dotted name."""
    found: dict[str, str] = {}
    for name, info in message.model_fields.items():
        annotation = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
        pii = _find(annotation, Pii)
        if pii is not None:
            found[name] = pii.name
        for inner in nested_messages(info.annotation):
            found |= {f"{name}.{deep}": kind for deep, kind in pii_fields(inner).items()}
    return found


def has_personal_data(message: type[Message]) -> bool:
    """Whether any field of a message type holds personal data."""
    return bool(pii_fields(message))


def unclassified_fields(message: type[Message]) -> list[str]:
    """Free-form text or byte fields without a personal-data class; the gate refuses them.

    A text field is safe when its type bounds it to an identifier, a code or another closed form (``Avro`` metadata or
    a literal); bare ``str`` and ``bytes`` could hold anything.
    """
    suspects: list[str] = []
    for name, info in message.model_fields.items():
        annotation = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
        if _mentions_free_text(annotation) and _find(annotation, Pii) is None:
            suspects.append(name)
        for inner in nested_messages(info.annotation):
            suspects += [f"{name}.{deep}" for deep in unclassified_fields(inner)]
    return suspects


def _mentions_free_text(annotation: Any) -> bool:
    if _find_own(annotation, Avro) is not None or get_origin(annotation) is Literal:
        return False
    if annotation in (str, bytes):
        return True
    return any(_mentions_free_text(inner) for inner in get_args(annotation) if inner is not type(None))
