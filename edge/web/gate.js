"use strict";

/* What the live page and the page for aiming share: the moving picture, and the line that says how the camera is. */

const RETRY_MS = 3000; // how often a stream that broke is tried again
const HIDDEN_MS = 15000; // a page nobody looks at stops the stream after this, and the small computer stops drawing
const STILL_SECONDS = 10; // a picture older than this is not live, whatever the camera says

const byId = (id) => document.getElementById(id);
const picture = byId("picture");
let retryTimer = 0;
let hiddenTimer = 0;

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

/* Shows a list of texts; one that says the same already is left alone, for a screen reader and a selection. */
function showLines(list, texts) {
  if ([...list.children].map((node) => node.textContent).join("\n") === texts.join("\n")) return;
  list.replaceChildren(...texts.map((text) => element("li", "", text)));
}

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

/* ---- the camera ---- */

function setState(state, text, notice) {
  const line = byId("state-text");
  byId("state").dataset.state = state;
  if (line.textContent !== text) line.textContent = text;
  byId("screen").classList.toggle("stale", Boolean(notice));
  byId("notice").textContent = notice || (picture.hidden ? "waiting for the first picture…" : "");
}

/* The state that the server tells, in the line and over the picture. */
function showCamera(status, viewers) {
  const camera = status.camera || {};
  const age = status.last_frame_age;
  byId("camera").textContent = camera.name || "";
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

/* No answer from the program: say since when. */
function showLost(lostSince) {
  const since = moment(lostSince);
  setState("lost", `no answer from gatereader since ${since}`, `No answer from gatereader since ${since}; trying again.`);
}

/* Asks the server again and again, `every` milliseconds, and shows what it tells. */
function keepAsking(address, every, show) {
  let lostSince = null;
  let last = Date.now();

  async function ask() {
    const slept = Date.now() - last > 20000; // the computer was asleep: the stream is broken, but nobody said so
    last = Date.now();
    try {
      const answer = await fetch(address(), { cache: "no-store", signal: AbortSignal.timeout(8000) });
      if (!answer.ok) throw new Error(`${answer.status}`);
      const told = await answer.json();
      if ((lostSince || slept) && !document.hidden) startStream();
      lostSince = null;
      showPicture();
      show(told);
    } catch {
      lostSince ??= new Date();
      showLost(lostSince);
    }
    setTimeout(ask, document.hidden ? 5000 : every);
  }

  ask();
}
