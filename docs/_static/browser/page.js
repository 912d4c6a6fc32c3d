// The page "In the browser": digits that are drawn, and a plane of two features.

import { pixelsOf } from "./drawing.js";
import { Network } from "./training.js";

const ROOT = new URL("../", import.meta.url); // the folder _static
const RUNTIME = new URL("onnxruntime-web/", ROOT);
const WORDS = {
  en: {
    loading: "Loading onnxruntime (about 4 MB on a server that compresses) …",
    ready: "Ready.",
    missing: "onnxruntime-web is not part of this build of the site.",
    digit: "What the network sees, and how probable it finds each digit",
    steps: (n, right, all) => `${n} steps of training, ${right} of ${all} points right`,
  },
  pt: {
    loading: "Carregando o onnxruntime (cerca de 4 MB em um servidor que comprime) …",
    ready: "Pronto.",
    missing: "O onnxruntime-web não faz parte desta versão do site.",
    digit: "O que a rede vê, e a probabilidade que ela dá a cada dígito",
    steps: (n, right, all) => `${n} passos de treino, ${right} de ${all} pontos certos`,
  },
};
const words = document.documentElement.lang.startsWith("pt") ? WORDS.pt : WORDS.en;
const find = (id) => document.getElementById(id);
const say = (text) => (find("browser-status").textContent = text);

async function runtime() {
  const ort = await import(new URL("ort.wasm.min.mjs", RUNTIME).href);
  ort.env.wasm.wasmPaths = RUNTIME.href;
  ort.env.wasm.numThreads = 1; // more need headers that few servers send
  return ort;
}

// Runs one at a time: what is asked for meanwhile is done once, at the end.
function latest(run) {
  let [busy, again] = [false, false];
  return async function ask() {
    if (busy) return void (again = true);
    busy = true;
    try {
      do {
        again = false;
        await run();
      } while (again);
    } finally {
      busy = false;
    }
  };
}

function position(event, canvas) {
  const box = canvas.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  return [(x * canvas.width) / box.width, (y * canvas.height) / box.height];
}

// Digits -------------------------------------------------------------------------------

async function digits(ort) {
  const session = await ort.InferenceSession.create(
    new URL("browser/digits.onnx", ROOT).href,
  );
  const [canvas, seen] = [find("digit-canvas"), find("digit-seen")];
  const [pen, bars] = [canvas.getContext("2d"), find("digit-bars")];
  for (let digit = 0; digit < 10; digit++) {
    const line = document.createElement("div");
    line.innerHTML = `<b>${digit}</b><span class="bar"><i></i></span><output></output>`;
    bars.append(line);
  }
  bars.setAttribute("aria-label", words.digit);
  let strokes = [];

  function draw() {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    Object.assign(pen, { lineWidth: 20, lineCap: "round", lineJoin: "round" });
    for (const stroke of strokes) {
      pen.beginPath();
      stroke.forEach(([x, y]) => pen.lineTo(x, y));
      pen.lineTo(...stroke[0].map((v, i) => (stroke.length > 1 ? stroke.at(-1)[i] : v)));
      pen.stroke();
    }
  }

  const predict = latest(async () => {
    const pixels = pixelsOf(strokes);
    const image = seen.getContext("2d");
    pixels.forEach((value, i) => {
      const grey = 255 - Math.round((value * 255) / 16);
      image.fillStyle = `rgb(${grey}, ${grey}, ${grey})`;
      image.fillRect(i % 8, Math.floor(i / 8), 1, 1);
    });
    let probabilities = new Float32Array(10);
    if (strokes.length) {
      const feeds = { X: new ort.Tensor("float32", pixels, [1, 64]) };
      const output = await session.run(feeds, ["probabilities"]);
      probabilities = output.probabilities.data;
    }
    const best = Math.max(...probabilities);
    [...bars.children].forEach((line, digit) => {
      const p = probabilities[digit];
      line.querySelector("i").style.width = `${100 * p}%`;
      line.querySelector("output").textContent = `${Math.round(100 * p)} %`;
      line.classList.toggle("best", p > 0 && p === best);
    });
  });

  let drawing = false;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture?.(event.pointerId);
    drawing = true;
    strokes.push([position(event, canvas)]);
    draw();
    predict();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drawing) return;
    strokes.at(-1).push(position(event, canvas));
    draw();
    predict();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => (drawing = false));
  }
  find("digit-clear").addEventListener("click", () => {
    strokes = [];
    draw();
    predict();
  });
  draw();
  await predict();
}

// The plane ----------------------------------------------------------------------------

const GRID = 40; // the surface has as many columns and rows
const STEPS = 10; // of training between two pictures
const COLOURS = [
  [49, 130, 189],
  [230, 85, 13],
];
const FIRST = [
  ...[[-0.5, 0.3, 0], [-0.2, 0.6, 0], [0.3, 0.5, 0], [-0.6, -0.1, 0]],
  ...[[0.1, -0.1, 1], [0.5, -0.4, 1], [-0.1, -0.5, 1], [0.6, -0.1, 1]],
];

async function plane(ort) {
  const folder = new URL("browser/", ROOT);
  const start = await (await fetch(new URL("plane.json", folder))).json();
  const session = await ort.InferenceSession.create(new URL("plane.onnx", folder).href);
  const network = new Network(start);
  const canvas = find("plane-canvas");
  const pen = canvas.getContext("2d");
  const scale = canvas.width / 2;
  const small = document.createElement("canvas");
  small.width = small.height = GRID;
  const grid = new Float32Array(2 * GRID * GRID);
  for (let i = 0; i < GRID * GRID; i++) {
    grid[2 * i] = (2 * ((i % GRID) + 0.5)) / GRID - 1;
    grid[2 * i + 1] = 1 - (2 * (Math.floor(i / GRID) + 0.5)) / GRID;
  }
  let points = FIRST.slice();

  // onnxruntime computes the probability at each place, and at each point.
  async function probabilities(places) {
    const feeds = { X: new ort.Tensor("float32", places, [places.length / 2, 2]) };
    network.tensors().forEach(([data, shape], i) => {
      feeds[start.inputs[i + 1]] = new ort.Tensor("float32", data, shape);
    });
    return (await session.run(feeds, ["probabilities"])).probabilities.data;
  }

  const draw = latest(async () => {
    const surface = await probabilities(grid);
    const image = new ImageData(GRID, GRID);
    for (let i = 0; i < GRID * GRID; i++) {
      const p = surface[2 * i + 1];
      COLOURS[0].forEach((value, c) => {
        image.data[4 * i + c] = (value * (1 - p) + COLOURS[1][c] * p + 255) / 2;
      });
      image.data[4 * i + 3] = 255;
    }
    small.getContext("2d").putImageData(image, 0, 0);
    pen.drawImage(small, 0, 0, canvas.width, canvas.height);
    for (const [x, y, group] of points) {
      pen.beginPath();
      pen.arc((x + 1) * scale, (1 - y) * scale, 7, 0, 2 * Math.PI);
      pen.fillStyle = `rgb(${COLOURS[group]})`;
      pen.fill();
      Object.assign(pen, { strokeStyle: "#fff", lineWidth: 2 });
      pen.stroke();
    }
    let right = 0;
    if (points.length) {
      const places = Float32Array.from(points.flatMap(([x, y]) => [x, y]));
      const own = await probabilities(places);
      points.forEach(([, , y], i) => (right += (own[2 * i + 1] > 0.5) === (y === 1)));
    }
    find("plane-steps").textContent = words.steps(network.t, right, points.length);
  });

  let running = false;
  let limit = 0; // so that a page nobody looks at comes to rest
  const rate = () => Number(find("plane-rate").value);
  async function train() {
    if (running) return;
    running = true;
    while (running && network.t < limit) {
      for (let i = 0; i < STEPS && points.length; i++) network.step(points, rate());
      await draw();
      await new Promise((done) => setTimeout(done, 16));
      if (!points.length) break;
    }
    running = false;
  }
  function go() {
    limit = network.t + 1500;
    train();
  }

  canvas.addEventListener("pointerdown", (event) => {
    const [x, y] = position(event, canvas).map((v) => v / scale);
    const chosen = document.querySelector("input[name=plane-class]:checked");
    points.push([x - 1, 1 - y, Number(chosen.value)]);
    go();
  });
  find("plane-clear").addEventListener("click", () => {
    points = [];
    network.reset();
    draw();
  });
  find("plane-again").addEventListener("click", () => {
    network.reset();
    go();
  });
  await draw();
  go();
}

try {
  say(words.loading);
  const ort = await runtime();
  await digits(ort);
  await plane(ort);
  say(words.ready);
  document.body.dataset.browser = "ready"; // for the test
} catch (error) {
  const there = await fetch(new URL("ort.wasm.min.mjs", RUNTIME)).then(
    (answer) => answer.ok,
    () => false,
  );
  say(there ? String(error) : words.missing);
  document.body.dataset.browser = "failed";
}
