"""`segfleet tasks`: look at tasks and steer them."""

from typing import Annotated, Any

import typer
from rich.table import Column, Table

from scripts import access
from scripts.client import Client
from scripts.commands.submit import news
from scripts.refusal import console

app = typer.Typer(help="Look at tasks and steer them.", no_args_is_help=True)
TaskId = Annotated[str, typer.Argument(help="The id of a task.")]


@app.command(name="list")
def list_tasks(
    state: Annotated[str | None, typer.Option(help="Only tasks in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 20,
) -> None:
    """Show your tasks."""
    table = Table(Column("task", no_wrap=True), "state", "progress", "model", "video", "created")
    with Client(access.find()) as client:
        for number, task in enumerate(client.pages("/tasks", state=state, limit=min(limit, 100)), 1):
            done = f"{task['progress']:.0f} %"
            table.add_row(task["id"], task["state"], done, task["model"], task["name"], task["created_at"])
            if number == limit:
                break
    console.print(table)


@app.command()
def show(task_id: TaskId) -> None:
    """Show one task with its steps."""
    with Client(access.find()) as client:
        task = client.call("GET", f"/tasks/{task_id}")
        steps = client.call("GET", f"/tasks/{task_id}/steps")["items"]
    _print(task)
    table = Table(Column("step", no_wrap=True), "kind", "state", "frames", "node")
    for step in steps:
        frames = f"{step['frames_done']}/{step['frames_total']}"
        table.add_row(step["id"], step["kind"], step["state"], frames, step["node"] or "")
    console.print(table)


@app.command()
def cancel(task_id: TaskId) -> None:
    """End a task that has not ended."""
    with Client(access.find()) as client:
        _print(client.cancel(task_id))


@app.command()
def pause(task_id: TaskId) -> None:
    """Hold a task; what is finished is kept."""
    _move(task_id, "pause")


@app.command()
def resume(task_id: TaskId) -> None:
    """Let a paused task go on."""
    _move(task_id, "resume")


@app.command()
def retry(task_id: TaskId) -> None:
    """Try a failed or cancelled task again; what is finished is kept."""
    _move(task_id, "retry")


def _move(task_id: str, verb: str) -> None:
    with Client(access.find()) as client:
        _print(client.call("PUT", f"/tasks/{task_id}/{verb}"))


def _print(task: dict[str, Any]) -> None:
    table = Table(show_header=False)
    for field in ("id", "state", "name", "model", "created_at", "finished_at", "expires_at"):
        table.add_row(field, str(task.get(field) or ""))
    table.add_row("progress", f"{task['progress']:.0f} %, {news(task)}")
    if task.get("error"):
        table.add_row("error", f"{task['error'].get('code')}: {task['error'].get('detail')}")
    for output, result in (task.get("results") or {}).items():
        table.add_row(output, f"{result['size']} bytes, {result['url']}")
    console.print(table, soft_wrap=True, markup=False)
