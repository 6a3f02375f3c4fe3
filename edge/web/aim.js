"use strict";

const AIM_MS = 250; // how often the figures are asked for

const WORDS = { good: "good", fair: "fair", poor: "poor", unknown: "no value" };
const HEADLINES = { good: "Well placed", fair: "It will do", poor: "Not yet", unknown: "No plate" };
const MARKS = { good: "✓", fair: "~", poor: "✕", unknown: "?" };

/* Writes only what changed: a screen reader and a selection stay where they are. */
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function figureNode(figure) {
  const node = element("div", "figure");
  const badge = element("dd", "badge");
  const mark = element("span", "mark");
  mark.setAttribute("aria-hidden", "true");
  badge.append(mark, element("span", "word"));
  const gauge = element("dd", "gauge");
  gauge.setAttribute("aria-hidden", "true");
  gauge.append(element("span", "fill"), element("span", "limit fair"), element("span", "limit good"));
  const aims = element("dd", "aims");
  aims.append(element("span", "wanted"), element("span", "best"));
  node.append(element("dt", "", figure.label), badge, element("dd", "value"), aims, gauge);
  node.dataset.key = figure.key;
  return node;
}

const share = (value, full) => `${Math.max(0, Math.min(100, (100 * Math.abs(value)) / full))}%`;

function limitText(figure) {
  const sign = figure.good > figure.fair ? "at least" : "at most";
  const unit = figure.unit === "°" || figure.unit === "" ? figure.unit : ` ${figure.unit}`;
  const limit = figure.good < 10 ? Number(figure.good.toFixed(1)) : Math.round(figure.good);
  return `${sign} ${limit}${unit}`;
}

function showFigure(node, figure) {
  node.dataset.verdict = figure.verdict;
  write(node.querySelector(".mark"), MARKS[figure.verdict]);
  write(node.querySelector(".word"), WORDS[figure.verdict]);
  write(node.querySelector(".value"), figure.shown);
  write(node.querySelector(".wanted"), limitText(figure));
  write(node.querySelector(".best"), figure.best === null ? "" : `best ${figure.best_shown}`);
  node.querySelector(".fill").style.width = figure.value === null ? "0" : share(figure.value, figure.full);
  node.querySelector(".limit.fair").style.left = share(figure.fair, figure.full);
  node.querySelector(".limit.good").style.left = share(figure.good, figure.full);
}

function whenText(aim) {
  if (aim.ago === null) return "";
  if (aim.ago > 0) return `best of the last 10 s, seen ${Math.round(aim.ago)} s ago`;
  return aim.plates > 1 ? `the widest of ${aim.plates} plates` : "";
}

function showAim(aim) {
  const none = aim.ago === null;
  byId("verdict").dataset.verdict = aim.verdict;
  write(byId("mark"), MARKS[aim.verdict]);
  write(byId("word"), HEADLINES[aim.verdict]);
  write(byId("width"), aim.figures[0].shown);
  const text = byId("text");
  text.classList.toggle("none", none || !aim.text);
  write(text, none ? "nothing to measure" : aim.text || "not read yet");
  write(byId("when"), whenText(aim));
  showLines(byId("advice"), aim.advice);
  const list = byId("figures");
  if (!list.children.length) list.replaceChildren(...aim.figures.map(figureNode));
  list.hidden = none;
  aim.figures.forEach((figure, index) => showFigure(list.children[index], figure));
  const exact = aim.exact_at_most === null ? "" : Math.round(100 * aim.exact_at_most);
  write(byId("exact"), none ? "" : `Of single looks at a plate as wide, at most ${exact}% can be read without any error.`);
}

startStream();
keepAsking(() => "api/aim", AIM_MS, 0, (told) => {
  showCamera(told.status, told.viewers);
  if (told.aim) showAim(told.aim);
});
