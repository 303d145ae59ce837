"""Check the dashboards' shape, and write each of their questions as a rule, for promtool to read: `dashboards.py FILE`.

There is no linter of Grafana's in a package registry: this is what one would look at.
"""

import json
import sys
from pathlib import Path
from typing import Any

DASHBOARDS = Path(__file__).resolve().parents[1] / "grafana/dashboards"
COLUMNS = 24
VARIABLES = {"$__rate_interval": "5m", "$job": "j", "$instance": "i"}


def problems(board: dict[str, Any]) -> list[str]:
    """What is wrong with the shape of one."""
    panels = board["panels"]
    found = [
        f"{key} is missing" for key in ("uid", "title", "schemaVersion", "templating") if not board.get(key)
    ]
    if len({panel["id"] for panel in panels}) < len(panels):
        found.append("two panels have the same id")
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        name, at = panel["title"] or panel["type"], panel["gridPos"]
        if at["x"] + at["w"] > COLUMNS:
            found.append(f"{name}: reaches beyond the right edge")
        cells = [(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])]
        found += [f"{name}: lies over {taken[cell]}" for cell in cells[:1] if cell in taken]
        taken |= dict.fromkeys(cells, name)
        if panel["type"] in ("row", "text"):
            continue
        if not panel["fieldConfig"]["defaults"].get("unit"):
            found.append(f"{name}: has no unit")
        if panel["datasource"]["uid"] != "$datasource" or not panel["targets"]:
            found.append(f"{name}: asks nobody, or one data source only")
    return found


def main(file: Path) -> int:
    """1 if anything is wrong."""
    wrong, questions = 0, []
    for path in sorted(DASHBOARDS.glob("*.json")):
        board = json.loads(path.read_text("utf-8"))
        for problem in problems(board):
            wrong += 1
            print(f"{path.name}: {problem}")
        targets = [target for panel in board["panels"] for target in panel.get("targets", ())]
        questions += [target["expr"] for target in targets]
        print(f"{path.name}: {len(board['panels'])} panels, {len(targets)} questions")
    for name, value in VARIABLES.items():
        questions = [question.replace(name, value) for question in questions]
    rules = [
        {"record": f"dashboard:question:{number}", "expr": text} for number, text in enumerate(questions)
    ]
    file.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": rules}]}), "utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
