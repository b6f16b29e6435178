// From a drawing to the network's input, in the same steps as mnistcli's package vision for pictures; reasons and sources
// are there. Colours are left out: a drawing has none.
// An image is { height, width, data }, row by row: ink and levels from 0 to 1, masks of 0 and 1, pieces' numbers.
const FAINTEST = 0.08, SAMPLES = 64, ROUNDS = 4, AREA = 0.15, THICK = 0.25, DIM = 0.15, EDGE = 0.06;
const FAINT = 0.3, FILLED = 0.85, RULE_THICKEST = 1 / 16, STEEPEST = 0.3, STROKE = 2, BEYOND = 0.15, MOST_RULES = 40;
const SMALLEST = 0.02, ALONG = 0.5, LYING = 0.65, EDGE_FAINT = 0.25, FRAMED = 0.3;
const SPECK = 0.03, REACH = 0.5, DIGIT_FAINT = 0.15, SIDE = 28, BOX = 20, CENTRE = 14, THINNEST = 1.6, THICKEST = 4.5;

const image = (height, width, data = new Float64Array(height * width)) => ({ height, width, data });
const map = ({ height, width, data }, change) => image(height, width, mapped(data, change));
const above = (levels, threshold) => map(levels, (level) => (level > threshold ? 1 : 0));
const most = (values) => values.reduce((one, other) => Math.max(one, other), 0);
const clip = (value, low, high) => Math.min(Math.max(value, low), high);
const roundEven = (value) => (value % 1 === 0.5 || value % 1 === -0.5 ? 2 * Math.round(value / 2) : Math.round(value));
const range = (length) => [...Array(length).keys()];

/** As data.map(change), in a third of its time. */
function mapped(data, change) {
  const made = new Float64Array(data.length);
  for (let i = 0; i < made.length; i++) made[i] = change(data[i], i);
  return made;
}

function transpose({ height, width, data }) {
  const turned = image(width, height);
  for (let row = 0, i = 0; row < height; row++) {
    for (let column = 0; column < width; column++, i++) turned.data[column * height + row] = data[i];
  }
  return turned;
}

function percentile(values, share) {
  const sorted = new Float64Array(values).sort(), at = (sorted.length - 1) * share, low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

/** The interpretations of a drawing's grey levels (0 to 255), each as its steps: [[name, image], …], the pixels last. */
function interpretations(grey) {
  return findInkMaps(grey).map((ink) => {
    const steps = [["ink", ink]];
    const next = (name, change) => steps.push([name, change(steps.at(-1)[1])]);
    next("without rules", dropRules);
    next("without surroundings", (ink) => dropEdges(dropFrames(ink)));
    next("the digit alone", keepDigit);
    next("strokes as thick as MNIST's", weigh);
    next("fitted and centred", (ink) => centre(fitIntoBox(ink)));
    return steps;
  });
}

// Ink.
function findInkMaps(grey) {
  const levels = map(grey, (level) => level / 255), paper = findPaper(levels);
  const difference = map(levels, (level, i) => level - paper[i]), distance = map(difference, Math.abs);
  const far = 0.75 * percentile(distance.data, 0.999);
  const sum = (chosen) => difference.data.reduce((total, each, i) => (chosen(i) ? total + each : total), 0);
  const farthest = sum((i) => distance.data[i] >= far);
  const ink = stretch(map(distance, (each, i) => (difference.data[i] * farthest > 0 ? each : 0)));
  if (!hasAreas(above(ink, 0.5))) return [ink];
  try {
    return [ink, findThin(grey, sum((i) => ink.data[i] > 0.5) > 0)];
  } catch {
    return [ink];
  }
}

function hasAreas(mask) {
  const { height, width, data } = mask, corners = 2 * (height + width);
  const edge = data.reduce((sum, each, i) => {
    const row = Math.floor(i / width), column = i % width;
    return each ? sum + (row === 0) + (row === height - 1) + (column === 0) + (column === width - 1) : sum;
  }, 0);
  return edge / corners > EDGE || most(shrink(mask, AREA * Math.max(height, width)).data) > 0;
}

function findThin(grey, lighter) {
  const width = THICK * Math.max(grey.height, grey.width), negative = (levels) => map(levels, (level) => 255 - level);
  const lowest = dropLight(grey, width), highest = negative(dropLight(negative(grey), width));
  const light = map(grey, (level, i) => (level - lowest.data[i]) / (level + 255 * DIM));
  const dark = map(grey, (level, i) => (highest.data[i] - level) / (highest.data[i] + 255 * DIM));
  const ways = lighter ? [light, dark] : [dark, light];
  const threshold = otsu(light.data.map((each, i) => Math.max(each, dark.data[i])));
  const [first, second] = ways.map((way) => slenderness(above(way, threshold)));
  return stretch(ways[second > first ? 1 : 0]);
}

/** The length of a mask's largest piece divided by half its thickness. */
function slenderness(mask) {
  const { numbers, largest } = findPieces(dropEdges(mask));
  if (!largest) return 0;
  const { top, bottom, left, right, number } = largest;
  return Math.hypot(bottom - top, right - left) / thickness(cut(map(numbers, (each) => (each === number ? 1 : 0)), top, bottom, left, right));
}

/** The largest distance of a mask's pixels from its outside. */
function thickness(mask) {
  const { height, width, data } = mask, away = image(height, width);  // along a column
  for (const rows of [range(height), range(height).reverse()]) {
    range(width).forEach((column) => rows.reduce((length, row) => {
      const i = row * width + column, here = data[i] ? length + 1 : 0;
      away.data[i] = away.data[i] ? Math.min(away.data[i], here) : here;
      return here;
    }, 0));
  }
  let largest = 0;
  away.data.forEach((down, i) => {
    const column = i % width;
    let nearest = down ** 2;
    for (let across = 1; across ** 2 < nearest; across++) {
      for (const [at, isInside] of [[i - across, column >= across], [i + across, column + across < width]]) {
        nearest = Math.min(nearest, across ** 2 + (isInside ? away.data[at] ** 2 : 0));
      }
    }
    largest = Math.max(largest, nearest);
  });
  return Math.sqrt(largest);
}

// Morphology with an octagon.
function grow(levels, width) {
  for (const [down, right, share] of [[0, 1, 0.207], [1, 0, 0.207], [1, 1, 0.146], [1, -1, 0.146]]) {
    const reach = roundEven(share * width);
    for (let reached = 0, stride; reached < reach; reached += stride) {
      stride = Math.min(2 * reached + 1, reach - reached);
      levels = withShifted(levels, down * stride, right * stride);
    }
  }
  return levels;
}

function shrink(levels, width) {
  const negative = (each) => map(each, (level) => -level);
  return negative(grow(negative(levels), width));
}

/** The highest of the levels and the levels shifted forth and back; pixels outside the image do not count. */
function withShifted(levels, down, right) {
  const { height, width, data } = levels, highest = data.slice();
  for (let row = 0; row < height - down; row++) {
    for (let column = Math.max(-right, 0); column < Math.min(width, width - right); column++) {
      const here = row * width + column, there = (row + down) * width + column + right;
      if (data[there] > highest[here]) highest[here] = data[there];
      if (data[here] > highest[there]) highest[there] = data[here];
    }
  }
  return image(height, width, highest);
}

/** Levels without light spots that are nowhere as wide as the octagon. */
function dropLight(levels, width) {
  const { height, width: across } = levels, margin = Math.floor(width / 2) + 1;
  const mirrored = (at, side) => (at < 0 ? -1 - at : at >= side ? 2 * side - 1 - at : at);
  const padded = image(height + 2 * margin, across + 2 * margin);
  padded.data.forEach((_, i) => {
    const row = Math.floor(i / padded.width) - margin, column = (i % padded.width) - margin;
    padded.data[i] = levels.data[mirrored(row, height) * across + mirrored(column, across)];
  });
  const opened = cut(grow(shrink(padded, width), width), margin, margin + height, margin, margin + across);
  return reconstruct(map(opened, (level, i) => Math.min(level, levels.data[i])), levels);
}

/** Reconstruction: the marker spreads to neighbours, limited by the levels, in sweeps until nothing changes. */
function reconstruct(marker, levels) {
  const { height, width, data } = marker;
  let isChanged = true;
  const spread = (i, from) => {
    const level = Math.min(Math.max(data[i], data[from]), levels.data[i]);
    if (level > data[i]) [data[i], isChanged] = [level, true];
  };
  while (isChanged) {
    isChanged = false;
    for (let i = 0; i < data.length; i++) {
      if (i >= width) spread(i, i - width);
      if (i % width) spread(i, i - 1);
    }
    for (let i = data.length - 1; i >= 0; i--) {
      if (i < data.length - width) spread(i, i + width);
      if ((i + 1) % width) spread(i, i + 1);
    }
  }
  return marker;
}

function cut({ width, data }, top, bottom, left, right) {
  const part = image(bottom - top, right - left);
  part.data.forEach((_, i) => {
    part.data[i] = data[(top + Math.floor(i / part.width)) * width + left + (i % part.width)];
  });
  return part;
}

function stretch(levels) {
  const distance = blur(levels, Math.max(levels.height, levels.width) / 400), threshold = otsu(distance.data);
  const [inked, blank] = [true, false].map((side) => distance.data.filter((each) => each > threshold === side));
  const paper = percentile(blank, 0.5), ink = inked.length ? percentile(inked, 0.75) : 0;
  if (!blank.length || !(ink - paper >= FAINTEST)) throw new Error("The drawing is blank: no ink was found on it.");
  return map(distance, (each) => clip((each - paper) / (ink - paper), 0, 1));
}

/** Levels of a quadratic surface through the paper, pixel by pixel. */
function findPaper({ height, width, data }) {
  const grid = (side) => [...new Set(range(SAMPLES).map((i) => roundEven(i * (side - 1) / (SAMPLES - 1))))];
  const rows = grid(height), columns = grid(width);
  const terms = (row, column) => {
    const y = 2 * row / (height - 1) - 1, x = 2 * column / (width - 1) - 1;
    return [1, y, x, y * y, x * y, x * x];
  };
  const samples = rows.flatMap((row) => columns.map((column) => ({ level: data[row * width + column], terms: terms(row, column) })));
  const last = columns.length - 1, lines = rows.length - 1;
  const edge = samples.flatMap(({ level }, i) => {
    const row = Math.floor(i / columns.length), column = i % columns.length;
    const times = (row === 0) + (row === lines) + (column === 0) + (column === last);
    return Array(times).fill(level);
  });
  const value = (coefficients, each) => each.reduce((sum, term, k) => sum + term * coefficients[k], 0);
  let coefficients = [percentile(edge, 0.5), 0, 0, 0, 0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    const distances = samples.map((each) => Math.abs(each.level - value(coefficients, each.terms)));
    const farthest = Math.max(otsu(distances), percentile(distances, 0.2));
    coefficients = leastSquares(samples.filter((_, i) => distances[i] <= farthest));
  }
  return data.map((_, i) => value(coefficients, terms(Math.floor(i / width), i % width)));
}

/** Least-squares coefficients of the terms: normal equations, by Gauss-Jordan elimination. */
function leastSquares(samples) {
  const rows = range(6).map((i) => {
    const sum = (of) => samples.reduce((total, each) => total + each.terms[i] * of(each), 0);
    return [...range(6).map((j) => sum((each) => each.terms[j])), sum((each) => each.level)];
  });
  for (let i = 0; i < 6; i++) {
    const pivot = rows[i].map((each) => each / rows[i][i]);
    rows.forEach((row, j) => { rows[j] = j === i ? pivot : row.map((each, k) => each - row[i] * pivot[k]); });
  }
  return rows.map((row) => row[6]);
}

/** A Gaussian filter; the image is mirrored at its edges. */
function blur(levels, deviation) {
  const reach = Math.floor(4 * deviation + 0.5), weights = range(reach + 1).map((i) => Math.exp(-0.5 * (i / deviation) ** 2));
  const total = weights.reduce((sum, each, i) => sum + (i ? 2 : 1) * each, 0);
  const alongRows = ({ height, width, data }) => {
    const blurred = image(height, width);
    const mirrored = (column) => (column < 0 ? -1 - column : column >= width ? 2 * width - 1 - column : column);
    for (let row = 0, i = 0; row < height; row++) {
      for (let column = 0; column < width; column++, i++) {
        let sum = weights[0] * data[i];
        for (let k = 1; k <= reach; k++) sum += weights[k] * (data[row * width + mirrored(column - k)] + data[row * width + mirrored(column + k)]);
        blurred.data[i] = sum / total;
      }
    }
    return blurred;
  };
  return transpose(alongRows(transpose(alongRows(levels))));
}

/** The threshold that separates levels best into two classes. */
function otsu(levels) {
  const shares = new Float64Array(256), between = new Float64Array(256);
  for (const level of levels) if (level >= 0 && level <= 1) shares[Math.min(Math.floor(level * 256), 255)] += 1 / levels.length;
  const total = shares.reduce((sum, share, i) => sum + share * (i + 0.5) / 256, 0);
  let below = 0, sum = 0;
  shares.forEach((share, i) => {
    below += share;
    sum += share * (i + 0.5) / 256;
    const parted = (total * below - sum) ** 2 / (below * (1 - below));
    between[i] = Number.isFinite(parted) ? parted : 0;
  });
  const highest = most(between) * (1 - 1e-9), best = range(256).filter((i) => between[i] >= highest);
  return best.reduce((sum, i) => sum + (i + 1) / 256, 0) / best.length;
}

// Rules.
function dropRules(ink) {
  const mask = above(ink, FAINT), equal = (one, other) => one.data.every((each, i) => each === other.data[i]);
  const withoutRows = dropHorizontal(mask);
  let written = transpose(dropHorizontal(transpose(withoutRows)));
  const horizontal = !equal(withoutRows, mask), vertical = !equal(written, withoutRows);
  if (horizontal && vertical) written = dropHorizontal(written);
  if (!(horizontal || vertical) || !goesBeyond(written, horizontal, vertical)) return ink;
  const rules = dilate(map(mask, (each, i) => each && !written.data[i]), 2);
  const kept = map(ink, (each, i) => (rules.data[i] && !written.data[i] ? 0 : each));
  const full = percentile(kept.data.filter((_, i) => written.data[i]), 0.75);
  return map(kept, (each) => clip(each / full, 0, 1));
}

function goesBeyond(written, horizontal, vertical) {
  const { largest } = findPieces(written);
  if (!largest) return false;
  const { top, bottom, left, right } = largest, beyond = BEYOND * (bottom - top);
  const beside = Math.min(left, written.width - right) >= beyond, around = Math.min(top, written.height - bottom) >= beyond;
  return (beside || !horizontal) && (around || !vertical);
}

function dropHorizontal(mask) {
  const { height, width } = mask;
  for (let count = 0; count < MOST_RULES; count++) {
    const path = findRule(mask);
    if (!path) break;
    const runs = path.map((row, column) => runAt(mask, row, column));
    const thickness = percentile(runs.map(({ length }) => length).filter(Boolean), 0.5);
    if (thickness > RULE_THICKEST * Math.max(height, width)) break;
    mask = image(height, width, mask.data.slice());
    runs.forEach(({ top, length }, column) => {
      if (length <= STROKE * thickness) for (let row = top; row < top + length; row++) mask.data[row * width + column] = 0;
    });
  }
  return mask;
}

/** The row in each column of the best straight line of ink from the left edge to the right, if there is one. */
function findRule({ height, width, data }) {
  const inset = Math.floor(width / 50);
  const [left, right] = [inset, width - 1 - inset].map((column) => middles(range(height).map((row) => data[row * width + column])));
  if (left.length * right.length > MOST_RULES ** 2) return null;
  const along = (column) => (column - inset) / Math.max(width - 1 - 2 * inset, 1);
  let best = null, fullest = FILLED;
  for (const start of left) {
    for (const end of right.filter((each) => Math.abs(each - start) <= STEEPEST * width)) {
      const path = range(width).map((column) => clip(roundEven(start + (end - start) * along(column)), 0, height - 1));
      const filled = path.reduce((sum, row, column) => sum + data[row * width + column], 0) / width;
      if (filled >= fullest && (!best || filled > fullest)) [best, fullest] = [path, filled];
    }
  }
  return best;
}

function middles(line) {
  const found = [];
  for (let at = 0; at < line.length; at++) {
    const start = at;
    while (line[at]) at++;
    if (at > start) found.push(Math.floor((start + at - 1) / 2));
  }
  return found;
}

function runAt({ height, width, data }, row, column) {
  const inked = (at) => at >= 0 && at < height && data[at * width + column];
  let top = row, bottom = row;
  while (inked(top - 1)) top--;
  while (inked(bottom)) bottom++;
  return { top, length: inked(row) ? bottom - top : 0 };
}

// Pieces: connected components, corners included; numbered from 1, row by row.
function findPieces(ink, threshold = 0.5) {
  const { height, width } = ink, numbers = image(height, width), pieces = [];
  for (let start = 0; start < ink.data.length; start++) {
    if (!(ink.data[start] > threshold) || numbers.data[start]) continue;
    const piece = { number: pieces.length + 1, area: 0, touching: [0, 0, 0, 0], top: height, bottom: 0, left: width, right: 0 };
    const open = [start];
    numbers.data[start] = piece.number;
    while (open.length) {
      const at = open.pop(), row = Math.floor(at / width), column = at % width;
      piece.area += ink.data[at] > 0.5;
      [row === 0, row === height - 1, column === 0, column === width - 1].forEach((is, side) => { piece.touching[side] += is; });
      piece.top = Math.min(piece.top, row);
      piece.bottom = Math.max(piece.bottom, row + 1);
      piece.left = Math.min(piece.left, column);
      piece.right = Math.max(piece.right, column + 1);
      for (let y = Math.max(row - 1, 0); y <= Math.min(row + 1, height - 1); y++) {
        for (let x = Math.max(column - 1, 0); x <= Math.min(column + 1, width - 1); x++) {
          const next = y * width + x;
          if (ink.data[next] > threshold && !numbers.data[next]) {
            numbers.data[next] = piece.number;
            open.push(next);
          }
        }
      }
    }
    piece.length = Math.max(piece.bottom - piece.top, piece.right - piece.left);
    pieces.push(piece);
  }
  const largest = pieces.reduce((best, piece) => (best && best.area >= piece.area ? best : piece), null);
  return { numbers, pieces, largest };
}

function dropPieces(ink, numbers, dropped) {
  if (!dropped.length) return ink;
  const gone = new Set(dropped.map(({ number }) => number));
  const around = dilate(map(numbers, (number) => (gone.has(number) ? 1 : 0)), 2);
  return map(ink, (each, i) => (around.data[i] && (!numbers.data[i] || gone.has(numbers.data[i])) ? 0 : each));
}

/** A mask grown repeatedly to the four neighbours of each pixel. */
function dilate(mask, times) {
  const { height, width } = mask, grown = map(mask, (each) => each);
  const neighbours = (at) => {
    const column = at % width;
    return [...(at >= width ? [at - width] : []), ...(at < width * (height - 1) ? [at + width] : []),
      ...(column ? [at - 1] : []), ...(column < width - 1 ? [at + 1] : [])];
  };
  let rim = [...mask.data.keys()].filter((at) => mask.data[at]);
  for (; times > 0; times--) {
    const next = [];
    for (const at of rim) {
      for (const each of neighbours(at)) {
        if (grown.data[each]) continue;
        grown.data[each] = 1;
        next.push(each);
      }
    }
    rim = next;
  }
  return grown;
}

// Surroundings.
function dropFrames(ink) {
  const { numbers, pieces, largest } = findPieces(ink);
  const frames = pieces.filter((piece) => {
    const { top, bottom, left, right, number, area } = piece;
    if (area < SMALLEST * largest.area) return false;
    const framed = inHoles(numbers, piece), shorter = Math.min(bottom - top, right - left);
    return [...framed].some((each) => each && pieces[each - 1].length >= FRAMED * shorter);
  });
  return dropPieces(ink, numbers, frames);
}

/** The numbers that lie in a piece's holes, 0 for blank. */
function inHoles(numbers, { number, top, bottom, left, right }) {
  const height = bottom - top + 2, width = right - left + 2;  // with a blank line around it
  const at = (row, column) => (row < 1 || column < 1 || row > height - 2 || column > width - 2 ? 0
    : numbers.data[(top + row - 1) * numbers.width + left + column - 1]);
  const outside = new Uint8Array(height * width), open = [0];
  outside[0] = 1;
  while (open.length) {
    const place = open.pop(), row = Math.floor(place / width), column = place % width;
    for (const [y, x] of [[row - 1, column], [row + 1, column], [row, column - 1], [row, column + 1]]) {
      if (y < 0 || x < 0 || y >= height || x >= width || outside[y * width + x] || at(y, x) === number) continue;
      outside[y * width + x] = 1;
      open.push(y * width + x);
    }
  }
  const found = new Set();
  outside.forEach((is, i) => {
    const each = at(Math.floor(i / width), i % width);
    if (!is && each !== number) found.add(each);
  });
  return found;
}

function dropEdges(ink) {
  const { numbers, pieces } = findPieces(ink, EDGE_FAINT);
  const inside = pieces.filter(({ touching, area }) => most(touching) === 0 && area);
  const around = pieces.filter((piece) => {
    const touching = most(piece.touching);
    const longest = most(inside.filter(({ area }) => area >= SMALLEST * piece.area).map(({ length }) => length));
    return longest > 0 && ALONG * longest < touching && touching > LYING * piece.length;
  });
  return dropPieces(ink, numbers, around);
}

// The digit.
function keepDigit(ink) {
  const { numbers, pieces, largest } = findPieces(ink);
  const gap = (one, other) => Math.max(one.top - other.bottom, other.top - one.bottom, one.left - other.right, other.left - one.right, 0);
  const isKept = pieces.map((piece) => piece.area >= SPECK * largest.area && gap(piece, largest) <= REACH * largest.length);
  const mask = map(numbers, (number) => (number && isKept[number - 1] ? 1 : 0));
  const near = growBySquare(mask, 2 + Math.floor(largest.length / 20));
  const { numbers: joined } = findPieces(map(ink, (each, i) => near.data[i] * each), DIGIT_FAINT), kept = new Set();
  mask.data.forEach((is, i) => { if (is) kept.add(joined.data[i]); });
  return map(ink, (each, i) => (kept.has(joined.data[i]) ? each : 0));
}

function weigh(ink) {
  const cropped = crop(ink), full = percentile(cropped.data.filter((each) => each > 0.5), 0.75);
  const scale = BOX / Math.max(cropped.height, cropped.width), margin = Math.floor(2 / scale) + 1;
  const padded = image(cropped.height + 2 * margin, cropped.width + 2 * margin);
  cropped.data.forEach((each, i) => {
    const row = Math.floor(i / cropped.width) + margin, column = (i % cropped.width) + margin;
    padded.data[row * padded.width + column] = clip(each / full, 0, 1);
  });
  const thickness = strokeThickness(padded), thinnest = THINNEST / scale, thickest = THICKEST / scale;
  if (thickness < thinnest) return crop(growByDisc(padded, (thinnest - thickness) / 2));
  if (thickness <= thickest) return crop(padded);
  const negative = map(padded, (each) => 1 - each);
  return crop(map(growByDisc(negative, (thickness - thickest) / 2), (each) => 1 - each));
}

function crop({ height, width, data }) {
  let [top, bottom, left, right] = [height, 0, width, 0];
  data.forEach((each, i) => {
    if (!(each > 0.25)) return;
    const row = Math.floor(i / width), column = i % width;
    [top, bottom, left, right] = [Math.min(top, row), Math.max(bottom, row + 1), Math.min(left, column), Math.max(right, column + 1)];
  });
  return cut({ width, data }, top, bottom, left, right);
}

function strokeThickness({ height, width, data }) {
  let area = 0, steps = 0;
  const inked = (row, column) => row < height && column < width && data[row * width + column] > 0.5;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const here = inked(row, column);
      area += here;
      steps += (here !== inked(row + 1, column)) + (here !== inked(row, column + 1));
    }
  }
  return 2 * area / Math.max(steps * Math.PI / 4, 1);  // outlines are inside: a margin is blank
}

/** The highest level in a square around each pixel; pixels outside the image do not count. */
function growBySquare(levels, reach) {
  const alongRows = ({ height, width, data }) => {
    const grown = image(height, width);
    for (let at = 0; at < data.length; at += width) grown.data.set(widest(data.subarray(at, at + width), reach), at);
    return grown;
  };
  return transpose(alongRows(transpose(alongRows(levels))));
}

/** The highest level in a disc around each pixel; pixels outside the image do not count. */
function growByDisc({ height, width, data }, radius) {
  const reach = Math.ceil(radius), grown = image(height, width);
  for (let down = -reach; down <= reach; down++) {
    const across = range(reach + 1).filter((each) => Math.hypot(down, each) <= radius).length - 1;
    if (across < 0) continue;
    for (let row = Math.max(-down, 0); row < Math.min(height, height - down); row++) {
      const line = widest(data.subarray((row + down) * width, (row + down + 1) * width), across);
      for (let column = 0, i = row * width; column < width; column++, i++) grown.data[i] = Math.max(grown.data[i], line[column]);
    }
  }
  return grown;
}

/** The highest of each number of a line and its neighbours within `across` places, by shifts that double. */
function widest(line, across) {
  let reached = line, length = 1;  // reached[i]: the highest of `length` numbers from i on
  while (length < across + 1) {
    const shift = Math.min(length, across + 1 - length), before = reached;
    reached = before.slice();
    for (let i = 0; i + shift < before.length; i++) reached[i] = Math.max(before[i], before[i + shift]);
    length += shift;
  }
  let highest = 0;  // of the numbers before the place, within reach
  return mapped(reached, (each, i) => {
    highest = i >= across ? reached[i - across] : Math.max(highest, line[i]);
    return Math.max(each, highest);
  });
}

// The network's pixels.
function fitIntoBox(ink) {
  const scale = BOX / Math.max(ink.height, ink.width);
  const [height, width] = [ink.height, ink.width].map((side) => Math.max(1, roundEven(side * scale)));
  return resize(map(ink, (each) => roundEven(255 * each)), height, width);
}

/** Levels of 0 to 255 resized by Pillow's Lanczos filter: in integers, first rows, then columns. */
function resize(levels, height, width) {
  const alongRows = (levels, width) => (levels.width === width ? levels : resizeRows(levels, width));
  return transpose(alongRows(transpose(alongRows(levels, width)), height));
}

function resizeRows({ height, width, data }, wanted) {
  const ratio = width / wanted, stretched = Math.max(ratio, 1), reach = 3 * stretched, ONE = 2 ** 22;
  const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
  const resized = image(height, wanted);
  for (let to = 0; to < wanted; to++) {
    const middle = (to + 0.5) * ratio;
    const first = Math.max(Math.trunc(middle - reach + 0.5), 0), last = Math.min(Math.trunc(middle + reach + 0.5), width);
    const weights = range(last - first).map((i) => {
      const x = (first + i - middle + 0.5) / stretched;
      return Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
    });
    const total = weights.reduce((sum, each) => sum + each, 0);
    const whole = weights.map((each) => Math.trunc(each / total * ONE + (each < 0 ? -0.5 : 0.5)));
    for (let row = 0; row < height; row++) {
      const sum = whole.reduce((sum, each, i) => sum + each * data[row * width + first + i], ONE / 2);
      resized.data[row * wanted + to] = clip(Math.floor(sum / ONE), 0, 255);
    }
  }
  return resized;
}

/** The digit moved to MNIST's position, by its centre of mass. */
function centre(digit) {
  const start = ({ height, width, data }) => {
    let sum = 0, moment = 0;
    data.forEach((each, i) => { sum += each; moment += each * Math.floor(i / width); });
    return clip(roundEven(CENTRE - moment / sum), 0, SIDE - height);
  };
  const placed = image(SIDE, SIDE), top = start(digit), left = start(transpose(digit));
  digit.data.forEach((each, i) => {
    placed.data[(top + Math.floor(i / digit.width)) * SIDE + left + (i % digit.width)] = each;
  });
  return placed;
}
