"""The support bundle of a configuration whose camera's address is misspelt; tests/test_doctor.py has the rest."""

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
    with zipfile.ZipFile(bundle) as opened:
        held = {name: opened.read(name).decode() for name in opened.namelist()}
    assert trouble
    assert "no such file or folder" in held["log.txt"]
    assert ("configuration.toml" in held) == (config is not None)
    assert not [name for name, text in held.items() if "hunter2" in text]
