/* Fills the entrance while the run goes on, where it is served; a page in a folder is left as it is. */
(function () {
  "use strict";
  var EVERY = 2000, SLOWEST = 60000, GIVE_UP_AFTER = 120000; // milliseconds
  if (!/^https?:$/.test(location.protocol)) { return; }
  var last = "", changed = Date.now(), pause = EVERY;

  function key(node) { return node.nodeType === 1 ? node.getAttribute("data-key") || node.id : ""; }

  function alike(one, other) {
    return one.nodeType === other.nodeType && one.nodeName === other.nodeName && key(one) === key(other);
  }

  function take(parent, wanted, index) {
    var at = parent.childNodes[index];
    if (at && alike(at, wanted)) { return at; }
    if (!key(wanted)) { return null; }
    return Array.prototype.slice.call(parent.childNodes, index).filter(function (one) { return alike(one, wanted); })[0];
  }

  /* Makes one element like another, and touches nothing that is so already: no picture is loaded twice. */
  function morph(old, wanted) {
    if (old.nodeType !== 1) {
      if (old.nodeValue !== wanted.nodeValue) { old.nodeValue = wanted.nodeValue; }
      return;
    }
    if (old.isEqualNode(wanted)) { return; }
    Array.prototype.slice.call(old.attributes).forEach(function (one) {
      if (!wanted.hasAttribute(one.name)) { old.removeAttribute(one.name); }
    });
    Array.prototype.forEach.call(wanted.attributes, function (one) {
      if (old.getAttribute(one.name) !== one.value) { old.setAttribute(one.name, one.value); }
    });
    Array.prototype.slice.call(wanted.childNodes).forEach(function (child, index) {
      var there = take(old, child, index);
      if (there) {
        if (there !== old.childNodes[index]) { old.insertBefore(there, old.childNodes[index]); }
        morph(there, child);
      } else {
        var fresh = document.importNode(child, true);
        if (fresh.nodeType === 1 && key(fresh)) { fresh.classList.add("arrived"); }
        old.insertBefore(fresh, old.childNodes[index] || null);
      }
    });
    while (old.childNodes.length > wanted.childNodes.length) { old.removeChild(old.lastChild); }
  }

  /* Loads what will be seen before it is hung, so that no frame is empty for a moment. */
  function preload(wanted) {
    var there = {};
    Array.prototype.forEach.call(document.images, function (one) { there[one.getAttribute("src")] = true; });
    var fresh = Array.prototype.slice.call(wanted.querySelectorAll("img"), 0, 60).filter(function (one) {
      return !there[one.getAttribute("src")];
    });
    return Promise.all(fresh.map(function (one) {
      var image = new Image();
      image.src = one.getAttribute("src");
      return image.decode().catch(function () { /* it shows its words */ });
    }));
  }

  /* A new sheet of widths beside the old one, which goes when the new one is there. */
  function restyle() {
    var old = document.querySelector("link[href*='pictures.css']");
    var fresh = old.cloneNode();
    fresh.href = old.getAttribute("href").split("?")[0] + "?" + Date.now();
    return new Promise(function (resolve) {
      fresh.onload = fresh.onerror = function () { old.remove(); resolve(); };
      old.after(fresh);
    });
  }

  /* What is being read, nearest first: what has a name and begins in the upper third. At the top nothing is held. */
  function anchors() {
    if (scrollY < 4) { return []; }
    var named = Array.prototype.slice.call(document.querySelectorAll("main [data-key]:not(.run)"));
    return named.reverse().map(function (one) {
      return { element: one, box: one.getBoundingClientRect() };
    }).filter(function (one) { return one.box.top <= innerHeight / 3 && one.box.bottom > 0; });
  }

  function show(text) {
    var wanted = new DOMParser().parseFromString(text, "text/html");
    if (!wanted.querySelector("main")) { return Promise.resolve(false); }
    return Promise.all([preload(wanted), restyle()]).then(function () {
      var held = anchors();
      [".rooms-nav", "main"].forEach(function (name) { morph(document.querySelector(name), wanted.querySelector(name)); });
      document.title = wanted.title;
      var still = held.filter(function (one) { return one.element.isConnected; })[0];
      if (still) { scrollBy({ top: still.element.getBoundingClientRect().top - still.box.top, behavior: "instant" }); }
      return !wanted.body.hasAttribute("data-early");
    });
  }

  function look() {
    if (document.hidden) { setTimeout(look, EVERY); return; }
    fetch(location.pathname, { cache: "no-cache" }).then(function (answer) {
      return answer.ok ? answer.text() : Promise.reject(new Error(String(answer.status)));
    }).then(function (text) {
      pause = EVERY;
      if (text === last) { return Date.now() - changed > GIVE_UP_AFTER; } // the run was killed: nobody writes any more
      last = text;
      changed = Date.now();
      return show(text);
    }).catch(function () {
      pause = Math.min(2 * pause, SLOWEST);
      return Date.now() - changed > 10 * GIVE_UP_AFTER;
    }).then(function (over) {
      if (!over) { setTimeout(look, pause); }
    });
  }

  document.addEventListener("DOMContentLoaded", function () { setTimeout(look, EVERY); });
})();
