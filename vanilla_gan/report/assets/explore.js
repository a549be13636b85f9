// Both networks in the page: a map of the latent space, a walk through it, and D's verdict on a drawing.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const setup = JSON.parse(byId("explore-data").textContent);
  const [height, width, channels] = setup.shape;
  const { low, high, classes } = setup;
  const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const read = (layers) => layers.map((layer) => ({ ...layer, W: floats(layer.W), b: floats(layer.b) }));
  const G = read(setup.generator), D = read(setup.discriminator), noise = floats(setup.noise);
  const zDim = G[0].W.length / G[0].b.length - (setup.G_sees_class ? setup.class_count : 0);

  // Each activation, and its derivative as a function of the activation's output.
  const activations = {
    none: [(x) => x, () => 1],
    leaky: [(x, slope) => (x > 0 ? x : slope * x), (y, slope) => (y > 0 ? 1 : slope)],
    sigmoid: [(x) => 1 / (1 + Math.exp(-x)), (y) => y * (1 - y)],
    tanh: [Math.tanh, (y) => 1 - y * y],
  };

  // Returns the input and the output of every layer: y = activation(x W + b).
  function forward(layers, input) {
    const passed = [Float64Array.from(input)];
    for (const { W, b, activation, slope } of layers) {
      const sums = Float64Array.from(b);
      passed[passed.length - 1].forEach((x, row) => {
        if (x) for (let k = 0, at = row * b.length; k < b.length; k++, at++) sums[k] += x * W[at];
      });
      passed.push(sums.map((sum) => activations[activation][0](sum, slope)));
    }
    return passed;
  }

  // Returns the gradient of the last layer's only output with respect to the input.
  function backward(layers, passed) {
    return layers.reduceRight((gradient, { W, activation, slope }, layer) => {
      const inner = gradient.map((g, k) => g * activations[activation][1](passed[layer + 1][k], slope));
      return passed[layer].map((_, row) => inner.reduce((sum, g, k) => sum + g * W[row * inner.length + k], 0));
    }, Float64Array.of(1));
  }

  const labelled = (input, label, sees) => (sees
    ? [...input, ...Array.from({ length: setup.class_count }, (_, k) => Number(k === label))] : input);
  const generate = (z, label) => forward(G, labelled(z, label, setup.G_sees_class)).pop();
  function discriminate(x, label) {
    const passed = forward(D, labelled(x, label, setup.D_sees_class));
    const [logit] = passed[passed.length - 1];
    return { logit, gradient: backward(D, passed).slice(0, x.length) };
  }

  // Pictures are shown in colour, or with all channels side by side in grey.
  const isColour = channels === 3;
  const shownWidth = isColour ? width : width * channels;
  function paint(canvas, colourOf) {
    canvas.width = shownWidth;
    canvas.height = height;
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(shownWidth, height);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < shownWidth; x++) image.data.set(colourOf(y, x), 4 * (y * shownWidth + x));
    }
    pen.putImageData(image, 0, 0);
  }
  // The indices of a shown pixel's values in an image: three for a colour, otherwise one.
  const places = (y, x) => (isColour ? [0, 1, 2].map((c) => (y * width + x) * 3 + c)
    : [(y * width + (x % width)) * channels + Math.floor(x / width)]);
  const byteOf = (value) => Math.round(255 * Math.min(Math.max((value - low) / (high - low), 0), 1));
  const paintImage = (canvas, image) => paint(canvas, (y, x) => {
    const bytes = places(y, x).map((at) => byteOf(image[at]));
    return [bytes[0], bytes[isColour ? 1 : 0], bytes[isColour ? 2 : 0], 255];
  });
  const said = (logit) => (setup.has_probability
    ? `${(100 / (1 + Math.exp(-logit))).toFixed(1)}% real (logit ${logit.toFixed(2)})` : `score ${logit.toFixed(3)}`);
  const label = () => Number(byId("class").value);

  // The generator: a map that interpolates between four samples at its corners.
  const cells = 5;
  let first = 0, walking = 0, sample = [];
  const corner = (k) => {
    const at = zDim * ((first + k) % (noise.length / zDim));
    return noise.subarray(at, at + zDim);
  };
  const noiseAt = (across, down) => Array.from({ length: zDim }, (_, k) =>
    (1 - down) * ((1 - across) * corner(0)[k] + across * corner(1)[k]) +
    down * ((1 - across) * corner(2)[k] + across * corner(3)[k]));

  function drawMap() {
    const map = byId("map"), tile = document.createElement("canvas");
    map.width = cells * shownWidth;
    map.height = cells * height;
    for (let row = 0; row < cells; row++) {
      for (let column = 0; column < cells; column++) {
        paintImage(tile, generate(noiseAt((column + 0.5) / cells, (row + 0.5) / cells), label()));
        map.getContext("2d").drawImage(tile, column * shownWidth, row * height);
      }
    }
  }

  function showSample() {
    const across = Number(byId("across").value), down = Number(byId("down").value);
    sample = generate(noiseAt(across, down), label());
    paintImage(byId("sample"), sample);
    byId("map-mark").style.left = `${100 * across}%`;
    byId("map-mark").style.top = `${100 * down}%`;
    byId("sample-verdict").textContent = `D: ${said(discriminate(sample, label()).logit)}`;
  }

  function moveTo(across, down) {
    byId("across").value = across;
    byId("down").value = down;
    showSample();
  }

  function stop() {
    clearInterval(walking);
    walking = 0;
    byId("walk").textContent = "Walk from A to B";
    byId("sample-verdict").setAttribute("aria-live", "polite");
  }

  function walk() {
    if (walking) return stop();
    // People who ask for reduced motion should not see pictures flash by.
    const [steps, pause_ms] = matchMedia("(prefers-reduced-motion: reduce)").matches ? [8, 750] : [60, 50];
    let step = 0;
    // A screen reader could not keep up with them.
    byId("sample-verdict").setAttribute("aria-live", "off");
    moveTo(0, 0);
    byId("walk").textContent = "Stop";
    walking = setInterval(() => {
      moveTo(++step / steps, 0);
      if (step === steps) stop();
    }, pause_ms);
  }

  // Calls `use` with a pointer's position in an element, in [0, 1], while it is held down.
  function whileHeld(element, use) {
    const at = (event) => {
      const box = element.getBoundingClientRect();
      const inside = (value) => Math.min(Math.max(value, 0), 1);
      use(inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height), event.type);
    };
    element.addEventListener("pointerdown", (event) => { element.setPointerCapture(event.pointerId); at(event); });
    element.addEventListener("pointermove", (event) => { if (event.buttons) at(event); });
  }

  whileHeld(byId("map"), (across, down) => { stop(); moveTo(across, down); });
  for (const id of ["across", "down"]) byId(id).addEventListener("input", () => { stop(); showSample(); });
  byId("walk").addEventListener("click", walk);
  byId("corners").addEventListener("click", () => { first += 4; drawMap(); showSample(); });

  // The discriminator: its verdict on a drawing, and where brighter or darker pixels look more real to it.
  let drawing = new Float64Array(height * width * channels).fill(low);
  let pen = [height / 2, shownWidth / 2];
  const radius = Math.max(1.5 * Math.max(height, width) / 28, 0.8);

  function showDrawing() {
    const { logit, gradient } = discriminate(drawing, label());
    const style = getComputedStyle(document.documentElement);
    const [brighter, darker] = ["--d", "--g"].map((name) =>
      style.getPropertyValue(name).trim().slice(1).match(/../g).map((two) => parseInt(two, 16)));
    const wanted = (y, x) => places(y, x).reduce((sum, at) => sum + gradient[at], 0);
    let most = 1e-30;
    for (let y = 0; y < height; y++) for (let x = 0; x < shownWidth; x++) most = Math.max(most, Math.abs(wanted(y, x)));
    paintImage(byId("drawing"), drawing);
    paint(byId("wanted"), (y, x) => {
      const value = wanted(y, x) / most;
      return [...(value > 0 ? brighter : darker), Math.round(255 * Math.abs(value))];
    });
    byId("verdict").textContent = `D: ${said(logit)}`;
    byId("pen").style.left = `${100 * pen[1] / shownWidth}%`;
    byId("pen").style.top = `${100 * pen[0] / height}%`;
  }

  // Brightens the pixels around the pen, most at its centre and softly at its edge.
  function dot([top, left]) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < shownWidth; x++) {
        const ink = Math.min(1, 1.4 - Math.hypot(y + 0.5 - top, x + 0.5 - left) / radius);
        for (const at of places(y, x)) drawing[at] = Math.max(drawing[at], low + ink * (high - low));
      }
    }
  }

  whileHeld(byId("drawing"), (across, down, type) => {
    const to = [down * height, across * shownWidth];
    const from = type === "pointerdown" ? to : pen;
    const steps = Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / radius) || 1;
    for (let k = 1; k <= steps; k++) dot(to.map((end, axis) => from[axis] + (end - from[axis]) * k / steps));
    pen = to;
    showDrawing();
  });
  byId("drawing").addEventListener("keydown", (event) => {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (event.key in moves) {
      const limits = [height, shownWidth];
      pen = pen.map((at, axis) => Math.min(Math.max(at + moves[event.key][axis], 0.5), limits[axis] - 0.5));
      if (event.shiftKey) dot(pen);
    } else if (event.key === " ") dot(pen);
    else return;
    event.preventDefault();
    showDrawing();
  });
  const replaceDrawing = (image) => { drawing = Float64Array.from(image); showDrawing(); };
  byId("clear").addEventListener("click", () => replaceDrawing(drawing.fill(low)));
  byId("copy").addEventListener("click", () => replaceDrawing(sample));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showDrawing);

  for (const [number, name] of classes) byId("class").add(new Option(name, number));
  byId("class").parentElement.hidden = !(setup.G_sees_class || setup.D_sees_class);
  byId("class").addEventListener("change", () => { drawMap(); showSample(); showDrawing(); });
  window.explorer = { generate, discriminate, noise: corner, drawing: () => drawing };
  drawMap();
  moveTo(0.5, 0.5);
  showDrawing();
})();
