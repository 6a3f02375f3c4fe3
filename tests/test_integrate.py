"""The examples of docs/integrate.md: what they let a gate do, in a Home Assistant that has only what they use."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from output_samples import entry, event

from edge.event_values import event_values
from edge.json_rows import json_values
from edge.live_feed import EventBoard

PAGE = (Path(__file__).parents[1] / "docs" / "integrate.md").read_text(encoding="utf-8")
RELAY = "switch.gate_relay"
ALWAYS = 1_790_000_000.0
"""Some time in 2026."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


class Home:
    """Runs the page's automations: their conditions, the script that they call, the helpers of the plates."""

    def __init__(self) -> None:
        jinja, yaml = pytest.importorskip("jinja2"), pytest.importorskip("yaml")

        class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
            """Knows Home Assistant's secrets."""

        Loader.add_constructor("!secret", lambda loader, node: "SECRET")
        opening, self.mqtt, self.rest = (yaml.load(text, Loader) for text in blocks("yaml"))
        self.scripts = {f"script.{name}": one["sequence"] for name, one in opening["script gate"].items()}
        self.stamps = {f"input_datetime.{name}": ALWAYS - 86_400 for name in opening["input_datetime gate"]}
        self.clock = ALWAYS
        self.opened: list[str] = []
        self.relay: list[str] = []
        self._jinja = jinja.Environment(autoescape=False)
        self._jinja.globals["now"] = lambda: datetime.fromtimestamp(self.clock, UTC)
        self._jinja.globals["as_timestamp"] = lambda text: datetime.fromisoformat(text).timestamp()
        self._jinja.globals["state_attr"] = lambda name, _: self.stamps[name]

    def render(self, text: str, variables: Mapping[str, Any]) -> str:
        """Without the white space around it, as Home Assistant does it."""
        return str(self._jinja.from_string(text).render(**variables)).strip()

    def message(self, topic: str, payload: Mapping[str, Any]) -> None:
        """What the broker hands on."""
        automation = self.mqtt["automation gate"][0]
        assert automation["triggers"] == [{"trigger": "mqtt", "topic": topic}]
        variables = {"trigger": SimpleNamespace(payload_json=payload)}
        if self.render(automation["conditions"], variables) == "True":
            self.run(automation["actions"], variables)

    def poll(self, answer: Mapping[str, Any]) -> str:
        """What the sensor makes of `/api/events`, and the automation of the sensor."""
        state = self.render(self.rest["rest"][0]["sensor"][0]["value_template"], {"value_json": answer})
        automation = self.rest["automation gate"][0]
        if state not in automation["triggers"][0]["not_to"]:
            self.run(automation["actions"], {"trigger": SimpleNamespace(to_state=SimpleNamespace(state=state))})
        return state

    def run(self, steps: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]) -> None:
        scope = dict(variables)
        for step in steps:
            if "variables" in step:
                scope |= {name: self.render(text, scope) for name, text in step["variables"].items()}
            elif "condition" in step:
                if self.render(step["value_template"], scope) != "True":
                    return
            elif "action" in step:
                data = {name: self.render(text, scope) for name, text in step.get("data", {}).items()}
                self.act(step["action"], self.render(step.get("target", {}).get("entity_id", ""), scope), data)
            else:
                assert set(step) == {"delay"}

    def act(self, action: str, target: str, data: Mapping[str, str]) -> None:
        if action in self.scripts:
            self.relay.clear()
            self.run(self.scripts[action], data)
            if self.relay:
                assert self.relay == ["switch.turn_on", "switch.turn_off"]
                self.opened.append(data["plate"])
        elif action == "input_datetime.set_datetime":
            assert target in self.stamps
            self.stamps[target] = float(data["timestamp"])
        else:
            assert target == RELAY
            self.relay.append(action)


def message(plate: str = "AB123CD", at: float = ALWAYS, **changes: Any) -> dict[str, Any]:
    """As the bridge sends it (test_mqtt.py)."""
    time = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"plate": plate, "known": True, "moved": True, "confidence": 0.98, "event_id": "id", "time": time, **changes}


def test_our_plate_opens_the_gate_and_nothing_else_does() -> None:
    home = Home()
    older = message()
    del older["moved"]
    for other in (message(moved=False), message("EF456GH"), message("AB123C"), message(confidence=0.8), older):
        home.message("gate/pass", other)
    assert home.opened == []
    home.message("gate/pass", message())
    home.message("gate/pass", message("XY987ZT"))
    assert home.opened == ["AB123CD", "XY987ZT"]


def test_a_plate_opens_once_in_three_minutes_also_when_the_clock_is_set() -> None:
    home = Home()
    for after in (0.0, 1.0, 60.0, 118.0):
        home.clock += after
        home.message("gate/pass", message(at=home.clock, event_id=f"{after}"))
    assert home.opened == ["AB123CD"]
    home.clock += 2.0
    home.message("gate/pass", message(at=home.clock))
    home.clock -= 3600.0
    home.message("gate/pass", message(at=home.clock))
    assert home.opened == ["AB123CD"] * 3


def test_a_message_that_hung_in_the_broker_opens_nothing() -> None:
    home = Home()
    for late in (15.1, 3600.0, -15.1):
        home.message("gate/pass", message(at=home.clock - late))
    assert home.opened == []
    home.message("gate/pass", message(at=home.clock - 14.0))
    assert home.opened == ["AB123CD"]


def test_the_pages_own_answer_opens_as_well() -> None:
    home, board = Home(), EventBoard()
    board.add([event(event_id="parked", track=1, moved=False)])
    assert home.poll({"events": board.listed()}) == ""
    board.add([event(event_id="stranger", track=2, plate="EF456GH"), event(event_id="0b9c5a1e-7d53", track=3)])
    board.add([event(event_id="stranger too", track=4, plate="EF456GI")])
    assert home.poll({"events": board.listed()}) == "AB123CD 0b9c5a1e"
    assert home.opened == ["AB123CD"]
    home.clock += 60.0
    assert home.poll({"events": [{**event_values(event(event_id="another")), "age": 1.0}]}) == "AB123CD another"
    assert home.poll({"events": [{**event_values(event()), "age": 16.0}]}) == ""
    assert home.opened == ["AB123CD"]


def test_the_camera_is_seen_in_both_ways() -> None:
    home = Home()
    sensor = home.mqtt["mqtt"][0]["binary_sensor"]
    assert (sensor["state_topic"], sensor["payload_on"], sensor["payload_off"]) == (
        "gate/pass/camera", "online", "offline",
    )  # fmt: skip
    (trigger,) = home.mqtt["automation gate camera"][0]["triggers"]
    (ready,) = home.rest["rest"][1]["binary_sensor"]
    for name in (sensor["name"], ready["name"]):
        assert trigger["entity_id"] == f"binary_sensor.{name.replace(' ', '_')}"
    assert home.render(ready["value_template"], {"value_json": {"ready": False, "cause": "refused"}}) == "False"


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
def test_the_line_of_shell_tells_once_of_a_plate_that_moved() -> None:
    now = datetime.now(UTC)

    def line(plate: str, age: float = 0.0, **changes: Any) -> str:
        one = replace(entry(plate=plate, **changes), recorded=now - timedelta(seconds=age))
        return json.dumps(json_values(one, Path()))

    texts = [line("OLD1", 60), line("PARKED1", moved=False), line("P1", kind="preview"), line("NO1", status="rejected")]
    texts += ['{"half', line("AB123CD"), line("XY987ZT"), line("AB123CD", event_id="again")]
    command = next(text for text in blocks("sh") if "tail" in text).replace("tail -n 0 -F plates.jsonl", "cat")
    told = subprocess.run(["sh", "-c", command], input="\n".join(texts), capture_output=True, text=True, check=True)
    assert [json.loads(text)["plate"] for text in told.stdout.splitlines()] == ["AB123CD", "XY987ZT"]
