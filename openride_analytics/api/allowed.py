"""What a JSON schema allows, in words for whoever has sent something else."""

from typing import Any

Schema = dict[str, Any]


def allowed(schema: Schema, definitions: Schema) -> str:
    """As "an integer from 1 to 31". `definitions`: what its references name."""
    schema = resolved(schema, definitions)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(allowed(option, definitions) for option in schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    kind = schema.get("type")
    match kind:
        case "boolean":
            return "true, false"
        case "integer" | "number":
            low, high = schema.get("minimum"), schema.get("maximum")
            return f"{'an integer' if kind == 'integer' else 'a number'}{_span(low, high, 'from')}"
        case "string" if schema.get("format") == "email":
            return "an e-mail address"
        case "string":
            return f"a string{_span(schema.get('minLength'), schema.get('maxLength'), 'of', ' characters')}"
        case "array":
            return f"a list{_span(schema.get('minItems'), schema.get('maxItems'), 'of')}"
        case "object" if "properties" in schema:
            return f"an object of {', '.join(schema['properties'])}"
        case "object":
            return "an object"
    return str(kind)


def resolved(schema: Schema, definitions: Schema) -> Schema:
    """The schema itself, where it is a reference."""
    return definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _span(low: int | None, high: int | None, word: str, unit: str = "") -> str:
    if low is None and high is None:
        return ""
    if low is None:
        return f" of at most {high}{unit}"
    return f" of at least {low}{unit}" if high is None else f" {word} {low} to {high}{unit}"
