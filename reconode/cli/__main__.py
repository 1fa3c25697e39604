"""The command ``reconode``, put together: each kind of command has a module, which holds what it does.

Commands are thin on purpose: each checks its arguments, calls the library, shows progress on standard error and its
answer on standard output. A batch goes on past a bad file, lists the failures at the end and exits with 1.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from reconode._version import __version__
from reconode.cli import volumes
from reconode.cli.console import Commands, answer, make_table, print_json
from reconode.cli.experiment import experiment
from reconode.cli.export import export_models
from reconode.cli.info import info
from reconode.cli.table import print_table
from reconode.cli.train import JsonOption, train

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="MR image reconstruction with neural ODEs: simulate data, train, reconstruct, evaluate.",
)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        answer.print(f"reconode {__version__}")
        raise typer.Exit


app.command(epilog="Example:  reconode simulate knees/ --volumes 4 --slices 8")(volumes.simulate)
app.command(epilog="Example:  reconode info knees/knee0000000.h5")(info)
app.command(epilog="Example:  reconode reconstruct knees/ out/ --model tv --acceleration 4")(volumes.reconstruct)
app.command(epilog="Example:  reconode evaluate knees/ out/ --figure scores.png")(volumes.evaluate)
app.command(epilog="Example:  reconode train lt-rk4 --acceleration 4 --data simulated --steps 50")(train)
app.command("export", epilog="Example:  reconode export site/engine --model pc-flow --model tv")(export_models)
app.command("table", epilog="Example:  reconode table compare lt-rk4 d5c5 --format markdown")(print_table)
app.add_typer(experiment, name="experiment")


@app.command(epilog="Example:  reconode models --json")
def models(json_output: JsonOption = False) -> None:
    """List every model: its name, parameters, and the trained weights that come with the library.

    Steps are those of the training; a name takes the weights that are named first at each acceleration.
    """
    from reconode import zoo
    from reconode.storage import weights

    entries: list[dict[str, Any]] = []
    for name, entry in zoo.MODELS.items():
        entries.append(
            {
                "name": name,
                "title": entry.title,
                "family": entry.family,
                "parameters": entry.parameters,
                "summary": entry.summary,
                "weights": {key: weights.read(path)[1] for key, path in zoo.trained(name).items()},
            }
        )
    if json_output:
        print_json({"models": entries})
        return
    table = make_table("name", "title", "parameters", "weights, steps", "what it is")
    for e in entries:
        there: dict[str, list[str]] = {}
        for key, about in e["weights"].items():
            acceleration, variant = key.split()
            there.setdefault(acceleration, []).append(f"{variant} {about['settings']['steps']:,}")
        said = "\n".join(f"{key}: {', '.join(found)}" for key, found in there.items())
        ready = said or ("not needed" if e["family"] == "classical" else "train it")
        count = f"{e['parameters']:,}" if e["parameters"] else "0"
        table.add_row(e["name"], e["title"], count, ready, e["summary"])
    answer.print(table)
    answer.print("NAME takes the first weights of each acceleration; NAME_table, NAME_20k and so on take one.")


def main() -> None:
    """Entry point of the ``reconode`` command."""
    app()


if __name__ == "__main__":
    main()
