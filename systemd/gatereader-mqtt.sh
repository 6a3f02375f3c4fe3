#!/bin/sh
# Sends each accepted pass to an MQTT broker as one JSON line, and tells whether it is there: docs/integrate.md.
# Usage: gatereader-mqtt.sh FILE TOPIC [options of mosquitto_pub, such as -h broker.lan]
# Ends when the broker goes for good or the file's reader stops: whoever started it starts it again.
set -eu
lines=$1 topic=$2
shift 2
# jq 1.6 (Debian 12) is wrong by an hour where summer time holds: everything here is UTC.
export TZ=UTC
until mosquitto_pub "$@" -t "$topic/online" -r -q 1 -m 1; do
  sleep 2
done
# What is older than 15 seconds is nothing to act on: lines come again when a plate is erased from the file.
# Half a line, after a power cut or on a full disk, is none.
tail -n 0 -F "$lines" 2>/dev/null |
  jq -cR --unbuffered '
    fromjson? | select(.type == "final" and .status == "accepted")
    | .age = now - (.time.recorded | sub("\\.[0-9]+Z$"; "Z") | fromdateiso8601) | select(.age > -2 and .age < 15)
    | {plate, known, confidence, event_id, camera, time: .time.last}' |
  mosquitto_pub "$@" -t "$topic" -q 1 -l \
    --will-topic "$topic/online" --will-payload 0 --will-retain --will-qos 1
