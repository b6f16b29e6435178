// The page of mnistcli draw: the program reads and saves drawings.
const answer = (isFinished) => ask(isFinished ? "read?saliency" : "read");

async function ask(question) {
  paint();
  const drawing = new Promise((resolve) => pad.toBlob(resolve, "image/png"));
  showCursor();
  try {
    const response = await fetch(question, { method: "POST", body: await drawing });
    if (!response.ok) return { error: await response.text() };
    return await response.json();
  } catch {
    return { error: "mnistcli draw has stopped. Start it again and open the new address." };
  }
}

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
  const drawn = strokes, asked = ask(`keep?label=${encodeURIComponent(name)}`);
  clear();  // saved only once, and ready for the next one
  const answered = await asked;
  if (answered.counts) showCounts(answered.counts);
  find("kept").textContent = answered.error || `Kept as ${name}: ${answered.path}`;
  if (answered.error && !strokes.length) { strokes = drawn; changed(); }
}

for (const name of config.classes) {
  const button = find("keep").appendChild(document.createElement("button"));
  button.type = "button";
  button.appendChild(document.createElement("b")).textContent = name;
  button.appendChild(document.createElement("small"));
  button.addEventListener("click", () => keep(name));
  keys.set(name, () => pen === null && button.click());
}
pad.addEventListener("change", () => {
  for (const button of find("keep").children) button.disabled = !strokes.length || button.dataset.full === "true";
});
showCounts(config.counts);
changed();
