"""The users of the embedded ClickHouse, and what a reader may say to it.

The engine's own `readonly=1` refuses writes, `url()` and the table function `file()`. It does not refuse, in the
embedded engine: the scalar function `file('/etc/passwd')`, `INTO OUTFILE`, `filesystem('/')`, `DESCRIBE file(…)`,
functions that call out to a language model, or `KILL QUERY`. So a reader's statement is judged here first, in the
form that the engine's own formatter gives it: without comments, with names unquoted and escapes resolved, one
statement only.
"""

import re
from collections.abc import Iterable

SINK, READER = "fineacers_sink", "fineacers_reader"
READER_LIMITS = {
    "max_execution_time": "60",
    "max_memory_usage": "4000000000",
    # Clients may not change settings under readonly, so this one is set for them.
    "enable_http_compression": "1",
    "readonly": "1",
}
_STATEMENTS = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "EXPLAIN", "EXISTS"})
# Table functions that only compute, or read tables that a reader may read anyway. Every other one is refused, also
# those of later engines.
_HARMLESS = frozenset(
    (
        *("format", "generaterandom", "generateseries", "generate_series", "null", "numbers", "numbers_mt", "primes"),
        *("sqlstandardvalues", "values", "zeros", "zeros_mt", "view", "viewexplain", "viewifpermitted"),
        *("merge", "mergetreeindex", "mergetreeanalyzeindexes"),
    )
)
_CALLS_OUT = re.compile(r"ai[A-Z_]\w*|AI[A-Z_]\w*|llm\w*|executable\w*|file|catboostEvaluate|getClientHTTPHeader")
# A name in backticks may hold quotes that begin no string.
_STRING_OR_NAME = re.compile(r"'(?:[^'\\]|\\.|'')*'|(?P<name>`(?:[^`\\]|\\.)*`)", re.DOTALL)
_NAME_AND_USE = re.compile(
    r"(?P<apply>\bAPPLY\b\s*\(?\s*)?(?P<name>`(?:[^`\\]|\\.)*`|\w+)(?P<call>\s*\()?", re.IGNORECASE
)


def why_refused(statement: str, table_functions: Iterable[str]) -> str | None:
    """Why a reader may not run the statement, or None if it may.

    Args:
        statement: as the engine's `formatQuerySingleLine` printed it.
        table_functions: all that the engine knows.
    """
    text = _STRING_OR_NAME.sub(lambda found: found["name"] or "''", statement)
    first = text.lstrip("( ").split(maxsplit=1)[0].upper() if text.strip("( ") else ""
    if first not in _STATEMENTS:
        return f"a reader may not use {first or 'an empty statement'}; it may use {', '.join(sorted(_STATEMENTS))}"
    if re.search(r"\bOUTFILE\b", text, re.IGNORECASE):
        return "a reader may not write files (INTO OUTFILE)"
    reaching = {name.lower() for name in table_functions} - _HARMLESS
    for use in _NAME_AND_USE.finditer(text):
        name = use["name"].strip("`")
        is_called = use["call"] or use["apply"]
        # A function may also be named without being called: arrayMap(file, …) calls it.
        if _CALLS_OUT.fullmatch(name) or (is_called and name.lower() in reaching):
            return f"a reader may not use {name}(): it reaches outside the database"
    return None
