// A drawing of strokes as the 8 x 8 numbers of scikit-learn's digits.
//
// There, a digit fills a picture of 32 x 32 pixels that are on or off, and each number
// is how many of 4 x 4 pixels are on: 0 to 16.

const SIZE = 32;
const RADIUS = 3; // half the width of the pen, in pixels of the 32

function distance(x, y, [x1, y1], [x2, y2]) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const length = dx * dx + dy * dy;
  const along = length ? ((x - x1) * dx + (y - y1) * dy) / length : 0;
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(x - x1 - t * dx, y - y1 - t * dy);
}

// Move and scale the strokes so that the digit is as high (or as wide) as the picture.
function fitted(strokes) {
  const points = strokes.flat();
  const [xs, ys] = [points.map((p) => p[0]), points.map((p) => p[1])];
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const room = SIZE - 2 * RADIUS;
  const scale = room / Math.max(right - left, bottom - top, 1e-6);
  const centre = [(left + right) / 2, (top + bottom) / 2];
  return strokes.map((stroke) =>
    stroke.map(([x, y]) => [
      (x - centre[0]) * scale + SIZE / 2,
      (y - centre[1]) * scale + SIZE / 2,
    ]),
  );
}

// Return 64 numbers, row by row, of strokes that are lists of points [x, y].
export function pixelsOf(strokes) {
  const numbers = new Float32Array(64);
  const drawn = strokes.filter((stroke) => stroke.length);
  if (!drawn.length) return numbers;
  const segments = fitted(drawn).flatMap((stroke) =>
    stroke.map((point, i) => [stroke[Math.max(0, i - 1)], point]),
  );
  for (let row = 0; row < SIZE; row++) {
    for (let column = 0; column < SIZE; column++) {
      const [x, y] = [column + 0.5, row + 0.5];
      if (segments.some(([a, b]) => distance(x, y, a, b) <= RADIUS)) {
        numbers[8 * Math.floor(row / 4) + Math.floor(column / 4)] += 1;
      }
    }
  }
  return numbers;
}
