"use strict";

/* What the live page and the page for aiming share: the moving picture, and the line that says how the camera is. */

const RETRY_MS = 3000; // how often a stream that broke is tried again
const HIDDEN_MS = 15000; // a page nobody looks at stops the stream after this, and the small computer stops drawing
const STILL_SECONDS = 10; // a picture older than this is not live, whatever the camera says

/* Why the camera is offline, for its owner: the words of the program's log (docs/sources.md). */
const CAUSES = {
  connecting: "It has not answered yet since the start.",
  refused: "Its address answers, but nothing listens on that port: is its stream switched on, and the port right?",
  unauthorised: "It refuses the user or the password.",
  "unknown host": "Nobody knows the address of that name: is it spelled right, and is there a name server?",
  unreachable: "There is no way to it: look at the cable, the network and the address.",
  timeout: "It does not answer, or has stopped sending: has it power?",
  "no such device": "It is not there: is it plugged in? The log lists the cameras that are.",
  "no such stream": "It does not know the path in its address.",
  "no permission": "The program may not use it: its user must be in the group video.",
  "no password": "The file or variable with its password is gone or empty.",
  busy: "Another program has it; the log names that program.",
  "no picture": "It answers, but sends no video that can be decoded.",
  lost: "Its pictures stopped coming.",
  ended: "The recording is over.",
  closed: "The program is ending.",
};

/* Why the program, or a proxy before it, does not answer what is asked. */
const REFUSALS = {
  421: "The address of this page is not one of the machine's names: add it to live.hosts.",
  429: "Too many attempts to sign in at the moment.",
  500: "An error of the program's own; its log tells more.",
};

const PAGE = document.title.replace(/gatereader$/, ""); // what tells this page's tab from another of the same gate

const byId = (id) => document.getElementById(id);
const picture = byId("picture");
let retryTimer = 0;
let streamName = "";
let streamStarted = 0;
let hiddenTimer = 0;
let signedOut = false;
let mayStay = true; // an old picture may: not where strangers' plates are kept back
let takenAway = false;

/* Without this script nothing of them would be true. */
for (const part of document.querySelectorAll("#state, main > section")) part.hidden = false;

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

/* Minutes by which the gate's clock is before UTC, of a time with its offset. */
function offsetOf(local) {
  const zone = local.slice(-6);
  return zone.endsWith("Z") ? 0 : (zone[0] === "-" ? -1 : 1) * (60 * Number(zone.slice(1, 3)) + Number(zone.slice(4)));
}

/* The gate's own local time, as it stands in the record, with the date unless it is the gate's today. */
function gateTime(local) {
  const [day, time] = [local.slice(0, 10), local.slice(11, 19)];
  const today = new Date(Date.now() + 60000 * offsetOf(local)).toISOString().slice(0, 10);
  return day === today ? time : `${day} ${time}`;
}

/* ---- the picture ---- */

function startStream() {
  clearTimeout(retryTimer);
  if (signedOut) return;
  streamStarted = Date.now();
  streamName = `${streamStarted}-${Math.random().toString(36).slice(2, 10)}`;
  picture.src = `stream.mjpg?${streamName}`;
}

/* No browser says that a stream has ended or stalled after its first picture; the program knows, and repeats a picture
   every few seconds. `age` is how long ago it handed over the last one, null if the stream is gone. */
function watchStream(age, viewers) {
  if (document.hidden || !picture.hasAttribute("src") || Date.now() - streamStarted < RETRY_MS) return;
  if (age > STILL_SECONDS || (age === null && viewers.now < viewers.most)) startStream();
}

function stopStream() {
  clearTimeout(retryTimer);
  picture.removeAttribute("src");
}

/* Takes the picture away when it is old and must not stay; a new one comes when there is one. */
function takeAway(old) {
  if (takenAway && !old && !document.hidden) startStream();
  takenAway = old && !mayStay;
  if (!takenAway) return;
  stopStream();
  picture.hidden = true;
}

picture.addEventListener("load", showPicture);
picture.addEventListener("error", () => {
  if (!picture.hasAttribute("src")) return;
  clearTimeout(retryTimer);
  retryTimer = setTimeout(startStream, RETRY_MS);
});

/* A stream never "loads" in every browser: its first picture shows in its size. */
function showPicture() {
  if (!picture.naturalWidth) return;
  if (!document.body.classList.contains("stale")) byId("notice").textContent = ""; // the next answer may be long in coming
  if (!picture.hidden) return;
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
  document.body.classList.toggle("stale", state !== "online");
  byId("notice").textContent = notice || (picture.naturalWidth ? "" : "waiting for the first picture…");
}

/* The state that the server tells, in the line and over the picture. */
function showCamera(status, viewers) {
  const camera = status.camera || {};
  const age = status.last_frame_age;
  byId("camera").textContent = camera.name || "";
  setTitle(camera.name, camera.online !== false && !status.picture);
  if (camera.online === false) {
    const since = camera.since ? ` since ${gateTime(camera.since)}` : "";
    const why = camera.cause ? `\n${CAUSES[camera.cause] || camera.cause}` : "";
    setState("offline", `camera offline${since}`, `The camera is offline${since}.${why}`);
  } else if (age > STILL_SECONDS) {
    setState("offline", "no new picture", `No new picture for ${duration(age)}.`);
  } else if (status.picture) {
    setState("offline", status.picture, "The picture has not changed at all for minutes: has the camera, or its recorder, frozen?");
  } else if (!picture.naturalWidth && viewers.now >= viewers.most) {
    setState("online", "camera online", "As many viewers as allowed are watching; the picture will come when one leaves.");
  } else {
    setState("online", "camera online", "");
  }
}

function setTitle(name, well) {
  const title = `${well ? "" : "⚠ "}${PAGE}${name ? `${name} – ` : ""}gatereader`;
  if (document.title !== title) document.title = title;
}

/* No answer from the program, or one with which it refuses: say since when. */
function showLost(lostSince, refusal) {
  setTitle(byId("camera").textContent, false);
  const since = moment(lostSince);
  if (refusal) {
    const why = REFUSALS[refusal] || `gatereader, or a proxy before it, answers ${refusal}.`;
    setState("lost", `refused (${refusal}) since ${since}`, `${why}\nTrying again.`);
  } else {
    setState("lost", `no answer from gatereader since ${since}`, `No answer from gatereader since ${since}; trying again.`);
  }
}

/* The password is another one now. Nothing more is asked, for each time would count as a guess. */
function showSignedOut() {
  signedOut = true;
  stopStream();
  setTitle(byId("camera").textContent, false);
  setState("lost", "signed out", "Sign in again: reload the page.");
}

/* Asks the server again and again, `every` milliseconds, or `unseen` while the page is hidden (0: not at all then), and
   shows what it tells. */
function keepAsking(address, every, unseen, show) {
  let lostSince = null;
  let last = Date.now();

  function wake() {
    last = Date.now();
    ask();
  }

  async function ask() {
    if (document.hidden && !unseen) {
      document.addEventListener("visibilitychange", wake, { once: true });
      return;
    }
    let refusal = 0;
    const slept = Date.now() - last > 20000; // the computer was asleep: the stream is broken, but nobody said so
    last = Date.now();
    try {
      const url = new URL(address(), location.href);
      url.username = url.password = ""; // of http://user:password@gate/, which fetch refuses
      url.searchParams.set("stream", streamName);
      const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(8000) });
      if (answer.status === 401) {
        showSignedOut();
        return;
      }
      if (!answer.ok) {
        refusal = answer.status;
        throw new Error(`${refusal}`);
      }
      const told = await answer.json();
      if ((lostSince || slept) && !document.hidden) startStream();
      lostSince = null;
      mayStay = told.old_picture;
      takeAway(told.status.last_frame_age > STILL_SECONDS);
      showPicture();
      watchStream(told.stream_age, told.viewers);
      show(told);
    } catch {
      lostSince ??= new Date();
      takeAway(Date.now() - lostSince > 1000 * STILL_SECONDS);
      showLost(lostSince, refusal);
    }
    setTimeout(ask, document.hidden && unseen ? unseen : refusal ? RETRY_MS : every);
  }

  ask();
}
