"use strict";

const POLL_MS = 1000; // how often the list and the status are asked for
const RETRY_MS = 3000; // how often a stream that broke is tried again
const HIDDEN_MS = 15000; // a page nobody looks at stops the stream after this, and the small computer stops drawing
const WEAK = 0.8; // characters less sure than this are marked
const STILL_SECONDS = 10; // a picture older than this is not live, whatever the camera says

const REASONS = {
  too_small: "The plate was too small in the picture to be read.",
  blurred: "The plate was blurred in every picture.",
  edge_cut: "The plate was cut by the edge of the picture.",
  low_confidence: "Some characters could not be read with enough confidence.",
  no_consensus: "The readings did not agree with each other.",
  format: "The text fits no known plate format.",
  static_text: "This text never moves: a sign or a caption, not a car.",
  duplicate: "The same plate as a moment ago, which was reported already.",
};
const MARKS = { accepted: "✓", undecided: "?", rejected: "✕", preview: "…" };

const byId = (id) => document.getElementById(id);
const picture = byId("picture");
let token = "";
let lostSince = null;
let lastPoll = Date.now();
let retryTimer = 0;
let hiddenTimer = 0;

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

const percent = (share) => `${Math.round(100 * share)}%`;
const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
const clock = (date) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

function duration(seconds) {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.round(seconds / 86400)} days`;
}

/* A moment of the viewer's, with the date unless it is today. */
function moment(date) {
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock(date) : `${date.toLocaleDateString()} ${clock(date)}`;
}

/* The gate's own local time, as it stands in the record, with the date unless it is the gate's today. */
function gateTime(local) {
  const [day, time] = [local.slice(0, 10), local.slice(11, 19)];
  const zone = local.slice(-6);
  const minutes = zone.endsWith("Z") ? 0 : (zone[0] === "-" ? -1 : 1) * (60 * Number(zone.slice(1, 3)) + Number(zone.slice(4)));
  const today = new Date(Date.now() + 60000 * minutes).toISOString().slice(0, 10);
  return day === today ? time : `${day} ${time}`;
}

/* ---- the picture ---- */

function startStream() {
  clearTimeout(retryTimer);
  picture.src = `stream.mjpg?${Date.now()}`;
}

function stopStream() {
  clearTimeout(retryTimer);
  picture.removeAttribute("src");
}

picture.addEventListener("load", showPicture);
picture.addEventListener("error", () => {
  if (!picture.hasAttribute("src")) return;
  clearTimeout(retryTimer);
  retryTimer = setTimeout(startStream, RETRY_MS);
});

/* A stream never "loads" in every browser: its first picture shows in its size. */
function showPicture() {
  if (!picture.naturalWidth || !picture.hidden) return;
  byId("screen").style.aspectRatio = `${picture.naturalWidth} / ${picture.naturalHeight}`;
  picture.hidden = false;
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(stopStream, HIDDEN_MS);
  else if (!picture.hasAttribute("src")) startStream();
});

/* ---- the list ---- */

function plateNode(event) {
  const node = element("span", "plate");
  if (!event.plate) {
    node.classList.add("none");
    node.textContent = "nothing read";
    return node;
  }
  const characters = [...event.plate];
  const paired = event.characters.length === characters.length;
  characters.forEach((character, index) => {
    const sure = paired ? event.characters[index][1] : 1;
    const part = element("span", character === "?" ? "open" : sure < WEAK ? "weak" : "", character);
    if (paired) part.title = percent(sure);
    node.append(part);
  });
  return node;
}

function statusWord(event) {
  return event.kind === "preview" ? "preview" : event.status;
}

function reasonText(event) {
  if (event.kind === "preview" || event.status === "accepted") return "";
  let text = REASONS[event.reason] || event.reason || "";
  const best = event.plate_raw && event.plate_raw !== event.plate ? ` Best single reading: ${event.plate_raw}.` : "";
  return text + best;
}

function eventNode(event, isNew) {
  const word = statusWord(event);
  const node = element("li", isNew ? "event new" : "event");
  node.dataset.key = eventKey(event);
  node.dataset.status = word;

  const status = element("span", "status");
  const mark = element("span", "mark", MARKS[word]);
  mark.setAttribute("aria-hidden", "true");
  status.append(mark, word);

  const meta = element("p", "meta");
  const time = element("time", "", gateTime(event.local_time));
  time.dateTime = event.local_time;
  meta.append(time, element("span", "", count(event.readings, "reading")));

  const sure = element("span", "sure");
  const bar = element("span", "bar");
  const filled = element("span");
  filled.style.width = percent(event.confidence);
  bar.append(filled);
  bar.setAttribute("aria-hidden", "true");
  sure.append(bar, percent(event.confidence));
  sure.title = "confidence of the weakest character";

  node.append(plateNode(event), status, meta, sure);
  const why = reasonText(event);
  if (why) node.append(element("p", "why", why));
  return node;
}

const eventKey = (event) => `${event.track} ${event.kind} ${event.event_id} ${event.plate}`;

function showEvents(events) {
  const list = byId("events");
  const known = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const first = known.size === 0;
  list.replaceChildren(...events.map((event) => known.get(eventKey(event)) || eventNode(event, !first)));
  byId("empty").hidden = events.length > 0;
  const latest = events.find((event) => event.kind === "final");
  if (latest && !first && !known.has(eventKey(latest))) {
    const plate = latest.plate ? [...latest.plate].join(" ").replaceAll("?", "unknown") : "nothing read";
    byId("announcer").textContent = `${plate}, ${latest.status}, ${percent(latest.confidence)}. ${reasonText(latest)}`;
  }
}

/* ---- the status ---- */

function setState(state, text, notice) {
  const line = byId("state-text");
  byId("state").dataset.state = state;
  if (line.textContent !== text) line.textContent = text;
  byId("screen").classList.toggle("stale", Boolean(notice));
  byId("notice").textContent = notice || (picture.hidden ? "waiting for the first picture…" : "");
}

function showStatus(status, viewers) {
  const camera = status.camera || {};
  byId("camera").textContent = camera.name || "";
  byId("passes").textContent = status.passes ?? "–";
  byId("fps").textContent = status.fps === undefined ? "–" : Number(status.fps).toFixed(1);
  const age = status.last_frame_age;
  byId("age").textContent = age === undefined || age === null ? "–" : age < 2 ? "now" : `${duration(age)} ago`;
  byId("uptime").textContent = status.uptime === undefined ? "–" : duration(status.uptime);
  if (camera.online === false) {
    const since = camera.since ? ` since ${moment(new Date(camera.since))}` : "";
    setState("offline", `camera offline${since}`, `The camera is offline${since}.${camera.cause ? `\n${camera.cause}` : ""}`);
  } else if (age > STILL_SECONDS) {
    setState("offline", `no picture for ${duration(age)}`, `No new picture for ${duration(age)}.`);
  } else if (picture.hidden && viewers.now >= viewers.most) {
    setState("online", "camera online", "As many viewers as allowed are watching; the picture will come when one leaves.");
  } else {
    setState("online", "camera online", "");
  }
}

async function poll() {
  const slept = Date.now() - lastPoll > 20 * POLL_MS; // the computer was asleep: the stream is broken, but nobody said so
  lastPoll = Date.now();
  try {
    const answer = await fetch(`api/events?since=${token}`, { cache: "no-store", signal: AbortSignal.timeout(8000) });
    if (!answer.ok) throw new Error(`${answer.status}`);
    const told = await answer.json();
    if ((lostSince || slept) && !document.hidden) startStream();
    lostSince = null;
    if (told.events) showEvents(told.events);
    token = told.token;
    showPicture();
    showStatus(told.status, told.viewers);
  } catch {
    lostSince ??= new Date();
    const since = moment(lostSince);
    setState("lost", `no answer from gatereader since ${since}`, `No answer from gatereader since ${since}; trying again.`);
  }
  setTimeout(poll, document.hidden ? 5 * POLL_MS : POLL_MS);
}

startStream();
poll();
