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
    var word = button.querySelector(".lamp-word");
    function show() {
      button.setAttribute("aria-pressed", String(isEvening()));
      word.textContent = isEvening() ? word.dataset.day : word.dataset.evening;
    }
    button.hidden = false;
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

  document.addEventListener("DOMContentLoaded", function () {
    lamp();
    keys(Array.prototype.slice.call(document.querySelectorAll("[data-slider]")).map(slider).filter(Boolean));
  });
})();
