/* One slider for all models of compare/: each shows its last sheet of the share of its training that is over. */
(function () {
  "use strict";

  function pace(wall) {
    var pacer = wall.querySelector(".pacer");
    if (!pacer) { return; }
    var range = pacer.querySelector("input");
    var output = pacer.querySelector("output");
    var strips = Array.prototype.map.call(wall.querySelectorAll(".moving ol"), function (strip) {
      var sheets = Array.prototype.slice.call(strip.children);
      var last = Number(sheets[sheets.length - 1].dataset.step) || 1;
      strip.classList.add("is-live");
      strip.removeAttribute("tabindex");
      return sheets.map(function (sheet) { return { element: sheet, share: Number(sheet.dataset.step) / last }; });
    });
    var shares = strips.reduce(function (all, sheets) { return all.concat(sheets.map(function (sheet) { return sheet.share; })); }, []);
    shares = shares.sort(function (a, b) { return a - b; }).filter(function (share, i) { return !i || share > shares[i - 1]; });
    function show() {
      var share = shares[Number(range.value)];
      var said = output.dataset.said.replace("%s", String(Math.round(100 * share)));
      strips.forEach(function (sheets) {
        var due = sheets.filter(function (sheet) { return sheet.share <= share; }).pop() || sheets[0];
        sheets.forEach(function (sheet) { sheet.element.hidden = sheet !== due; });
      });
      output.textContent = said;
      range.setAttribute("aria-valuetext", said);
    }
    document.addEventListener("keydown", function (event) {
      var by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!by || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || /^(INPUT|SELECT|AUDIO)$/.test(event.target.tagName)) { return; }
      var next = Number(range.value) + by;
      if (next < 0 || next >= shares.length) { return; }
      range.value = String(next);
      show();
      event.preventDefault();
    });
    range.max = String(shares.length - 1);
    range.value = range.max;
    range.addEventListener("input", show);
    show();
  }

  document.addEventListener("DOMContentLoaded", function () { document.querySelectorAll("[data-pace]").forEach(pace); });
})();
