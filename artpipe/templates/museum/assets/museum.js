/* A classic script: modules and fetch do not work from a folder. Without it every page reads the same. */
(function () {
  "use strict";
  var page = document.documentElement;

  function recall() {
    try { return localStorage.getItem("artpipe-light"); } catch (error) { return null; }
  }
  function remember(value) {
    try { localStorage.setItem("artpipe-light", value); } catch (error) { /* a private window: it lasts for this page */ }
  }
  function prefersEvening() {
    return matchMedia("(prefers-color-scheme: dark)").matches;
  }
  function isEvening() {
    return page.dataset.light ? page.dataset.light === "evening" : prefersEvening();
  }

  page.classList.add("js");
  if (recall() === "evening" || recall() === "day") { page.dataset.light = recall(); }

  function lamp() {
    var button = document.querySelector("[data-lamp]");
    var words = Array.prototype.slice.call(button.querySelectorAll("[data-word]"));
    function show() {
      button.setAttribute("aria-pressed", String(isEvening()));
      words.forEach(function (word) { word.classList.toggle("away", isEvening() === (word.dataset.word === "evening")); });
    }
    button.addEventListener("click", function () {
      page.dataset.light = isEvening() ? "day" : "evening";
      remember(page.dataset.light);
      show();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
    show();
  }

  function slider(figure) {
    var frames = Array.prototype.slice.call(figure.querySelectorAll("[data-frame]"));
    var range = figure.querySelector("input");
    var output = figure.querySelector("output");
    if (frames.length < 2) { return null; }
    function show(index) {
      frames.forEach(function (frame, i) { frame.hidden = i !== index; });
      output.textContent = frames[index].dataset.frame;
      range.value = String(index);
      range.setAttribute("aria-valuetext", frames[index].dataset.frame);
    }
    frames.forEach(function (frame) {
      var image = frame.querySelector("img");
      if (image) { image.loading = "eager"; }
    });
    figure.classList.add("is-live");
    figure.querySelector(".controls").hidden = false;
    range.max = String(frames.length - 1);
    range.addEventListener("input", function () { show(Number(range.value)); });
    show(frames.length - 1);
    return {
      element: figure,
      move: function (by) {
        var next = Number(range.value) + by;
        if (next < 0 || next >= frames.length) { return false; }
        show(next);
        return true;
      }
    };
  }

  function compare(figure) {
    var pair = figure.querySelector(".pair");
    var before = pair.querySelector(".before img");
    var after = pair.querySelector(".after img");
    var word = pair.querySelector("[data-before]");
    var range = figure.querySelector("input");
    var first = { src: before.src, alt: before.alt, word: word.textContent };
    function show() {
      pair.style.setProperty("--at", range.value + "%");
      range.setAttribute("aria-valuetext", range.dataset.said.replace("%s", range.value));
    }
    function lay(under) {
      before.src = under.src;
      before.alt = under.alt;
      word.textContent = under.word;
    }
    function drag(event) {
      var box = after.getBoundingClientRect();
      range.value = String(Math.round(100 * (event.clientX - box.left) / box.width));
      show();
    }
    function held(event) { if (event.buttons & 1) { drag(event); } }
    var buttons = Array.prototype.slice.call(figure.querySelectorAll("[data-against]"));
    buttons.forEach(function (button) {
      button.hidden = false;
      button.addEventListener("click", function () {
        var pressed = button.getAttribute("aria-pressed") !== "true";
        var image = button.closest("figure").querySelector("img");
        buttons.forEach(function (one) { one.setAttribute("aria-pressed", String(one === button && pressed)); });
        lay(pressed ? { src: image.src, alt: image.alt, word: button.dataset.against } : first);
      });
    });
    figure.classList.add("is-live");
    figure.querySelector(".controls").hidden = false;
    range.addEventListener("input", show);
    after.parentNode.addEventListener("pointerdown", drag);
    pair.addEventListener("pointermove", held);
    pair.addEventListener("dragstart", function (event) { event.preventDefault(); });
    show();
  }

  function film(video) {
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
      video.play().catch(function () { /* the visitor's browser wants a click first */ });
    }
  }

  function isSeen(element) {
    var box = element.getBoundingClientRect();
    var seen = Math.min(box.bottom, innerHeight) - Math.max(box.top, 0);
    return seen > 0.5 * Math.min(box.height, innerHeight);
  }

  function keys(sliders) {
    document.addEventListener("keydown", function (event) {
      if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) { return; }
      if (/^(INPUT|TEXTAREA|SELECT|VIDEO|AUDIO)$/.test(event.target.tagName)) { return; }
      var rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
      var link = rel && document.querySelector("link[rel=" + rel + "]");
      if (link) { location.assign(link.href); return; }
      var by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      var seen = by && sliders.filter(function (one) { return isSeen(one.element); })[0];
      if (seen && seen.move(by)) { event.preventDefault(); }
    });
  }

  /* The list of rooms closes as a menu does: by Escape, or where one goes elsewhere. */
  function menu(details) {
    document.addEventListener("click", function (event) { if (!details.contains(event.target)) { details.open = false; } });
    details.addEventListener("keydown", function (event) {
      if (event.key === "Escape" && details.open) { details.open = false; details.querySelector("summary").focus(); }
    });
    details.addEventListener("focusout", function (event) {
      if (event.relatedTarget && !details.contains(event.relatedTarget)) { details.open = false; }
    });
  }

  /* A hash has a button that copies it, also from a folder, where the clipboard's own interface may be missing. */
  function copyable(element) {
    var hash = element.textContent;
    var words = document.body.dataset;
    var button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = words.copy;
    button.setAttribute("aria-label", words.copy + " " + hash.slice(0, 12));
    function done() {
      button.textContent = words.copied;
      setTimeout(function () { button.textContent = words.copy; }, 1600);
    }
    function select() {
      getSelection().selectAllChildren(element);
      if (document.execCommand("copy")) { done(); }
    }
    button.addEventListener("click", function () {
      if (navigator.clipboard) { navigator.clipboard.writeText(hash).then(done, select); } else { select(); }
    });
    if (element.tagName === "PRE") { button.setAttribute("aria-label", words.copy + ": " + element.getAttribute("aria-label")); }
    if (element.tagName === "DD") { element.append(" ", button); } else { element.after(" ", button); }
  }

  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll(".mono").forEach(function (one) { if (/^[0-9a-f]{12,64}$/.test(one.textContent)) { copyable(one); } });
    document.querySelectorAll("[data-copyable]").forEach(copyable);
    lamp();
    document.querySelectorAll(".rooms-nav details").forEach(menu);
    document.querySelectorAll("[data-compare]").forEach(compare);
    document.querySelectorAll("[data-film]").forEach(film);
    keys(Array.prototype.slice.call(document.querySelectorAll("[data-slider]")).map(slider).filter(Boolean));
  });
})();
