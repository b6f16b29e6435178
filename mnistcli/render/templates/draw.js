"use strict";
const config = JSON.parse(document.getElementById("config").textContent);
const find = (id) => document.getElementById(id);
const pad = find("pad"), context = pad.getContext("2d");
const names = [...config.classes, "no digit"];
const sections = [...document.querySelectorAll(".answer")];
const MIDDLE = pad.width / 2, STEP = 8;

// A stroke is the width of its pen and its points; the last one grows while the pen is down.
let strokes = [], isDown = false, cursor = null;

function paint() {
  context.fillStyle = "#fff";
  context.fillRect(0, 0, pad.width, pad.height);
  context.strokeStyle = "#000";
  context.lineCap = context.lineJoin = "round";
  for (const { width, points } of strokes) {
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(...points[0]);
    for (let i = 1; i < points.length - 1; i++) {  // curves from middle to middle, bent by the points
      const [x, y] = points[i], [next, below] = points[i + 1];
      context.quadraticCurveTo(x, y, (x + next) / 2, (y + below) / 2);
    }
    const [x, y] = points.at(-1);
    context.lineTo(x + 0.01, y);  // a dot has a length, too
    context.stroke();
  }
}

function showCursor() {  // over what is drawn, which is read without it
  if (!cursor) return;
  context.lineWidth = 2;
  context.strokeStyle = isDown ? "#c00" : "#777";
  context.beginPath();
  context.arc(...cursor, Number(find("width").value) / 2 + 3, 0, 2 * Math.PI);
  context.stroke();
}

function begin(point) {
  strokes.push({ width: Number(find("width").value), points: [point] });
  isDown = true;
  changed();
}

function end() {
  if (!isDown) return;
  isDown = false;
  changed();
}

function changed() {
  paint();
  read();
  showCursor();
  for (const button of find("keep").children) button.disabled = !strokes.length || button.dataset.full === "true";
}

// Reading: one question at a time; what changes meanwhile is asked for next.
let isAsking = false, isStale = false;

async function read() {
  if (isAsking) { isStale = true; return; }
  isAsking = true;
  do {
    isStale = false;
    const wantsWhy = !isDown;
    if (!strokes.length) { show(null); break; }
    const answered = await ask(wantsWhy ? "read?saliency" : "read");
    if (strokes.length) show(answered, wantsWhy && !isStale);
  } while (isStale);
  isAsking = false;
}

async function ask(question) {
  paint();
  const drawing = new Promise((resolve) => pad.toBlob(resolve, "image/png"));
  showCursor();
  try {
    const response = await fetch(question, { method: "POST", body: await drawing });
    if (!response.ok) return { error: await response.text() };
    return await response.json();
  } catch {
    return { error: "The program has ended: start mnistcli draw again and open its new address." };
  }
}

function show(answered, isLast = true) {
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
  const shares = answer ? answer.shares : [];
  const best = Math.max(...shares);
  [...at(".bars").children].forEach((row, i) => {
    row.hidden = answer ? i >= shares.length : i >= config.classes.length;
    row.classList.toggle("best", shares[i] === best);
    row.querySelector(".fill").style.width = `${100 * (shares[i] || 0)}%`;
    row.querySelector(".share").textContent = i < shares.length ? percent(shares[i]) : "";
  });
  fill(at(".steps"), answer ? answer.steps.map(([name, picture]) => [name, picture]) : []);
  fill(at(".layers"), answer ? answer.layers.map(([name, kind, picture]) => [`${name} (${kind})`, picture]) : []);
}

function set(image, picture) {
  if (picture) image.src = picture;
  else image.removeAttribute("src");
}

function fill(box, pictures) {  // figures are kept and get new pictures: new ones would flicker
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

// Keeping.
function showCounts(counts) {
  [...find("keep").children].forEach((button, i) => {
    const name = config.classes[i], count = counts[name];
    button.lastChild.textContent = `${count} of ${config.quota}`;
    button.setAttribute("aria-label", `Keep as ${name}; ${count} of ${config.quota} are kept`);
    button.dataset.full = count >= config.quota;
  });
}

async function keep(name) {
  if (!strokes.length) return;
  const answered = await ask(`keep?label=${encodeURIComponent(name)}`);
  if (answered.error) { find("trouble").textContent = answered.error; return; }
  find("kept").textContent = `Kept as ${name}: ${answered.path}`;
  showCounts(answered.counts);
  clear();
}

function undo() { strokes.pop(); isDown = false; changed(); }
function clear() { strokes = []; isDown = false; changed(); }

// Hands: mouse, pen and finger are pointers; keys move a pen of their own.
function place(event) {
  const box = pad.getBoundingClientRect(), border = pad.clientLeft;
  return [
    (event.clientX - box.left - border) * pad.width / pad.clientWidth,
    (event.clientY - box.top - border) * pad.height / pad.clientHeight,
  ];
}

pad.addEventListener("pointerdown", (event) => {
  if (event.button || !event.isPrimary) return;
  pad.setPointerCapture(event.pointerId);
  cursor = null;
  begin(place(event));
});
pad.addEventListener("pointermove", (event) => {
  if (!isDown || !event.isPrimary || cursor) return;
  const passed = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  strokes.at(-1).points.push(...(passed.length ? passed : [event]).map(place));
  changed();
});
pad.addEventListener("pointerup", end);
pad.addEventListener("pointercancel", end);

const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
pad.addEventListener("keydown", (event) => {
  const arrow = ARROWS[event.key];
  if (!arrow && event.key !== " ") return;
  event.preventDefault();
  cursor = cursor || [MIDDLE, MIDDLE / 2];
  if (arrow) {
    cursor = cursor.map((at, i) => Math.min(Math.max(at + arrow[i], 0), pad.width));
    if (isDown) strokes.at(-1).points.push(cursor);
    changed();
  } else if (isDown) end();
  else begin(cursor);
});
pad.addEventListener("blur", () => { cursor = null; end(); paint(); });

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.metaKey || (event.ctrlKey && event.key !== "z")) return;
  const width = find("width");
  if (event.key === "z") { event.preventDefault(); undo(); }
  else if (event.key === "c" && !config.classes.includes("c")) clear();
  else if (event.key === "+") width.stepUp(6);
  else if (event.key === "-") width.stepDown(6);
  else if (config.classes.includes(event.key) && !isDown) {
    const button = find("keep").children[config.classes.indexOf(event.key)];
    if (!button.disabled) keep(event.key);
  }
});

find("undo").addEventListener("click", undo);
find("clear").addEventListener("click", clear);
for (const name of config.classes) {
  const button = find("keep").appendChild(document.createElement("button"));
  button.type = "button";
  button.appendChild(document.createElement("b")).textContent = name;
  button.appendChild(document.createElement("small"));
  button.addEventListener("click", () => keep(name));
}
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
showCounts(Object.fromEntries(config.classes.map((name) => [name, 0])));
ask("counts").then((answered) => answered.counts && showCounts(answered.counts));
changed();
