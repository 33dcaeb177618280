/* The walkthrough: opens the rooms (walkthrough_scene.js) and moves a visitor through them. Without it the page is a list. */
var artpipeWalkthrough = {};
(function () {
  "use strict";
  var EYES = 1.6, PACE = 2.7, TURN = 1.7, MARGIN = 0.5, AROUND = 2, STAY = 9000, TOUR_WORKS = 3, READ = 3.4, ASIDE = 0.4; /* m, m/s, rad/s, m, rooms, ms, of each model, m and rad within which a work is told of */

  function load(address) {
    return new Promise(function (done, fail) {
      var script = document.createElement("script");
      script.src = address;
      script.onload = done;
      script.onerror = function () { script.remove(); fail(new Error(address)); };
      document.head.append(script);
    });
  }
  function decode(address, exact) {
    return new Promise(function (done, fail) {
      var image = new Image();
      image.onload = function () { image.exact = exact; done(image); };
      image.onerror = fail;
      image.src = address;
    });
  }
  function near(from, to, share) { /* between two angles, the short way */
    var turn = (to - from) % (2 * Math.PI);
    turn = turn > Math.PI ? turn - 2 * Math.PI : turn < -Math.PI ? turn + 2 * Math.PI : turn;
    return from + turn * share;
  }
  function smooth(t) { t = Math.min(1, Math.max(0, t)); return t * t * (3 - 2 * t); }

  /* What the list says, by the number of a work or model. */
  function readList(list) {
    var works = Array.prototype.slice.call(list.querySelectorAll("ol li"));
    var models = Array.prototype.slice.call(list.querySelectorAll("[data-model]"));
    var collections = Array.prototype.slice.call(list.querySelectorAll("[data-collection]"));
    function link(work) { return works[work].querySelector("a"); }
    function modelOf(work) { return works[work].closest("[data-model]"); }
    function words(element) { return element ? element.textContent.replace(/\s+/g, " ").trim() : ""; }
    function name(collection) { return collections[collection].dataset.collection + "  " + words(collections[collection].querySelector("h3 a")); }
    return {
      count: works.length,
      href: function (work) { return link(work).href; },
      title: function (work) { return words(link(work)); },
      language: function (work) { return link(work).lang; },
      about: function (work) {
        var model = modelOf(work);
        return [words(model.querySelector("h4")), words(model.querySelector("p")), words(works[work].closest("[data-alike]").querySelector("[data-label]"))].filter(Boolean).join(". ") + ".";
      },
      room: name,
      tour: works.map(function (_, i) { return i; }).filter(function (i) { return Array.prototype.indexOf.call(works[i].closest("[data-model]").querySelectorAll("li"), works[i]) < TOUR_WORKS; }),
      live: function (model) { return models[model].dataset.live; },
      name: function (collection) { return [{ text: name(collection), heading: true, lines: 1 }]; },
      sign: function (collection, ahead) { return [{ text: (ahead ? "" : "\u2039 ") + name(collection) + (ahead ? " \u203a" : ""), heading: true, lines: 1 }]; },
      panel: function (model) {
        var notes = Array.prototype.slice.call(models[model].querySelectorAll(":scope > p"));
        return [{ text: words(models[model].querySelector("h4")), heading: true, lines: 4 }].concat(notes.slice(0, 2).map(function (note) { return { text: note.children.length > 1 ? Array.prototype.map.call(note.children, words).join(", ") : words(note), lines: 4 }; }));
      },
      easel: function (model) { return [{ text: words(models[model].querySelector("[data-easel]")), heading: true }, { text: words(models[model].querySelector("h4")) }]; },
      plaque: function (work) { return [{ text: (works[work].dataset.kind === "audio" ? "\u266a " : works[work].dataset.kind === "video" ? "\u25b6 " : "") + words(link(work)), lines: 2 }]; },
    };
  }

  function open(page) {
    var status = page.querySelector("[data-status]"), here = page.dataset.here, plan;
    status.textContent = page.dataset.loading;
    artpipeWalkthrough.plan = function (made) { plan = made; };
    return load(page.dataset.walkthrough + "three.js").then(function () { return load(page.dataset.walkthrough + "walkthrough_scene.js"); }).then(function () {
      return load(here + page.dataset.plan);
    }).then(function () {
      return Promise.all(["600 40px Cormorant", "400 20px 'Alegreya Sans'"].map(function (font) { return document.fonts.load(font); }));
    }).then(function () {
      return new Promise(function (done) { setTimeout(done, 0); });
    }).then(function () { start(page, plan, here); }).catch(function (error) {
      status.textContent = page.dataset.failed;
      page.querySelector("[data-open]").hidden = true;
      page.querySelector("canvas").hidden = true;
      return error;
    });
  }

  function start(page, plan, here) {
    var stage = page.querySelector("[data-stage]"), canvas = page.querySelector("[data-canvas]"), texts = readList(document.querySelector("[data-list]"));
    var scene = makeWalkthroughScene(canvas, plan, texts), rooms = scene.rooms, camera = scene.camera, places = {}, asked = {};
    var still = matchMedia("(prefers-reduced-motion: reduce)"), keys = {}, glide = null, speed = { ahead: 0, aside: 0, turn: 0 }, running = false, last = 0;
    var me = { x: 0, z: rooms[0].start - 1.1, yaw: 0, pitch: -0.03 }, current = null, noticed = null, facing = null, headset = null;
    rooms.forEach(function (room) { room.works.forEach(function (place) { places[place.number] = Object.assign({ room: room }, place); }); });

    function roomAt(z) { return rooms.filter(function (room) { return z >= room.start - room.length - plan.wall / 2; })[0] || rooms[rooms.length - 1]; }
    function isFree(x, z) {
      var half = plan.width / 2 - MARGIN;
      return rooms.some(function (room, i) {
        var inside = Math.abs(x) <= half && z <= room.start - MARGIN && z >= room.start - room.length + MARGIN;
        var bench = Math.abs(x - room.bench.x) < 0.5 && Math.abs(z - room.bench.z) < room.bench.length / 2 + 0.25;
        var easel = room.easel && Math.hypot(x - room.easel.x, z - room.easel.z) < 0.75;
        var door = i + 1 < rooms.length && Math.abs(x) <= plan.door / 2 - 0.3 && z <= room.start - room.length + MARGIN && z >= room.start - room.length - plan.wall - MARGIN;
        return (inside && !bench && !easel) || door;
      });
    }

    /* Pictures of the rooms about the visitor come first, the others when they come near. */
    artpipeWalkthrough.hang = function (index, pictures) {
      var numbers = Object.keys(pictures);
      Promise.all(numbers.map(function (number) { return decode(pictures[number][0], Boolean(pictures[number][1])); })).then(function (images) {
        var hung = {};
        images.forEach(function (image, i) { hung[numbers[i]] = image; });
        scene.hang(index, hung);
        canvas.dataset.hung = String(Number(canvas.dataset.hung || 0) + 1);
        wake();
      });
    };
    function ask() {
      var middle = roomAt(me.z).index;
      rooms.forEach(function (room, i) {
        if (Math.abs(i - middle) <= AROUND && !asked[i]) { asked[i] = load(page.dataset.pictures.replace("-0.js", "-" + i + ".js")).catch(function () { asked[i] = null; }); }
      });
    }

    function apply() {
      if (headset) { return; }
      camera.position.set(me.x, EYES, me.z);
      camera.rotation.set(me.pitch, me.yaw, 0);
    }
    function remember() {
      history.replaceState({ walkthrough: [me.x, me.z, me.yaw, me.pitch].map(function (one) { return Math.round(one * 1000) / 1000; }) }, "");
      var room = roomAt(me.z);
      select.value = String(room.index);
      ask();
      notice();
    }
    /* Fewer pixels while a slow machine moves, all of them once it rests. */
    var sharp = 1, slow = 0;
    function fit() {
      var box = stage.getBoundingClientRect();
      scene.resize(Math.max(1, Math.round(box.width)), Math.max(1, Math.round(box.height)), sharp * Math.min(devicePixelRatio || 1, 2));
    }
    function resize() { fit(); wake(); }
    function pace(milliseconds) {
      slow = 0.7 * slow + 0.3 * milliseconds;
      if (slow > 45 && sharp > 0.4) { sharp *= 0.75; slow = 30; fit(); }
    }

    function step(seconds) { /* returns whether anything moves */
      if (glide) {
        glide.time += seconds;
        var t = smooth(glide.time / glide.seconds), way = glide.way, s = t * glide.length, i = 0;
        while (i < way.length - 2 && s > way[i + 1].at) { i++; }
        var part = way[i + 1].at > way[i].at ? Math.min(1, (s - way[i].at) / (way[i + 1].at - way[i].at)) : 1;
        me.x = way[i].x + (way[i + 1].x - way[i].x) * part;
        me.z = way[i].z + (way[i + 1].z - way[i].z) * part;
        var travel = glide.length > 4.5 ? Math.atan2(way[i].x - way[i + 1].x, way[i].z - way[i + 1].z) : glide.yaw;
        var aim = near(travel, glide.yaw, smooth((t - 0.6) / 0.4));
        glide.soft = near(glide.soft, aim, Math.min(1, seconds * 4));
        me.yaw = near(glide.soft, glide.yaw, smooth((t - 0.8) / 0.2));
        me.pitch = glide.from + (glide.pitch - glide.from) * t;
        if (glide.time >= glide.seconds) { var done = glide.done; glide = null; remember(); if (done) { done(); } }
        return true;
      }
      var want = { ahead: (keys.ahead || 0) - (keys.back || 0), aside: (keys.right || 0) - (keys.left || 0), turn: (keys.turnLeft || 0) - (keys.turnRight || 0) }, moves = false;
      Object.keys(want).forEach(function (key) {
        speed[key] += (want[key] - speed[key]) * (still.matches ? 1 : Math.min(1, seconds * 9));
        if (Math.abs(speed[key]) < 0.01 && !want[key]) { speed[key] = 0; }
        moves = moves || speed[key] !== 0;
      });
      me.yaw += speed.turn * TURN * seconds;
      var dx = (-Math.sin(me.yaw) * speed.ahead + Math.cos(me.yaw) * speed.aside) * PACE * seconds, dz = (-Math.cos(me.yaw) * speed.ahead - Math.sin(me.yaw) * speed.aside) * PACE * seconds;
      if (isFree(me.x + dx, me.z)) { me.x += dx; }
      if (isFree(me.x, me.z + dz)) { me.z += dz; }
      if (moves) { ask(); notice(); }
      return moves;
    }
    function frame(time) {
      var moves = step(Math.min(0.1, (time - last) / 1000 || 0.016));
      if (moves) { pace(time - last); } else if (sharp < 1 && !held) { sharp = 1; fit(); }
      last = time;
      apply();
      scene.render();
      if (moves || held) { requestAnimationFrame(frame); } else { running = false; remember(); }
    }
    function wake() {
      if (running || headset) { return; }
      running = true;
      last = performance.now();
      requestAnimationFrame(frame);
    }

    function go(x, z, yaw, pitch, done) {
      var way = [{ x: me.x, z: me.z }], from = roomAt(me.z).index, to = roomAt(z).index, length = 0;
      for (var i = from; i !== to; i += Math.sign(to - from)) {
        var door = rooms[Math.min(i, i + Math.sign(to - from))];
        var middle = door.start - door.length - plan.wall / 2, ahead = Math.sign(from - to) * 0.9;
        way.push({ x: 0, z: middle - ahead }, { x: 0, z: middle + ahead });
      }
      way.push({ x: x, z: z });
      way.forEach(function (one, k) { length += k ? Math.hypot(one.x - way[k - 1].x, one.z - way[k - 1].z) : 0; one.at = length; });
      if (still.matches) {
        glide = null;
        Object.assign(me, { x: x, z: z, yaw: yaw, pitch: pitch });
        wake();
        if (done) { done(); }
        return;
      }
      glide = { way: way, length: length, time: 0, seconds: Math.min(6, 0.9 + length / 3.4), yaw: yaw, pitch: pitch, from: me.pitch, soft: me.yaw, done: done };
      wake();
    }
    function standBefore(place) {
      var height = place.height + 2 * place.border, width = place.width + 2 * place.border, tan = Math.tan(camera.fov * Math.PI / 360);
      var away = Math.min(4, Math.max(0.85, 0.85 * height / tan, 0.62 * width / (tan * camera.aspect) + 0.1));
      var axis = { 0: [1, 0], 1: [0, 1], 2: [-1, 0] }[place.facing];
      return { x: place.x + axis[0] * away, z: place.z + axis[1] * away, yaw: { 0: Math.PI / 2, 1: 0, 2: -Math.PI / 2 }[place.facing], pitch: Math.atan2(place.y - 0.05 - EYES, away) };
    }

    var text = page.querySelector("[data-text]"), title = page.querySelector("[data-title]"), about = page.querySelector("[data-about]");
    function tell(work) {
      text.hidden = false;
      title.textContent = texts.title(work);
      title.href = texts.href(work);
      title.lang = texts.language(work) || document.documentElement.lang;
      about.textContent = texts.about(work);
    }
    function visit(work, done) {
      var spot = standBefore(places[work]);
      current = work;
      noticed = null;
      tell(work);
      if (speaks) { speak(work); }
      go(spot.x, spot.z, spot.yaw, spot.pitch, done);
    }
    function leave() { current = null; facing = null; notice(); }
    /* What hangs near and ahead is told of without a click: plaques are read from close by. */
    function notice() {
      if (current !== null) { return; }
      var best = ASIDE, seen = null;
      roomAt(me.z).works.forEach(function (place) {
        var dx = place.x - me.x, dz = place.z - me.z, away = Math.hypot(dx, dz), turn = Math.abs(near(0, Math.atan2(-dx, -dz) - me.yaw, 1));
        var off = Math.hypot(turn, Math.atan2(place.y - EYES, away) - me.pitch);
        if (away < READ && off < best) { best = off; seen = place.number; }
      });
      if (seen !== noticed && seen !== null) { tell(seen); }
      text.hidden = seen === null;
      noticed = seen;
    }

    /* Keys: on the canvas and on the links to the works. */
    var names = { ArrowUp: "ahead", w: "ahead", ArrowDown: "back", s: "back", ArrowLeft: "turnLeft", ArrowRight: "turnRight", a: "left", d: "right" };
    function onKey(event) {
      if (event.altKey || event.ctrlKey || event.metaKey) { return; }
      var name = names[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (event.type === "keydown" && event.key === "Enter" && event.target === canvas && (current !== null || noticed !== null)) { location.assign(texts.href(current === null ? noticed : current)); return; }
      if (event.type === "keydown" && event.key === "Escape") { stopTour(); tour.focus(); return; }
      if (!name) { return; }
      event.preventDefault();
      if (event.type === "keydown") { glide = null; stopTour(); if (name === "ahead" || name === "back") { current = null; } }
      keys[name] = event.type === "keydown" ? 1 : 0;
      wake();
    }
    stage.addEventListener("keydown", onKey);
    stage.addEventListener("keyup", onKey);
    addEventListener("blur", function () { keys = {}; });
    canvas.addEventListener("blur", function () { keys = {}; });

    /* A drag looks about; a click or tap leads somewhere. */
    var held = null;
    canvas.addEventListener("pointerdown", function (event) {
      held = { x: event.clientX, y: event.clientY, far: 0 };
      try { canvas.setPointerCapture(event.pointerId); } catch (error) { /* a pointer that is gone already */ }
    });
    canvas.addEventListener("pointermove", function (event) {
      if (!held) { return; }
      var dx = event.clientX - held.x, dy = event.clientY - held.y;
      held.far += Math.abs(dx) + Math.abs(dy);
      held.x = event.clientX;
      held.y = event.clientY;
      if (held.far < 6) { return; }
      glide = null;
      me.yaw += dx * 0.0042;
      me.pitch = Math.max(-1.1, Math.min(1.1, me.pitch + dy * 0.0042));
      wake();
    });
    canvas.addEventListener("pointercancel", function () { held = null; });
    canvas.addEventListener("pointerup", function (event) {
      var click = held && held.far < 6, box = canvas.getBoundingClientRect();
      held = null;
      if (!click) { return; }
      follow(scene.pick((event.clientX - box.left) / box.width * 2 - 1, 1 - (event.clientY - box.top) / box.height * 2));
    });
    function follow(seen) {
      if (!seen) { return; }
      if (tourAt >= 0) { stopTour(); }
      if (seen.work !== undefined) {
        if (seen.work === current && !glide) { location.assign(texts.href(seen.work)); return; }
        visit(seen.work);
      } else if (seen.easel) {
        if (facing === seen.easel && !glide) { location.assign(texts.live(seen.easel.easel.model)); return; }
        leave();
        facing = seen.easel;
        go(seen.easel.easel.x, seen.easel.easel.z + 1.5, 0, -0.12);
      } else if (seen.floor) {
        leave();
        if (isFree(seen.floor[0], seen.floor[1])) { go(seen.floor[0], seen.floor[1], me.yaw, 0); }
      }
    }

    /* A link for each work, from one to the next by Tab. */
    var stops = page.querySelector("[data-stops]");
    for (var i = 0; i < texts.count; i++) {
      var item = document.createElement("li"), link = document.createElement("a");
      link.href = texts.href(i);
      link.textContent = texts.title(i);
      link.dataset.work = String(i);
      item.append(link);
      stops.append(item);
    }
    stops.addEventListener("focusin", function (event) { if (event.target.dataset.work && places[event.target.dataset.work]) { visit(Number(event.target.dataset.work)); } });

    /* The guided tour. */
    var tour = page.querySelector("[data-tour]"), tourAt = -1, timer = 0;
    function stopTour() {
      if (tourAt < 0) { return; }
      tourAt = -1;
      clearTimeout(timer);
      tour.textContent = tour.dataset.start;
    }
    function tourTo(index) {
      clearTimeout(timer);
      tourAt = (index + texts.tour.length) % texts.tour.length;
      tour.textContent = tour.dataset.stop;
      visit(texts.tour[tourAt], function () { timer = setTimeout(onward, STAY); });
    }
    function onward() {
      if (tourAt < 0) { return; }
      if (speaks && speechSynthesis.speaking) { timer = setTimeout(onward, 500); return; }
      if (tourAt + 1 < texts.tour.length) { tourTo(tourAt + 1); } else { stopTour(); }
    }
    function turn(by) {
      if (tourAt >= 0) { tourTo(tourAt + by); return; }
      visit(((current === null ? (by > 0 ? -1 : 0) : current) + by + texts.count) % texts.count);
    }
    tour.addEventListener("click", function () { if (tourAt >= 0) { stopTour(); } else { tourTo(0); } });
    page.querySelector("[data-next]").addEventListener("click", function () { turn(1); });
    page.querySelector("[data-back]").addEventListener("click", function () { turn(-1); });

    /* Aloud only when asked. */
    var talker = page.querySelector("[data-speak]"), speaks = false;
    function speak(work) {
      speechSynthesis.cancel();
      var words = new SpeechSynthesisUtterance(texts.title(work) + ". " + texts.about(work));
      words.lang = document.documentElement.lang;
      speechSynthesis.speak(words);
    }
    talker.hidden = !window.speechSynthesis || !window.SpeechSynthesisUtterance;
    talker.addEventListener("click", function () {
      speaks = !speaks;
      talker.setAttribute("aria-pressed", String(speaks));
      if (!speaks) { speechSynthesis.cancel(); } else if (current !== null) { speak(current); }
    });

    var select = page.querySelector("[data-rooms]");
    rooms.forEach(function (room) {
      var before = rooms.filter(function (other) { return other.collection === room.collection && other.index < room.index; }).length;
      select.add(new Option(texts.room(room.collection) + (before ? " (" + (before + 1) + ")" : ""), String(room.index)));
    });
    select.addEventListener("change", function () {
      var room = rooms[Number(select.value)];
      stopTour();
      leave();
      go(0, room.start - 1, 0, 0);
    });

    /* A headset, where there is one: point at the floor or a work and press to go there. */
    var button = page.querySelector("[data-headset]");
    function enter(session) {
      headset = session;
      scene.renderer.xr.enabled = true;
      scene.renderer.xr.setReferenceSpaceType("local-floor");
      camera.position.set(0, 0, 0);
      camera.rotation.set(0, 0, 0);
      scene.rig.position.set(me.x, 0, me.z);
      scene.rig.rotation.y = me.yaw;
      [0, 1].forEach(function (i) {
        var hand = scene.renderer.xr.getController(i);
        scene.rig.add(hand);
        hand.addEventListener("select", function () {
          var ray = new artpipeThree.Raycaster();
          ray.ray.origin.setFromMatrixPosition(hand.matrixWorld);
          ray.ray.direction.set(0, 0, -1).transformDirection(hand.matrixWorld);
          var seen = scene.describe(ray), spot = seen && (seen.floor ? { x: seen.floor[0], z: seen.floor[1] } : seen.work !== undefined ? standBefore(places[seen.work]) : null);
          if (spot && isFree(spot.x, spot.z)) { Object.assign(me, { x: spot.x, z: spot.z }); scene.rig.position.set(me.x, 0, me.z); ask(); }
        });
      });
      session.addEventListener("end", function () {
        headset = null;
        scene.renderer.setAnimationLoop(null);
        scene.rig.position.set(0, 0, 0);
        scene.rig.rotation.y = 0;
        resize();
      });
      return scene.renderer.xr.setSession(session).then(function () { scene.renderer.setAnimationLoop(scene.render); });
    }
    if (navigator.xr && navigator.xr.isSessionSupported) {
      navigator.xr.isSessionSupported("immersive-vr").then(function (can) { button.hidden = !can; }, function () { /* none */ });
    }
    button.addEventListener("click", function () { navigator.xr.requestSession("immersive-vr", { optionalFeatures: ["local-floor"] }).then(enter).catch(function () { button.hidden = true; }); });

    if (history.state && history.state.walkthrough) {
      var was = history.state.walkthrough;
      Object.assign(me, { x: was[0], z: was[1], yaw: was[2], pitch: was[3] });
    }
    canvas.hidden = stops.hidden = page.querySelector("[data-tools]").hidden = false;
    page.querySelector("[data-door]").hidden = true;
    page.classList.add("is-open");
    page.scrollIntoView();
    scene.build(page);
    new MutationObserver(function () { scene.build(page); wake(); }).observe(document.documentElement, { attributes: true, attributeFilter: ["data-light"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () { scene.build(page); wake(); });
    canvas.addEventListener("webglcontextrestored", function () { scene.build(page); wake(); });
    new ResizeObserver(resize).observe(stage);
    resize();
    ask();
    canvas.focus({ preventScroll: true });
  }

  document.addEventListener("DOMContentLoaded", function () {
    var page = document.querySelector("[data-walkthrough]"), button = page && page.querySelector("[data-open]");
    if (!page || !document.querySelector("[data-list] ol li")) { return; }
    button.addEventListener("click", function () { button.disabled = true; open(page); });
    if (history.state && history.state.walkthrough) { button.click(); } /* back from a work's page */
  });
})();
