"""sd_notify(3) in a few lines: tell systemd that the service is ready, alive, what it does and that it stops."""

import os
import socket


def notify(**states: str | int) -> bool:
    """Send `READY=1`, `STATUS=…`, `WATCHDOG=1`, `STOPPING=1`; False where nobody listens, which is no error.

    A supervisor that is gone or slow must never stop the camera, so what the socket says against it is not raised.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    message = "\n".join(f"{name}={str(value).replace(chr(10), ' ')}" for name, value in states.items())
    name = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
            connection.sendto(message.encode(), socket.MSG_DONTWAIT, name)
    except OSError:
        return False
    return True
