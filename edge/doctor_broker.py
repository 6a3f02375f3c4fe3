"""The doctor on the bridge to an MQTT broker, which is there where its owner has installed it (docs/integrate.md)."""

import re
import socket
from pathlib import Path

from edge.doctor_machine import Diagnosis, Machine

UNIT = "gatereader-mqtt.service"
OPTIONS = "etc/gatereader/mosquitto_pub"
"""Those of mosquitto_pub for the bridge, below the machine's root."""
_PATIENCE = 2.0
_PORT, _TLS_PORT = 1883, 8883
_TLS = ("--cafile", "--capath", "--psk", "--tls-use-os-certs")
"""Options with which mosquitto_pub takes the port for TLS, unless it is told another."""
_SIGN_IN = f"XDG_CONFIG_HOME=/{Path(OPTIONS).parent} timeout 5 mosquitto_pub -t gate/pass -l </dev/null"
"""Signs in as the bridge does, and sends nothing."""
_REFUSED = "Connection error: "
"""How mosquitto_pub begins with what a broker answers; its other errors may quote the options, a password too."""


def broker(machine: Machine) -> Diagnosis | None:
    """Whether the bridge runs, has its options, and the broker lets it in; None where it is not installed."""
    if not (machine.root / "etc/systemd/system" / UNIT).exists():
        return None
    told, cures = [f"{UNIT} runs"], list[str]()
    if (machine.run(("systemctl", "is-active", UNIT)) or "").strip() != "active":
        told = [f"{UNIT} does not run"]
        cures.append(f"sudo systemctl enable --now {UNIT}; if it does not stay: `journalctl -u {UNIT} -n 20`")
    try:
        options = (machine.root / OPTIONS).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        options = ""
        told.append(f"/{OPTIONS} is not there")
        cures.append(f"write the broker, user and password into /{OPTIONS} (docs/integrate.md)")
    except OSError as error:
        text = f"{told[0]}; /{OPTIONS}, which names the broker, cannot be read: {error.strerror}"
        return Diagnosis("broker", "attention" if cures else "unknown", text, "; ".join(cures))
    host, port = broker_place(options)
    try:
        socket.create_connection((host, port), _PATIENCE).close()
    except (OSError, UnicodeError) as error:  # of a name that can be none, as broker..lan
        told.append(f"{host}:{port} does not answer: {getattr(error, 'strerror', None) or error}")
        cures.append(f"start the broker there, or mend -h and -p in /{OPTIONS}")
        return Diagnosis("broker", "bad", "; ".join(told), "; ".join(cures))
    said = (machine.run(("sh", "-c", f"{_SIGN_IN} 2>&1; echo $?")) or "").splitlines()
    if said[-1:] != ["0"]:
        refusal = next((line.removeprefix(_REFUSED) for line in said if line.startswith(_REFUSED)), "")
        told.append(f"{host}:{port} answers, and does not let it in{refusal and f': {refusal}'}")
        cures.append(f"mend -u and -P in /{OPTIONS}" if refusal else f"its own words: sudo sh -c '{_SIGN_IN}'")
        return Diagnosis("broker", "bad", "; ".join(told), "; ".join(cures))
    told.append(f"{host}:{port} lets it in")
    return Diagnosis("broker", "attention" if cures else "ok", "; ".join(told), "; ".join(cures))


def broker_place(options: str) -> tuple[str, int]:
    """Host and port in a file of mosquitto_pub's options, one on a line; its own defaults for what is not there.

    Of a line with several options only the first word after the first one counts: what follows may be a password.
    """
    found = dict(re.findall(r"^(-\S+) *(\S*)", options, re.MULTILINE))
    host = found.get("-h") or found.get("--host") or "localhost"
    port = found.get("-p") or found.get("--port") or ""
    if port.isascii() and port.isdigit():
        return host, int(port)
    return host, _TLS_PORT if any(option in found for option in _TLS) else _PORT
