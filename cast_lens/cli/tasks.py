"""`cast-lens tasks`: what tasks there are and whether they can be trusted."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cast_lens.cli.output import AsJson, plain_table, print_json, print_line, print_table

if TYPE_CHECKING:
    from cast_lens.tasks.check import TaskReport

SPLITS = ("train", "dev", "test")

app = typer.Typer(help="List task folders and check them.")
Folder = Annotated[
    Path | None, typer.Argument(help="Folder of tasks; the bundled suite if left out.")
]


@app.command("list", epilog="Example: cast-lens tasks list my_tasks")
def list_tasks(folder: Folder = None, as_json: AsJson = False) -> None:
    """List the tasks in a folder."""
    from cast_lens.tasks.reader import BUNDLED, scan_task, task_folders

    rows: list[dict[str, Any]] = []
    for name, path in task_folders(folder or BUNDLED).items():
        scan = scan_task(path)
        card = scan.card
        sizes: dict[str, int] = {s: sum(i.split == s for i in scan.items) for s in SPLITS}
        answers = (
            "free" if card and not card.labels else f"{len(card.labels) if card else 0} labels"
        )
        rows.append(
            {
                "name": name,
                "group": path.parent.name,
                "language": card.language if card else "?",
                "answers": answers,
                **sizes,
                "usable": not any(f.fatal for f in scan.findings),
                "instruction": card.instruction if card else "(task.toml cannot be read)",
            }
        )
    if as_json:
        print_json(rows)
        return
    table = plain_table("", "name", "language", "answers", ">train", ">dev", ">test", "instruction")
    for row in rows:
        shown = row["instruction"] if row["usable"] else "NOT USABLE: cast-lens tasks check"
        counts = (str(row[s]) for s in SPLITS)
        table.add_row(row["name"], row["language"], row["answers"], *counts, shown)
    print_table(table)


@app.command("check", epilog="Example: cast-lens tasks check my_tasks")
def check_tasks(folder: Folder = None, as_json: AsJson = False) -> None:
    """Check every task of a folder; exit status 2 when one cannot be used.

    Named with file and line: unreadable, empty and duplicate items, unknown labels, overlap
    between splits, skewed labels, over-long items. The bag-of-words column is what word counts
    alone reach (naive Bayes, 5-fold); far above chance means the words give the label away,
    below it that items come in pairs of like words and unlike labels.
    """
    from cast_lens.tasks.check import check_task
    from cast_lens.tasks.reader import BUNDLED, task_folders

    reports = [check_task(path) for path in task_folders(folder or BUNDLED).values()]
    if as_json:
        print_json([_as_json(report) for report in reports])
    else:
        _print_reports(reports)
    if not all(report.usable for report in reports):
        raise typer.Exit(2)


def _as_json(report: TaskReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "usable": report.usable,
        "counts": report.counts,
        "labels": report.labels,
        "bag_of_words": asdict(report.bag_of_words) if report.bag_of_words else None,
        "findings": [str(finding) for finding in report.findings],
    }


def _print_reports(reports: list[TaskReport]) -> None:
    columns = ("task", ">train", ">dev", ">test", ">bag of words", ">chance", "findings")
    table = plain_table("", *columns)
    for report in reports:
        words = report.bag_of_words
        table.add_row(
            report.name,
            *(str(report.counts[s]) for s in SPLITS),
            f"{words.accuracy:.2f}" if words else "-",
            f"{words.chance:.2f}" if words else "-",
            _verdict(report),
        )
    print_table(table)
    for report in reports:
        for finding in report.findings:
            print_line(f"{'error' if finding.fatal else 'note '}  {finding}")


def _verdict(report: TaskReport) -> str:
    if not report.findings:
        return "none"
    return f"{len(report.findings)}" + ("" if report.usable else ", cannot be used")
