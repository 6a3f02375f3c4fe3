"""A small RTSP camera on loopback for the tests: `/usr/bin/python3 rtsp_server.py PORT [USER PASSWORD]`.

Needs Debian's python3-gi, gir1.2-gst-rtsp-server-1.0 and gstreamer1.0-plugins-good (and -ugly for H.264).
Prints "ready" once it listens; the streams are /gate, and /jpeg for everybody.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
JPEG = "video/x-raw,format=I420 ! jpegenc ! rtpjpegpay name=pay0 pt=26"
if Gst.ElementFactory.find("x264enc"):
    ENCODER = (
        "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph264pay name=pay0 pt=96 config-interval=1"
    )
else:
    ENCODER = JPEG


def stream(encoder: str) -> GstRtspServer.RTSPMediaFactory:
    factory = GstRtspServer.RTSPMediaFactory()
    picture = "video/x-raw,width=640,height=360,framerate=15/1"
    factory.set_launch(f"( videotestsrc is-live=true pattern=ball ! {picture} ! videoconvert ! {encoder} )")
    factory.set_shared(True)
    return factory


def main(port: str, user: str = "", password: str = "") -> None:
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = stream(ENCODER)
    if user:
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        server.set_auth(auth)
        role = Gst.Structure.new_empty("viewer")
        for permission in ("access", "construct"):
            role.set_value(f"media.factory.{permission}", True)
        factory.add_role_from_structure(role)
    server.get_mount_points().add_factory("/gate", factory)
    server.get_mount_points().add_factory("/jpeg", stream(JPEG))
    server.attach(None)
    print("ready", flush=True)  # noqa: T201
    GLib.MainLoop().run()


main(*sys.argv[1:])
