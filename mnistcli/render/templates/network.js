// A network described in mnistcli's one-line language: its layers, one after the other, on one image.
// A layer's input is numbers in the order row, column, channel; `shape` and `output_shape` give the sizes.
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const elu = (x) => (x > 0 ? x : Math.expm1(x));
const hardSigmoid = (x) => Math.min(Math.max(x + 3, 0), 6) / 6;
const silu = (x) => x * sigmoid(x), hardSilu = (x) => x * hardSigmoid(x);
const ACTIVATIONS = {
  relu: (x) => Math.max(x, 0),
  relu6: (x) => Math.min(Math.max(x, 0), 6),
  leaky_relu: (x) => (x > 0 ? x : 0.01 * x),
  elu,
  celu: elu,
  selu: (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  gelu: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  silu,
  swish: silu,
  mish: (x) => x * Math.tanh(softplus(x)),
  squareplus: (x) => 0.5 * (x + Math.sqrt(x * x + 4)),
  softplus,
  soft_sign: (x) => x / (1 + Math.abs(x)),
  sigmoid,
  log_sigmoid: (x) => -softplus(-x),
  tanh: Math.tanh,
  hard_tanh: (x) => Math.min(Math.max(x, -1), 1),
  hard_sigmoid: hardSigmoid,
  hard_silu: hardSilu,
  hard_swish: hardSilu,
};

/** Probabilities of the classes for pixels from 0 to 255; if the network rejects, the last is of none of them. */
function probabilities(network, pixels) {
  const logits = network.layers.reduce(apply, Float32Array.from(pixels, (each) => each / 255));
  const scores = [...logits, ...(network.rejects ? [0] : [])].map((each) => each / network.temperature);
  const highest = Math.max(...scores), powers = scores.map((each) => Math.exp(each - highest));
  const total = powers.reduce((sum, each) => sum + each, 0);
  return powers.map((each) => each / total);
}

function apply(x, layer) {
  switch (layer.kind) {
    case "conv":
    case "dct": return convolve(x, layer);
    case "dense": return dense(x, layer);
    case "norm": return normalise(x, layer);
    case "max-pool": return pool(x, layer, -Infinity, Math.max, (highest) => highest);
    case "mean-pool": return pool(x, layer, 0, (sum, each) => sum + each, (sum, count) => sum / count);
    case "mean": return pool(x, { ...layer, rows: layer.shape[0], columns: layer.shape[1], stride: 1, output_shape: [1, 1, layer.shape[2]] },
      0, (sum, each) => sum + each, (sum, count) => sum / count);
    case "flatten": case "dropout": return x;
    case "residual": {
      const added = layer.inside.reduce(apply, x);
      return x.map((each, i) => each + added[i]);
    }
    default: return x.map(ACTIVATIONS[layer.kind]);
  }
}

/** Calls a function for each window place inside the image, with the output's, the input's and the window's place. */
function slide({ shape: [height, width], output_shape: [rows, columns], rows: tall, columns: wide, stride, padding }, visit) {
  const before = (side, outputs, length) => (padding === "same" ? Math.max((outputs - 1) * stride + length - side, 0) >> 1 : 0);
  const above = before(height, rows, tall), left = before(width, columns, wide);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let down = 0; down < tall; down++) {
        const y = row * stride + down - above;
        if (y < 0 || y >= height) continue;
        for (let right = 0; right < wide; right++) {
          const x = column * stride + right - left;
          if (x >= 0 && x < width) visit(row * columns + column, y * width + x, down * wide + right);
        }
      }
    }
  }
}

function convolve(x, layer) {
  const { shape: [, , channels], output_shape: [rows, columns, filters], groups, kernel, bias } = layer;
  const made = new Float32Array(rows * columns * filters), own = channels / groups, each = filters / groups;
  for (let i = 0; i < made.length; i++) made[i] = bias[i % filters];
  slide(layer, (to, from, at) => {
    for (let group = 0; group < groups; group++) {
      for (let channel = 0; channel < own; channel++) {
        const value = x[from * channels + group * own + channel];
        if (value === 0) continue;
        const weights = (at * own + channel) * filters, start = to * filters;
        for (let filter = group * each; filter < (group + 1) * each; filter++) made[start + filter] += value * kernel[weights + filter];
      }
    }
  });
  return made;
}

function dense(x, { kernel, bias }) {
  return bias.map((start, unit) => {
    let sum = start;
    for (let i = 0; i < x.length; i++) sum += x[i] * kernel[unit * x.length + i];
    return sum;
  });
}

function normalise(x, { mean, variance, scale, bias, epsilon }) {
  return x.map((each, i) => {
    const channel = i % mean.length;
    return (each - mean[channel]) * (scale[channel] / Math.sqrt(variance[channel] + epsilon)) + bias[channel];
  });
}

function pool(x, layer, start, join, finish) {
  const { output_shape: [rows, columns, channels] } = layer;
  const made = new Float32Array(rows * columns * channels).fill(start), counts = new Float32Array(rows * columns);
  slide(layer, (to, from) => {
    counts[to]++;
    for (let channel = 0; channel < channels; channel++) {
      made[to * channels + channel] = join(made[to * channels + channel], x[from * channels + channel]);
    }
  });
  return made.map((each, i) => finish(each, counts[Math.floor(i / channels)]));
}
