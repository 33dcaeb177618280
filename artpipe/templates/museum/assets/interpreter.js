/* Runs live programs (artpipe/evaluation/live_program.py). One array of floats, `heap`, holds weights and what is computed;
   each operation is [name, place of the result, places of operands, numbers]. */
function makeInterpreter() {
  "use strict";
  var KERNEL = "AGFzbQEAAAABCgFgBn9/f39/fwADAgEABQMBAAEHFQIGbWVtb3J5AgAIbXVsdGlwbHkAAAqKBAGHBAIHfwt7IAVBAnQhDANAQQAhBiAAIQkDQCABIAdBAnQgBGxqIQr9DAAAAAAAAAAAAAAAAAAAAAAhEP0MAAAAAAAAAAAAAAAAAAAAACER/QwAAAAAAAAAAAAAAAAAAAAAIRL9DAAAAAAAAAAAAAAAAAAAAAAhE/0MAAAAAAAAAAAAAAAAAAAAACEU/QwAAAAAAAAAAAAAAAAAAAAAIRX9DAAAAAAAAAAAAAAAAAAAAAAhFv0MAAAAAAAAAAAAAAAAAAAAACEXIAQhCANAIAr9AAQAIQ0gCv0ABBAhDiAJ/QkCACEPIBAgDyAN/eYB/eQBIRAgESAPIA795gH95AEhESAJ/QkCBCEPIBIgDyAN/eYB/eQBIRIgEyAPIA795gH95AEhEyAJ/QkCCCEPIBQgDyAN/eYB/eQBIRQgFSAPIA795gH95AEhFSAJ/QkCDCEPIBYgDyAN/eYB/eQBIRYgFyAPIA795gH95AEhFyAJQRBqIQkgCkEgaiEKIAhBAWsiCA0ACyACIAYgBWwgB2pBAnRqIQsgCyAQ/QsEACALIBH9CwQQIAsgDGohCyALIBL9CwQAIAsgE/0LBBAgCyAMaiELIAsgFP0LBAAgCyAV/QsEECALIAxqIQsgCyAW/QsEACALIBf9CwQQIAZBBGohBiAGIANJDQALIAdBCGohByAHIAVJDQALCwCQAQRuYW1lAm4BABgAAWEBAWICAWMDAW0EAWsFAW4GA3JvdwcGY29sdW1uCARzdGVwCQJwYQoCcGILAnBjDAVwaXRjaA0CYjAOAmIxDwF4EANjMDARA2MwMRIDYzEwEwNjMTEUA2MyMBUDYzIxFgNjMzAXA2MzMQMZAQADAAdjb2x1bW5zAQRyb3dzAgVzdGVwcw==";
  var heap, multiply, program, scratch;

  var UNARY = {
    relu: function (x) { return x > 0 ? x : 0; },
    leaky: function (x, slope) { return x > 0 ? x : slope * x; },
    tanh: Math.tanh, exp: Math.exp, sin: Math.sin, cos: Math.cos,
    sigmoid: function (x) { return 1 / (1 + Math.exp(-x)); },
    silu: function (x) { return x / (1 + Math.exp(-x)); },
    neg: function (x) { return -x; },
    rsqrt: function (x) { return 1 / Math.sqrt(x); },
    gelu: function (x) { /* Abramowitz & Stegun 7.1.26: within 1.5e-7 of erf */
      var z = Math.abs(x) / Math.SQRT2, t = 1 / (1 + 0.3275911 * z);
      var tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * Math.exp(-z * z);
      return x * (x > 0 ? 1 - tail / 2 : tail / 2);
    }
  };
  var BINARY = {
    add: function (x, y) { return x + y; }, sub: function (x, y) { return x - y; }, rsub: function (x, y) { return y - x; },
    mul: function (x, y) { return x * y; }, div: function (x, y) { return x / y; }
  };

  /* Calls visit(a, b, count) for each run along the last axis; a and b are where it begins in two arrays. */
  function walk(sizes, strides, others, visit) {
    var last = sizes.length - 1, at = sizes.map(function () { return 0; }), a = 0, b = 0, axis;
    do {
      visit(a, b, sizes[last]);
      for (axis = last - 1; axis >= 0; axis--) {
        a += strides[axis]; b += others[axis];
        if (++at[axis] < sizes[axis]) { break; }
        a -= strides[axis] * sizes[axis]; b -= others[axis] * sizes[axis]; at[axis] = 0;
      }
    } while (axis >= 0);
  }
  function dense(sizes) {
    var strides = [], step = 1;
    for (var i = sizes.length - 1; i >= 0; i--) { strides[i] = step; step *= sizes[i]; }
    return strides;
  }
  function multiplyPlainly(a, b, c, m, k, n) {
    for (var j = 0; j < n; j += 8) {
      for (var i = 0; i < m; i++) {
        var pa = a / 4 + (i >> 2) * 4 * k + (i & 3), pb = b / 4 + j * k, pc = c / 4 + i * n + j;
        var s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
        for (var p = 0; p < k; p++, pa += 4, pb += 8) {
          var x = heap[pa];
          s0 += x * heap[pb]; s1 += x * heap[pb + 1]; s2 += x * heap[pb + 2]; s3 += x * heap[pb + 3];
          s4 += x * heap[pb + 4]; s5 += x * heap[pb + 5]; s6 += x * heap[pb + 6]; s7 += x * heap[pb + 7];
        }
        heap[pc] = s0; heap[pc + 1] = s1; heap[pc + 2] = s2; heap[pc + 3] = s3;
        heap[pc + 4] = s4; heap[pc + 5] = s5; heap[pc + 6] = s6; heap[pc + 7] = s7;
      }
    }
  }
  /* Writes the pixels that each place of a convolution sees as columns, in panels of 8. */
  function unfold(x, b, c, h, w, kh, kw, sh, sw, ph, pw, oh, ow) {
    var depth = c * kh * kw, k = 0;
    heap.fill(0, b, b + depth * ((oh * ow + 7) & ~7));
    for (var channel = 0; channel < c; channel++) {
      for (var i = 0; i < kh; i++) {
        for (var j = 0; j < kw; j++, k++) {
          var from = Math.max(0, Math.ceil((pw - j) / sw)), to = Math.min(ow, Math.floor((w - 1 + pw - j) / sw) + 1);
          for (var row = 0; row < oh; row++) {
            var y = row * sh + i - ph;
            if (y < 0 || y >= h) { continue; }
            var read = x + (channel * h + y) * w + from * sw + j - pw, place = row * ow + from, end = row * ow + to;
            for (; place < end; place++, read += sw) { heap[b + ((place >> 3) * depth + k) * 8 + (place & 7)] = heap[read]; }
          }
        }
      }
    }
    return depth;
  }

  var OPERATIONS = {
    unary: function (to, x, name, size, number) {
      var f = UNARY[name];
      for (var i = 0; i < size; i++) { heap[to + i] = f(heap[x + i], number); }
    },
    binary: function (to, x, y, name, sizes, strides, others) {
      var f = BINARY[name], last = sizes.length - 1, sx = strides[last], sy = others[last];
      walk(sizes, strides, others, function (a, b, count) {
        for (var i = 0; i < count; i++) { heap[to++] = f(heap[x + a + i * sx], heap[y + b + i * sy]); }
      });
    },
    copy: function (to, x, sizes, strides, start) {
      var step = strides[sizes.length - 1];
      walk(sizes, strides, strides, function (a, _, count) {
        for (var i = 0; i < count; i++) { heap[to++] = heap[x + start + a + i * step]; }
      });
    },
    place: function (to, x, sizes, strides, start, size) {
      var step = strides[sizes.length - 1];
      heap.fill(0, to, to + size);
      walk(sizes, strides, dense(sizes), function (a, b, count) {
        for (var i = 0; i < count; i++) { heap[to + start + a + i * step] = heap[x + b + i]; }
      });
    },
    gather: function (to, x, places) {
      for (var i = 0; i < places.length; i++) { heap[to + i] = heap[x + places[i]]; }
    },
    linear: function (to, x, weight, rows, depth, columns) {
      for (var row = 0; row < rows; row++, x += depth) {
        for (var i = 0, w = weight; i < columns; i++, w += depth) {
          var s = 0, t = 0, p = 0;
          for (; p + 1 < depth; p += 2) { s += heap[w + p] * heap[x + p]; t += heap[w + p + 1] * heap[x + p + 1]; }
          heap[to++] = s + t + (p < depth ? heap[w + p] * heap[x + p] : 0);
        }
      }
    },
    product: function (to, x, y, batch, rows, depth, columns) {
      for (var r = 0; r < batch * rows; r++, to += columns) {
        var matrix = y + Math.floor(r / rows) * depth * columns;
        heap.fill(0, to, to + columns);
        for (var p = 0; p < depth; p++) {
          for (var i = 0, s = heap[x + r * depth + p], at = matrix + p * columns; i < columns; i++) { heap[to + i] += s * heap[at + i]; }
        }
      }
    },
    convolution: function (to, x, weight, bias, c, h, w, outputs, kh, kw, sh, sw, ph, pw, oh, ow) {
      var pixels = oh * ow, pitch = (pixels + 7) & ~7, rows = (outputs + 3) & ~3, b = scratch;
      var depth = unfold(x, b, c, h, w, kh, kw, sh, sw, ph, pw, oh, ow), made = b + depth * pitch;
      multiply(weight * 4, b * 4, made * 4, rows, depth, pitch);
      for (var i = 0; i < outputs; i++, made += pitch, to += pixels) {
        var shift = bias < 0 ? 0 : heap[bias + i];
        for (var j = 0; j < pixels; j++) { heap[to + j] = heap[made + j] + shift; }
      }
    },
    bilinear: function (to, x, c, h, w, oh, ow) {
      function sides(i, size, out) {
        var at = Math.max(0, (i + 0.5) * size / out - 0.5), low = Math.min(Math.floor(at), size - 1);
        return [low, Math.min(low + 1, size - 1), at - low];
      }
      for (var i = 0; i < c * oh; i++) {
        var row = sides(i % oh, h, oh), top = x + (Math.floor(i / oh) * h + row[0]) * w, below = top + (row[1] - row[0]) * w;
        for (var j = 0; j < ow; j++) {
          var side = sides(j, w, ow), upper = heap[top + side[0]] * (1 - side[2]) + heap[top + side[1]] * side[2];
          var lower = heap[below + side[0]] * (1 - side[2]) + heap[below + side[1]] * side[2];
          heap[to++] = upper * (1 - row[2]) + lower * row[2];
        }
      }
    },
    fold: function (to, x, c, h, w, kh, kw, ph, pw) {
      var oh = h + 2 * ph - kh + 1, ow = w + 2 * pw - kw + 1;
      heap.fill(0, to, to + c * h * w);
      for (var tap = 0; tap < c * kh * kw; tap++) {
        var i = Math.floor(tap / kw) % kh - ph, j = tap % kw - pw, channel = Math.floor(tap / (kh * kw));
        for (var row = 0; row < oh; row++) {
          for (var column = 0; column < ow; column++, x++) {
            var y = row + i, z = column + j;
            if (y >= 0 && y < h && z >= 0 && z < w) { heap[to + (channel * h + y) * w + z] += heap[x]; }
          }
        }
      }
    },
    join: function (to) {
      var sizes = arguments[arguments.length - 1];
      for (var i = 0; i < sizes.length; i++) {
        heap.copyWithin(to, arguments[i + 1], arguments[i + 1] + sizes[i]);
        to += sizes[i];
      }
    },
    softmax: function (to, x, rows, size) {
      for (var row = 0; row < rows; row++, x += size, to += size) {
        var most = -Infinity, total = 0, i;
        for (i = 0; i < size; i++) { if (heap[x + i] > most) { most = heap[x + i]; } }
        for (i = 0; i < size; i++) { total += heap[to + i] = Math.exp(heap[x + i] - most); }
        for (i = 0; i < size; i++) { heap[to + i] /= total; }
      }
    },
    normalise: function (to, x, groups, size, epsilon) {
      for (var group = 0; group < groups; group++, x += size, to += size) {
        var mean = 0, sum = 0, i, y;
        for (i = 0; i < size; i++) { mean += heap[x + i]; }
        for (i = 0, mean /= size; i < size; i++) { y = heap[x + i] - mean; sum += y * y; }
        for (i = 0, y = 1 / Math.sqrt(sum / size + epsilon); i < size; i++) { heap[to + i] = (heap[x + i] - mean) * y; }
      }
    }
  };

  function decodeHalf(bits) {
    var exponent = (bits >> 10) & 31, fraction = bits & 1023, sign = bits >> 15 ? -1 : 1;
    return sign * (exponent ? Math.pow(2, exponent - 25) * (1024 + fraction) : fraction * Math.pow(2, -24));
  }
  function startKernel(floats) {
    try {
      var bytes = Uint8Array.from(atob(KERNEL), function (letter) { return letter.charCodeAt(0); });
      var wasm = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
      wasm.memory.grow(Math.ceil(floats / 16384));
      heap = new Float32Array(wasm.memory.buffer);
      multiply = wasm.multiply;
    } catch (error) { /* no SIMD, or a policy against it: the same loops in JavaScript */
      heap = new Float32Array(floats);
      multiply = multiplyPlainly;
    }
  }
  /* A program is its description's length, the description, then halves: all high bytes, all low bytes. */
  function load(bytes, plain) {
    var length = new DataView(bytes.buffer).getUint32(0, true), start = 4 + length;
    program = JSON.parse(new TextDecoder().decode(bytes.subarray(4, start)));
    if (plain) { KERNEL = ""; }
    startKernel(program.heap);
    var halves = Array.from({ length: 65536 }, function (_, bits) { return decodeHalf(bits); });
    for (var i = 0, count = program.weights; i < count; i++) { heap[i] = halves[bytes[start + i] << 8 | bytes[start + count + i]]; }
    heap.set(program.numbers, program.numbers_at);
  }
  /* Runs a function of the program by its number. */
  function run(number, inputs) {
    var called = program.functions[number], out = called.output;
    scratch = called.scratch;
    inputs.forEach(function (values, i) { heap.set(values, called.inputs[i][0]); });
    called.operations.forEach(function (one) { OPERATIONS[one[0]].apply(null, one.slice(1)); });
    return heap.slice(out[0], out[0] + out.slice(1).reduce(function (size, side) { return size * side; }, 1));
  }
  return {
    load: function (bytes, plain) { load(bytes, plain); return program; },
    run: run,
    isFast: function () { return multiply !== multiplyPlainly; }
  };
}
