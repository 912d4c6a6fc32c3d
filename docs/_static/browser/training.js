// Training of a network with two inputs, eight hidden neurons (tanh) and one output
// (logistic): the gradient by back-propagation, then a step of Adam. These are the steps
// of sknn with solver="adam", when a batch holds all points.

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;
const ALPHA = 0.0001; // the L2 penalty, as in scikit-learn
const HIDDEN = 8;

// All weights in one list: W1 (2 x 8), b1 (8), W2 (8), b2 (1).
const [W1, B1, W2, B2] = [0, 2 * HIDDEN, 3 * HIDDEN, 4 * HIDDEN];

export class Network {
  constructor({ W1: w1, b1, W2: w2, b2 }) {
    this.start = [...w1.flat(), ...b1, ...w2, ...b2];
    this.reset();
  }

  reset() {
    this.weights = Float64Array.from(this.start);
    this.m = new Float64Array(this.weights.length);
    this.v = new Float64Array(this.weights.length);
    this.t = 0;
  }

  // Return the gradient of the mean log loss of points [x1, x2, class].
  gradient(points) {
    const w = this.weights;
    const gradient = new Float64Array(w.length);
    const hidden = new Float64Array(HIDDEN);
    for (const [x1, x2, y] of points) {
      let z = w[B2];
      for (let j = 0; j < HIDDEN; j++) {
        hidden[j] = Math.tanh(x1 * w[W1 + j] + x2 * w[W1 + HIDDEN + j] + w[B1 + j]);
        z += hidden[j] * w[W2 + j];
      }
      const delta = 1 / (1 + Math.exp(-z)) - y;
      gradient[B2] += delta;
      for (let j = 0; j < HIDDEN; j++) {
        gradient[W2 + j] += delta * hidden[j];
        const before = delta * w[W2 + j] * (1 - hidden[j] * hidden[j]);
        gradient[B1 + j] += before;
        gradient[W1 + j] += before * x1;
        gradient[W1 + HIDDEN + j] += before * x2;
      }
    }
    for (let i = 0; i < w.length; i++) {
      const isBias = (i >= B1 && i < W2) || i === B2;
      gradient[i] = (gradient[i] + (isBias ? 0 : ALPHA * w[i])) / points.length;
    }
    return gradient;
  }

  // Take a step of Adam on all points.
  step(points, rate) {
    const gradient = this.gradient(points);
    this.t += 1;
    const size =
      (rate * Math.sqrt(1 - BETA2 ** this.t)) / (1 - BETA1 ** this.t);
    for (let i = 0; i < gradient.length; i++) {
      this.m[i] = BETA1 * this.m[i] + (1 - BETA1) * gradient[i];
      this.v[i] = BETA2 * this.v[i] + (1 - BETA2) * gradient[i] ** 2;
      this.weights[i] -= (size * this.m[i]) / (Math.sqrt(this.v[i]) + EPSILON);
    }
  }

  // Return the weights as the inputs of the graph: the data and the shape of each.
  tensors() {
    const of = (from, to, shape) => [Float32Array.from(this.weights.slice(from, to)), shape];
    return [
      of(W1, B1, [2, HIDDEN]),
      of(B1, W2, [HIDDEN]),
      of(W2, B2, [HIDDEN, 1]),
      of(B2, B2 + 1, [1]),
    ];
  }
}
