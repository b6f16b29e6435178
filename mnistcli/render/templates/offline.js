// A self-contained page: it reads the pad without a server.
const { network, proof } = config;
bind(network.layers, new Float32Array(decode(network.numbers).buffer));

function decode(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Gives each layer its arrays. */
function bind(layers, numbers) {
  for (const layer of layers) {
    for (const [name, [start, length]] of Object.entries(layer.arrays)) layer[name] = numbers.subarray(start, start + length);
    bind(layer.inside, numbers);
  }
}

const REST = 100;  // milliseconds without a new point

/** Waits until the pen is up or rests: an answer takes many frames, in which the stroke would not grow. */
async function rest() {
  const count = () => strokes.at(-1)?.points.length;
  let before;
  do {
    before = count();
    await new Promise((next) => (pen === null ? requestAnimationFrame(next) : setTimeout(next, REST)));
  } while (pen !== null && count() !== before);
}

async function answer() {
  await rest();
  paint();
  const { data } = context.getImageData(0, 0, pad.width, pad.height);
  showCursor();
  try {
    return { answers: [readDrawing(map(image(pad.height, pad.width), (_, i) => data[4 * i]))] };
  } catch (error) {
    return { error: error.message };
  }
}

/** What the page shows of the most confident answer to grey levels from 0 to 255. */
function readDrawing(grey) {
  const [height, width, channels] = network.image_shape;
  const found = network.pictures === "digit" ? interpretations(grey) : [[["scaled", resize(grey, height, width)]]];
  const answers = found.map((steps) => {
    const pixels = steps.at(-1)[1].data;
    const shares = probabilities(network, Float32Array.from({ length: pixels.length * channels }, (_, i) => pixels[Math.floor(i / channels)]));
    return { steps, shares, sure: Math.max(...shares.slice(0, config.classes.length)) };
  });
  const { steps, shares, sure } = answers.reduce((best, each) => (each.sure > best.sure ? each : best));
  const confidence = Math.max(...shares);
  return {
    run: config.run,
    label: names[shares.indexOf(confidence)],
    confidence,
    likeliest: config.classes[shares.indexOf(sure)],
    shares,
    steps: steps.map(([name, step], i) => [name, picture(step, i === steps.length - 1 ? 1 : 255)]),
    saliency: null,
    layers: [],
  };
}

/** The address of a picture that holds its own data; `white` times a level is its grey. */
function picture({ height, width, data }, white) {
  const canvas = document.createElement("canvas"), pixels = new ImageData(width, height);
  [canvas.width, canvas.height] = [width, height];
  for (let i = 0; i < pixels.data.length; i++) pixels.data[i] = i % 4 === 3 ? 255 : white * data[i >> 2];
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas.toDataURL();
}

/** Compares this browser's answers to test images with those that mnistcli gave when it wrote the page. */
function check() {
  const pixels = decode(proof.images), size = pixels.length / proof.probabilities.length;
  const differences = proof.probabilities.flatMap((expected, i) => {
    const found = probabilities(network, pixels.subarray(i * size, (i + 1) * size));
    return expected.map((each, j) => Math.abs(each - found[j]));
  });
  const largest = Math.max(...differences);
  if (largest <= proof.tolerance) find("checked").textContent = `Checked: this browser answers ${proof.probabilities.length} test images as mnistcli does.`;
  else find("trouble").textContent = `Do not trust this page here: this browser's answers to test images differ from mnistcli's by up to ${percent(largest)}.`;
}

changed();
setTimeout(check);
