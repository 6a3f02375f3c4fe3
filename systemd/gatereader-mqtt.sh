#!/bin/sh
# Sends each accepted pass to an MQTT broker as one JSON line, and tells whether it is there and whether the camera's
# pictures come: docs/integrate.md.
# Usage: [READY_URL=http://127.0.0.1:8080/readyz] gatereader-mqtt.sh FILE TOPIC [options of mosquitto_pub, as -h HOST]
# Ends when the file's reader does: whoever started it starts it again.
set -eu
lines=$1 topic=$2
shift 2
# jq 1.6 (Debian 12) is wrong by an hour where summer time holds: everything here is UTC.
export TZ=UTC
[ -e "$lines" ] || echo "$lines is not there (yet)" >&2

online() { echo 1; }

camera() {
  if curl -fs --noproxy '*' -o /dev/null --max-time 5 "$READY_URL"; then echo online; else echo offline; fi
}

# What the function `state` says goes to a topic of its name again and again, as the broker may forget it, over one
# connection whose last will is `gone`. Why it does not get there, as with a wrong password, is told once.
stay() {
  state=$1 gone=$2 pause=$3 told=
  shift 3
  until why=$(mosquitto_pub "$@" -t "$topic/$state" -r -q 1 -m "$("$state")" 2>&1); do
    [ "$why" = "$told" ] || echo "$topic/$state: $why" >&2
    told=$why
    sleep 2
  done
  { while kill -0 $$ 2>/dev/null; do "$state"; sleep "$pause"; done; echo "$gone"; } |
    mosquitto_pub "$@" -t "$topic/$state" -r -q 1 -l \
      --will-topic "$topic/$state" --will-payload "$gone" --will-retain --will-qos 1
}
while kill -0 $$ 2>/dev/null; do stay online 0 5 "$@" || sleep 2; done &
if [ -n "${READY_URL:-}" ]; then
  if command -v curl >/dev/null; then
    while kill -0 $$ 2>/dev/null; do stay camera offline 30 "$@" || sleep 2; done &
  else
    echo "curl is not there, so $topic/camera says nothing: apt install curl" >&2
  fi
fi

# What is older than 15 seconds is nothing to act on: lines come again when a plate is erased from the file.
# Half a line, after a power cut or on a full disk, is none. Each comes out as the second of its record and the message.
follow() {
  tail --pid=$$ -n 20 -F "$lines" 2>/dev/null |
    jq -rR --unbuffered '
      fromjson? | select(.type == "final" and .status == "accepted")
      | (.time.recorded | sub("\\.[0-9]+Z$"; "Z") | fromdateiso8601) as $recorded
      | (now - $recorded) as $age | select($age > -2 and $age < 15)
      | {plate, known, moved, direction, confidence, event_id, camera, time: .time.last}
      | "\($recorded) \(tojson)"'
}

# Each has a connection of its own: one that lasts would keep what the broker does not take, and send it hours later.
# It may have waited here, too, while those before it were tried. A broker that starts again refuses for a moment.
follow | while read -r recorded pass; do
  end=$(($(date +%s) + 10)) sent= why=
  [ $((recorded + 15)) -gt "$end" ] || end=$((recorded + 15))
  while left=$((end - $(date +%s))) && [ -z "$sent" ] && [ "$left" -gt 0 ]; do
    # not as an argument, which every user of the board could see
    if why=$(printf %s "$pass" | timeout "$left" mosquitto_pub "$@" -t "$topic" -q 1 -s 2>&1); then
      sent=yes
      continue
    fi
    case $why in *"Connection Refused: "*) break ;; esac # by the broker itself, as for a wrong password: it may ban us
    sleep 1
  done
  [ -n "$sent" ] || echo "a pass did not reach the broker in time${why:+ ($why)}; it is in $lines" >&2
done
