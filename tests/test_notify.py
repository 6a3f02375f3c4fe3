"""sd_notify: what systemd gets to hear."""

import os
import socket
from pathlib import Path

import pytest

from edge.notify import notify


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    address = str(tmp_path / "notify")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(address)
    listener.settimeout(1.0)
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    return listener


def test_states_arrive_one_a_line(systemd: socket.socket) -> None:
    with systemd:
        assert notify(READY=1, STATUS="two\nlines", WATCHDOG=1)
        assert systemd.recv(4096) == b"READY=1\nSTATUS=two lines\nWATCHDOG=1"


def test_an_abstract_address_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"gatereader-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name)
        listener.settimeout(1.0)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        assert notify(STOPPING=1)
        assert listener.recv(4096) == b"STOPPING=1"


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify(READY=1)


def test_a_supervisor_that_is_gone_stops_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not notify(WATCHDOG=1)


def test_a_supervisor_that_does_not_listen_holds_up_nothing(systemd: socket.socket) -> None:
    with systemd:
        sent = [notify(WATCHDOG=1) for _ in range(400)]  # the socket's queue is full long before
        assert sent[0]
        assert not sent[-1]
