"""How a network camera is asked for its stream: its password goes out when and as the camera wants it."""

import base64
import hashlib
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import Mock

import pytest
from test_network import serving

from edge.camera import CameraError
from edge.capture import open_stream
from edge.network import NOT_TOLD, Asked, _digest, ask_camera, find_cause

Answer = Callable[[str], str]
"""What the camera says to a request; an empty text hangs up."""
BODY = "RTSP/1.0 200 OK is no answer in a body"


@contextmanager
def camera(answer: Answer, *, keeps: bool = True) -> Iterator[tuple[int, list[str]]]:
    """A camera's port and what it was asked; it `keeps` a connection until a request gets no answer."""
    asked = list[str]()

    def treat(connection: socket.socket) -> None:
        with connection:
            while request := connection.recv(4000).decode():
                asked.append(request)
                if not (text := answer(request)):
                    return
                connection.sendall(text.encode())
                if not keeps:
                    return

    with serving(treat) as port:
        yield port, asked


def refusal(scheme: str, *challenges: str) -> str:
    lines = [f"{scheme.upper()}/1.0 401 Unauthorized", *(f"WWW-Authenticate: {one}" for one in challenges)]
    return "\r\n".join([*lines, f"Content-Length: {len(BODY)}", "", BODY])


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def is_right(request: str, password: str) -> bool:
    """As the camera finds out itself, from what it knows and the header."""
    values = dict(re.findall(r'(\w+)="?([^",\r\n]*)', request.partition("Authorization: Digest ")[2]))
    method, uri = request.split()[:2]
    if not values or (values["uri"], values["nonce"], values["opaque"]) != (uri, "n1", "o1"):
        return False
    between = f"{values['nc']}:{values['cnonce']}:{values['qop']}:" if "qop" in values else ""
    secret, wish = md5(f"{values['username']}:{values['realm']}:{password}"), md5(f"{method}:{uri}")
    return bool(values["response"] == md5(f"{secret}:n1:{between}{wish}"))


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("more", ["", ', qop="auth"', ', qop="auth-int,auth", algorithm=MD5', ", algorithm=md5"])
def test_a_wrong_password_is_told_from_a_right_one_where_the_camera_wants_digest(
    scheme: str, keeps: bool, more: str
) -> None:
    """One that hangs up after each answer, too."""
    challenge = f'Digest realm="a cam", nonce="n1", opaque="o1"{more}'

    def answer(request: str) -> str:
        right = is_right(request, "p@ss:1")
        return f"{scheme.upper()}/1.0 200 OK\r\n\r\n" if right else refusal(scheme, 'Basic realm="x"', challenge)

    with camera(answer, keeps=keeps) as (port, asked):
        for password, status in (("p%40ss%3A1", 200), ("other", 401)):
            found = ask_camera(f"{scheme}://gate:{password}@127.0.0.1:{port}/live?x=1", 5)
            assert (found.status, found.cause) == (status, "no picture" if status == 200 else "unauthorised")
    assert "p@ss" not in "".join(asked)
    assert "Basic" not in "".join(asked)


def test_the_example_of_the_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 2617, 3.5, which no test of ours could have got wrong in the same way."""
    monkeypatch.setattr("secrets.token_hex", lambda _: "0a4f113b")
    told = 'realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc0"'
    answer = _digest(told, "Mufasa", "Circle Of Life", "GET", "/dir/index.html")
    assert 'response="6629fae49393a05397450978507c4ef1"' in answer


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_nothing_is_sent_readable_before_the_camera_asks_for_it(scheme: str) -> None:
    secret = base64.b64encode(b"gate:s3c/ret").decode()

    def answer(request: str) -> str:
        signed = f"Authorization: Basic {secret}\r\n" in request
        return f"{scheme.upper()}/1.0 200 OK\r\n\r\n" if signed else refusal(scheme, 'Basic realm="cam"')

    with camera(answer) as (port, asked):
        assert ask_camera(f"{scheme}://gate:s3c%2Fret@127.0.0.1:{port}/live", 5).status == 200
    assert "Authorization" not in asked[0]
    assert len(asked) == 2


def test_nobody_signs_in_where_nobody_is_named_or_nothing_is_asked_for() -> None:
    for user, answered in (("", refusal("rtsp", 'Digest realm="c", nonce="1"')), ("gate:x@", refusal("rtsp"))):
        with camera(lambda _, told=answered: told) as (port, asked):  # type: ignore[misc]
            assert ask_camera(f"rtsp://{user}127.0.0.1:{port}/live", 5).cause == "unauthorised"
        assert len(asked) == 1


@pytest.mark.parametrize(
    "challenge",
    ['Digest realm="c", nonce="1", algorithm=SHA-256', 'Digest realm="c", nonce="1", qop="auth-int"', "NTLM"],
)
def test_a_sign_in_that_is_not_known_here_is_left_to_the_stream(challenge: str) -> None:
    with camera(lambda _: refusal("rtsp", challenge)) as (port, asked):
        found = ask_camera(f"rtsp://gate:s3cret@127.0.0.1:{port}/live", 5)
    assert (found.status, found.cause) == (NOT_TOLD, "no picture")
    assert "Authorization" not in "".join(asked)


def test_what_else_it_answers_is_told() -> None:
    for status, text in ((453, "RTSP/1.0 453 Not Enough Bandwidth\r\n\r\n"), (503, "RTSP/1.0 503 Busy\r\n\r\n")):
        with camera(lambda _, told=text: told) as (port, _):  # type: ignore[misc]
            cause, advice = find_cause(f"rtsp://127.0.0.1:{port}/live", 5)
            assert (cause, advice) == (
                "no picture",
                f"port {port} of 127.0.0.1 answers with {status} instead of a video",
            )
    with camera(lambda _: "") as (port, _):
        assert ask_camera(f"rtsp://127.0.0.1:{port}/live", 5).status == 0


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("http://me:s3c@10.0.0.9:81/login?back=s3c", ", which leads to 10.0.0.9:81,"),
        ("https://portal.example/sign-in", ", which leads to portal.example,"),
        ("/login.asp", ""),
    ],
)
def test_where_a_redirect_leads_is_told_by_its_host(location: str, told: str) -> None:
    answer = f"HTTP/1.0 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    with camera(lambda _: answer) as (port, _):
        assert find_cause(f"http://127.0.0.1:{port}/v", 5) == (
            "no picture",
            f"port {port} of 127.0.0.1 answers with 302{told} instead of a video",
        )


def moved(location: str) -> Answer:
    """A camera that wants a password, and then sends on."""

    def answer(request: str) -> str:
        number = re.search(r"CSeq: \d+", request)
        head = f"\r\n{number[0] if number else ''}\r\n"
        if request.startswith("OPTIONS"):
            return f"RTSP/1.0 200 OK{head}Public: DESCRIBE\r\n\r\n"
        if "Authorization" not in request:
            return f'RTSP/1.0 401 Unauthorized{head}WWW-Authenticate: Basic realm="x"\r\n\r\n'
        return f"RTSP/1.0 302 Moved{head}Location: {location}\r\n\r\n"

    return answer


def test_a_redirect_takes_no_password_to_another_host() -> None:
    with (
        camera(moved("rtsp://localhost/x")) as (other_port, heard),
        camera(moved(f"rtsp://localhost:{other_port}/x")) as (port, asked),
        pytest.raises(CameraError) as error,
    ):
        open_stream(f"rtsp://gate:s3cret@127.0.0.1:{port}/live", 3, 3)
    where = f"port {port} of 127.0.0.1 answers with 302"
    assert str(error.value) == f"no picture; {where} and leads to localhost:{other_port}; write that address"
    assert [request.split()[0] for request in asked] == ["DESCRIBE", "DESCRIBE"]
    assert heard == []


@pytest.mark.parametrize(
    ("url", "location", "elsewhere"),
    [
        ("rtsp://gate:x@cam:8554/live", "rtsp://CAM:8554/main", False),
        ("rtsp://gate:x@cam/live", "rtsp://cam:554/main", False),
        ("rtsp://gate:x@cam:8554/live", "rtsp://cam/main", True),
        ("rtsp://gate:x@cam/live", "rtsp://cam.evil/main", True),
        ("rtsp://gate:x@[fd00::1]:8554/live", "rtsp://[fd00::1]:8554/main", False),
        ("rtsp://gate:x@cam/live", "/main", True),
    ],
)
def test_another_path_on_the_same_host_is_not_elsewhere(
    url: str, location: str, elsewhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with camera(moved(location)) as (port, _):
        connect = socket.create_connection
        monkeypatch.setattr("socket.create_connection", lambda _, patience: connect(("127.0.0.1", port), patience))
        assert ask_camera(url, 5).elsewhere == elsewhere


def test_a_camera_that_gave_its_stream_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may take one connection at a time, and have the question's still open."""
    asked, answers = list[float](), iter(["before", "after", "gives it", "later"])

    def ask(_: str, patience: float) -> Asked:
        asked.append(patience)
        advice = next(answers)
        return Asked("timeout" if advice == "before" else "no picture", advice, 200 if advice == "gives it" else 0)

    monkeypatch.setattr("edge.capture.ask_camera", ask)
    monkeypatch.setattr("cv2.VideoCapture", lambda *_: Mock(isOpened=lambda: False))
    for told in ("after", "gives it", "later"):
        with pytest.raises(CameraError, match=f"no picture; {told}"):
            open_stream("rtsp://gate:x@192.0.2.7/once", 3, 3)
    assert asked == [2, 3, 2, 3]


@pytest.mark.parametrize(
    ("content", "is_stream"),
    [
        ("multipart/x-mixed-replace; boundary=x", True),
        ("video/mp4", True),
        ("image/jpeg", False),
        ("Text/HTML; charset=utf-8", False),
    ],
)
def test_what_is_no_stream_is_told(content: str, is_stream: bool) -> None:
    with camera(lambda _: f"HTTP/1.0 200 OK\r\nContent-Type: {content}\r\n\r\n") as (port, _):
        found = ask_camera(f"http://127.0.0.1:{port}/", 5)
    assert found.is_stream == is_stream
    assert ("wanted is the address of its stream" in found.advice) != is_stream


def test_of_a_camera_with_tls_nothing_is_asked() -> None:
    with camera(lambda _: "") as (port, asked):
        found = ask_camera(f"rtsps://gate:s3cret@127.0.0.1:{port}/live", 5)
    assert found == Asked("no picture", found.advice, NOT_TOLD)
    assert "TLS" in found.advice
    assert asked == []
