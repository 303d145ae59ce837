"""Schemas of Kubernetes's kinds, each whole in one file, as kubeconform reads them: `schemas.py VERSION DIRECTORY`.

They come from the package kubernetes-validate, where they refer to each other by addresses that only it resolves.
The strict ones: a field that Kubernetes does not know is an error.
"""

import json
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate


def whole(schema: Any, definitions: dict[str, Any], within: tuple[str, ...] = ()) -> Any:
    """The schema with what it refers to in the place of each reference; one that holds itself is anything there."""
    if isinstance(schema, list):
        return [whole(one, definitions, within) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(reference := schema.get("$ref"), str):
        name = reference.rpartition("/")[2]
        return {} if name in within else whole(definitions[name], definitions, (*within, name))
    return {key: whole(value, definitions, within) for key, value in schema.items() if key != "$schema"}


def main(version: str, directory: Path) -> None:
    """One file for each kind that has an apiVersion."""
    folder = Path(kubernetes_validate.__file__).parent / f"kubernetes-json-schema/v{version}-local-strict"
    loaded = json.loads((folder / "_definitions.json").read_text("utf-8"))
    definitions = loaded.get("$defs") or loaded["definitions"]
    directory.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.json"):
        schema = json.loads(file.read_text("utf-8"))
        if {"apiVersion", "kind"} <= schema.get("properties", {}).keys() and not file.name.startswith("_"):
            (directory / file.name).write_text(json.dumps(whole(schema, definitions)), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
