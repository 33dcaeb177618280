/* The rooms of the walkthrough, drawn with three.js. Light is painted into the corners of surfaces once, so nothing costs but what is seen. */
function makeWalkthroughScene(canvas, plan, texts) {
  "use strict";
  var T = artpipeThree, HEIGHT = 4.3, DOOR_HEIGHT = 2.75, GRID = 0.25, SKY_WIDTH = 3.2, ATLAS = 2048;
  var software = isSoftware(), renderer = new T.WebGLRenderer({ canvas: canvas, antialias: !software, powerPreference: "low-power" });
  var scene = new T.Scene(), camera = new T.PerspectiveCamera(58, 1, 0.08, 160), rig = new T.Group(), look, rooms = [];
  renderer.outputColorSpace = T.LinearSRGBColorSpace; /* colours are those of the style sheet, and stay so */
  camera.rotation.order = "YXZ";
  rig.add(camera);
  scene.add(rig);

  /* Whether no graphics processor draws: smooth edges cost most there. */
  function isSoftware() {
    var probe = document.createElement("canvas").getContext("webgl2"), facts = probe && probe.getExtension("WEBGL_debug_renderer_info");
    return Boolean(facts) && /swiftshader|llvmpipe|softpipe|basic render/i.test(probe.getParameter(facts.UNMASKED_RENDERER_WEBGL));
  }
  function parse(hex) { return [1, 3, 5].map(function (i) { return parseInt(hex.slice(i, i + 2), 16) / 255; }); }
  function times(colour, by) { return colour.map(function (one, i) { return one * (by.length ? by[i] : by); }); }
  function mix(a, b, t) { return a.map(function (one, i) { return one + (b[i] - one) * t; }); }

  /* What the style sheet says of walls, floor and light. */
  function readLook(element) {
    var style = getComputedStyle(element);
    function value(name) { return style.getPropertyValue("--walkthrough-" + name).trim(); }
    return {
      walls: value("walls").split(/\s+/).map(parse), floor: parse(value("floor")), ceiling: parse(value("ceiling")), sky: parse(value("sky")),
      frame: parse(value("frame")), mat: parse(value("mat")), trim: parse(value("trim")), seat: parse(value("seat")), lamp: parse(value("lamp")),
      day: Number(value("day")), pool: Number(value("pool")), moulding: Number(value("moulding")), planks: Number(value("planks")),
      card: value("card"), ink: value("ink"), quiet: value("quiet"), letters: value("letters"), display: style.getPropertyValue("--display"), text: style.getPropertyValue("--text"),
    };
  }

  /* A mesh that grows by quads. */
  function Builder() { this.position = []; this.colour = []; this.uv = []; this.index = []; }
  Builder.prototype.quad = function (points, colours, uvs) {
    var first = this.position.length / 3, i;
    for (i = 0; i < 4; i++) {
      this.position.push.apply(this.position, points[i]);
      this.colour.push.apply(this.colour, colours.length === 4 && colours[0].length ? colours[i] : colours);
      this.uv.push.apply(this.uv, uvs ? uvs[i] : [0, 0]);
    }
    this.index.push(first, first + 1, first + 2, first, first + 2, first + 3);
  };
  Builder.prototype.box = function (low, high, colour) { /* six sides, the lower ones darker */
    var a = low, b = high, self = this;
    function side(shade, points) { self.quad(points, times(colour, shade)); }
    side(1, [[a[0], b[1], b[2]], [b[0], b[1], b[2]], [b[0], b[1], a[2]], [a[0], b[1], a[2]]]);
    side(0.5, [[a[0], a[1], a[2]], [b[0], a[1], a[2]], [b[0], a[1], b[2]], [a[0], a[1], b[2]]]);
    side(0.86, [[a[0], a[1], b[2]], [b[0], a[1], b[2]], [b[0], b[1], b[2]], [a[0], b[1], b[2]]]);
    side(0.74, [[b[0], a[1], a[2]], [a[0], a[1], a[2]], [a[0], b[1], a[2]], [b[0], b[1], a[2]]]);
    side(0.8, [[b[0], a[1], b[2]], [b[0], a[1], a[2]], [b[0], b[1], a[2]], [b[0], b[1], b[2]]]);
    side(0.8, [[a[0], a[1], a[2]], [a[0], a[1], b[2]], [a[0], b[1], b[2]], [a[0], b[1], a[2]]]);
  };
  Builder.prototype.mesh = function (material) {
    var geometry = new T.BufferGeometry();
    geometry.setAttribute("position", new T.BufferAttribute(new Float32Array(this.position), 3));
    geometry.setAttribute("color", new T.BufferAttribute(new Float32Array(this.colour), 3));
    geometry.setAttribute("uv", new T.BufferAttribute(new Float32Array(this.uv), 2));
    geometry.setIndex(this.index);
    return new T.Mesh(geometry, material);
  };
  function material(options) { return new T.MeshBasicMaterial(Object.assign({ vertexColors: true, dithering: true, side: T.DoubleSide }, options)); }
  function texture(source) {
    var made = new T.CanvasTexture(source);
    made.anisotropy = Math.min(software ? 2 : 8, renderer.capabilities.getMaxAnisotropy());
    made.minFilter = T.LinearMipmapLinearFilter;
    made.magFilter = T.LinearFilter;
    return made;
  }
  function sheet(width, height, paint) {
    var made = document.createElement("canvas");
    made.width = width;
    made.height = height;
    paint(made.getContext("2d"), width, height);
    return made;
  }

  /* A wall's own axes: `along` from its left end as one looks at it, up, and out of it. */
  function axes(facing) { return { 0: { u: [0, 0, -1], n: [1, 0, 0] }, 1: { u: [1, 0, 0], n: [0, 0, 1] }, 2: { u: [0, 0, 1], n: [-1, 0, 0] }, 3: { u: [-1, 0, 0], n: [0, 0, -1] } }[facing]; }
  function at(place, along, up, out) {
    var axis = axes(place.facing);
    return [place.x + axis.u[0] * along + axis.n[0] * out, place.y + up, place.z + axis.u[2] * along + axis.n[2] * out];
  }
  function flat(builder, place, left, right, bottom, top, out, colours, uv) {
    builder.quad([at(place, left, bottom, out), at(place, right, bottom, out), at(place, right, top, out), at(place, left, top, out)], colours, uv);
  }

  /* Light on a wall: of the sky, less where surfaces meet, and a pool from a lamp above each work. */
  function lightWall(room, along, up, length, pools) {
    var base = look.day * (0.86 + 0.14 * Math.sin(Math.PI * Math.min(1, up / HEIGHT * 0.8 + 0.1)));
    var dark = 1;
    pools.forEach(function (pool) {
      var a = (along - pool.along) / pool.wide, b = (up - pool.y) / (up > pool.y ? pool.high * 0.8 : pool.high * 1.15);
      dark *= 1 - 0.92 * Math.exp(-a * a - b * b);
    });
    var corner = 1 - 0.16 * Math.exp(-along / 0.4) - 0.16 * Math.exp(-(length - along) / 0.4) - 0.2 * Math.exp(-up / 0.3) - 0.12 * Math.exp(-(HEIGHT - up) / 0.35);
    return times(mix([1, 1, 1], look.lamp, (1 - dark) * (1 - look.day * 0.8)), Math.min(1.06, (base + look.pool * (1 - dark)) * corner));
  }
  function addWall(builder, room, origin, length, from, to, bottom, top, colour, pools) {
    var columns = Math.max(1, Math.round((to - from) / GRID)), rows = Math.max(1, Math.round((top - bottom) / GRID));
    function point(i, j) { return [from + (to - from) * i / columns, bottom + (top - bottom) * j / rows]; }
    for (var i = 0; i < columns; i++) {
      for (var j = 0; j < rows; j++) {
        var corners = [point(i, j), point(i + 1, j), point(i + 1, j + 1), point(i, j + 1)];
        builder.quad(corners.map(function (one) { return at(origin, one[0], one[1], 0); }), corners.map(function (one) { return times(colour, lightWall(room, one[0], one[1], length, pools)); }));
      }
    }
    if (bottom === 0) { /* skirting */
      flat(builder, origin, from, to, 0, 0.13, 0.018, [0, 1, 2, 3].map(function () { return times(look.trim, lightWall(room, (from + to) / 2, 0.8, length, [])); }));
      builder.quad([at(origin, from, 0.13, 0.018), at(origin, to, 0.13, 0.018), at(origin, to, 0.13, 0), at(origin, from, 0.13, 0)], times(look.trim, Math.min(1, look.day + 0.2)));
    }
  }
  function listPools(room, origin) {
    var axis = axes(origin.facing);
    return room.works.concat(room.panels).filter(function (place) { return place.facing === origin.facing; }).map(function (place) {
      return { along: (place.x - origin.x) * axis.u[0] + (place.z - origin.z) * axis.u[2], y: place.y + 0.1, wide: place.width / 2 + place.border + 0.42, high: place.height / 2 + place.border + 0.62 };
    });
  }

  function addDoorway(builder, z, depth, colour) { /* its reveal and casing */
    var half = plan.door / 2, w = 0.11, d = 0.022, shade = Math.min(1, look.day * 0.94 + look.pool * 0.28);
    builder.quad([[-half, 0, z], [-half, 0, z - depth], [-half, DOOR_HEIGHT, z - depth], [-half, DOOR_HEIGHT, z]], times(look.trim, shade));
    builder.quad([[half, 0, z - depth], [half, 0, z], [half, DOOR_HEIGHT, z], [half, DOOR_HEIGHT, z - depth]], times(look.trim, shade));
    builder.quad([[-half, DOOR_HEIGHT, z], [-half, DOOR_HEIGHT, z - depth], [half, DOOR_HEIGHT, z - depth], [half, DOOR_HEIGHT, z]], times(look.trim, shade * 0.8));
    var trim = times(look.trim, Math.min(1, shade * 1.08));
    [[z, z + d], [z - depth - d, z - depth]].forEach(function (span) {
      builder.box([-half - w, 0, span[0]], [-half, DOOR_HEIGHT + w, span[1]], trim);
      builder.box([half, 0, span[0]], [half + w, DOOR_HEIGHT + w, span[1]], trim);
      builder.box([-half, DOOR_HEIGHT, span[0]], [half, DOOR_HEIGHT + w, span[1]], trim);
    });
  }

  /* A frame with its mat: bars with a lit top and a shaded inner edge. Without a moulding a work stands on its own edge. */
  function addFrame(builder, place) {
    var w = place.width / 2, h = place.height / 2, out = 0.03;
    if (!look.moulding) {
      [[-w, w, h, h], [-w, w, -h, -h]].forEach(function (one, i) { builder.quad([at(place, one[0], one[2], 0), at(place, one[1], one[2], 0), at(place, one[1], one[2], out), at(place, one[0], one[2], out)], times(look.frame, i ? 0.4 : 1)); });
      [-w, w].forEach(function (x) { builder.quad([at(place, x, -h, 0), at(place, x, h, 0), at(place, x, h, out), at(place, x, -h, out)], times(look.frame, 0.7)); });
      return;
    }
    var bar = place.border * 0.36, depth = 0.028 + bar * 0.5, W = w + place.border, H = h + place.border, iw = W - bar, ih = H - bar;
    var lit = [[0, -1, 0.72], [0, 1, 1.15], [-1, 0, 0.9], [1, 0, 0.9]];
    flat(builder, place, -iw, iw, -ih, ih, 0.012, [times(look.mat, 0.97), times(look.mat, 0.97), times(look.mat, 0.86), times(look.mat, 0.86)]);
    lit.forEach(function (side) {
      var x = side[0], y = side[1], shade = side[2], front = times(look.frame, shade), edge = times(look.frame, 0.55 * shade), inner = times(look.frame, 1.9 - shade);
      var o = y ? [[-W, y * H], [W, y * H]] : [[x * W, -H], [x * W, H]], i = y ? [[-iw, y * ih], [iw, y * ih]] : [[x * iw, -ih], [x * iw, ih]];
      function p(pair, z) { return at(place, pair[0], pair[1], z); }
      builder.quad([p(o[0], depth), p(o[1], depth), p(i[1], depth), p(i[0], depth)], front);
      builder.quad([p(o[0], 0), p(o[1], 0), p(o[1], depth), p(o[0], depth)], edge);
      builder.quad([p(i[0], depth), p(i[1], depth), p(i[1], 0.012), p(i[0], 0.012)], inner);
    });
    var lip = 0.008, below = times(look.mat, 0.55); /* the cut of the mat */
    flat(builder, place, -w - lip, w + lip, -h - lip, h + lip, 0.0145, below);
  }

  function addBench(builder, shadows, x, z, length) {
    var half = length / 2;
    builder.box([x - 0.24, 0.38, z - half], [x + 0.24, 0.46, z + half], times(look.seat, Math.min(1, look.day + 0.25)));
    [-1, 1].forEach(function (end) { builder.box([x - 0.2, 0, z + end * (half - 0.3) - 0.03], [x + 0.2, 0.38, z + end * (half - 0.3) + 0.03], times(look.seat, 0.45 + 0.3 * look.day)); });
    addFloorShadow(shadows, x, z, 0.42, half + 0.2);
  }
  function addFloorShadow(shadows, x, z, w, l) {
    shadows.quad([[x - w, 0.006, z + l], [x + w, 0.006, z + l], [x + w, 0.006, z - l], [x - w, 0.006, z - l]], [1, 1, 1], [[0, 0], [1, 0], [1, 1], [0, 1]]);
  }

  /* An easel: two legs in front, one behind, a ledge; what stands on it is a picture of the live room. */
  function addEasel(builder, shadows, room) {
    var place = { x: room.easel.x, y: 0, z: room.easel.z, facing: 1 }, wood = times(look.seat, Math.min(1, look.day + 0.35));
    function leg(a, b, width) {
      builder.quad([[a[0] - width, a[1], a[2]], [a[0] + width, a[1], a[2]], [b[0] + width, b[1], b[2]], [b[0] - width, b[1], b[2]]], wood);
      builder.quad([[a[0] + width, a[1], a[2]], [a[0] + width, a[1], a[2] - 0.05], [b[0] + width, b[1], b[2] - 0.05], [b[0] + width, b[1], b[2]]], times(wood, 0.6));
      builder.quad([[a[0] - width, a[1], a[2] - 0.05], [a[0] - width, a[1], a[2]], [b[0] - width, b[1], b[2]], [b[0] - width, b[1], b[2] - 0.05]], times(wood, 0.6));
      builder.quad([[a[0] + width, a[1], a[2] - 0.05], [a[0] - width, a[1], a[2] - 0.05], [b[0] - width, b[1], b[2] - 0.05], [b[0] + width, b[1], b[2] - 0.05]], times(wood, 0.5));
    }
    leg([place.x - 0.42, 0, place.z + 0.1], [place.x - 0.1, 1.95, place.z - 0.14], 0.028);
    leg([place.x + 0.42, 0, place.z + 0.1], [place.x + 0.1, 1.95, place.z - 0.14], 0.028);
    leg([place.x, 0, place.z - 0.62], [place.x, 1.85, place.z - 0.16], 0.025);
    builder.box([place.x - 0.42, 0.9, place.z - 0.02], [place.x + 0.42, 0.94, place.z + 0.1], wood);
    builder.box([place.x - 0.37, 0.94, place.z - 0.02], [place.x + 0.37, 1.68, place.z + 0.024], times(look.mat, 0.9));
    addFloorShadow(shadows, place.x, place.z - 0.22, 0.65, 0.6);
  }

  function addFloor(builder, room) {
    var half = plan.width / 2, columns = 16, rows = Math.max(4, Math.round(room.length * 2)), tile = 2.4;
    function point(i, j) { return [-half + plan.width * i / columns, room.start - room.length * j / rows]; }
    function light(x, z) {
      var side = half - Math.abs(x), end = Math.min(room.start - z, z - room.start + room.length), door = Math.abs(x) < plan.door / 2 ? 0.3 : 1;
      var sky = look.day * (0.8 + 0.2 * Math.exp(-Math.pow(x / 2.6, 2)));
      var lamps = look.pool * 0.55 * Math.exp(-Math.pow((side - 0.9) / 1.1, 2));
      return Math.min(1.08, (sky + lamps) * (1 - 0.34 * Math.exp(-side / 0.28) - 0.3 * door * Math.exp(-end / 0.28)));
    }
    for (var i = 0; i < columns; i++) {
      for (var j = 0; j < rows; j++) {
        var corners = [point(i, j), point(i + 1, j), point(i + 1, j + 1), point(i, j + 1)];
        builder.quad(corners.map(function (one) { return [one[0], 0, one[1]]; }), corners.map(function (one) { return times(look.floor, light(one[0], one[1])); }), corners.map(function (one) { return [one[0] / tile, one[1] / tile]; }));
      }
    }
    if (!room.is_last) {
      var z = room.start - room.length, d = plan.door / 2, shade = times(look.floor, light(0, z + 1) * 0.86);
      builder.quad([[-d, 0, z], [d, 0, z], [d, 0, z - plan.wall], [-d, 0, z - plan.wall]], shade, [[-d / tile, z / tile], [d / tile, z / tile], [d / tile, (z - plan.wall) / tile], [-d / tile, (z - plan.wall) / tile]]);
    }
  }
  function addCeiling(builder, sky, room) {
    var half = plan.width / 2, s = SKY_WIDTH / 2, front = room.start - 1.3, back = room.start - room.length + 1.3, end = room.start - room.length, rise = 0.34;
    function shade(x) { return times(look.ceiling, Math.min(1, (look.day * 0.97 + look.pool * 0.16) * (1 - 0.2 * Math.exp(-(half - Math.abs(x)) / 0.6)))); }
    function strip(x0, x1, z0, z1) {
      builder.quad([[x0, HEIGHT, z1], [x1, HEIGHT, z1], [x1, HEIGHT, z0], [x0, HEIGHT, z0]], [shade(x0), shade(x1), shade(x1), shade(x0)]);
    }
    [[-half, -3.3], [-3.3, -s], [s, 3.3], [3.3, half]].forEach(function (one) { strip(one[0], one[1], room.start, end); });
    strip(-s, s, room.start, front);
    strip(-s, s, back, end);
    var inside = times(look.sky, look.day > 0.5 ? 0.93 : 0.8), lower = times(look.ceiling, Math.min(1, look.day + 0.06));
    [[[-s, front], [s, front]], [[s, front], [s, back]], [[s, back], [-s, back]], [[-s, back], [-s, front]]].forEach(function (one) {
      builder.quad([[one[1][0], HEIGHT, one[1][1]], [one[0][0], HEIGHT, one[0][1]], [one[0][0], HEIGHT + rise, one[0][1]], [one[1][0], HEIGHT + rise, one[1][1]]], [lower, lower, inside, inside]);
    });
    sky.quad([[-s, HEIGHT + rise, back], [s, HEIGHT + rise, back], [s, HEIGHT + rise, front], [-s, HEIGHT + rise, front]], look.sky, [[0, 0], [2, 0], [2, (front - back) / 1.6], [0, (front - back) / 1.6]]);
    [-1, 1].forEach(function (side) { /* a track with lamps above each wall */
      var x = side * (half - 1.35);
      builder.box([x - 0.02, HEIGHT - 0.05, end + 0.8], [x + 0.02, HEIGHT, room.start - 0.8], times(look.trim, look.day * 0.7 + 0.12));
      room.works.filter(function (place) { return place.facing === (side < 0 ? 0 : 2) && place.border > 0.1; }).forEach(function (place) {
        builder.box([x - 0.045, HEIGHT - 0.24, place.z - 0.045], [x + 0.045, HEIGHT - 0.05, place.z + 0.045], times(look.trim, look.day * 0.6 + 0.1));
      });
    });
  }

  /* Textures that are painted, not loaded. */
  var paintFloor = function () {
    return sheet(1024, 1024, function (pen, w, h) {
      var seed = 7, rows = look.planks ? 16 : 1, random = function () { seed = (seed * 16807) % 2147483647; return seed / 2147483647; };
      pen.fillStyle = "#fff";
      pen.fillRect(0, 0, w, h);
      for (var i = 0; look.planks && i < rows; i++) {
        for (var j = 0, x = -random() * w / 2; x < w; j++) {
          var length = w * (0.3 + 0.25 * random()), tone = 226 + Math.round(26 * random());
          if (x + length > w * 0.93) { length = w - x; }
          pen.fillStyle = "rgb(" + [tone, tone - 3, tone - 7].join() + ")";
          pen.fillRect(i * w / rows, x, w / rows, length);
          for (var k = 0; k < 9; k++) {
            pen.fillStyle = "rgba(90,60,30," + 0.05 * random() + ")";
            pen.fillRect((i + random()) * w / rows, x, 1 + 2 * random(), length);
          }
          pen.fillStyle = "rgba(50,35,20,0.32)";
          pen.fillRect(i * w / rows, x, w / rows, 1.5);
          x += length;
        }
        pen.fillRect(i * w / rows, 0, 1.5, h);
      }
      for (var n = 0; !look.planks && n < 5000; n++) {
        pen.fillStyle = "rgba(0,0,0," + 0.03 * random() + ")";
        pen.fillRect(random() * w, random() * h, 1 + 3 * random(), 1 + 3 * random());
      }
    });
  };
  var paintSky = function () {
    return sheet(128, 128, function (pen, w, h) {
      pen.fillStyle = "#fff";
      pen.fillRect(0, 0, w, h);
      pen.fillStyle = "rgba(60,55,50,0.35)";
      pen.fillRect(0, 0, w, 5);
      pen.fillRect(0, 0, 5, h);
    });
  };
  var paintShadow = function () {
    return sheet(128, 128, function (pen) {
      pen.shadowColor = "rgba(20,14,8,0.9)";
      pen.shadowBlur = 26;
      pen.shadowOffsetX = 300;
      pen.fillRect(-276, 24, 80, 80);
    });
  };

  /* Words on cards. */
  function wrap(pen, text, width, most) {
    var parts = /[\u3000-\u9fff]/.test(text) ? text.split("") : text.split(/(?<= )/), lines = [""];
    parts.forEach(function (part) {
      var longer = lines[lines.length - 1] + part;
      if (pen.measureText(longer.trim()).width > width && lines[lines.length - 1]) { lines.push(part); } else { lines[lines.length - 1] = longer; }
    });
    if (lines.length > most) { lines = lines.slice(0, most); lines[most - 1] = lines[most - 1].trim() + "\u2026"; }
    return lines.map(function (line) { return line.trim(); });
  }
  function findSize(pen, box, text, pad) { /* the largest letters in which a plaque holds its title */
    for (var size = 44; size > 24; size -= 2) {
      pen.font = "400 " + size + "px " + look.text;
      if (wrap(pen, text, box.w - 2 * pad, 9).length * 1.32 * size <= box.h - 2 * pad) { return size; }
    }
    return size;
  }
  function writeCard(pen, box, card) { /* heading, then lines */
    var pad = box.w * (card.fits ? 0.05 : 0.08), y = box.y + (card.bare ? box.h * 0.06 : pad), size = card.fits ? findSize(pen, box, card.parts[0].text, pad) : card.size;
    if (!card.bare) {
      pen.fillStyle = look.card;
      pen.fillRect(box.x, box.y, box.w, box.h);
    }
    pen.textBaseline = "top";
    card.parts.forEach(function (part) {
      pen.fillStyle = card.bare ? look.letters : part.quiet ? look.quiet : look.ink;
      pen.font = (part.heading ? "600 " + size * 1.45 + "px " + look.display : "400 " + size + "px " + look.text);
      (card.bare ? [part.text] : wrap(pen, part.text, box.w - 2 * pad, part.lines || 3)).forEach(function (line) {
        var shrunk = Math.min(1, (box.w - 2 * pad) / pen.measureText(line).width);
        pen.save();
        pen.translate(card.centred ? box.x + (box.w - shrunk * pen.measureText(line).width) / 2 : box.x + pad, y);
        pen.scale(shrunk, shrunk);
        pen.fillText(line, 0, 0);
        pen.restore();
        y += (part.heading ? 1.6 : 1.32) * size;
      });
      y += size * 0.3;
    });
  }

  /* Boxes in rows on one sheet. */
  function pack(boxes, width) {
    var x = 0, y = 0, row = 0, GUTTER = 8;
    boxes.slice().sort(function (a, b) { return b.h - a.h; }).forEach(function (box) {
      if (x + box.w + GUTTER > width) { x = 0; y += row + GUTTER; row = 0; }
      box.x = x + GUTTER / 2;
      box.y = y + GUTTER / 2;
      x += box.w + GUTTER;
      row = Math.max(row, box.h);
    });
    return Math.max(4, y + row + GUTTER);
  }
  function corners(box, width, height) {
    var l = box.x / width, r = (box.x + box.w) / width, t = 1 - box.y / height, b = 1 - (box.y + box.h) / height;
    return [[l, b], [r, b], [r, t], [l, t]];
  }

  function labelRoom(room, builder) {
    var jobs = [];
    room.panels.forEach(function (place) {
      jobs.push({ place: place, w: 460, h: 600, out: 0.012, size: 31, parts: texts.panel(place.number) });
    });
    room.works.forEach(function (place) {
      var large = place.border > 0.1, w = Math.min(large ? 0.56 : 0.46, place.width + 2 * place.border), h = large ? 0.18 : 0.15; /* no wider than its frame: the next one may be near */
      var below = place.y - place.height / 2 - (look.moulding ? place.border : 0) - 0.05 - h / 2;
      jobs.push({ place: { x: place.x, y: below, z: place.z, facing: place.facing, width: w, height: h }, w: 330, h: Math.round(330 * h / w), out: 0.008, fits: true, parts: texts.plaque(place.number) });
    });
    function sign(words, z, facing, width) {
      jobs.push({ place: { x: 0, y: (DOOR_HEIGHT + 0.11 + HEIGHT) / 2 - 0.24, z: z, facing: facing, width: width, height: width * 0.17 }, w: 900, h: 153, out: 0.006, size: 54, bare: true, centred: true, parts: words });
    }
    if (!room.is_last) { sign(texts.sign(rooms[room.index + 1].collection, true), room.start - room.length, 1, 3.1); }
    if (room.index) { sign(texts.sign(rooms[room.index - 1].collection, false), room.start, 3, 3.1); }
    [0, 2].forEach(function (facing) {
      var x = facing ? plan.width / 2 : -plan.width / 2, width = 3.6, z = facing ? room.start - room.length + 0.5 + width / 2 : room.start - 0.5 - width / 2;
      jobs.push({ place: { x: x, y: 3.1, z: z, facing: facing, width: width, height: width * 0.17 }, w: 900, h: 153, out: 0.006, size: 74, bare: true, parts: texts.name(room.collection) });
    });
    if (room.easel) {
      jobs.push({ place: { x: room.easel.x, y: 1.31, z: room.easel.z + 0.03, facing: 1, width: 0.68, height: 0.68 }, w: 400, h: 400, out: 0, size: 34, parts: texts.easel(room.easel.model) });
    }
    var height = pack(jobs, 1024), made = sheet(1024, height, function (pen) { jobs.forEach(function (job) { writeCard(pen, job, job); }); });
    jobs.forEach(function (job) {
      var shade = job.bare ? 1 : Math.min(1, 0.62 + 0.4 * look.day + 0.1);
      flat(builder, job.place, -job.place.width / 2, job.place.width / 2, -job.place.height / 2, job.place.height / 2, job.out, [shade, shade, shade], corners(job, 1024, height));
    });
    return texture(made);
  }

  function buildRoom(room) {
    var solid = new Builder(), floor = new Builder(), sky = new Builder(), shadows = new Builder(), labels = new Builder();
    var half = plan.width / 2, end = room.start - room.length, d = plan.door / 2, colour = look.walls[room.collection % look.walls.length];
    [[-half, room.start, 0, room.length], [-half, end, 1, plan.width], [half, end, 2, room.length], [half, room.start, 3, plan.width]].forEach(function (one) {
      var origin = { x: one[0], y: 0, z: one[1], facing: one[2] }, pools = listPools(room, origin), length = one[3];
      if (one[2] === 0 || one[2] === 2 || (one[2] === 1 && room.is_last) || (one[2] === 3 && !room.index)) {
        addWall(solid, room, origin, length, 0, length, 0, HEIGHT, colour, pools);
      } else {
        addWall(solid, room, origin, length, 0, half - d, 0, HEIGHT, colour, pools);
        addWall(solid, room, origin, length, half + d, length, 0, HEIGHT, colour, pools);
        addWall(solid, room, origin, length, half - d, half + d, DOOR_HEIGHT, HEIGHT, colour, pools);
      }
    });
    if (!room.is_last) { addDoorway(solid, end, plan.wall, colour); }
    addFloor(floor, room);
    addCeiling(solid, sky, room);
    room.works.forEach(function (place) {
      var b = look.moulding ? place.border : 0, w = place.width / 2 + b, h = place.height / 2 + b, s = 0.3 * (w + h) / 2 + 0.05;
      addFrame(solid, place);
      flat(shadows, place, -w - s * 0.7, w + s * 0.7, -h - s * 1.25, h + s * 0.35, 0.004, [1, 1, 1], [[0, 0], [1, 0], [1, 1], [0, 1]]);
    });
    room.panels.forEach(function (place) { flat(shadows, place, -place.width / 2 - 0.1, place.width / 2 + 0.1, -place.height / 2 - 0.14, place.height / 2 + 0.05, 0.004, [1, 1, 1], [[0, 0], [1, 0], [1, 1], [0, 1]]); });
    addBench(solid, shadows, room.bench.x, room.bench.z, room.bench.length);
    if (room.easel) { addEasel(solid, shadows, room); }
    var group = new T.Group(), shared = room.shared;
    room.solid = solid.mesh(shared.plain);
    room.floor = floor.mesh(shared.floor);
    group.add(room.solid, room.floor, sky.mesh(shared.sky), shadows.mesh(shared.shadow));
    room.labelMap = labelRoom(room, labels);
    var cards = labels.mesh(material({ map: room.labelMap, transparent: true, depthWrite: false, polygonOffset: true, polygonOffsetFactor: -1, polygonOffsetUnits: -1 }));
    cards.renderOrder = 2;
    group.add(cards);
    scene.add(group);
    room.group = group;
    if (room.pictures) { hangPictures(room); }
  }

  /* Pictures of a room on one sheet: pixel art enlarged by whole factors, so that its squares stay squares and their edges smooth. */
  function hangPictures(room) {
    var boxes = room.works.map(function (place) {
      var image = room.pictures[place.number], large = place.border > 0.1, lines = plan.texts[place.number];
      if (!image) { return { place: place, lines: lines || [], w: 300, h: Math.max(8, Math.round(300 * place.height / place.width)) }; }
      var side = Math.max(image.width, image.height), factor = image.exact ? Math.max(1, Math.round((large ? 336 : 168) / side)) : 1;
      factor = side * factor > 512 ? 512 / side : factor;
      return { place: place, image: image, w: Math.round(image.width * factor), h: Math.round(image.height * factor) };
    });
    var width = 1024, height = pack(boxes, width), builder = new Builder();
    if (height > ATLAS) { width = ATLAS; height = pack(boxes, width); }
    var shrink = Math.min(1, 4096 / height), made = sheet(width * shrink, height * shrink, function (pen) {
      pen.scale(shrink, shrink);
      boxes.forEach(function (box) {
        if (box.image) {
          pen.imageSmoothingEnabled = !box.image.exact || box.w < box.image.width;
          pen.imageSmoothingQuality = "high";
          pen.drawImage(box.image, box.x - 3, box.y - 3, box.w + 6, box.h + 6); /* its edge goes on in the gutter */
          pen.drawImage(box.image, box.x, box.y, box.w, box.h);
        } else { writeSheet(pen, box); }
      });
    });
    boxes.forEach(function (box) {
      var w = box.place.width / 2, h = box.place.height / 2, top = look.day > 0.5 ? 1 : 1, low = look.day > 0.5 ? 0.96 : 0.9;
      flat(builder, box.place, -w, w, -h, h, look.moulding ? 0.018 : 0.032, [[low, low, low], [low, low, low], [top, top, top], [top, top, top]], corners(box, width, height));
    });
    dispose(room.pictureMesh);
    room.pictureMap = texture(made);
    room.pictureMesh = builder.mesh(material({ map: room.pictureMap }));
    room.group.add(room.pictureMesh);
  }
  function writeSheet(pen, box) {
    var size = Math.min(20, box.w / 15);
    pen.fillStyle = "#fbf6ea";
    pen.fillRect(box.x - 3, box.y - 3, box.w + 6, box.h + 6);
    pen.fillStyle = "#221d17";
    pen.textBaseline = "top";
    pen.font = "500 " + size + "px " + look.display;
    var words = box.lines.length ? box.lines : [texts.plaque(box.place.number)[0].text], y = box.y + size * 1.4;
    words.forEach(function (line) {
      if (y < box.y + box.h - 2 * size) {
        wrap(pen, line, box.w - 3 * size, 2).forEach(function (part) { pen.fillText(part, box.x + 1.5 * size, y); y += 1.3 * size; });
      }
    });
  }

  function dispose(mesh) {
    if (!mesh) { return; }
    mesh.geometry.dispose();
    if (mesh.parent) { mesh.parent.remove(mesh); }
  }
  function tearDown() {
    rooms.forEach(function (room) {
      if (!room.group) { return; }
      room.group.children.slice().forEach(dispose);
      scene.remove(room.group);
      [room.labelMap, room.pictureMap].forEach(function (map) { if (map) { map.dispose(); } });
      room.group = room.pictureMesh = null;
    });
  }

  /* All rooms, in the light of the page. */
  function build(element) {
    tearDown();
    look = readLook(element);
    var floorMap = texture(paintFloor()), skyMap = texture(paintSky());
    [floorMap, skyMap].forEach(function (map) { map.wrapS = map.wrapT = T.RepeatWrapping; });
    var shared = {
      plain: material({}), floor: material({ map: floorMap }), sky: material({ map: skyMap }),
      shadow: material({ map: texture(paintShadow()), transparent: true, depthWrite: false, opacity: look.day > 0.5 ? 0.5 : 0.85, polygonOffset: true, polygonOffsetFactor: -1, polygonOffsetUnits: -1 }),
    };
    rooms.forEach(function (room) { room.shared = shared; });
    rooms.forEach(buildRoom);
  }

  rooms = plan.rooms.map(function (room, index) {
    function place(list) { return { number: list[0], x: list[1], y: list[2], z: list[3], facing: list[4], width: list[5], height: list[6], border: list[7] }; }
    var length = Math.min(2.2, room.length / 3), live = room.models.filter(texts.live)[0];
    return {
      index: index, collection: room.collection, start: room.start, length: room.length, is_last: room.is_last, works: room.works.map(place), panels: room.panels.map(place),
      bench: { x: -1.45, z: room.start - room.length * 0.55, length: length }, easel: live === undefined ? null : { x: 1.9, z: room.start - room.length * 0.6, model: live },
    };
  });

  /* What is seen at a place of the canvas, -1 to 1: the number of a work, a point of the floor, an easel. */
  function pick(x, y) {
    var ray = new T.Raycaster();
    ray.setFromCamera(new T.Vector2(x, y), camera);
    return describe(ray);
  }
  function describe(ray) {
    var meshes = [];
    rooms.forEach(function (room) { meshes.push(room.solid, room.floor); });
    var hit = ray.intersectObjects(meshes, false)[0];
    if (!hit) { return null; }
    var point = hit.point, seen = null;
    rooms.forEach(function (room) {
      room.works.forEach(function (place) {
        var axis = axes(place.facing), along = (point.x - place.x) * axis.u[0] + (point.z - place.z) * axis.u[2], out = (point.x - place.x) * axis.n[0] + (point.z - place.z) * axis.n[2];
        if (Math.abs(along) <= place.width / 2 + place.border && Math.abs(point.y - place.y) <= place.height / 2 + place.border + 0.02 && out > -0.02 && out < 0.12) { seen = { work: place.number }; }
      });
      if (!seen && room.easel && Math.hypot(point.x - room.easel.x, point.z - room.easel.z) < 0.7 && point.y > 0.1) { seen = { easel: room }; }
    });
    return seen || { floor: point.y < 0.05 ? [point.x, point.z] : null };
  }

  return {
    rooms: rooms, camera: camera, rig: rig, renderer: renderer, scene: scene, build: build, describe: describe, pick: pick,
    hang: function (index, pictures) { rooms[index].pictures = pictures; if (rooms[index].group) { hangPictures(rooms[index]); } },
    render: function () { renderer.render(scene, camera); },
    resize: function (width, height, ratio) {
      renderer.setPixelRatio(ratio);
      renderer.setSize(width, height, false);
      camera.aspect = width / height;
      camera.fov = width > height ? 56 : 72;
      camera.updateProjectionMatrix();
    },
  };
}
