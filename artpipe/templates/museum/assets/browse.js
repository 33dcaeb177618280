/* Filters and search of browse/: the index comes in classic scripts, since a folder serves no others, and only when
   somebody looks for something. What is looked for stands in the address behind `#`. */
(function () {
  "use strict";
  var FIELDS = ["dataset", "model", "class", "epoch", "grade"];
  var MOST_OPTIONS = 300;
  var HAN = /[\u3400-\u9fff\uf900-\ufaff]/g;
  var shards = [];
  var waiting = [];

  window.artpipeWorks = function (number, rows) { shards[number] = rows; };

  /* Latin letters without their accents, in small letters, full-width signs as half-width ones; Chinese stays. */
  function plain(text) { return text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase(); }

  function element(name, className, text) {
    var made = document.createElement(name);
    if (className) { made.className = className; }
    if (text !== undefined) { made.textContent = text; }
    return made;
  }

  function browse(wall) {
    var form = wall.querySelector(".finder");
    var list = wall.querySelector(".plates");
    var turn = wall.querySelector(".turn");
    var numbers = wall.querySelector(".numbers");
    var still = Array.prototype.slice.call(list.childNodes);
    var stillTurn = Array.prototype.slice.call(turn.childNodes);
    var answer = form.querySelector("[role=status]");
    var root = wall.dataset.root;
    var perPage = Number(wall.dataset.perPage);
    var options = {};
    var models = [];
    var index = null;

    FIELDS.forEach(function (name) {
      var template = form.elements[name].parentNode.querySelector("template");
      options[name] = Array.prototype.slice.call(form.elements[name].options).concat(template ? Array.prototype.slice.call(template.content.children) : []);
    });
    models = options.model.slice(1).map(function (option) {
      return { name: option.value, title: option.textContent, dataset: option.dataset.dataset, grade: option.dataset.grade, epoch: option.dataset.epoch };
    });
    var datasets = Object.create(null);
    options.dataset.forEach(function (option) { datasets[option.value] = option.textContent; });
    var kinds = Object.create(null);
    options["class"].forEach(function (option) { kinds[option.value] = option.textContent; });

    /* A collection that is chosen leaves its own models and classes to choose from. */
    function narrow(state) {
      ["model", "class"].forEach(function (name) {
        var select = form.elements[name];
        var seen = Object.create(null); /* a model may be called `constructor` */
        var shown = options[name].filter(function (option) {
          var fits = !option.value || !state.dataset || option.dataset.dataset === state.dataset;
          var again = seen[option.value];
          seen[option.value] = seen[option.value] || fits;
          return fits && !again;
        });
        if (shown.length > MOST_OPTIONS) { shown = shown.filter(function (option) { return !option.value || option.value === state[name]; }); }
        select.replaceChildren.apply(select, shown);
        select.disabled = shown.length < 2;
      });
    }

    function read() {
      var given = new URLSearchParams(location.hash.slice(1));
      var state = { q: given.get("q") || "", page: Math.max(1, parseInt(given.get("page"), 10) || 1) };
      FIELDS.forEach(function (name) { state[name] = given.get(name) || ""; });
      return state;
    }
    function write(state) {
      var parts = new URLSearchParams();
      ["q"].concat(FIELDS).forEach(function (name) { if (state[name]) { parts.set(name, state[name]); } });
      if (state.page > 1) { parts.set("page", String(state.page)); }
      return "#" + parts.toString();
    }
    function isLooking(state) { return Boolean(state.q.trim()) || FIELDS.some(function (name) { return state[name]; }); }

    function load(done) {
      if (index) { done(); return; }
      waiting.push(done);
      if (waiting.length > 1) { return; }
      var left = Number(wall.dataset.shards);
      function finish() {
        left -= 1;
        if (left > 0) { return; }
        index = [].concat.apply([], shards.filter(Boolean)).map(function (row) {
          var model = models[row[2]];
          return { row: row, model: model, words: plain([row[1], row[4], model.title, datasets[model.dataset] || "", kinds[row[3]] || ""].join("\n")) };
        });
        waiting.splice(0).forEach(function (one) { one(); });
      }
      for (var number = 0; number < Number(wall.dataset.shards); number += 1) {
        var script = document.createElement("script");
        script.src = root + "browse/works-" + number + ".js";
        script.onload = finish;
        script.onerror = finish;
        document.head.appendChild(script);
      }
      if (!left) { left = 1; finish(); }
    }

    function find(state) {
      var words = plain(state.q).split(/\s+/).filter(Boolean);
      return index.filter(function (one) {
        return (!state.dataset || one.model.dataset === state.dataset) && (!state.model || one.model.name === state.model)
          && (!state.grade || one.model.grade === state.grade) && (!state.epoch || one.model.epoch === state.epoch)
          && (!state["class"] || one.row[3] === state["class"]) && words.every(function (word) { return one.words.indexOf(word) >= 0; });
      });
    }

    function sheet(text) {
      var han = 2 * (text.match(HAN) || []).length > text.replace(/[\s\p{P}]/gu, "").length;
      var lines = text.split("\n");
      var upright = han && lines.every(function (line) { return line.length <= 16; });
      var made = element("span", "sheet" + (han ? " han" : "") + (upright ? " upright" : ""));
      if (han) { made.lang = "zh"; }
      lines.forEach(function (line) {
        var verse = element("span", "verse", line);
        verse.dir = "auto";
        made.appendChild(verse);
      });
      return made;
    }

    function plate(one) {
      var row = one.row;
      var alt = wall.dataset.alt.replace("{title}", function () { return row[1]; }).replace("{model}", function () { return one.model.title; });
      var item = element("li");
      var figure = item.appendChild(element("figure"));
      var link = figure.appendChild(element("a", "hung"));
      link.href = root + "works/" + row[0] + "/index.html";
      link.title = alt;
      if (row[5]) {
        var image = element("img", ["smooth", "pixel", "pixel soft"][row[8]] + (row[6] > 100 ? " panel" : "") + " w" + row[6]);
        image.width = row[6]; image.height = row[7]; image.alt = alt; image.loading = "lazy"; image.decoding = "async";
        image.src = wall.dataset.mediaRoot + row[5];
        link.appendChild(element("span", "frame" + (row[9] === "image" ? "" : " frame-" + row[9]))).appendChild(image);
      } else if (row[10]) {
        link.appendChild(sheet(row[10]));
      } else {
        link.appendChild(element("span", "frame card frame-" + row[9], row[1]));
      }
      var caption = figure.appendChild(element("figcaption"));
      caption.appendChild(element("span", "plate-title", row[1])).dir = "auto";
      caption.appendChild(element("span", "quiet")).appendChild(element("bdi", "", one.model.title));
      return item;
    }

    function turnTo(state, page, rel) {
      var link = element("a", rel === "prev" ? "previous" : "next", rel === "prev" ? "\u2039 " + turn.dataset.previous : turn.dataset.next + " \u203a");
      link.rel = rel;
      link.href = write(Object.assign({}, state, { page: page }));
      return link;
    }

    function say(count) {
      answer.textContent = count === 0 ? answer.dataset.none : count === 1 ? answer.dataset.one : answer.dataset.many.replace("{n}", count.toLocaleString("en"));
      if (shards.filter(Boolean).length < Number(wall.dataset.shards)) { answer.textContent += " " + answer.dataset.missing; }
    }

    function show() {
      var state = read();
      form.elements.q.value = form.elements.q === document.activeElement ? form.elements.q.value : state.q;
      narrow(state);
      FIELDS.forEach(function (name) { form.elements[name].value = state[name]; });
      form.classList.toggle("is-looking", isLooking(state));
      if (numbers) { numbers.hidden = isLooking(state); }
      if (!isLooking(state)) {
        list.replaceChildren.apply(list, still);
        turn.replaceChildren.apply(turn, stillTurn);
        answer.textContent = "";
        return;
      }
      load(function () {
        var now = read();
        var found = find(now);
        var pages = Math.max(1, Math.ceil(found.length / perPage));
        var page = Math.min(now.page, pages);
        list.replaceChildren.apply(list, found.slice((page - 1) * perPage, page * perPage).map(plate));
        turn.replaceChildren();
        if (page > 1) { turn.appendChild(turnTo(now, page - 1, "prev")); }
        if (page < pages) { turn.appendChild(turnTo(now, page + 1, "next")); }
        say(found.length);
      });
    }

    function change() {
      var state = { q: form.elements.q.value, page: 1 };
      FIELDS.forEach(function (name) { state[name] = form.elements[name].value; });
      if (state.dataset !== read().dataset) { state.model = ""; state["class"] = ""; }
      return write(state);
    }
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    form.addEventListener("reset", function (event) { event.preventDefault(); form.elements.q.value = ""; location.hash = ""; form.elements.q.focus(); });
    form.elements.q.addEventListener("input", function () { location.replace(change()); });
    FIELDS.forEach(function (name) { form.elements[name].addEventListener("change", function () { location.hash = change(); }); });
    turn.addEventListener("click", function (event) {
      if (event.target.closest("a[href^='#']")) { setTimeout(function () { list.focus({ preventScroll: true }); form.scrollIntoView(); }, 0); }
    });
    addEventListener("hashchange", show);
    show();
  }

  document.addEventListener("DOMContentLoaded", function () { document.querySelectorAll("[data-browse]").forEach(browse); });
})();
