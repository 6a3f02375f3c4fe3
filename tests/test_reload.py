"""SIGHUP: the configuration is read anew; what is wrong changes nothing, what can change does, the rest is named."""

import csv
import errno
import json
import logging
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from core_fakes import Script, box, frame, reading
from output_samples import event

from edge import line_file, reload
from edge.card import shipped_model
from edge.config import Config, load_config
from edge.errors import ConfigError, GateReaderError, ModelError, OutputError
from edge.parts import Parts
from edge.password import hash_password
from edge.records import Frame
from edge.reload import Reload, changes, merged
from edge.service import Loop, Progress, Stop
from edge.source import SourceSettings
from edge.source_state import SourceState


def configuration(folder: Path, text: str = "") -> Config:
    """The configuration of a file with these lines; its record lies in `folder`."""
    file = folder / "gatereader.toml"
    record = "" if "[csv]" in text else f'[csv]\npath = "{folder}/plates.csv"\n'
    file.write_text(record + text)
    return load_config(file)


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = Parts(configuration(tmp_path))
    made.watch("a camera")
    yield made
    made.close()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    messages: list[dict[str, object]] = []
    monkeypatch.setattr(reload, "notify", lambda **states: messages.append(states))
    return messages


class FakeParts:
    def __init__(self, refuses: GateReaderError | None = None) -> None:
        self.config = Config()
        self.refuses = refuses
        self.replaced: tuple[str, ...] = ()

    def change(self, config: Config) -> tuple[str, ...]:
        if self.refuses:
            raise self.refuses
        self.config = config
        return self.replaced


def test_what_differs_is_told_apart_by_whether_it_can_change_at_once() -> None:
    old = Config()
    new = replace(
        old,
        source=replace(old.source, source="0", fps=5.0),
        region=replace(old.region, tiles=2),
        vote=replace(old.vote, formats=("it",)),
        csv=replace(old.csv, path="other.csv"),
        live=replace(old.live, listen="127.0.0.1:9000"),
        service=replace(old.service, camera="north", log_plates=False),
    )
    found = changes(old, new)
    assert set(found.live) == {"region.tiles", "vote.formats", "csv.path", "service.log_plates"}
    assert set(found.restart) == {"source.source", "source.fps", "live.listen", "service.camera"}
    after = merged(old, new)
    assert changes(after, new).live == ()
    assert set(changes(after, new).restart) == set(found.restart), "what waits for a restart is told the next time too"
    assert changes(old, old) == ((), ())


def test_a_new_configuration_is_in_force_and_what_waits_is_named(
    told: list[dict[str, object]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fake, seen = FakeParts(), list[str]()
    new = replace(Config(), vote=replace(Config().vote, max_delay=3.0), source=SourceSettings(source="0"))
    again = Reload(lambda: new, fake, lambda: seen.append("changed"))
    again()
    assert (fake.config.vote.max_delay, fake.config.source.source) == (3.0, "demo:")
    assert seen == ["changed"]
    assert caplog.messages == [
        "configuration read: now in force: vote.max_delay; source.source will change with a restart"
    ]
    assert again.trouble == "source.source will change with a restart"
    assert told[0]["RELOADING"] == 1
    assert isinstance(told[0]["MONOTONIC_USEC"], int)
    assert told[-1]["READY"] == 1


@pytest.mark.parametrize("where", ["load", "change", "live", "source"])
def test_a_configuration_that_is_wrong_changes_nothing(
    told: list[dict[str, object]], caplog: pytest.LogCaptureFixture, where: str
) -> None:
    wrong = ConfigError("gatereader.toml:3: unknown key `x`")
    fake, seen = FakeParts(ModelError("no such model") if where == "change" else None), list[str]()
    live = replace(Config().live, password_file="/nowhere") if where == "live" else Config().live
    source = SourceSettings(user="gate", password_file="/nowhere") if where == "source" else Config().source
    answers = [Config(vote=replace(Config().vote, max_delay=3.0), live=live, source=source)]

    def load() -> Config:
        if where == "load":
            raise wrong
        return answers[0]

    before = fake.config
    again = Reload(load, fake, lambda: seen.append("changed"))
    again()
    assert fake.config is before
    assert seen == []
    named = {"load": "unknown key `x`", "change": "no such model"}.get(where, f"{where}.password_file")
    assert named in again.trouble
    (line,) = caplog.messages
    assert line.startswith("configuration not changed: ")
    assert line.endswith("; the old one goes on")
    assert told[-1]["READY"] == 1, "it runs on"
    assert told[-1]["STATUS"] == again.trouble


def test_another_password_in_the_pages_file_waits_for_a_restart(
    told: list[dict[str, object]], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO)
    file, fake = tmp_path / "page", FakeParts()
    file.write_text(hash_password("sesame"))
    fake.config = replace(Config(), live=replace(Config().live, password_file=str(file)))
    again = Reload(lambda: fake.config, fake, lambda: None)
    again()
    file.write_text(hash_password("barley"))
    again()
    again()
    assert again.trouble == "live.password_file will change with a restart"
    line = f"configuration read: nothing new is in force; {again.trouble}"
    assert caplog.messages == ["configuration read: nothing new is in force", line, line]


@pytest.mark.parametrize("mistake", [ValueError("has an empty name"), OverflowError("date value out of range")])
def test_no_mistake_in_a_configuration_ends_a_running_gate(
    told: list[dict[str, object]], mistake: ArithmeticError | ValueError
) -> None:
    def load() -> Config:
        raise mistake

    again = Reload(load, FakeParts(), lambda: None)
    again()
    assert again.trouble == f"configuration not changed: {mistake}"


def test_a_good_configuration_clears_the_trouble(told: list[dict[str, object]]) -> None:
    answers: list[Config | None] = [None, Config()]

    def load() -> Config:
        if (answer := answers.pop(0)) is None:
            raise ConfigError("wrong")
        return answer

    again = Reload(load, FakeParts(), lambda: None)
    again()
    assert again.trouble
    again()
    assert again.trouble == ""


def test_the_parts_change_for_real(parts: Parts, tmp_path: Path) -> None:
    """Threshold, formats, pictures and the record's place, with the shipped models."""
    black = Frame(np.zeros((120, 160, 3), np.uint8), 0.0, event().first_utc, 0)
    parts.pipeline.process(black)
    parts.ledger(event())
    before = parts._detector, parts._reader
    text = f'[detector]\nthreshold = 0.9\n[vote]\nformats = ["it"]\n[csv]\npath = "{tmp_path}/other.csv"\n'
    parts.change(configuration(tmp_path, text))
    assert parts._detector is not before[0]
    assert parts._detector.threshold == 0.9
    assert parts._reader is before[1], "a model whose settings stay is not loaded again"
    parts.pipeline.process(replace(black, time=0.1, index=1))
    assert parts._whole._detector is parts._detector
    assert parts._whole._settings.formats == ("it",)
    parts.ledger(event())
    assert len((tmp_path / "plates.csv").read_text().splitlines()) == 2, "a header and what came before"
    assert len((tmp_path / "other.csv").read_text().splitlines()) == 2


def test_the_same_record_goes_on_with_other_settings(parts: Parts, tmp_path: Path) -> None:
    parts.ledger(event(status="rejected", reason="format"))
    parts.change(configuration(tmp_path, f'[csv]\npath = "{tmp_path}/plates.csv"\ninclude = ["accepted"]\n'))
    parts.ledger(event(status="rejected", reason="format"))
    parts.ledger(event())
    assert len((tmp_path / "plates.csv").read_text().splitlines()) == 3


def test_a_record_that_cannot_be_written_leaves_the_old_one(parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")
    before = parts.config, parts.ledger
    with pytest.raises(OutputError, match=r"csv\.path"):
        parts.change(configuration(tmp_path, f'[csv]\npath = "{tmp_path}/a file/plates.csv"\n'))
    assert (parts.config, parts.ledger) == before
    parts.ledger(event())
    assert len((tmp_path / "plates.csv").read_text().splitlines()) == 2, "it is opened again"


def test_a_model_that_is_not_there_leaves_the_old_one(parts: Parts, tmp_path: Path) -> None:
    before = parts.config, parts._detector
    with pytest.raises(ModelError):
        parts.change(configuration(tmp_path, '[detector]\nmodel = "nowhere.tflite"\n'))
    assert (parts.config, parts._detector) == before


def test_rows_that_wait_for_the_disk_are_not_lost_to_a_change(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(line_file, "write_all", full)
        parts.ledger(event())
        with pytest.raises(OutputError, match="rows wait for the disk"):
            parts.change(configuration(tmp_path, f'[csv]\npath = "{tmp_path}/other.csv"\n'))
    parts.ledger.flush()
    assert len((tmp_path / "plates.csv").read_text().splitlines()) == 2
    assert not (tmp_path / "other.csv").exists()


@pytest.mark.parametrize("kind", ["detector", "reader"])
def test_a_model_that_was_replaced_under_its_name_is_taken(tmp_path: Path, kind: str) -> None:
    for name in (f"{kind}.tflite", f"{kind}.json"):
        shutil.copy(shipped_model(name), tmp_path)
    text = f'[{kind}]\nmodel = "{tmp_path}/{kind}.tflite"\n'
    parts = Parts(configuration(tmp_path, text))
    parts.watch("a camera")
    before = parts._detector, parts._reader
    try:
        assert parts.change(configuration(tmp_path, text)) == ()
        assert (parts._detector, parts._reader) == before
        card = json.loads((tmp_path / f"{kind}.json").read_text())
        card["metrics"] = {"another": 1.0}
        (tmp_path / f"{kind}.json").write_text(json.dumps(card))
        assert parts.change(configuration(tmp_path, text)) == (f"{kind}.model",)
        assert [one is other for one, other in zip((parts._detector, parts._reader), before, strict=True)] == [
            kind != "detector",
            kind != "reader",
        ]
        (tmp_path / f"{kind}.tflite").write_bytes(b"half a model")
        with pytest.raises(ModelError, match="the file and its card do not belong together"):
            parts.change(configuration(tmp_path, text))
        (tmp_path / f"{kind}.tflite").unlink()
        assert parts.change(configuration(tmp_path, text + "[vote]\nmax_delay = 3\n")) == (), "what was loaded goes on"
    finally:
        parts.close()


def test_a_replaced_model_is_named(told: list[dict[str, object]], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fake = FakeParts()
    fake.replaced = ("reader.model",)
    Reload(Config, fake, lambda: None)()
    assert caplog.messages == ["configuration read: now in force: reader.model (another file)"]


def test_a_signal_in_the_loop_reads_the_file_and_the_pass_in_view_goes_on(
    parts: Parts,
    tmp_path: Path,
    told: list[dict[str, object]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the middle of a pass the file changes and SIGHUP comes; what is seen is scripted, all else is real."""
    caplog.set_level(logging.INFO)
    script = Script()
    parts._detector = parts._reader = script  # type: ignore[assignment]
    monkeypatch.setattr(script, "card", None, raising=False)
    monkeypatch.setattr("edge.parts._is_replaced", lambda *_: False)
    parts._whole.use(script, script, parts.config.tracker, parts.config.vote, keep_frames=False)
    text = f'[csv]\npath = "{tmp_path}/plates.csv"\nrotate = "daily"\n[vote]\nmin_plate_width = 200\n'

    def frames() -> Iterator[Frame]:
        for index in range(30):
            script.sights = [(box(400 + 4 * index), reading("AB123CD"))]
            if index == 1:
                assert parts._whole.started == 1
                (tmp_path / "gatereader.toml").write_text(text)
                os.kill(os.getpid(), signal.SIGHUP)
            yield frame(index / 10, index)

    progress = Progress("gate", FakeCamera(), parts.ledger)
    loop = Loop(parts.pipeline, parts.ledger, NoPage(), progress)
    again = Reload(lambda: load_config(tmp_path / "gatereader.toml"), parts, lambda: loop.use(parts))
    loop.reload = progress.reload = again
    with Stop(reloads=True) as stop:
        loop.run(frames(), stop)
    assert stop.cause == ""
    assert "configuration read: now in force: vote.min_plate_width, csv.rotate" in caplog.messages
    assert (parts._whole.started, progress.passes) == (1, 1), "the plate in view stays one pass"
    (row,) = csv.DictReader((tmp_path / "plates.csv").read_text().splitlines())
    assert (row["plate"], row["votes"]) == ("AB123CD", "2"), "of those before the change; now it is too narrow to vote"


class FakeCamera:
    description = "a camera"

    def state(self) -> SourceState:
        return SourceState(True, datetime.now(UTC), "", 1, 0)


class NoPage:
    watched = False

    def publish(self, result: object) -> None:
        pass


def test_without_a_file_to_read_the_signal_ends_the_program() -> None:
    with Stop() as stop:
        os.kill(os.getpid(), signal.SIGHUP)
        assert stop.cause == "SIGHUP"


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stop() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop.cause == ""
    finally:
        signal.signal(signal.SIGHUP, before)
