"""Network cameras that do not answer as they should, on real sockets; and passwords, which are never shown."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.network import find_cause, public_url, signed_url
from edge.redaction import url_secrets
from edge.sign_in import SignIn
from edge.source import Source, SourceSettings, open_source

Answer = Callable[[socket.socket], None]


@contextmanager
def serving(treat: Answer) -> Iterator[int]:
    """A port on loopback, each connection to which is treated so in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=treat, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def listener(answer: Answer) -> Iterator[int]:
    """A camera's port that treats every connection so; gives the port."""

    def treat(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(2000)
                answer(connection)
            except OSError:
                pass  # who asked went away

    with serving(treat) as port:
        yield port


def hang(connection: socket.socket) -> None:
    connection.recv(1)


def refuse_strangers(connection: socket.socket) -> None:
    connection.sendall(b'RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Basic realm="cam"\r\n\r\n')


def want_digest(connection: socket.socket) -> None:
    connection.sendall(b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n")
    connection.sendall(b'WWW-Authenticate: Digest realm="cam", nonce="1"\r\n\r\n')


def talk_nonsense(connection: socket.socket) -> None:
    connection.sendall(b"220 mail.example ESMTP 401 404\r\n" * 50)


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def cause_of(source: Source, seconds: float = 20) -> str:
    """The first cause other than `connecting`."""
    end = time.monotonic() + seconds
    for _ in source:
        if source.state().cause not in ("", "connecting"):
            break
        assert time.monotonic() < end, source.state()
    return source.state().cause


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
@pytest.mark.parametrize(
    ("answer", "cause"),
    [(hang, "timeout"), (refuse_strangers, "unauthorised"), (talk_nonsense, "no picture"), (hang_up, "no picture")],
)
def test_what_a_camera_does_wrong_is_named(
    answer: Answer, cause: str, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    if scheme == "http" and answer is refuse_strangers:
        answer = lambda connection: connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")  # noqa: E731
    with listener(answer) as port:
        url = f"{scheme}://gate:s3cret@127.0.0.1:{port}/live"
        with open_source(SourceSettings(source=url, open_timeout=1.0, read_timeout=1.0)) as source:
            assert cause_of(source) == cause
            assert not source.state().online
    assert "s3cret" not in caplog.text
    assert cause in caplog.text


def test_a_port_where_nothing_listens_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with open_source(SourceSettings(source=f"rtsp://127.0.0.1:{port}/live", open_timeout=1.0)) as source:
        assert cause_of(source) == "refused"


def test_a_sign_in_by_digest_is_made() -> None:
    with listener(want_digest) as port:
        for user in ("gate:s3cret@", ""):
            assert find_cause(f"rtsp://{user}127.0.0.1:{port}/live", 2)[0] == "unauthorised"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/u5Xqn2CZ0r8y1AbC", "/…"),
        ("/s/u5Xqn2CZ0r8y1AbC/main", "/s/…/main"),
        ("/Streaming/Channels/101", "/Streaming/Channels/101"),
        ("/h264Preview_01_main", "/h264Preview_01_main"),
        ("/onvifprofile", "/onvifprofile"),
        ("/u5Xqn2CZ0r8y1AbC/user=admin", "/…/user=…"),
        ("/f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "/…"),
    ],
)
def test_a_token_in_the_path_is_not_shown(path: str, shown: str) -> None:
    assert public_url(f"rtsps://nvr:7441{path}") == f"rtsps://nvr:7441{shown}"
    assert bool(url_secrets(f"rtsps://nvr:7441{path}")) is ("…" in shown)


def test_a_name_that_no_network_knows() -> None:
    # RFC 6761: nothing ends in .invalid, and who has no name server at all does not know it either
    cause, advice = find_cause("rtsp://me:s3cret@camera.invalid/live", 2)
    assert cause == "unknown host"
    assert "camera.invalid" in advice
    assert "s3cret" not in advice


def test_a_name_server_that_is_silent_is_told_from_a_name_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "create_connection", fail)
    assert find_cause("rtsp://camera/live", 1) == (
        "unknown host",
        "no name server answers, so that nobody knows the address of camera",
    )


def test_a_camera_that_comes_late_is_found(tmp_path: Path) -> None:
    """Refused first, then asked with the password that the file has by then."""
    asked = list[bytes]()

    def note(connection: socket.socket) -> None:
        asked.append(b"")
        refuse_strangers(connection)

    secret = tmp_path / "password"
    secret.write_text("0ld\n")
    with listener(note) as port:
        settings = SourceSettings(
            source=f"rtsp://127.0.0.1:{port}/live", user="gate", password_file=str(secret), open_timeout=1.0
        )
        with open_source(settings) as source:
            assert cause_of(source) == "unauthorised"
            secret.unlink()
            end = time.monotonic() + 20
            for _ in source:
                if source.state().cause == "no password":
                    break
                assert time.monotonic() < end, source.state()


@pytest.mark.parametrize(
    ("url", "user", "password", "signed"),
    [
        ("rtsp://10.0.0.2/live", "gate", "p@s/s:1#", "rtsp://gate:p%40s%2Fs%3A1%23@10.0.0.2/live"),
        ("rtsp://old:word@[fe80::1]:554/a?b=c", "me", "x", "rtsp://me:x@[fe80::1]:554/a?b=c"),
        ("http://cam:81/video", "me", "", "http://me@cam:81/video"),
    ],
)
def test_user_and_password_go_into_the_url(url: str, user: str, password: str, signed: str) -> None:
    assert signed_url(url, user, password) == signed
    assert password not in public_url(signed) or not password or password == "x"


def test_the_password_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "camera"
    file.write_text("s3c ret\nnot this line\n")
    assert SignIn("gate", str(file), "").password() == "s3c ret"
    monkeypatch.setenv("GATE_CAMERA", "0ther")
    assert SignIn("gate", "", "GATE_CAMERA").password() == "0ther"
    assert SignIn("gate", "", "").password() == ""
    monkeypatch.delenv("GATE_CAMERA")
    for sign_in, named in (
        (SignIn("gate", "", "GATE_CAMERA"), "has no variable of this name"),
        (SignIn("gate", str(tmp_path / "none"), ""), "cannot read"),
    ):
        with pytest.raises(ConfigError, match=named) as caught:
            sign_in.password()
        assert "GATE_CAMERA" not in str(caught.value), "it may be the password itself, by mistake"
    file.write_text("\n")
    with pytest.raises(ConfigError, match="first line"):
        SignIn("gate", str(file), "").password()


def test_a_password_that_is_not_there_is_told_at_the_start() -> None:
    with pytest.raises(ConfigError, match=r"source\.password_file: cannot read"):
        open_source(SourceSettings(source="rtsp://127.0.0.1/live", user="gate", password_file="/nowhere"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"password_file": "x"}, "whose password"),
        ({"user": "gate", "password_file": "x", "password_env": "Y"}, "keep one"),
    ],
)
def test_settings_of_the_sign_in_that_cannot_be(wrong: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        SourceSettings(source="rtsp://h/", **wrong)  # type: ignore[arg-type]
