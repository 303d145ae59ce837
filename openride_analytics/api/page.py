"""The description of the API as one page of HTML that needs nothing else: no script, no style or font from anywhere.

Everything that is said is escaped; the one style is allowed by its hash.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from itertools import groupby
from typing import Any, Final

Said = Mapping[str, Any]

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8885; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0; display: grid; grid-template-columns: 17rem minmax(0, 1fr); }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; box-sizing: border-box; padding: 1rem;
  border-right: 1px solid var(--line); font-size: 13px; }
nav ul { list-style: none; margin: 0 0 1rem; padding: 0; }
main { padding: 1rem 2rem 6rem; max-width: 62rem; }
section { border-top: 1px solid var(--line); margin-top: 2rem; }
h2 { margin: 2.5rem 0 0; } h3 { margin: 1.2rem 0 .2rem; } h4 { margin: 1rem 0 .3rem; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
pre { background: var(--soft); padding: .8rem; overflow: auto; max-height: 30rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
a { color: inherit; } .method { font-weight: 700; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; height: auto; } }
"""

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; style-src "
    f"'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)


def page(document: Said) -> str:
    """HTML of an OpenAPI document."""
    info = document["info"]
    title = f"{escape(info['title'])} {escape(info['version'])}"
    tags = [(tag, list(group)) for tag, group in groupby(sorted(_operations(document), key=_tag), key=_tag)]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>\n'
        f"<body>{_navigation(tags)}<main><h1>{title}</h1>{_text(info['description'])}"
        '<p>For programs: <a href="/schema/openapi.json">/schema/openapi.json</a>.</p>'
        + "".join(f"<h2>{escape(tag)}</h2>" + "".join(map(_operation, group)) for tag, group in tags)
        + '<h2 id="schemas">Schemas</h2>'
        + "".join(_schema(name, said) for name, said in sorted(document["components"]["schemas"].items()))
        + "</main></body></html>\n"
    )


def _operations(document: Said) -> Iterator[Said]:
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            yield {**said, "path": path, "method": method.upper()}


def _tag(operation: Said) -> str:
    return str(operation.get("tags", ["other"])[0])


def _navigation(tags: Iterable[tuple[str, list[Said]]]) -> str:
    lists = [
        f"<strong>{escape(tag)}</strong><ul>"
        + "".join(
            f'<li><a href="#{escape(said["operationId"])}">{escape(said["path"])}</a></li>' for said in group
        )
        + "</ul>"
        for tag, group in tags
    ]
    return f'<nav>{"".join(lists)}<a href="#schemas">Schemas</a></nav>'


def _operation(said: Said) -> str:
    parameters = [
        [
            f"<code>{escape(one['name'])}</code>",
            _type(one["schema"]),
            _inline(one.get("description", "")),
            _code(one.get("example", "")),
        ]
        for one in said.get("parameters", ())
    ]
    return (
        f'<section id="{escape(said["operationId"])}"><h3><span class="method">{escape(said["method"])}</span> '
        f"<code>{escape(said['path'])}</code></h3><p><strong>{_inline(said['summary'])}</strong></p>"
        + _text(said.get("description", ""))
        + _table("Parameters", ("name", "type", "means", "example"), parameters)
        + "".join(_body(content) for content in [said.get("requestBody", {}).get("content", {})] if content)
        + "<h4>Answers</h4>"
        + "".join(_response(status, response) for status, response in said["responses"].items())
        + "</section>\n"
    )


def _body(content: Said) -> str:
    kinds = "; ".join(
        f"<code>{escape(kind)}</code> {_type(said['schema'])}" for kind, said in content.items()
    )
    return f"<h4>Body</h4><p>{kinds}</p>{_examples(content)}"


def _response(status: str, said: Said) -> str:
    content = said.get("content", {})
    kinds = "; ".join(f"<code>{escape(kind)}</code> {_type(one['schema'])}" for kind, one in content.items())
    headers = ", ".join(f"<code>{escape(name)}</code>" for name in said.get("headers", ()))
    return (
        f"<details><summary><code>{escape(status)}</code> {_inline(said['description'])}</summary>"
        f"<p>{kinds}</p><p>Headers: {headers}</p>{_examples(content)}</details>"
    )


def _examples(content: Said) -> str:
    return "".join(f"<pre>{_shown(one['example'])}</pre>" for one in content.values() if "example" in one)


def _schema(name: str, said: Said) -> str:
    required = set(said.get("required", ()))
    fields = [
        [
            f"<code>{escape(field)}</code>{'' if field in required else ' (may be left out)'}",
            _type(one),
            _inline(_meaning(one)),
        ]
        for field, one in said.get("properties", {}).items()
    ]
    values = f"<p>{_type(said)}</p>" if "enum" in said else ""
    return (
        f'<section id="schema-{escape(name)}"><h3>{escape(name)}</h3>{_text(said.get("description", ""))}{values}'
        f"{_table('', ('field', 'type', 'means'), fields)}</section>\n"
    )


def _meaning(schema: Said) -> str:
    """What is said of a field, and of what it may be."""
    inner = (_meaning(option) for option in schema.get("anyOf", ()))
    return "; ".join(text for text in (schema.get("description", ""), *inner) if text)


def _type(schema: Said) -> str:
    """A type in a few words, with links to the schemas that it names."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if schema.get("additionalProperties"):
        return f"map to {_type(schema['additionalProperties'])}"
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    words = [schema.get("format") or schema.get("type", "any")]
    words += [
        f"{word} {schema[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in schema
    ]
    return escape(" ".join(map(str, words)))


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    if not body:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return (f"<h4>{escape(title)}</h4>" if title else "") + f"<table><tr>{head}</tr>{body}</table>"


def _text(said: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in said.strip().split("\n\n") if part)


def _inline(said: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(said))


def _code(value: object) -> str:
    return f"<code>{_shown(value)}</code>"


def _shown(value: object) -> str:
    return escape(value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False))
