"""Unknown plates as pseudonyms or not at all: whatever is written anywhere is searched for their texts."""

import base64
import hashlib
import hmac
import json
import logging
import stat
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from core_fakes import box, frame, reading
from demo_clips import largest_pass, write_frames
from output_samples import event

from edge import privacy
from edge.check import Finding, check
from edge.cli import main
from edge.config import Config, load_config
from edge.csv_log import CsvSettings
from edge.errors import ConfigError, OutputError
from edge.event_values import event_line
from edge.json_log import JsonSettings
from edge.kept_crops import KeptCrops, ReviewSettings
from edge.ledger import Ledger
from edge.live_feed import EventBoard
from edge.log_export import Choice, export
from edge.log_verify import verify_log
from edge.pictures import Pictures, PictureSettings
from edge.privacy import Privacy, PrivacySettings, PseudonymKey, VeiledPipeline, known_plates
from edge.records import Frame, FrameResult, PlateEvent, Shot
from edge.service import Progress

PASS = largest_pass()
KNOWN, STRANGER = "AB123CD", "ZX987YW"
START = datetime(2026, 11, 20, tzinfo=UTC)


def shot(text: str) -> Shot:
    return Shot(None, np.full((20, 80, 3), 90, np.uint8), box(0), reading(text), (1280, 720))


def of(plate: str, other: str, **changes: object) -> PlateEvent:
    """An event that has `plate` and `other` wherever a text can be."""
    changes = {"event_id": f"{changes.get('track', 0):08d}-0000-0000-0000-000000000000", **changes}
    values: dict[str, object] = {
        "plate": plate,
        "plate_raw": other,
        "second": other,
        "unruled": other,
        "shot": shot(plate),
    }
    return event(characters=tuple((character, 0.9) for character in plate), **values | changes)


EVENTS = (
    of(KNOWN, KNOWN, track=1),
    of(STRANGER, "ZX987YV", track=2, kind="preview"),
    of(STRANGER, "ZX987YV", track=2),
    of("QQ555QQ", "QQ555Q0", track=3, status="undecided", reason="no_consensus"),
    of("Q?555RR", "QB555RR", track=4, status="rejected", reason="format"),
    # nearly the known one, and the known one but not surely: perhaps a stranger's
    of("AB123CF", "AB128CF", track=5),
    of("AB123CD", "AB128CE", track=6, status="undecided", reason="low_confidence"),
)
UNKNOWN = {"ZX987YW", "ZX987YV", "QQ555QQ", "QQ555Q0", "Q?555RR", "QB555RR", "AB123CF", "AB128CF", "AB128CE"}


class Scripted:
    """A pipeline that gives all events: some with frames, some while it waits, the last ones at the end."""

    def process(self, frame: Frame) -> FrameResult:
        return FrameResult(frame, (), (), EVENTS[:3])

    def idle(self, time: float) -> tuple[PlateEvent, ...]:
        return EVENTS[3:5]

    def finish(self) -> tuple[PlateEvent, ...]:
        return EVENTS[5:]


def kept_by(folder: Path, mode: str) -> str:
    """All that is kept of the events: each file's name and bytes, the list of the page, the lines of the log."""
    csv = folder / "plates.csv"
    settings = PrivacySettings(mode, known=("ab 123-cd",))  # type: ignore[arg-type]
    pipeline = VeiledPipeline(Scripted(), Privacy(settings, str(csv)))
    ledger = Ledger.open(CsvSettings(str(csv)), JsonSettings(), PictureSettings(min_free_megabytes=0))
    crops, board, lines = KeptCrops(ReviewSettings(keep="all"), folder / "review"), EventBoard(), list[str]()
    events = [*pipeline.process(frame(0)).events, *pipeline.idle(1.0), *pipeline.finish()]
    assert [one.track for one in events] == [one.track for one in EVENTS]
    for one in events:
        ledger(one)
        crops(FrameResult(frame(0), (), (), (one,)))
        board.add([one])
        lines.append(event_line(one))
    ledger.close()
    assert (ledger.error, crops.error) == ("", "")
    assert verify_log(csv).broken is None
    exported = b"".join([*export(csv, Choice()), *export(csv, Choice(), as_json=True)]).decode()
    lines_of_json = (folder / "plates.jsonl").read_text(encoding="utf-8").splitlines()
    spelled = [one["c"] for line in lines_of_json for one in json.loads(line)["chars"]]
    spelled += [character for one in board.listed() for character, _ in one["characters"]]
    return "\n".join([everything(folder), str(board.listed()), *lines, exported, "".join(spelled)])


def everything(folder: Path) -> str:
    """Names and bytes of all files below the folder."""
    return "\n".join(
        f"{path}\n{path.read_bytes().decode('latin-1')}" for path in sorted(folder.rglob("*")) if path.is_file()
    )


def found(texts: Iterable[str], kept: str) -> set[str]:
    return {text for text in texts if text.lower() in kept.lower()}


def rows(kept: str) -> int:
    return kept.count('"type":"final"')


def test_without_a_mode_the_search_finds_every_text(tmp_path: Path) -> None:
    """The search would find them, and so what it does not find below is not there."""
    kept = kept_by(tmp_path, "keep")
    assert found({*UNKNOWN, KNOWN}, kept) == {*UNKNOWN, KNOWN}
    assert len(list((tmp_path / "pictures").rglob("*.jpg"))) == 6
    assert len(list((tmp_path / "review").glob("*.jpg"))) >= 1


@pytest.mark.parametrize("mode", ["pseudonym", "drop"])
def test_nothing_that_is_written_has_an_unknown_plate_in_it(mode: str, tmp_path: Path) -> None:
    kept = kept_by(tmp_path, mode)
    assert found(UNKNOWN, kept) == set()
    assert KNOWN in kept
    assert rows(kept) == 6  # each pass counts
    assert len(list((tmp_path / "pictures").rglob("*.jpg"))) == 1  # of the known plate
    assert list((tmp_path / "review").glob("*")) == []
    assert ("~" in kept) == (mode == "pseudonym")


@pytest.mark.parametrize("mode", ["pseudonym", "drop", "keep"])
def test_a_stranger_who_asks_is_erased_by_the_plate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    """Whoever asks names a plate, and the rows have its pseudonym, also where the mode was changed since."""
    kept_by(tmp_path, "pseudonym")
    pseudonym = PseudonymKey(tmp_path / "privacy.key", 30).pseudonym(STRANGER)
    assert everything(tmp_path).count(pseudonym) == 3  # a row, a preview's line, a final's line
    command = ["log", "erase", "--plate", STRANGER, "--csv", str(tmp_path / "plates.csv")]
    assert main([*command, "--set", f"privacy.unknown={mode}"]) == 0
    assert "erased: 3 rows and lines" in capsys.readouterr().out
    assert pseudonym not in everything(tmp_path)
    assert verify_log(tmp_path / "plates.csv").broken is None


@pytest.mark.parametrize("mode", ["pseudonym", "keep"])
def test_a_stranger_who_asks_gets_the_rows_by_the_plate(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], mode: str
) -> None:
    """What `erase` finds, whoever answers "what do you have of me?" must find too."""
    kept_by(tmp_path, "pseudonym")
    key = tmp_path / "privacy.key"
    pseudonym = PseudonymKey(key, 30).pseudonym(STRANGER)
    command = ["log", "export", "--csv", str(tmp_path / "plates.csv"), "--set", f"privacy.unknown={mode}"]
    capfd.readouterr()
    assert main([*command, "--plate", f"{STRANGER[:3]} {STRANGER[3:].lower()}"]) == 0
    _, *lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 1
    assert pseudonym in lines[0]
    assert main([*command, "--plate", KNOWN]) == 0
    assert pseudonym not in capfd.readouterr().out
    key.chmod(0o644)
    assert main([*command, "--plate", STRANGER]) == 1
    assert f"NOT EXPORTED: rows with a pseudonym of {STRANGER}: privacy.key_file: others may" in capfd.readouterr().err


def test_a_key_that_is_not_where_it_should_be_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kept_by(tmp_path, "pseudonym")
    nowhere = tmp_path / "nowhere"
    command = ["log", "export", "--csv", str(tmp_path / "plates.csv"), "--set", "privacy.unknown=pseudonym"]
    command += ["--set", f"privacy.key_file={nowhere}"]
    assert main([*command, "--plate", STRANGER]) == 1
    told = f"gatereader: NOT EXPORTED: rows with a pseudonym of {STRANGER}: privacy.key_file: nothing is at {nowhere};"
    assert told in capfd.readouterr().err
    assert main([*command, "--plate", "*"]) == 0


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("clip") / "frames", PASS, fps=3.0)


@pytest.mark.parametrize("mode", [pytest.param("keep", marks=pytest.mark.slow), "pseudonym", "drop"])
def test_the_service_leaves_no_trace_of_an_unknown_plate(
    mode: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo scene through the real models and the whole service, with all the log that there is."""
    command = ["--debug", "run", "--source", str(clip), "--csv", str(tmp_path / "plates.csv")]
    command += ["--listen", "127.0.0.1:0", "--set", "source.realtime=false", "--set", "source.fps=3"]
    command += ["--set", f"privacy.unknown={mode}", "--set", "privacy.key_days=2"]
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    digits = old_key(tmp_path / "privacy.key")
    assert main(command) == 0
    assert digits not in everything(tmp_path)
    log = capsys.readouterr().err
    kept = everything(tmp_path) + log
    assert rows(kept) >= 1
    assert " accepted " in log
    assert found([PASS.plate], kept) == ({PASS.plate} if mode == "keep" else set())
    assert bool(list(tmp_path.rglob("*.jpg"))) == (mode == "keep")


def test_a_pseudonym_is_the_hmac_of_the_plate_and_the_same_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "privacy.key"
    one = PseudonymKey(path, 30).pseudonym("AB 123 CD")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = bytes.fromhex(path.read_text(encoding="ascii").split()[1])
    assert len(key) == 32
    digest = hmac.new(key, b"AB123CD", hashlib.sha256).digest()
    assert one == "~" + base64.b32encode(digest[:10]).decode()
    again = PseudonymKey(path, 30)
    assert again.pseudonym("AB123CD") == one
    assert again.pseudonym("AB123CE") != one
    assert PseudonymKey(tmp_path / "other.key", 30).pseudonym("AB123CD") != one


def test_a_key_that_is_too_old_is_replaced_and_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    path, moment = tmp_path / "privacy.key", [START]
    key = PseudonymKey(path, 30, lambda: moment[0])
    first, text = key.pseudonym("AB123CD"), path.read_text(encoding="ascii")
    moment[0] += timedelta(days=29)
    assert key.pseudonym("AB123CD") == first
    moment[0] += timedelta(days=2)
    monkeypatch.setattr("edge.ages.clock_synced", lambda: False)
    assert key.pseudonym("AB123CD") == first  # by a clock that is wrong no key is too old
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    second = key.pseudonym("AB123CD")
    assert second != first
    assert text.split()[1] not in everything(tmp_path)
    assert PseudonymKey(path, 30, lambda: moment[0]).pseudonym("AB123CD") == second
    moment[0] += timedelta(days=5000)
    assert PseudonymKey(path, 0, lambda: moment[0]).pseudonym("AB123CD") == second


def old_key(path: Path) -> str:
    """One of three days ago, whose digits are returned."""
    PseudonymKey(path, 0, lambda: datetime.now(UTC) - timedelta(days=3))
    return path.read_text(encoding="ascii").split()[1]


@pytest.mark.parametrize("mode", ["keep", "drop", "pseudonym"])
def test_a_key_gets_too_old_without_a_stranger_and_in_another_mode(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    path = tmp_path / "privacy.key"
    digits = old_key(path)
    for days, is_there in ((0, True), (4, True), (2, False)):
        kept = Privacy(PrivacySettings(mode, key_days=days), str(tmp_path / "plates.csv"))  # type: ignore[arg-type]
        assert digits in everything(tmp_path), "who only veils leaves the service's key alone"
        kept.tidy()
        assert (digits in everything(tmp_path)) == is_there
        assert path.exists() == (is_there or mode == "pseudonym")
        kept.tidy()


def test_an_old_key_stays_by_a_clock_that_nothing_vouches_for_and_where_it_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("edge.ages.clock_synced", lambda: None)
    path = tmp_path / "privacy.key"
    digits = old_key(path)
    for mode in ("drop", "pseudonym"):
        Privacy(PrivacySettings(mode, key_days=2), str(tmp_path / "plates.csv")).tidy()
        assert digits in everything(tmp_path)
    path.chmod(0o644)
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    kept = Privacy(PrivacySettings("drop", key_days=2), str(tmp_path / "plates.csv"))
    kept.tidy()
    kept.tidy()
    assert digits in everything(tmp_path)
    assert caplog.text.count("chmod 600") == 1


def test_the_service_looks_at_the_keys_age_every_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.service._TIDY_EVERY", 0.0)
    progress, kept = Progress("gate", Mock(), Mock(waiting=0)), Mock(Privacy)
    progress.use(Mock(waiting=0, error=""), [], kept)
    progress.turn()
    kept.tidy.assert_called_once_with()


def test_a_new_key_that_cannot_be_written_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    moment = [START]
    key = PseudonymKey(tmp_path / "privacy.key", 30, lambda: moment[0])
    first = key.pseudonym("AB123CD")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(privacy, "write_whole", full)
    moment[0] += timedelta(days=31)
    with caplog.at_level(logging.ERROR):
        assert [key.pseudonym("AB123CD"), key.pseudonym("AB123CD")] == [first, first]
    assert len(caplog.records) == 1
    assert "No space left" in caplog.text
    with pytest.raises(OutputError, match=r"cannot write .*other\.key.*privacy\.key_file"):
        PseudonymKey(tmp_path / "other.key", 30)


def test_a_key_that_is_none_or_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "privacy.key"
    for content in ("", "secret", f"{START.isoformat()} 00ff", f"2026-11-20 {'00' * 32}", "\x00" * 40):
        path.write_text(content, encoding="ascii")
        path.chmod(0o600)
        with pytest.raises(ConfigError, match="is no key of pseudonyms"):
            PseudonymKey(path, 30)
    path.unlink()
    PseudonymKey(path, 30)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        PseudonymKey(path, 30)


def test_the_known_plates_come_from_the_list_and_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "known.txt"
    file.write_bytes(b"\xef\xbb\xbf# residents\r\nzx 987 yw  # the baker\r\n\r\nQQ-555-QQ\r\n")
    assert known_plates(PrivacySettings(known=("ab123cd",), known_file=str(file))) == {"AB123CD", "ZX987YW", "QQ555QQ"}
    file.write_text("AB123CD\nAB*\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"^{file}:2: wanted a plate"):
        known_plates(PrivacySettings(known_file=str(file)))
    with pytest.raises(ConfigError, match=r"known_file: cannot read .*nowhere.*No such file"):
        known_plates(PrivacySettings(known_file=str(tmp_path / "nowhere")))


def test_the_check_tells_what_is_kept(tmp_path: Path) -> None:
    others = ("detector", "reader", "csv", "json", "pictures", "review", "recording", "live page", "source")
    file = tmp_path / "privacy.key"

    def told(mode: str) -> Finding:
        settings = PrivacySettings(mode, known=("AB123CD",))  # type: ignore[arg-type]
        return list(check(Config(csv=CsvSettings(str(tmp_path / "plates.csv")), privacy=settings), others))[-1]

    assert told("keep").text.startswith("every plate is written down")
    assert told("drop").text == "known plates: 1; of all others no text is kept"
    assert told("pseudonym").text == f"known plates: 1; all others get a pseudonym; key {file} can be made"
    assert list(tmp_path.iterdir()) == []
    PseudonymKey(file, 30, lambda: START)
    assert told("pseudonym").text.endswith(f"key {file} of 2026-11-20")
    file.chmod(0o644)
    assert (told("pseudonym").what, told("pseudonym").status) == ("privacy", 78)


def test_what_is_wrong_with_a_plate_is_told_without_the_plate(tmp_path: Path) -> None:
    path = tmp_path / "gatereader.toml"
    path.write_text("[privacy]\nknown = ['AB123CD', 'ZX987YW?']\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r":2: \[privacy\] known: item 2: wanted a plate") as caught:
        load_config(path)
    assert "ZX987YW" not in str(caught.value)


def test_the_pipeline_is_veiled_but_not_what_the_viewer_sees_at_the_moment() -> None:
    """A result without events passes as it is: nothing is copied a frame."""
    quiet = FrameResult(frame(0), (), (), ())

    class Quiet(Scripted):
        def process(self, frame: Frame) -> FrameResult:
            return quiet

    assert VeiledPipeline(Quiet(), Privacy(PrivacySettings("drop"), "")).process(frame(0)) is quiet


def test_keep_changes_nothing_and_makes_no_key(tmp_path: Path) -> None:
    one = replace(EVENTS[2])
    assert Privacy(PrivacySettings(), str(tmp_path / "plates.csv")).veil(one) is one
    Privacy(PrivacySettings("drop"), str(tmp_path / "plates.csv"))
    assert list(tmp_path.iterdir()) == []


def test_the_pictures_are_not_even_made_of_a_veiled_event(tmp_path: Path) -> None:
    veiled = Privacy(PrivacySettings("drop"), "").veil(of(STRANGER, STRANGER))
    assert veiled.shot is None
    Pictures(PictureSettings(min_free_megabytes=0), tmp_path / "pictures").save(veiled)
    assert list(tmp_path.rglob("*")) == []


def test_a_list_of_known_plates_marks_every_event_in_any_mode(tmp_path: Path) -> None:
    for mode in ("keep", "drop"):
        privacy = Privacy(PrivacySettings(mode, known=("ab 123-cd",)), str(tmp_path / "plates.csv"))
        marks = [privacy.veil(one).known for one in EVENTS]
        assert marks == [one.status == "accepted" and one.plate == KNOWN for one in EVENTS]
        assert True in marks
        assert False in marks
    board = EventBoard()
    board.add([privacy.veil(EVENTS[0])])
    assert board.listed()[0]["known"] is True
    assert Privacy(PrivacySettings("drop"), "").veil(EVENTS[0]).known is None, "there is no list"
