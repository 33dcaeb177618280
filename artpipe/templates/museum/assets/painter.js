/* Paints from recipes, in a worker that is made from the text of `runPainter` and `makeInterpreter` (interpreter.js), since
   files of workers do not open from a folder. */
function runPainter(scope, interpreter) {
  "use strict";
  var program;

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

  /* A recipe is {seed, label, move, parents}: the noise of a seed and a class, or each number of it from one of two parents as
     the seed decides, and the class from one of them; then moved along the program's directions. Python's twin is
     artpipe/evaluation/picture_recipes.py. */
  function makeNoise(recipe) {
    var size = program.inputs[0][1], random = twister(recipe.seed), made;
    if (recipe.parents) {
      var one = makeNoise(recipe.parents[0]), other = makeNoise(recipe.parents[1]);
      made = one.map(function (value, i) { return random() & 1 ? other[i] : value; });
    } else {
      made = noise(recipe.seed, size);
    }
    (recipe.move || []).forEach(function (steps, k) {
      made = made.map(function (value, i) { return value + steps * program.directions[k][i]; });
    });
    return made;
  }
  function mixClasses(recipe) {
    var count = program.inputs[1][1], shares = new Float64Array(count);
    if (recipe.parents) { return mixClasses(recipe.parents[twister(recipe.seed)() & 1]); }
    if (count) { shares[recipe.label === undefined ? recipe.seed % count : recipe.label] = 1; }
    return shares;
  }
  function paint(recipe) {
    return interpreter.run([makeNoise(recipe), mixClasses(recipe)]);
  }
  /* Halfway goes to the even neighbour, as torch rounds. */
  function toByte(value) {
    var x = (Math.min(1, Math.max(-1, value)) + 1) * 127.5, low = Math.floor(x);
    return x - low === 0.5 ? low + (low & 1) : Math.round(x);
  }
  function toPixels(picture) {
    var channels = program.output[1], area = program.output[2] * program.output[3], pixels = new Uint8ClampedArray(4 * area);
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
        scope.postMessage({ ready: true, fast: interpreter.isFast(), picture: program.output });
      }).catch(function (error) { scope.postMessage({ error: String(error) }); });
      return;
    }
    var before = Date.now(), floats = paint(asked.recipe);
    scope.postMessage({
      id: asked.id, recipe: asked.recipe, pixels: toPixels(floats), floats: asked.floats ? floats : null,
      height: program.output[2], width: program.output[3], milliseconds: Date.now() - before
    });
  };
}
/* The text of the worker. */
function writePainter() { return "(" + runPainter + ")(self, (" + makeInterpreter + ")())"; }
