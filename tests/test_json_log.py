"""The JSON lines: every event, with everything that is known of it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from output_samples import entry

from edge.chain import START
from edge.config import load_config
from edge.errors import ConfigError, OutputError
from edge.json_log import JsonLog, JsonSettings, json_path
from edge.log_verify import verify_log
from edge.torn_lines import read_torn


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plates.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, *plates: str) -> None:
    log = JsonLog(JsonSettings(), path)
    for plate in plates:
        log(entry(plate=plate))
    log.close()


def test_a_line_says_everything(path: Path) -> None:
    log = JsonLog(JsonSettings(), path)
    log(entry(unruled="AB1Z3CD", format="it"))
    log.close()
    (values,) = lines(path)
    assert len(bytes.fromhex(values.pop("salt"))) == 12
    assert len(bytes.fromhex(values.pop("hash"))) == 32
    local = datetime.fromisoformat(values["time"].pop("local"))
    assert local == datetime(2026, 11, 20, 14, 3, 22, 123_000, tzinfo=UTC)
    assert values == {
        "schema": 1,
        "type": "final",
        "event_id": "0b9c5a1e-7d53-5f0e-9a43-3f1d2c0a7b10",
        "track": 7,
        "camera": "gate",
        "status": "accepted",
        "reason": None,
        "plate": "AB123CD",
        "plate_raw": "AB1Z3CD",
        "unruled": "AB1Z3CD",
        "format": "it",
        "known": None,
        "veiled": False,
        "moved": True,
        "direction": "approaching",
        "second": {"plate": "AB128CD", "margin": 0.6123},
        "confidence": 0.97,
        "chars": [{"c": character, "p": 0.98} for character in "AB123CD"],
        "votes": {"readings": 9, "used": 7, "agreement": 0.8571, "rejected": {"blurred": 2}},
        "geometry": {
            "box": [100, 201, 118, 29],
            "plate_w_px": 117.6,
            "plate_h_px": 29.4,
            "sharpness": 210.0,
            "detection": 0.91,
        },
        "time": {
            "first": "2026-11-20T14:03:22.123Z",
            "last": "2026-11-20T14:03:25.123Z",
            "best": "2026-11-20T14:03:23.123Z",
            "recorded": "2026-11-20T14:03:27.123Z",
            "clock_synced": True,
        },
        "crop": None,
        "frame": None,
        "prev_hash": START,
    }


def test_previews_and_every_status_get_a_line(path: Path) -> None:
    log = JsonLog(JsonSettings(), path)
    log(entry(kind="preview"))
    log(entry(status="rejected", reason="too_small"))
    log.close()
    assert [(line["type"], line["reason"]) for line in lines(path)] == [("preview", None), ("final", "too_small")]


@pytest.mark.parametrize(
    ("settings", "csv", "path"),
    [
        (JsonSettings(), "plates.csv", "plates.jsonl"),
        (JsonSettings(), "/srv/north.csv", "/srv/north.jsonl"),
        (JsonSettings(), "", "plates.jsonl"),
        (JsonSettings(path="events.jsonl"), "/srv/north.csv", "events.jsonl"),
        (JsonSettings(enabled=False), "plates.csv", None),
    ],
)
def test_it_lies_beside_the_csv_file_unless_it_has_a_path(settings: JsonSettings, csv: str, path: str | None) -> None:
    assert json_path(settings, csv) == (None if path is None else Path(path))


def test_a_link_is_followed_once_and_all_files_lie_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "plates.jsonl").symlink_to(tmp_path / "disk" / "events.jsonl")
    assert json_path(JsonSettings(), str(tmp_path / "plates.csv")) == tmp_path / "disk" / "events.jsonl"


@pytest.mark.slow
@pytest.mark.usefixtures("_no_waiting")
def test_a_file_cut_at_any_byte_of_its_last_two_lines_loses_only_those(path: Path) -> None:
    write(path, "A1", "B2", "C3")
    whole = path.read_bytes()
    ends = [len(b"".join(whole.splitlines(keepends=True)[:number])) for number in (1, 2, 3)]
    for kept in (*range(ends[0], ends[1] - 2, 9), *range(ends[1] - 2, ends[2])):
        for file in path.parent.iterdir():
            file.unlink()
        path.write_bytes(whole[:kept])
        write(path, "D4")
        plates = ["A1", *(["B2"] if kept >= ends[1] - 1 else []), *(["C3"] if kept >= ends[2] - 1 else [])]
        assert [line["plate"] for line in lines(path)] == [*plates, "D4"]
        assert verify_log(path).broken is None
        assert [torn.piece for torn in read_torn(path)] == (
            [] if kept in (*ends, ends[1] - 1, ends[2] - 1) else [whole[max(end for end in ends if end <= kept) : kept]]
        )


@pytest.mark.parametrize("content", ['{"plate": "A1"}\n', "time,plate\n", '{"plate": "A1"}\n{"plate'])
def test_a_file_that_is_not_ours_is_set_aside(path: Path, content: str) -> None:
    path.write_text(content)
    write(path, "A1")
    assert path.with_name("plates.1.jsonl").read_text() == content
    assert len(lines(path)) == 1


def test_days_get_files_of_their_own_and_old_ones_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ages.clock_synced", lambda: True)
    moment = datetime(2026, 2, 26, 12, tzinfo=UTC)
    log = JsonLog(JsonSettings(max_days=3.0), path, now=lambda: moment)
    for _ in range(8):
        log(entry())
        moment += timedelta(days=1)
    log.close()
    names = sorted(file.name for file in path.parent.iterdir())
    assert names == [*(f"plates-2026-03-0{day}.jsonl" for day in (2, 3, 4)), "plates.jsonl"]
    assert verify_log(path).broken is None


def test_nothing_is_old_by_a_clock_that_is_known_to_be_wrong(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ages.clock_synced", lambda: False)
    moment = datetime(2026, 2, 26, 12, tzinfo=UTC)
    log = JsonLog(JsonSettings(max_days=3.0), path, now=lambda: moment)
    for _ in range(8):
        log(entry())
        moment += timedelta(days=1)
    log.close()
    assert len(list(path.parent.iterdir())) == 8


def test_one_file_is_the_owners_and_only_told_when_it_is_too_large(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = JsonLog(JsonSettings(rotate="never", max_megabytes=0.005, max_days=0), path)
    for _ in range(20):
        log(entry())
        log.tidy()
    log.close()
    assert len(lines(path)) == 20
    assert len([record for record in caplog.records if "yours to move away" in record.message]) == 1


@pytest.mark.parametrize(
    "settings",
    [{"max_megabytes": 0.0}, {"max_days": -1.0}, {"keep_rows": 0}, {"rotate": "never", "max_days": 3.0}],
)
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        JsonSettings(**settings)


def test_one_file_for_ever_wants_no_days_and_says_so() -> None:
    """The owner need not have written `max_days`: it has a default."""
    with pytest.raises(ConfigError, match=r"max_days = 30 deletes .* or max_days = 0$"):
        JsonSettings(rotate="never")


def test_the_configuration_has_the_section(tmp_path: Path) -> None:
    file = tmp_path / "gatereader.toml"
    file.write_text("[json]\nrotate = 'weekly'\n")
    with pytest.raises(ConfigError, match=r"gatereader\.toml:2: \[json\] rotate: .*\"monthly\""):
        load_config(file)


def test_what_cannot_be_written_names_its_setting(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"set json\.path$"):
        JsonLog(JsonSettings(), tmp_path)


def test_the_documents_explain_every_key(path: Path) -> None:
    write(path, "A1")
    text = (Path(__file__).parents[1] / "docs" / "csv.md").read_text(encoding="utf-8").partition("## The JSON lines")[2]
    keys = set()
    for key, value in lines(path)[0].items():
        keys |= {key, *(value if isinstance(value, dict) and key != "rejected" else ())}
    keys -= {"blurred"}
    assert {key for key in keys if f"`{key}`" not in text} == set()
