/* The live room: what a visitor does, and what the painter (painter.js, in a worker) answers. */
var artpipeLive = {};
(function () {
  "use strict";
  var CHILDREN = 6, LARGE = 512, tokeniser = makeTokeniser();

  /* One question at a time; of those with the same key only the newest waits. */
  function startPainter(packed) {
    var worker = new Worker(URL.createObjectURL(new Blob([writePainter()], { type: "text/javascript" })));
    var waiting = [], busy = null;
    function next() {
      busy = waiting.shift() || null;
      if (busy) { worker.postMessage(busy.message); }
    }
    worker.onmessage = function (event) {
      var done = busy;
      if (event.data.partial) { if (done.show) { done.show(event.data); } return; }
      next();
      if (event.data.error) { done.fail(event.data.error); } else { done.answer(event.data); }
    };
    worker.onerror = function (event) { event.preventDefault(); if (busy) { busy.fail(event.message); next(); } };
    function ask(message, key, show) {
      return new Promise(function (answer, fail) {
        if (key) { waiting = waiting.filter(function (one) { return one.key !== key; }); }
        waiting.push({ message: message, key: key, show: show, answer: answer, fail: fail });
        if (!busy) { next(); }
      });
    }
    return ask({ packed: packed }).then(function (facts) {
      return { facts: facts, paint: function (recipe, key, show) { return ask({ recipe: recipe, preview: Boolean(show) }, key, show); } };
    });
  }

  function draw(canvas, painted) {
    canvas.width = painted.width;
    canvas.height = painted.height;
    canvas.style.setProperty("--w", painted.width + "px");
    canvas.getContext("2d").putImageData(new ImageData(painted.pixels, painted.width, painted.height), 0, 0);
  }

  /* The mean of each of side x side fields, by channel: what the works' features are made by too (artpipe/site/live_scripts.py). */
  function measure(painted, side, channels) {
    var out = [], pixels = painted.pixels;
    for (var row = 0; row < side; row++) {
      for (var column = 0; column < side; column++) {
        var top = Math.floor(row * painted.height / side), bottom = Math.max(top + 1, Math.floor((row + 1) * painted.height / side));
        var left = Math.floor(column * painted.width / side), right = Math.max(left + 1, Math.floor((column + 1) * painted.width / side));
        for (var c = 0; c < channels; c++) {
          var sum = 0;
          for (var y = top; y < bottom; y++) {
            for (var x = left; x < right; x++) { sum += pixels[4 * (y * painted.width + x) + c]; }
          }
          out.push(sum / (bottom - top) / (right - left));
        }
      }
    }
    return out;
  }
  function decode(text) { return Uint8Array.from(atob(text), function (letter) { return letter.charCodeAt(0); }); }
  function findNearest(painted, data, count) {
    var own = measure(painted, data.side, data.channels), size = own.length, features = decode(data.features);
    return data.works.map(function (work, i) {
      var distance = 0;
      for (var j = 0; j < size; j++) { distance += Math.pow(own[j] - features[i * size + j], 2); }
      return { work: work, distance: distance };
    }).sort(function (a, b) { return a.distance - b.distance; }).slice(0, count).map(function (one) { return one.work; });
  }

  /* A chunk of a PNG: its length, its kind and text in UTF-8, its checksum. */
  function makeChunk(text) {
    var body = new TextEncoder().encode(text), chunk = new Uint8Array(body.length + 8);
    var view = new DataView(chunk.buffer);
    view.setUint32(0, body.length - 4);
    chunk.set(body, 4);
    view.setUint32(body.length + 4, tokeniser.checksum(body));
    return chunk;
  }
  /* A PNG with more chunks after its header (33 bytes). */
  function addChunks(png, chunks) {
    return new Blob([png.subarray(0, 33)].concat(chunks, png.subarray(33)), { type: "image/png" });
  }
  function escapeText(text) {
    return text.replace(/[^ -~]/g, function (letter) { return "\\u" + ("000" + letter.charCodeAt(0).toString(16)).slice(-4); });
  }
  function escapeXml(text) {
    return text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]/gu, "\ufffd").replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }
  /* The labels of a saved picture (artpipe/site/live_labels.py) with what is known of it. */
  function fillPacket(packet, title, prompt) {
    var identifier = "artpipe:random:" + Array.prototype.map.call(crypto.getRandomValues(new Uint8Array(16)), function (byte) {
      return ("0" + byte.toString(16)).slice(-2);
    }).join("");
    var values = { TITLE: title, PROMPT: prompt, CREATED: new Date().toISOString().replace(/\.\d+/, ""), IDENTIFIER: identifier };
    var lines = packet.split("\n").filter(function (line) { return prompt || line.indexOf("@PROMPT@") < 0; });
    return lines.join("\n").replace(/@(TITLE|PROMPT|CREATED|IDENTIFIER)@/g, function (all, key) { return escapeXml(values[key]); });
  }
  function loadImage(address) {
    var image = new Image();
    image.src = address;
    return image.decode().then(function () { return image; });
  }
  function save(canvas, name, recipe, labels) {
    if (!labels.strip) { write(canvas, name, recipe, labels.packet); return; }
    loadImage(labels.strip).then(function (strip) { write(canvas, name, recipe, labels.packet, strip); });
  }
  function write(canvas, name, recipe, packet, strip) {
    var factor = Math.max(1, Math.floor(LARGE / Math.max(canvas.width, canvas.height))), copy = document.createElement("canvas");
    copy.width = factor * canvas.width;
    var height = factor * canvas.height, mark = strip ? Math.round(strip.height * copy.width / strip.width) : 0;
    copy.height = height + mark;
    var context = copy.getContext("2d");
    if (strip) { context.drawImage(strip, 0, height, copy.width, mark); }
    context.imageSmoothingEnabled = false;
    context.drawImage(canvas, 0, 0, copy.width, height);
    var chunks = [makeChunk("tEXtartpipe\0" + escapeText(JSON.stringify(recipe)))];
    if (packet) { chunks.push(makeChunk("iTXtXML:com.adobe.xmp\0\0\0\0\0" + fillPacket(packet, name.replace(/\.png$/, ""), recipe.recipe.prompt || ""))); }
    copy.toBlob(function (blob) {
      blob.arrayBuffer().then(function (buffer) {
        var link = document.createElement("a");
        link.href = URL.createObjectURL(addChunks(new Uint8Array(buffer), chunks));
        link.download = name;
        link.click();
        setTimeout(function () { URL.revokeObjectURL(link.href); }, 60000);
      });
    }, "image/png");
  }

  function makeElement(tag, text, classes) {
    var element = document.createElement(tag);
    if (text) { element.textContent = text; }
    if (classes) { element.className = classes; }
    return element;
  }

  function room(wall, data, painter) {
    function find(name) { return wall.querySelector("[data-" + name + "]"); }
    var canvas = find("canvas"), caption = find("caption"), seed = wall.querySelector("input[data-seed]");
    var chooser = find("class"), moves = Array.prototype.slice.call(wall.querySelectorAll("[data-move]"));
    var shelf = find("shelf"), children = find("children"), breed = find("breed"), neighbours = find("neighbours");
    var words = find("words"), guidance = find("guidance"), steps = find("steps"), refusal = find("refusal");
    var base = { seed: 0 }, shown = null, parents = [], typed = false, kept = [];

    function readRecipe() {
      var recipe = Object.assign({}, base), places = moves.map(function (range) { return Number(range.value); });
      if (places.some(Boolean)) { recipe.move = places; }
      if (guidance) { recipe.guidance = Number(guidance.value); recipe.steps = Number(steps.value); }
      return recipe;
    }
    function describe(recipe) {
      var word = recipe.parents ? caption.dataset.child : caption.dataset.seed;
      var label = chooser && recipe.label !== undefined ? caption.dataset.comma + chooser.options[recipe.label + 1].text : "";
      return (recipe.prompt ? "“" + recipe.prompt + "”" + caption.dataset.comma : "") + word + " " + recipe.seed + label + (recipe.move ? caption.dataset.comma + caption.dataset.moved + " " + recipe.move.join(", ") : "");
    }
    function paint(quiet) {
      function preview(partial) {
        draw(canvas, partial);
        if (!quiet) { caption.textContent = caption.dataset.coming; }
      }
      canvas.setAttribute("aria-busy", "true");
      return painter.paint(readRecipe(), "easel", preview).then(function (painted) {
        shown = painted;
        draw(canvas, painted);
        canvas.removeAttribute("aria-busy");
        canvas.setAttribute("aria-label", describe(painted.recipe));
        if (!quiet) { caption.textContent = describe(painted.recipe) + caption.dataset.comma + caption.dataset.time.replace("%s", Math.max(1, painted.milliseconds)); }
        if (!neighbours.hidden) { showNearest(); }
      });
    }
    function show(recipe) {
      base = Object.assign({}, recipe);
      delete base.move;
      delete base.guidance;
      delete base.steps;
      if (guidance && recipe.steps) { guidance.value = recipe.guidance; steps.value = recipe.steps; showNumbers(); }
      if (words) { words.value = recipe.prompt || ""; words.disabled = Boolean(recipe.parents); }
      moves.forEach(function (range, i) { range.value = recipe.move ? recipe.move[i] : 0; });
      seed.value = recipe.seed;
      if (chooser) { chooser.value = recipe.label === undefined ? "" : recipe.label; chooser.disabled = Boolean(recipe.parents); }
      return paint();
    }
    /* The class or the words that are chosen, else the words that the seed asks for. */
    function choose(recipe) {
      if (chooser && chooser.value !== "") {
        recipe.label = Number(chooser.value);
      } else if (words && typed && words.value.trim()) {
        recipe.prompt = words.value.trim();
      } else if (words && data.captions.length) {
        recipe.prompt = data.captions[recipe.seed % data.captions.length];
      }
      return recipe;
    }
    function typeWords() {
      var phrase = tokeniser.findRefused(words.value, data.refused);
      var unknown = tokeniser.findUnknown(words.value, data.words);
      refusal.hidden = phrase === undefined && !unknown.length;
      if (phrase !== undefined) { refusal.textContent = refusal.dataset.refused.replace("%s", phrase); return; }
      refusal.textContent = refusal.dataset.unknown.replace("%s", unknown.join("”, “"));
      typed = Boolean(words.value.trim());
      if (typed && chooser) { chooser.value = ""; }
      show(choose({ seed: base.seed }));
    }
    function showNumbers() {
      [guidance, steps].forEach(function (range) { range.nextElementSibling.textContent = range.value; });
    }
    function paintNew() { show(choose({ seed: crypto.getRandomValues(new Uint32Array(1))[0] })); }
    function typeSeed() {
      var number = Math.floor(Number(seed.value));
      if (seed.value === "" || !(number >= 0 && number <= 4294967295)) { seed.value = base.seed; return; }
      show(choose({ seed: number }));
    }
    function showNearest() {
      var list = find("nearest"), untitled = neighbours.dataset.untitled;
      list.replaceChildren.apply(list, findNearest(shown, data, 4).map(function (work) {
        var figure = makeElement("figure"), frame = makeElement("span", "", "frame"), image = makeElement("img", "", canvas.className);
        var line = makeElement("figcaption"), title = makeElement("em", work.title || untitled);
        title.dir = "auto";
        image.src = data.root + work.src;
        image.alt = work.title || untitled;
        image.width = work.width;
        image.height = work.height;
        image.style.setProperty("--w", work.width + "px");
        frame.append(image);
        line.append(title, makeElement("span", work.creator, "quiet"), makeElement("span", work.licence, "quiet"));
        figure.append(frame, line);
        var item = makeElement("li");
        item.append(figure);
        return item;
      }));
    }
    function makeThumb(recipe, word) {
      var button = makeElement("button", "", "thumb"), small = makeElement("canvas", "", canvas.className);
      button.type = "button";
      button.setAttribute("aria-label", word + ": " + describe(recipe));
      button.append(small);
      button.addEventListener("click", function () { show(recipe); canvas.scrollIntoView({ block: "nearest" }); });
      painter.paint(recipe).then(function (painted) { draw(small, painted); });
      return button;
    }
    function setParents() {
      breed.disabled = parents.length !== 2;
      parents.forEach(function (one) { one.box.checked = true; });
    }
    function isKept(recipe) {
      var text = JSON.stringify(recipe);
      return kept.indexOf(text) >= 0 || !kept.push(text);
    }
    function keep(recipe, chosen) {
      if (isKept(recipe)) { return; }
      var item = makeElement("li"), label = makeElement("label", "", "parent"), box = makeElement("input");
      var one = { recipe: recipe, box: box };
      box.type = "checkbox";
      label.append(box, " " + shelf.dataset.parent);
      item.append(makeThumb(recipe, shelf.dataset.show), label);
      box.addEventListener("change", function () {
        parents = parents.filter(function (other) { return other !== one; });
        if (box.checked) { parents.push(one); }
        if (parents.length > 2) { parents.shift().box.checked = false; }
        setParents();
      });
      if (chosen) { parents.push(one); }
      shelf.append(item);
      setParents();
    }
    function paintChildren() {
      var pair = parents.map(function (one) { return one.recipe; }), seeds = crypto.getRandomValues(new Uint32Array(CHILDREN));
      children.replaceChildren.apply(children, Array.prototype.map.call(seeds, function (number) {
        var item = makeElement("li");
        item.append(makeThumb({ seed: number, parents: pair }, children.dataset.show));
        return item;
      }));
    }
    function nameFile(recipe) {
      var words = [wall.dataset.model, recipe.parents ? "child" : "seed", recipe.seed];
      if (recipe.label !== undefined) { words.push("label", recipe.label); }
      if (recipe.move) { words.push("moved", recipe.move.join("_")); }
      return words.join("-") + ".png";
    }
    function saveShown() {
      var record = { model: wall.dataset.model, checkpoint: wall.dataset.checkpoint, recipe: shown.recipe };
      save(canvas, nameFile(shown.recipe), record, { packet: wall.dataset.packet, strip: wall.dataset.strip });
    }

    /* What needs a picture waits for the first one. */
    function whenShown(act) { return function () { if (shown) { act(); } }; }

    find("new").addEventListener("click", paintNew);
    seed.addEventListener("change", typeSeed);
    if (chooser) { chooser.addEventListener("change", function () { typed = false; typeSeed(); }); }
    if (words) { words.addEventListener("change", typeWords); }
    if (guidance) {
      [guidance, steps].forEach(function (range) {
        range.addEventListener("input", function () { showNumbers(); paint(true); });
        range.addEventListener("change", function () { paint(); });
      });
    }
    moves.forEach(function (range) {
      range.addEventListener("input", function () { paint(true); });
      range.addEventListener("change", function () { paint(); });
    });
    find("keep").addEventListener("click", whenShown(function () { keep(shown.recipe, parents.length < 2); }));
    breed.addEventListener("click", paintChildren);
    find("near").addEventListener("click", whenShown(function () {
      neighbours.hidden = false;
      showNearest();
      neighbours.scrollIntoView({ block: "nearest" });
    }));
    find("save").addEventListener("click", whenShown(saveShown));
    if (!data.works.length) { find("near").hidden = true; }
    var seeds = wall.dataset.seeds.split(" ").filter(Boolean).map(Number);
    seeds = seeds.length ? seeds : [1, 2, 3, 4];
    /* What hangs is asked for what it hangs with. */
    function recall(number) {
      var prompt = data.prompts[number];
      return prompt === undefined ? choose({ seed: number }) : { seed: number, prompt: prompt };
    }
    return show(recall(seeds[0])).then(function () {
      seeds.forEach(function (number, i) { keep(recall(number), i < 2); });
    });
  }

  function open(wall) {
    var button = wall.querySelector("[data-open]"), status = wall.querySelector("[data-status]"), script = document.createElement("script");
    function fail() { status.textContent = status.dataset.failed; }
    button.disabled = true;
    status.textContent = status.dataset.loading;
    artpipeLive.receive = function (data) {
      data.root = wall.dataset.live.replace(/media\/[^/]*$/, "");
      artpipeLive.opened = startPainter(decode(data.program)).then(function (painter) {
        wall.querySelector("[data-studio]").hidden = false;
        return room(wall, data, painter).then(function () {
          wall.querySelector(".live-door").hidden = true;
          wall.querySelector("[data-new]").focus({ preventScroll: true });
          return painter;
        });
      });
      artpipeLive.opened.catch(fail);
    };
    script.src = wall.dataset.live;
    script.onerror = fail;
    document.head.append(script);
  }

  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("[data-live]").forEach(function (wall) {
      if (!window.Worker || !window.DecompressionStream) { return; }
      wall.hidden = false;
      wall.querySelector("[data-open]").addEventListener("click", function () { open(wall); });
    });
  });
})();
