"use strict";

const POLL_MS = 1000; // how often the list and the status are asked for
const HIDDEN_POLL_MS = 5000; // the tab's title tells when the camera is offline
const WEAK = 0.8; // characters less sure than this are marked

const REASONS = {
  too_small: "The plate was too small in the picture to be read.",
  blurred: "The plate was blurred in every picture.",
  edge_cut: "The plate was cut by the edge of the picture.",
  low_confidence: "Some characters could not be read with enough confidence.",
  no_consensus: "The readings did not agree with each other.",
  format: "The text is too long for a plate.",
  static_text: "This text never moves: a sign or a caption, not a car.",
  duplicate: "The same plate as a moment ago, which was reported already.",
};
const MARKS = { accepted: "✓", undecided: "?", rejected: "✕", preview: "…" };

const WITHHELD = "Not one of the known plates: its text is kept back.";

let token = "";
let spokenOf = null; // the finals that a screen reader need not be told any more, and of which run of the program

const percent = (share) => `${Math.round(100 * share)}%`;
const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

/* ---- the list ---- */

function plateNode(event) {
  const node = element("span", "plate");
  if (!event.plate) {
    node.classList.add("none");
    node.textContent = event.veiled ? "kept back" : "nothing read";
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
  if (event.veiled && !event.plate) return WITHHELD;
  if (event.kind === "preview" || event.status === "accepted") return "";
  let text = REASONS[event.reason] || event.reason || "";
  const best = event.plate_raw && event.plate_raw !== event.plate ? ` Best single reading: ${event.plate_raw}.` : "";
  return text + best;
}

function eventNode(event, isNew) {
  const word = statusWord(event);
  const node = element("li", isNew ? "event new" : "event");
  node.dataset.key = nodeKey(event);
  node.dataset.status = word;

  const status = element("span", "status");
  const mark = element("span", "mark", MARKS[word]);
  mark.setAttribute("aria-hidden", "true");
  status.append(mark, word);

  const meta = element("p", "meta");
  const time = element("time", "", gateTime(event.local_time));
  time.dateTime = event.local_time;
  meta.append(time, element("span", "", count(event.readings, "reading")));
  if (event.direction) meta.append(element("span", "", event.direction));

  const sure = element("span", "sure");
  const bar = element("span", "bar");
  const filled = element("span");
  filled.style.width = percent(event.confidence);
  bar.append(filled);
  bar.setAttribute("aria-hidden", "true");
  sure.append(bar, `sure ${percent(event.confidence)}`);
  sure.title = "confidence of the weakest character";

  const shown = element("span", "shown");
  shown.append(plateNode(event));
  if (event.crop) {
    const crop = element("img", "crop");
    crop.alt = "Picture of the plate";
    crop.loading = "lazy";
    crop.src = event.crop;
    shown.append(crop);
  }
  node.append(shown, status, meta, sure);
  const why = reasonText(event);
  if (why) node.append(element("p", "why", why));
  return node;
}

const eventKey = (event) => `${event.track} ${event.kind} ${event.event_id} ${event.plate}`;

/* What an entry shows may change: a picture goes where none is to be kept any more. */
const nodeKey = (event) => `${eventKey(event)} ${event.crop || ""}`;

function showEvents(events, run) {
  const list = byId("events");
  const known = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const first = spokenOf?.run !== run;
  list.replaceChildren(...events.map((event) => known.get(nodeKey(event)) || eventNode(event, !first)));
  byId("empty").hidden = events.length > 0;
  announce(events.filter((event) => event.kind === "final"), run, first);
  showZone(events[0]?.local_time);
}

/* Tells a screen reader of every pass that has ended since the answer before; of the first answer, of none. */
function announce(finals, run, first) {
  const fresh = first ? [] : finals.filter((event) => !spokenOf.keys.has(eventKey(event)));
  spokenOf = { run, keys: new Set(finals.map(eventKey)) };
  if (fresh.length) byId("announcer").textContent = fresh.reverse().map(spoken).join(" ");
}

function spoken(event) {
  const plate = event.plate ? [...event.plate].join(" ").replaceAll("?", "unknown") : event.veiled ? "kept back" : "nothing read";
  return `${plate}, ${event.status}, ${percent(event.confidence)}. ${reasonText(event)}`;
}

/* All times of passes are the gate's; said where the viewer's clock shows others. */
function showZone(local) {
  const elsewhere = local && offsetOf(local) !== -new Date(local).getTimezoneOffset(); // of that moment: summer time ends
  byId("zone").textContent = elsewhere ? `in the gate's time, UTC${local.endsWith("Z") ? "" : local.slice(-6)}` : "";
}

/* ---- the status ---- */

/* What the owner should mend: each in a line, as the program tells it. */
function troublesOf(status) {
  const told = [];
  if (status.not_written) {
    const waiting = status.rows_waiting ? ` ${count(status.rows_waiting, "row")} ${status.rows_waiting === 1 ? "waits" : "wait"} for it.` : "";
    told.push(`Rows are not where they belong: ${status.not_written}.${waiting}`);
  }
  for (const cause of status.not_kept || []) told.push(`Not kept: ${cause}.`);
  for (const cause of [status.reload, status.clock]) if (cause) told.push(`${cause[0].toUpperCase()}${cause.slice(1)}.`);
  return told;
}

function showTroubles(status) {
  const told = troublesOf(status);
  showLines(byId("troubles"), told);
  byId("troubles").hidden = told.length === 0;
  byId("since").textContent = status.uptime === undefined ? "" : ` since the start, ${duration(status.uptime)} ago`;
}

function showStatus(status, viewers) {
  byId("passes").textContent = status.passes ?? "–";
  byId("movements").hidden = !status.movements_without_plate;
  byId("movements").querySelector("dd").textContent = status.movements_without_plate ?? "";
  byId("fps").textContent = status.fps === undefined ? "–" : Number(status.fps).toFixed(1);
  const age = status.last_frame_age;
  byId("age").textContent = age === undefined || age === null ? "–" : age < 2 ? "now" : `${duration(age)} ago`;
  byId("uptime").textContent = status.uptime === undefined ? "–" : duration(status.uptime);
  showTroubles(status);
  showCamera(status, viewers);
}

startStream();
keepAsking(() => `api/events?earlier=true&since=${token}`, POLL_MS, HIDDEN_POLL_MS, (told) => {
  if (told.events) showEvents(told.events, told.token.split("-")[0]);
  token = told.token;
  showStatus(told.status, told.viewers);
});
