"""The data folder of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from alignment.weights.workers import workers
from harness.config.schema import RunConfig
from harness.core.plugins import Model
from harness.storage.data_folder import DataFolder


def open_data(data: str, output: Path, say: Callable[[str], None] = lambda text: None) -> DataFolder:
    """The data folder named in a study; `miniworld` is the embedded world, written into the output folder on first use."""
    if data != "miniworld":
        return DataFolder(Path(data).expanduser(), output / ".cache")
    from harness.miniworld.world.write import write_world

    if not _is_drawn(output):
        say(f"drawing the miniature world in {output / data}, once (about 15 s)")
    write_world(output / data)
    return DataFolder(output / data, output / ".cache")


def base_and_data(
    config: RunConfig, load: Callable[[], Model], output: Path, say: Callable[[str], None]
) -> tuple[Model, DataFolder]:
    """The base and the data folder. A server is asked first: where it does not answer, no miniature world is drawn."""
    what = f"loading the model {config.model.options.get('path', config.model.name)}"
    served = None
    if config.model.options.get("url"):
        say(what)
        served = load()
    with workers().first_alone():
        data = open_data(config.data, output, say)
    if served is not None:
        return served, data
    say(what)
    return load(), data


@contextmanager
def data_to_look_at(data: str, output: Path) -> Iterator[DataFolder]:
    """The same for a dry run: a miniature world that is not there is sketched in a temporary folder, and nothing is left."""
    if data != "miniworld" or _is_drawn(output):
        yield open_data(data, output)
        return
    from harness.miniworld.world.sketch import SketchedWorld

    with TemporaryDirectory() as folder:
        yield SketchedWorld(Path(folder))


def _is_drawn(output: Path) -> bool:
    from harness.miniworld.world.write import MARKER

    return (output / "miniworld" / MARKER).is_file()
