"""No jump of the clock empties the record: rows, JSON lines, pictures, kept crops, recorded frames, the key."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from core_fakes import IMAGE, Gate, box, reading
from output_samples import MOMENT, entry
from review_samples import doubtful
from test_clock import Clocks
from test_pictures import shown
from test_recording import look
from test_service import FakeCamera, FakeOutputs

from edge.ages import MOST_DAYS, Ages, check_days
from edge.clock import ClockWatch
from edge.csv_log import CsvLog, CsvSettings
from edge.errors import ConfigError
from edge.json_log import JsonLog, JsonSettings
from edge.kept_crops import KeptCrops, ReviewSettings
from edge.log_verify import verify_log
from edge.pictures import Pictures, PictureSettings
from edge.privacy import PseudonymKey
from edge.recording import Recorder, RecordingSettings
from edge.records import Frame, PlateEvent
from edge.service import Progress

DAY = timedelta(days=1)
KEPT_DAYS = 30.0


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool | None], None]:
    return lambda state: monkeypatch.setattr("edge.ages.clock_synced", lambda: state)


# --- when the clock is believed ---


def test_a_clock_that_the_network_set_is_believed_and_one_that_it_did_not_set_is_not(
    synced: Callable[[bool | None], None],
) -> None:
    clocks = Clocks()
    ages = Ages(KEPT_DAYS, clocks.now, clocks.wall - 100 * DAY, clocks.running)
    synced(True)
    assert ages.oldest() == clocks.wall - KEPT_DAYS * DAY
    clocks.wait(1.0, 60 * DAY)
    assert ages.oldest() == clocks.wall - KEPT_DAYS * DAY
    synced(False)
    assert ages.oldest() is None
    assert Ages(0, clocks.now).oldest() is None


@pytest.mark.parametrize("jump", [40 * DAY, -40 * DAY])
def test_where_nothing_tells_a_clock_that_was_set_is_believed_after_a_day(
    jump: timedelta, synced: Callable[[bool | None], None]
) -> None:
    synced(None)
    clocks = Clocks()
    clocks.wall += 100 * DAY
    ages = Ages(KEPT_DAYS, clocks.now, clocks.wall - DAY, clocks.running)
    assert ages.oldest() is not None
    clocks.wait(1.0, timedelta(hours=1))  # summer time of somebody who sets clocks by hand: an hour costs an hour
    assert ages.oldest() is not None
    clocks.wait(1.0, jump)
    for _ in range(23):
        assert ages.oldest() is None
        clocks.wait(3600)
    clocks.wait(3600)
    assert ages.oldest() is not None


def test_where_nothing_tells_a_start_far_ahead_of_all_files_deletes_nothing_for_a_day(
    synced: Callable[[bool | None], None],
) -> None:
    synced(None)
    clocks = Clocks()
    ages = Ages(KEPT_DAYS, clocks.now, clocks.wall - 31 * DAY, clocks.running)
    assert ages.oldest() is None
    clocks.wait(86_400)
    assert ages.oldest() is not None


@pytest.mark.parametrize("year", [1970, 2019, 2099])
def test_a_year_that_cannot_be_is_never_believed(year: int, synced: Callable[[bool | None], None]) -> None:
    clocks = Clocks()
    clocks.wall = clocks.wall.replace(year=year)
    for state in (True, None):
        synced(state)
        ages = Ages(KEPT_DAYS, clocks.now, None, clocks.running)
        clocks.wait(7 * 86_400)
        assert ages.oldest() is None


def test_what_was_made_while_the_clock_was_wrong_counts_from_when_that_is_noticed(
    tmp_path: Path, synced: Callable[[bool | None], None]
) -> None:
    clocks = Clocks()
    for year in (1970, 2099):
        path, told = tmp_path / str(year), datetime(year, 1, 1, tzinfo=UTC)
        path.touch()
        os.utime(path, (told.timestamp(), told.timestamp()))
        synced(False)
        assert Ages(KEPT_DAYS, clocks.now).born(path, told) >= clocks.wall
        synced(True)
        assert Ages(KEPT_DAYS, clocks.now).born(path, told) == clocks.wall
        clocks.wait(5 * 86_400)
        # another start remembers
        assert Ages(KEPT_DAYS, clocks.now).born(path, told) == clocks.wall - 5 * DAY
        assert Ages(KEPT_DAYS, clocks.now).born(path, clocks.wall - 9 * DAY) == clocks.wall - 9 * DAY


def test_the_longest_age_is_one_that_can_be_reckoned_with(synced: Callable[[bool | None], None]) -> None:
    synced(True)
    check_days("max_days", MOST_DAYS)
    assert Ages(MOST_DAYS).oldest() is not None
    with pytest.raises(ConfigError, match="max_days = nan: wanted 0"):
        check_days("max_days", float("nan"))


# --- what is kept, through a clock that goes 2026 → 1970 → 2026 → 2099 → 2026 ---


def journey(clocks: Clocks, write: Callable[[int], None]) -> None:
    """Something is written in each year, an hour apart."""
    right = clocks.wall
    for number, year in enumerate((2026, 1970, 2026, 2099, 2026)):
        right += timedelta(hours=1)
        clocks.wall, clocks.run = right.replace(year=year), clocks.run + 3600
        write(number)


def stamp_all(folder: Path, moment: datetime) -> None:
    """Files get the time of the clock that they were written by; the test's own would be another."""
    for path in [*folder.rglob("*"), folder]:
        if abs(path.stat().st_mtime - datetime.now(UTC).timestamp()) < 3600:
            os.utime(path, (moment.timestamp(), moment.timestamp()))


@pytest.mark.parametrize("state", [True, None, False])
def test_the_journey_of_a_clock_loses_nothing(
    state: bool | None, tmp_path: Path, synced: Callable[[bool | None], None]
) -> None:
    """Every keeper is asked after each jump, and opened anew as after a restart; five of each must be there."""
    synced(state)
    clocks = Clocks()

    def write(number: int) -> None:
        moment = clocks.wall
        pictures = Pictures(PictureSettings(min_free_megabytes=0), tmp_path / "pictures", clocks.now)
        assert pictures.save(shown(number, moment)).crop is not None
        crops = KeptCrops(ReviewSettings(), tmp_path / "review", now=clocks.now)
        crops.add(replace(doubtful(number), best_utc=moment))
        settings = RecordingSettings(folder=str(tmp_path / "frames"), frames="all", min_free_megabytes=0)
        recorder = Recorder(settings, now=clocks.now)
        recorder(replace(look(0), frame=replace(look(0).frame, utc=moment)))
        csv = CsvLog(CsvSettings(str(tmp_path / "plates.csv"), rotate="daily", max_days=KEPT_DAYS), now=clocks.now)
        lines = JsonLog(JsonSettings(max_days=KEPT_DAYS), tmp_path / "plates.jsonl", now=clocks.now)
        for log in (csv, lines):
            log(entry(plate=f"A{number}"))
            log.close()
            assert log.error == ""
        assert pictures.error == crops.error == recorder.error == ""
        stamp_all(tmp_path, moment)

    journey(clocks, write)
    assert len(list((tmp_path / "pictures").rglob("*.jpg"))) == 5
    assert len(list((tmp_path / "review").glob("*.jpg"))) == 5
    assert len(list((tmp_path / "frames").glob("*.jpg"))) == 5
    for name in ("plates.csv", "plates.jsonl"):
        report = verify_log(tmp_path / name)
        assert report.broken is None
        assert sum(one.rows for one in report.files) == 5


def test_rows_get_old_where_nobody_passes(tmp_path: Path, synced: Callable[[bool | None], None]) -> None:
    synced(True)
    clocks, settings = Clocks(), CsvSettings(str(tmp_path / "plates.csv"), rotate="daily", max_days=KEPT_DAYS)
    log = CsvLog(settings, now=clocks.now)
    log(entry(plate="A1"))
    log.close()
    stamp_all(tmp_path, clocks.wall)
    for days, left in ((20, True), (20, False)):
        clocks.wait(60.0, days * DAY)
        CsvLog(settings, now=clocks.now).close()
        assert any(b"A1" in file.read_bytes() for file in tmp_path.glob("*.csv")) == left
    assert verify_log(tmp_path / "plates.csv").broken is None


def test_after_the_journey_all_of_it_gets_old(tmp_path: Path, synced: Callable[[bool | None], None]) -> None:
    """What says 2099 must not stay until 2099: the owner promised to delete after so many days."""
    synced(True)
    clocks = Clocks()
    settings = PictureSettings(min_free_megabytes=0, max_days=KEPT_DAYS)

    def keep(number: int) -> None:
        Pictures(settings, tmp_path / "pictures", clocks.now).save(shown(number, clocks.wall))
        crops = KeptCrops(ReviewSettings(), tmp_path / "review", now=clocks.now)
        crops.add(replace(doubtful(number), best_utc=clocks.wall))
        stamp_all(tmp_path, clocks.wall)

    journey(clocks, keep)
    for days, left in ((0, 5), (29, 5), (3, 0)):
        clocks.wait(86_400 * days)
        Pictures(settings, tmp_path / "pictures", clocks.now)
        KeptCrops(ReviewSettings(), tmp_path / "review", now=clocks.now)
        assert len(list((tmp_path / "pictures").rglob("*.jpg"))) == left, days
        assert len(list((tmp_path / "review").glob("*.jpg"))) == left, days


def test_the_key_of_the_pseudonyms_is_not_thrown_away_by_a_jump(
    tmp_path: Path, synced: Callable[[bool | None], None]
) -> None:
    synced(None)
    moment = [MOMENT]
    key = PseudonymKey(tmp_path / "privacy.key", KEPT_DAYS, lambda: moment[0])
    first = key.pseudonym("AB123CD")
    for later in (MOMENT.replace(year=2099), MOMENT, MOMENT.replace(year=1970), MOMENT + 200 * DAY):
        moment[0] = later
        assert key.pseudonym("AB123CD") == first
    synced(True)
    assert key.pseudonym("AB123CD") != first


# --- recognition ---


@pytest.mark.parametrize("years", [(1970, 2099, 2026), (2026, 2026, 2019)])
def test_a_clock_that_jumps_in_the_middle_of_a_pass_changes_nothing_but_what_the_row_says(
    years: tuple[int, ...],
) -> None:
    def events(years: tuple[int, ...]) -> list[PlateEvent]:
        gate = Gate()
        for index in range(40):
            moment = MOMENT.replace(year=years[index // 2 % len(years)])
            gate.script.sights = [(box(100 + 4 * index), reading("AB123CD"))] if index < 30 else []
            gate.events += gate.pipeline.process(Frame(IMAGE, index / 10, moment, index)).events
        moments = {"event_id": "", "shot": None, "first_utc": MOMENT, "last_utc": MOMENT, "best_utc": MOMENT}
        return [replace(one, **moments) for one in [*gate.events, *gate.finish()]]  # type: ignore[arg-type]

    steady = events((2026,))
    assert ("final", "AB123CD", "accepted") in [(one.kind, one.plate, one.status) for one in steady]
    assert events(years) == steady


def test_the_owner_is_told_by_systemd_and_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks, told = Clocks(), list[dict[str, object]]()
    monkeypatch.setattr("edge.service.ClockWatch", lambda: ClockWatch(clocks.now, clocks.running))
    monkeypatch.setattr("edge.service.notify", lambda **states: told.append(states))
    progress = Progress("gate", FakeCamera(), FakeOutputs())
    clocks.wall = clocks.wall.replace(year=2099)
    progress.turn()
    assert "the clock cannot be right: it says 2099-11-20; nothing is deleted by age" in str(told[0]["STATUS"])
    assert "2099" in str(progress.status()["clock"])
