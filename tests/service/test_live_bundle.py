import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from lifecycle.core.errors import PipelineError
from service.live_bundle import LOOKS, Watch, signature


class Told:
    """A watch over a folder whose models are the texts of its manifest; `bad` is no model."""

    def __init__(self, folder: Path) -> None:
        self.put: list[str] = []
        self.failed: list[str] = []
        self.watch = Watch(folder, signature(folder), self._load, self.put.append, self.failed.append)  # type: ignore[arg-type]

    def _load(self, folder: Path) -> Any:
        assert threading.current_thread() is not threading.main_thread()  # requests go on meanwhile
        text = (folder / "manifest.json").read_text()
        if text == "bad":
            raise PipelineError("damaged")
        if text == "odd":
            raise KeyError("threshold")
        return text

    def look(self, times: int = 1) -> None:
        async def run() -> None:
            for _ in range(times):
                await self.watch.look()

        asyncio.run(run())


def write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(text)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "bundle", "one")


def test_what_is_served_already_is_not_loaded_again(folder: Path) -> None:
    told = Told(folder)
    told.look(3)
    assert (told.put, told.failed) == ([], [])


def test_a_change_is_loaded_once(folder: Path) -> None:
    told = Told(folder)
    write(folder, "two+")
    told.look(3)
    assert told.put == ["two+"]


def test_a_folder_that_is_swapped_in_is_loaded(folder: Path, tmp_path: Path) -> None:
    told = Told(folder)
    folder.rename(tmp_path / "old")
    told.look()  # in between there is none
    write(tmp_path / "new", "one").rename(folder)  # of the same content and size even
    told.look()
    assert (told.put, told.failed) == (["one"], [])


def test_a_link_that_points_elsewhere_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "live"
    link.symlink_to(write(tmp_path / "a", "a"))
    told = Told(link)
    (tmp_path / "new").symlink_to(write(tmp_path / "b", "b"))
    (tmp_path / "new").rename(link)
    told.look()
    assert told.put == ["b"]


def test_what_is_no_model_is_told_once_and_tried_again_when_it_has_changed(folder: Path) -> None:
    told = Told(folder)
    write(folder, "bad")
    told.look(3)
    assert (told.put, told.failed) == ([], ["damaged"])
    (folder / "model.onnx").write_text("the missing file")
    told.look()
    assert told.failed == ["damaged"] * 2
    write(folder, "three")
    told.look()
    assert told.put == ["three"]


def test_whatever_is_wrong_with_one_the_next_is_served(folder: Path) -> None:
    told = Told(folder)
    write(folder, "odd")
    told.look()
    assert told.failed == [f"{folder}: KeyError('threshold')"]
    write(folder, "three")
    told.look()
    assert told.put == ["three"]


def test_what_has_come_since_the_first_one_was_read_is_loaded(folder: Path) -> None:
    told, before = Told(folder), signature(folder)
    write(folder, "two+")
    told.watch = Watch(folder, before, told._load, told.put.append, told.failed.append)  # type: ignore[arg-type]
    told.look()
    assert told.put == ["two+"]


def test_a_folder_that_can_not_be_read_is_told_once(folder: Path) -> None:
    told = Told(folder)
    (folder / "model.onnx").symlink_to("nowhere")
    told.look(LOOKS - 1)
    assert told.failed == []
    told.look(3 * LOOKS)
    assert told.failed == [f"{folder}: can't be read"]
    told.watch.hurry()
    told.look()
    assert len(told.failed) == 2
    (folder / "model.onnx").unlink()
    write(folder, "two+")
    told.look()
    assert told.put == ["two+"]


def test_a_change_while_it_is_loaded_is_seen(folder: Path) -> None:
    told = Told(folder)
    load = told.watch._load

    def meanwhile(place: Path) -> Any:
        found = load(place)
        write(place, "three")
        return found

    told.watch._load = meanwhile
    write(folder, "two+")
    told.look()
    told.watch._load = load
    told.look()
    assert told.put == ["two+", "three"]


def test_who_is_in_a_hurry_need_not_wait(folder: Path) -> None:
    told = Told(folder)

    async def run() -> None:
        task = asyncio.create_task(told.watch.run(0))  # never looks by itself
        for _ in range(2):
            told.watch.hurry()
            while len(told.put) < 1:
                await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(run(), 10))
    assert set(told.put) == {"one"}
