/* Paints from recipes, in a worker that is made from the text of `runPainter`, `makeInterpreter` (interpreter.js) and
   `makeTokeniser` (captions.js), since files of workers do not open from a folder. */
function runPainter(scope, interpreter, tokeniser) {
  "use strict";
  var SHOWN_EVERY = 100, program, encoded = {}; /* milliseconds */

  /* Noise: the numbers of torch.randn with torch's generator of a seed (mt19937, Matsumoto & Nishimura 1998). */
  function twister(seed) {
    var state = new Uint32Array(624), next = 624, k, y;
    state[0] = seed % 4294967296;
    for (k = 1; k < 624; k++) {
      y = state[k - 1] ^ (state[k - 1] >>> 30);
      state[k] = Math.imul(1812433253, y) + k;
    }
    return function () {
      if (next === 624) {
        for (k = 0; k < 624; k++) {
          y = (state[k] & 0x80000000) | (state[(k + 1) % 624] & 0x7fffffff);
          state[k] = state[(k + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
        }
        next = 0;
      }
      y = state[next++];
      y ^= y >>> 11; y ^= (y << 7) & 0x9d2c5680; y ^= (y << 15) & 0xefc60000; y ^= y >>> 18;
      return y >>> 0;
    };
  }
  function noise(seed, size) {
    var random = twister(seed), out = new Float64Array(size), i;
    function pair(a, b, first, second, log) {
      var radius = Math.sqrt(-2 * log);
      out[a] = radius * Math.cos(2 * Math.PI * second);
      if (b < size) { out[b] = radius * Math.sin(2 * Math.PI * second); }
    }
    function uniform() { var high = random() & 0x1fffff; return (high * 4294967296 + random()) / 9007199254740992; }
    function block(start) {
      for (var j = start; j < start + 8; j++) { pair(j, j + 8, 0, out[j + 8], Math.log(1 - out[j])); }
    }
    if (size < 16) {
      for (i = 0; i < size; i += 2) { var angle = uniform(); pair(i, i + 1, 0, angle, Math.log1p(-uniform())); }
      return out;
    }
    for (i = 0; i < size; i++) { out[i] = (random() & 0xffffff) / 16777216; }
    for (i = 0; i + 16 <= size; i += 16) { block(i); }
    if (size % 16) {
      for (i = size - 16; i < size; i++) { out[i] = (random() & 0xffffff) / 16777216; }
      block(size - 16);
    }
    return out;
  }

  /* A recipe is {seed, label, move, prompt, guidance, steps, parents}: the noise of a seed and a class or words, or each
     number of it from one of two parents as the seed decides, and class and words from one of them; then moved along the
     program's directions. Python's twin is artpipe/evaluation/picture_recipes.py. */
  function makeNoise(recipe, size) {
    var random = twister(recipe.seed), made;
    if (recipe.parents) {
      var one = makeNoise(recipe.parents[0], size), other = makeNoise(recipe.parents[1], size);
      made = one.map(function (value, i) { return random() & 1 ? other[i] : value; });
    } else {
      made = noise(recipe.seed, size);
    }
    (program.directions ? recipe.move || [] : []).forEach(function (steps, k) {
      made = made.map(function (value, i) { return value + steps * program.directions[k][i]; });
    });
    return made;
  }
  function findSource(recipe) { return recipe.parents ? findSource(recipe.parents[twister(recipe.seed)() & 1]) : recipe; }
  function findLabel(recipe, count) { return recipe.label === undefined ? recipe.seed % count : recipe.label; }
  function walk(recipe) {
    var inputs = program.functions[0].inputs, shares = new Float64Array(inputs[1][1]);
    if (shares.length) { shares[findLabel(findSource(recipe), shares.length)] = 1; }
    return interpreter.run(0, [makeNoise(recipe, inputs[0][1]), shares]);
  }
  /* The condition of words: the first function's inputs are shares of pieces in words, of words, and whether there are any. */
  function encode(text) {
    if (!encoded[text]) {
      var inputs = program.functions[0].inputs, count = inputs[1][1], size = inputs[0][1] / count;
      var pieces = new Float64Array(count * size), words = new Float64Array(count), rows = tokeniser.tokenise(text, count, program.pieces);
      var spoken = rows.filter(function (row) { return row[0]; }).length;
      rows.forEach(function (row, k) {
        var others = row.slice(1).filter(Boolean);
        if (row[0]) { words[k] = 1 / Math.sqrt(spoken); pieces[k * size + row[0]] += 1; }
        others.forEach(function (token) { pieces[k * size + token] += 1 / others.length; });
      });
      encoded[text] = interpreter.run(0, [pieces, words, [spoken ? 1 : 0]]);
    }
    return encoded[text];
  }
  /* Follows a path from noise: see artpipe/nn/flow_matching/straight_path.py and guidance.py. */
  function follow(recipe, show) {
    var path = program.path, source = findSource(recipe), steps = recipe.steps || path.steps, heun = path.heun;
    var guidance = recipe.guidance === undefined ? path.guidance : recipe.guidance;
    var text = source.prompt === undefined ? path.classes[findLabel(source, path.classes.length)] || "" : source.prompt;
    var asked = encode(text), nothing = encode(""), points = Float32Array.from(makeNoise(recipe, program.functions[1].inputs[0][1]));
    function time(step) { var share = Math.fround(step / steps); return Math.fround(share / (share + path.shift * (1 - share))); }
    function predict(at, now) {
      var made = interpreter.run(1, [at, [now], asked]);
      if (guidance === 1 || now < path.interval[0] || now > path.interval[1]) { return made; }
      return interpreter.run(1, [at, [now], nothing]).map(function (free, i) { return free + guidance * (made[i] - free); });
    }
    function move(from, now, next, predicted) {
      return from.map(function (value, i) { return value + (next - now) * (predicted[i] - value) / (1 - now); });
    }
    for (var step = 0; step < steps; step++) {
      var now = time(step), next = time(step + 1), predicted = predict(points, now), ahead = move(points, now, next, predicted);
      if (heun && next < 1) {
        var further = move(ahead, next, next + next - now, predict(ahead, next));
        points = points.map(function (value, i) { return value + (ahead[i] - value + further[i] - ahead[i]) / 2; });
      } else {
        points = ahead;
      }
      if (step + 1 < steps) { show(predicted); }
    }
    return points;
  }
  /* Halfway goes to the even neighbour, as torch rounds. */
  function toByte(value) {
    var x = (Math.min(1, Math.max(-1, value)) + 1) * 127.5, low = Math.floor(x);
    return x - low === 0.5 ? low + (low & 1) : Math.round(x);
  }
  function getSize() { return program.functions[program.functions.length - 1].output.slice(1); }
  function toPixels(picture) {
    var size = getSize(), channels = size[0], area = size[1] * size[2], pixels = new Uint8ClampedArray(4 * area);
    for (var i = 0; i < area; i++) {
      for (var c = 0; c < 4; c++) {
        pixels[4 * i + c] = c < 3 || channels === 4 ? toByte(picture[(channels < 3 ? 0 : c) * area + i]) : 255;
      }
    }
    return pixels;
  }
  function unpack(packed) {
    return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
  }
  scope.onmessage = function (event) {
    var asked = event.data;
    if (asked.packed) {
      unpack(asked.packed).then(function (buffer) {
        program = interpreter.load(new Uint8Array(buffer), asked.plain);
        scope.postMessage({ ready: true, fast: interpreter.isFast(), picture: getSize() });
      }).catch(function (error) { scope.postMessage({ error: String(error) }); });
      return;
    }
    var began = Date.now(), last = began;
    function answer(floats, partial) {
      var size = getSize();
      scope.postMessage({
        partial: partial, recipe: asked.recipe, pixels: toPixels(floats), floats: asked.floats ? floats : null,
        height: size[1], width: size[2], milliseconds: Date.now() - began
      });
    }
    /* A picture that takes long is shown while it comes. */
    function show(floats) {
      if (asked.preview && Date.now() - last > SHOWN_EVERY) { last = Date.now(); answer(floats, true); }
    }
    answer(program.path ? follow(asked.recipe, show).map(function (value) { return Math.min(1, Math.max(-1, value)); }) : walk(asked.recipe), false);
  };
}
/* The text of the worker. */
function writePainter() { return "(" + runPainter + ")(self, (" + makeInterpreter + ")(), (" + makeTokeniser + ")())"; }
