"""Passwords of cameras are taken out of any text, also where the address before them is misspelt."""

import json
from pathlib import Path

import pytest

from edge.cli import main
from edge.redaction import Redactor, hide_credentials, public_value

MISSPELT = (
    *("rtsp:/gate:hunter2@cam/s", "rtsp//gate:hunter2@cam", "RTSP:gate:hunter2@cam/s", "rtsp:gate:hunter2@cam"),
    *("gate-1:hunter2@cam/s", "rtsp/gate:hunter2@cam/s", "rtsp:/gate:x@hunter2@cam/s", "rtsp://gate:it's\"hunter2@cam"),
    *("(http:/gate:hunter2@cam)", "source=rtsp:/gate:hunter2@cam", "['rtsp:gate:<hunter2>@cam']"),
)


@pytest.mark.parametrize("address", MISSPELT)
def test_a_misspelt_address_keeps_no_password(address: str) -> None:
    for hidden in (
        hide_credentials(f"cannot open {address} now"),
        Redactor().text(f"cannot open {address} now"),
        Redactor().log(f"cannot open {address} now"),
    ):
        assert "hunter2" not in hidden
        assert "cam" in hidden
        assert hidden.startswith("cannot open ")
        assert hidden.endswith(" now")
    assert "hunter2" not in public_value("source", "source", address)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("rtsp:/gate:hunter2@cam/s", "rtsp:/cam/s"),
        ("rtsp//gate:hunter2@cam", "rtsp//cam"),
        ("RTSP:gate:hunter2@cam/s", "RTSP:cam/s"),
        ("rtsp://a@cam/s and rtsp:/b@cam/s", "rtsp://cam/s and rtsp:/cam/s"),
    ],
)
def test_only_what_stands_between_scheme_and_host_goes(text: str, hidden: str) -> None:
    assert hide_credentials(text) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "gatereader.toml:12: [live] user: found a@b",
        "2026-11-20T14:03:22+0000 gate gatereader[7]: write to me@example.org",
        "getty@tty1.service: started; /srv/gate@home/clip.mp4",
        "live page on http://127.0.0.1:8080/",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert hide_credentials(text) == text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("/srv/clips/GA10RMR.mp4: cut off", "/srv/clips/(plate?).mp4: cut off"),
        ("GA10RMR_2.mp4 and 2026-11-GA10RMR.mp4", "(plate?)_2.mp4 and 2026-11-(plate?).mp4"),
        ("gate-GA10RMR/1.jpg", "gate-(plate?)/1.jpg"),
        ("GA10RMR:7 é1GA10RMR 2026-11-20T14-03-22Z.jpg", "(plate?):7 é1GA10RMR 2026-11-20T14-03-22Z.jpg"),
    ],
)
def test_what_looks_like_a_plate_goes_from_the_names_of_files_in_a_log(text: str, hidden: str) -> None:
    assert Redactor().log(text) == hidden


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('password_file = ""\nuser = "a', 'password_file = ""\nuser = "a'),
        ('{"password_env": "", "fps": 1}', '{"password_env": "", "fps": 1}'),
        ("password_file=''  # none", "password_file=''  # none"),
        ('password = """hunter2"""', "password = (hidden)"),
        ('password = "hunter2"', "password = (hidden)"),
        ("password: 31337 fromage", "password: (hidden) fromage"),
        ("password: 31337", "password: (hidden)"),
        (
            "sign-in refused, wrong user or password: 12 from 192.168.1.7",
            "sign-in refused, wrong user or password: 12 from 192.168.1.7",
        ),
    ],
)
def test_an_empty_password_and_a_count_are_shown(text: str, hidden: str) -> None:
    told = Redactor().text(text)
    assert not any(secret in told for secret in ("hunter2", "31337"))
    assert told.startswith(hidden) if hidden.endswith("(hidden)") else told == hidden


@pytest.mark.parametrize("secret", ["AB12CD!tail", 'tops"ecret', "back\\slash"])
def test_a_secret_goes_as_a_whole_and_as_json_writes_it(secret: str) -> None:
    assert Redactor([secret]).log(f"x {secret} y") == "x (hidden) y"
    assert json.loads(Redactor([secret]).text(json.dumps({"text": secret}))) == {"text": "(hidden)"}


def test_a_pipeline_is_hidden_with_a_blank_before_it_too() -> None:
    assert "hunter2" not in public_value("source", "source", " gstreamer:rtspsrc user-pw=hunter2 location=x")


@pytest.mark.parametrize("address", ["gate-1:hunter2@cam/s", "rtsp/gate:hunter2@cam/s", "rtsp://gate:hunter2@cam/s"])
def test_config_show_prints_no_password(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gatereader.toml"
    path.write_text(f'[source]\nsource = "{address}"\n', encoding="utf-8")
    assert main(["config", "show", str(path), "--origin"]) == 0
    told = capsys.readouterr()
    assert 'cam/s"' in told.out
    assert "hunter2" not in told.out + told.err


@pytest.mark.parametrize("address", ["rtsp:/gate:hunter2@cam/s", "rtsp//gate:hunter2@cam", "RTSP:gate:hunter2@cam/s"])
@pytest.mark.parametrize("command", [("config", "show"), ("config", "check"), ("replay", "demo:"), ("aim",)])
def test_no_command_prints_the_password_of_a_misspelt_address(
    command: tuple[str, ...], address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "gatereader.toml"
    path.write_text(f'[source]\nsource = "{address}"\n', encoding="utf-8")
    for given in (("--config", str(path)), ("--set", f"source.source={address}")):
        assert main([*command, *given]) == 78
        told = capsys.readouterr()
        assert "wanted rtsp://" in told.err
        assert "hunter2" not in told.out + told.err
