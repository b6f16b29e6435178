// The pad: strokes by pointers and keys, and how answers are shown. A page's own script defines `answer`, which reads the
// pad, may add `keys`, and finally calls `changed`.
"use strict";
const config = JSON.parse(document.getElementById("config").textContent);
const find = (id) => document.getElementById(id);
const pad = find("pad"), context = pad.getContext("2d", { willReadFrequently: true });
const names = [...config.classes, "no digit"];
const sections = [...document.querySelectorAll(".answer")];
const MIDDLE = pad.width / 2, STEP = 8;

// A stroke is the width of its pen and its points. The last one grows while a pen is down: a pointer, or the cursor.
let strokes = [], pen = null, cursor = null;
const CURSOR = "cursor";

function paint() {
  context.fillStyle = "#fff";
  context.fillRect(0, 0, pad.width, pad.height);
  context.strokeStyle = "#000";
  context.lineCap = context.lineJoin = "round";
  for (const { width, points } of strokes) {
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(...points[0]);
    for (let i = 1; i < points.length - 1; i++) {  // curves between midpoints; the points are control points
      const [x, y] = points[i], [next, below] = points[i + 1];
      context.quadraticCurveTo(x, y, (x + next) / 2, (y + below) / 2);
    }
    const [x, y] = points.at(-1);
    context.lineTo(x + 0.01, y);  // a line of no length would not be drawn
    context.stroke();
  }
}

function showCursor() {  // the network never sees it
  if (!cursor) return;
  context.lineWidth = 2;
  context.strokeStyle = pen === CURSOR ? "#c00" : "#777";
  context.beginPath();
  context.arc(...cursor, Number(find("width").value) / 2 + 3, 0, 2 * Math.PI);
  context.stroke();
}

function begin(by, point) {
  strokes.push({ width: Number(find("width").value), points: [point] });
  pen = by;
  changed();
}

function end(by) {
  if (pen === null || pen !== by) return;
  pen = null;
  changed();
}

function changed() {
  paint();
  read();
  showCursor();
  pad.dispatchEvent(new Event("change"));
}

// Ask one question at a time. If the drawing changes meanwhile, ask again.
let isAsking = false, isStale = false;

async function read() {
  isStale = true;
  if (isAsking) return;
  isAsking = true;
  while (isStale) {
    isStale = false;
    const asked = strokes, isFinished = pen === null;
    const answered = asked.length ? await answer(isFinished) : null;
    if (asked === strokes) show(answered, isFinished && !isStale);
  }
  isAsking = false;
}

function show(answered, isLast) {
  const answers = answered && answered.answers;
  find("trouble").textContent = (answered && answered.error) || "";
  sections.forEach((section, i) => showAnswer(section, answers ? answers[i] : null));
  const said = answers ? answers.map((each) => `${each.run}: ${each.label}, ${percent(each.confidence)}`) : [];
  if (isLast) find("spoken").textContent = said.join("; ");
}

function showAnswer(section, answer) {
  const at = (selector) => section.querySelector(selector);
  at(".label").textContent = answer ? answer.label : "–";
  at(".confidence").textContent = answer ? percent(answer.confidence) : "";
  for (const image of section.querySelectorAll(".seen")) set(image, answer && answer.steps.at(-1)[1]);
  set(at(".saliency"), answer && answer.saliency);
  at(".likeliest").textContent = answer ? answer.likeliest : "an answer";
  const shares = answer ? answer.shares : [];
  const best = Math.max(...shares);
  [...at(".bars").children].forEach((row, i) => {
    row.hidden = answer ? i >= shares.length : i >= config.classes.length;
    row.classList.toggle("best", shares[i] === best);
    row.querySelector(".fill").style.width = `${100 * (shares[i] || 0)}%`;
    row.querySelector(".share").textContent = i < shares.length ? percent(shares[i]) : "";
  });
  fill(at(".steps"), answer ? answer.steps : []);
  fill(at(".layers"), answer ? answer.layers.map(([name, kind, picture]) => [`${name} (${kind})`, picture]) : []);
}

function set(image, picture) {
  if (picture) image.src = picture;
  else image.removeAttribute("src");
}

function fill(box, pictures) {  // reuses the figures: new ones would flicker
  while (box.children.length > pictures.length) box.lastChild.remove();
  while (box.children.length < pictures.length) {
    const figure = box.appendChild(document.createElement("figure"));
    figure.appendChild(document.createElement("img")).alt = "";
    figure.appendChild(document.createElement("figcaption"));
  }
  pictures.forEach(([name, picture], i) => {
    box.children[i].firstChild.src = picture;
    box.children[i].lastChild.textContent = name;
  });
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

function undo() { strokes = strokes.slice(0, -1); pen = null; changed(); }
function clear() { strokes = []; pen = null; changed(); }

// Mouse, pen and finger are pointers. The keys move a pen of their own, the cursor.
function place(event) {
  const box = pad.getBoundingClientRect(), border = pad.clientLeft;
  return [
    (event.clientX - box.left - border) * pad.width / pad.clientWidth,
    (event.clientY - box.top - border) * pad.height / pad.clientHeight,
  ];
}

pad.addEventListener("pointerdown", (event) => {
  if (event.button || pen !== null) return;
  pad.setPointerCapture(event.pointerId);
  cursor = null;
  begin(event.pointerId, place(event));
});
pad.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pen) return;
  const passed = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  strokes.at(-1).points.push(...(passed.length ? passed : [event]).map(place));
  changed();
});
for (const over of ["pointerup", "pointercancel"]) pad.addEventListener(over, (event) => end(event.pointerId));

const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
pad.addEventListener("keydown", (event) => {
  const arrow = ARROWS[event.key];
  if ((!arrow && event.key !== " ") || (pen !== null && pen !== CURSOR)) return;
  event.preventDefault();
  cursor = cursor || [MIDDLE, MIDDLE / 2];
  if (arrow) {
    cursor = cursor.map((at, i) => Math.min(Math.max(at + arrow[i], 0), pad.width));
    if (pen === CURSOR) strokes.at(-1).points.push(cursor);
    changed();
  } else if (pen === CURSOR) end(CURSOR);
  else begin(CURSOR, cursor);
});
pad.addEventListener("blur", () => { cursor = null; end(CURSOR); paint(); });

const keys = new Map([
  ["z", undo], ["c", clear], ["+", () => find("width").stepUp(6)], ["-", () => find("width").stepDown(6)],
]);
document.addEventListener("keydown", (event) => {
  const isHeld = event.ctrlKey || event.metaKey, key = event.key.toLowerCase();
  if (isHeld && key === "z") {
    event.preventDefault();
    undo();
  } else if (!isHeld && !event.altKey && !event.repeat) (keys.get(event.key) || keys.get(key) || (() => {}))();
  if (cursor) changed();
});

find("undo").addEventListener("click", undo);
find("clear").addEventListener("click", clear);
for (const section of sections) {
  for (const name of names) {
    const row = section.querySelector(".bars").appendChild(document.createElement("li"));
    row.innerHTML = '<span></span><span class="track"><span class="fill"></span></span><span class="share"></span>';
    row.firstChild.textContent = name;
  }
}
if (window.matchMedia("(max-width: 48rem)").matches) {
  for (const part of document.querySelectorAll("details")) part.open = false;
}
