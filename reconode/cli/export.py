"""The command ``reconode export``: weights, plans and a manifest, for a page that runs the models itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconode.cli.console import answer, make_table, print_json
from reconode.cli.train import JsonOption


def export_models(
    out: Annotated[Path, typer.Argument(help="Folder to write, made when it is not there.")],
    model: Annotated[
        list[str] | None, typer.Option("--model", help="Repeat for several.", show_default="all that a browser runs")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Write what a browser needs of the models: one solver step each as weights and a plan, and a manifest."""
    from reconode.export import MODELS, export

    manifest = export(out, model or MODELS)
    if json_output:
        print_json(manifest)
        return
    table = make_table("name", "steps", "parameters", "acceleration", "bytes", "file")
    for name, entry in manifest["models"].items():
        steps = str(entry["plan"].get("steps", f"up to {entry['plan'].get('iterations')}"))
        rows = [(f"{a}x", f"{w['bytes']:,}", w["file"]) for a, w in entry["weights"].items()] or [("any", "0", "")]
        for row in rows:
            table.add_row(name, steps, f"{entry['parameters']:,}", *row)
    answer.print(table)
