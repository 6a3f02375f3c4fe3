"""The support bundle where an address or the broker's options are misspelt; tests/test_doctor.py has the rest."""

import zipfile
from pathlib import Path

import pytest

from edge.bundle import write_bundle
from edge.config import read_config
from edge.doctor_machine import Diagnosis, Machine
from edge.errors import ConfigError, SourceError
from edge.source import open_source


@pytest.mark.parametrize(
    "address",
    [
        *("rtsp:/gate:hunter2@cam/s", "rtsp//gate:hunter2@cam", "RTSP:gate:hunter2@cam/s"),
        *("gate-1:hunter2@cam/s", "rtsp/gate:hunter2@cam/s"),
    ],
)
def test_the_bundle_holds_no_password_of_a_misspelt_address(address: str, tmp_path: Path) -> None:
    file, bundle = tmp_path / "gatereader.toml", tmp_path / "bundle.zip"
    csv = f'[csv]\npath = "{tmp_path}/plates.csv"\n'
    file.write_text(f'{csv}[source]\nsource = "{address}"\n[detector]\nmodel = "small"\n', encoding="utf-8")
    config, origins, trouble = None, None, ""
    try:
        config, origins = read_config(file)
        open_source(config.source)
    except (ConfigError, SourceError) as error:
        trouble = str(error)
    journal = f"2026-11-20T14:03:22+0000 gate gatereader[7]: gatereader: {address!r}: no such file or folder\n"
    machine = Machine(tmp_path, lambda _: journal)
    said = [Diagnosis("source", "bad", f"{trouble}; found {address}", "mend it")]
    write_bundle(bundle, said, config, origins=origins, file=file, machine=machine)
    held = contents(bundle)
    assert trouble
    assert "no such file or folder" in held["log.txt"]
    assert ("configuration.toml" in held) == (config is not None)
    assert not [name for name, text in held.items() if "hunter2" in text]


@pytest.mark.parametrize(
    "options",
    [
        '-h 127.0.0.1 -u gatekeeper77 -P tops"ecret1',
        '-h broker.lan\n-P   tops"ecret1 gatekeeper77  \n-p 1883',
        '-h 127.0.0.1 -Ptops"ecret1 --username gatekeeper77',
        '\t-u gatekeeper77 --pw\ttops"ecret1 -h broker.lan',
    ],
)
def test_the_bundle_holds_no_password_of_the_broker_however_it_is_written(options: str, tmp_path: Path) -> None:
    file, bundle = tmp_path / "etc/gatereader/mosquitto_pub", tmp_path / "bundle.zip"
    file.parent.mkdir(parents=True)
    file.write_text(f"{options}\n", encoding="utf-8")
    lines = [line.partition(" ")[2].strip() for line in options.splitlines()]
    said = [Diagnosis("broker", "bad", f"{line}:1883 does not answer", "mend -h") for line in lines]
    write_bundle(bundle, said, None, machine=Machine(tmp_path, lambda _: options))
    held = contents(bundle)
    assert ":1883 does not answer" in held["doctor.txt"]
    assert not [name for name, text in held.items() if "ecret1" in text or "gatekeeper77" in text]


def contents(bundle: Path) -> dict[str, str]:
    with zipfile.ZipFile(bundle) as opened:
        return {name: opened.read(name).decode() for name in opened.namelist()}
