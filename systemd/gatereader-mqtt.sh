#!/bin/sh
# Sends each accepted pass to an MQTT broker as one JSON line, and tells whether it is there: docs/integrate.md.
# Usage: gatereader-mqtt.sh FILE TOPIC [options of mosquitto_pub, such as -h broker.lan]
# Ends when the file's reader does: whoever started it starts it again.
set -eu
lines=$1 topic=$2
shift 2
# jq 1.6 (Debian 12) is wrong by an hour where summer time holds: everything here is UTC.
export TZ=UTC
[ -e "$lines" ] || echo "$lines is not there (yet)" >&2

# One connection that says 1 again and again, as the broker may forget it, and whose last will is 0.
stay() {
  until mosquitto_pub "$@" -t "$topic/online" -r -q 1 -m 1 2>/dev/null; do sleep 2; done
  { while kill -0 $$ 2>/dev/null; do echo 1; sleep 5; done; echo 0; } |
    mosquitto_pub "$@" -t "$topic/online" -r -q 1 -l \
      --will-topic "$topic/online" --will-payload 0 --will-retain --will-qos 1
}
while kill -0 $$ 2>/dev/null; do stay "$@" || sleep 2; done &

# What is older than 15 seconds is nothing to act on: lines come again when a plate is erased from the file.
# Half a line, after a power cut or on a full disk, is none.
follow() {
  tail --pid=$$ -n 20 -F "$lines" 2>/dev/null |
    jq -cR --unbuffered '
      fromjson? | select(.type == "final" and .status == "accepted")
      | (now - (.time.recorded | sub("\\.[0-9]+Z$"; "Z") | fromdateiso8601)) as $age | select($age > -2 and $age < 15)
      | {plate, known, confidence, event_id, camera, time: .time.last}'
}

# Each has a connection of its own: one that lasts would keep what the broker does not take, and send it hours later.
follow | while IFS= read -r pass; do
  timeout 10 mosquitto_pub "$@" -t "$topic" -q 1 -m "$pass" ||
    echo "a pass did not reach the broker; it is in $lines" >&2
done
