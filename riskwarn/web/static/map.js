/* Draws what a page gives it as vectors: grids, townships and counties by zoom, filled by layer, with the numbered pins of the list.
   No tiles, no WebGL, nothing from outside. Works on browsers of 2012. */
(function () {
  "use strict";
  var box = document.getElementById("map");
  if (!box || !window.L) { return; }
  box.className += " drawn";

  var LIGHT = {
    risk: { 1: "#54278f", 2: "#807dba", 3: "#b3b0d6", 4: "#dadaeb", 5: "#f7f6fa" },
    gap: { 1: "#00505a", 2: "#1f8a8c", 3: "#74bdb6", 4: "#c3e2dc", 5: "#fafaf7" },
    unfit: "#eceae4", faint: "#cfccc3", edge: "#8d93a3", chosen: "#11151c", ring: "#b3261e", unknown: hatch("#e4e4e1", "#8b8b86")
  };
  var DARK = {
    risk: { 1: "#e2d1ff", 2: "#ab8fe3", 3: "#7660ad", 4: "#4a4272", 5: "#2a2d40" },
    gap: { 1: "#c3f4ee", 2: "#6cc4bd", 3: "#3f8f8c", 4: "#2a5c5e", 5: "#20323a" },
    unfit: "#1d232b", faint: "#2b333e", edge: "#6b7583", chosen: "#ffffff", ring: "#ff9d92", unknown: hatch("#3a3f46", "#8f969f")
  };
  var NEAREST = { county: 0, township: 26, grid: 8 };
  var TOUCH = { x: 34, y: 24 };
  var PER_DEGREE = 100000;

  var map, levels = {}, waiting = {}, by = "", pins = [], at = null, look = LIGHT, atlas = read(document.getElementById("results") || box);

  function text(name) { return box.getAttribute("data-" + name) || ""; }

  function read(element) { return JSON.parse(element.getAttribute("data-atlas")); }

  function hatch(ground, stroke) {
    var tile = document.createElement("canvas");
    tile.width = 7;
    tile.height = 7;
    var pen = tile.getContext("2d");
    pen.fillStyle = ground;
    pen.fillRect(0, 0, 7, 7);
    pen.strokeStyle = stroke;
    pen.beginPath();
    pen.moveTo(-1, 8);
    pen.lineTo(8, -1);
    pen.stroke();
    return pen.createPattern(tile, "repeat");
  }

  function element(tag, words, name) {
    var made = document.createElement(tag);
    if (words) { made.appendChild(document.createTextNode(words)); }
    if (name) { made.className = name; }
    return made;
  }

  function ask(address, done, failed) {
    var request = new XMLHttpRequest();
    request.open("GET", address);
    request.onreadystatechange = function () {
      if (request.readyState !== 4) { return; }
      var found = null;
      if (request.status === 200) { try { found = JSON.parse(request.responseText); } catch (e) { found = null; } }
      if (found) { done(found); } else if (failed) { failed(); }
    };
    request.send();
  }

  /* -- outlines ------------------------------------------------------------------------------------------------------ */

  function corners(ring) {
    var x = 0, y = 0, places = [];
    for (var i = 0; i < ring.length; i += 2) {
      x += ring[i];
      y += ring[i + 1];
      places.push([y / PER_DEGREE, x / PER_DEGREE]);
    }
    return places;
  }

  function shape(polygons, n, level) {
    var layer = L.polygon(polygons.map(function (rings) { return rings.map(corners); }), { fillOpacity: 1, smoothFactor: 0.5 });
    layer.place = { n: n, by: level.by, id: level.ids[n], name: level.names[n] };
    return layer;
  }

  /* as the page looks: the ground of the map tells which of the two it is */
  function looks() {
    var ground = window.getComputedStyle(box).backgroundColor.match(/\d+/g) || [255];
    return Number(ground[0]) < 128 ? DARK : LIGHT;
  }

  /* paper is white, whatever the screen is: what is drawn is drawn anew before it is printed, at once */
  function paint(wanted) {
    if (look === wanted) { return; }
    look = wanted;
    Object.keys(levels).forEach(function (kind) { fill(levels[kind]); });
    if (map && map.options.renderer._redraw) { map.options.renderer._redraw(); }
  }

  function load(kind, done) {
    if (levels[kind]) { done(levels[kind]); return; }
    if (waiting[kind]) { waiting[kind] = done; return; }
    waiting[kind] = done;
    ask(text("outlines").replace("BY", kind), function (found) {
      var level = { by: kind, ids: found.ids, names: found.names, row: {} };
      found.ids.forEach(function (id, n) { level.row[id] = n; });
      level.layers = found.shapes.map(function (polygons, n) { return shape(polygons, n, level); });
      level.group = L.featureGroup(level.layers);
      listen(level.group);
      level.centres = level.layers.map(function (layer) { return layer.getBounds().getCenter(); });
      levels[kind] = level;
      fill(level);
      waiting[kind](level);
    }, function () {
      waiting[kind] = null;
      if (!box.querySelector(".mapnote")) { box.appendChild(element("p", text("failed"), "mapnote")); }
    });
  }

  /* -- fill ---------------------------------------------------------------------------------------------------------- */

  function ramp() { return atlas.layer === "risk" ? look.risk : look.gap; }

  function sign(place) { return (atlas.fills[place.by] || "").charAt(place.n) || "0"; }

  function fill(level) {
    var colours = ramp(), dense = level.layers.length > 1500;
    level.layers.forEach(function (layer) {
      var mark = sign(layer.place), chosen = layer.place.id === atlas.focus;
      layer.setStyle({
        color: chosen ? look.chosen : mark === "-" ? look.faint : look.edge,
        weight: chosen ? 2.5 : dense ? 0.3 : 0.7,
        fillColor: mark === "-" ? look.unfit : mark === "0" ? look.unknown : colours[mark]
      });
      if (chosen && map && map.hasLayer(layer)) { layer.bringToFront(); }
    });
  }

  function words(place) {
    var mark = sign(place);
    if (mark === "-") { return text("unfit"); }
    return text((atlas.layer === "risk" ? "risk-" : "gap-") + (place.by === "grid" ? "grid-" : "area-") + mark);
  }

  function pinned(id) {
    return atlas.pins.filter(function (pin) { return pin.grid === id; });
  }

  function told(place) {
    var here = pinned(place.id).map(function (pin) { return text("level-" + pin.level) + ", " + text("here").replace("{n}", pin.n); });
    return [place.name, words(place)].concat(here).join(" · ");
  }

  /* -- what is drawn at a zoom ------------------------------------------------------------------------------------------ */

  function width(level) {
    var some = level.layers.slice(0, 60), sum = 0;
    some.forEach(function (layer) {
      var bounds = layer.getBounds();
      sum += Math.abs(map.latLngToLayerPoint(bounds.getNorthEast()).x - map.latLngToLayerPoint(bounds.getSouthWest()).x);
    });
    return sum / Math.max(1, some.length);
  }

  function wanted() {
    if (atlas.focus || !atlas.fills.township || width(levels.grid) >= NEAREST.grid) { return "grid"; }
    if (!levels.township || !atlas.fills.county) { return "township"; }
    return width(levels.township) >= NEAREST.township ? "township" : "county";
  }

  function show() {
    var kind = wanted();
    if (kind === by) { place(); return; }
    load(kind, function (level) {
      if (kind === by) { return; }
      if (by && levels[by]) { map.removeLayer(levels[by].group); }
      by = kind;
      map.addLayer(level.group);
      keys();
      leave();
      place();
      box.setAttribute("data-by", by);
      box.setAttribute("data-drawn", String(level.layers.length));
      if (wanted() !== kind) { show(); }
    });
  }

  function keys() {
    Array.prototype.forEach.call(document.querySelectorAll(".bykey"), function (key) {
      key.hidden = key.getAttribute("data-by") !== (by === "grid" ? "grid" : "area");
    });
  }

  /* -- pins: those that would lie on each other are one, with how many more --------------------------------------------- */

  function place() {
    pins.forEach(function (marker) { map.removeLayer(marker); });
    pins = [];
    var heads = [];
    atlas.pins.forEach(function (pin) {
      var row = levels.grid.row[pin.grid];
      if (row === undefined) { return; }
      var point = map.latLngToLayerPoint(levels.grid.centres[row]);
      var head = heads.filter(function (other) {
        return Math.abs(other.point.x - point.x) < TOUCH.x && Math.abs(other.point.y - point.y) < TOUCH.y;
      })[0];
      if (head) { head.all.push(pin); } else { heads.push({ point: point, row: row, all: [pin] }); }
    });
    heads.forEach(function (head) { pins.push(marker(head)); });
  }

  function marker(head) {
    var first = head.all[0], more = head.all.length - 1;
    var face = element("span", String(first.n), "pin " + first.level);
    if (more) { face.appendChild(element("sup", "+" + more)); }
    var icon = L.divIcon({ className: "pinbox", html: face, iconSize: [more ? 34 : 22, 22] });
    var made = L.marker(levels.grid.centres[head.row], {
      icon: icon, keyboard: false, riseOnHover: true,
      title: more ? text("more").replace("{n}", head.all.length) : first.name + " · " + text("level-" + first.level)
    });
    made.numbers = head.all.map(function (pin) { return pin.n; });
    made.bindPopup(function () { return more ? several(head.all) : card(levels.grid.layers[head.row].place); });
    return made.addTo(map);
  }

  function several(all) {
    var root = element("div", "", "card");
    all.forEach(function (pin) {
      var line = element("p"), link = element("a", pin.name);
      line.appendChild(element("b", pin.n + " "));
      link.href = text("grid").replace("GRID", encodeURIComponent(pin.grid));
      line.appendChild(link);
      line.appendChild(document.createTextNode(" " + text("level-" + pin.level)));
      root.appendChild(line);
    });
    return root;
  }

  function card(place) {
    var root = element("div", "", "card"), more = element("p"), link = element("a", text(place.by === "grid" ? "open" : "open-area"));
    root.appendChild(element("b", place.name));
    root.appendChild(element("p", words(place)));
    pinned(place.id).forEach(function (pin) {
      root.appendChild(element("p", text("level-" + pin.level) + ", " + text("here").replace("{n}", pin.n)));
    });
    link.href = address(place);
    if (place.by === "grid") {
      root.appendChild(more);
      ask(text("score").replace("GRID", encodeURIComponent(place.id)), function (found) {
        var score = found.score;
        if (score.rank === null) { return; }
        more.appendChild(document.createTextNode(text("rank") + " " + score.rank + " · " + text("probability") + " " + percent(score.probability)));
      });
    }
    root.appendChild(link);
    return root;
  }

  function address(place) {
    var kind = place.by === "grid" ? "grid" : "area";
    return text(kind).replace(kind.toUpperCase(), encodeURIComponent(place.id));
  }

  function percent(share) {
    return share < 0.1 ? (share * 100).toFixed(1) + "%" : Math.round(share * 100) + "%";
  }

  /* -- keyboard and hover: one place at a time, told below the map -------------------------------------------------------- */

  var ring = L.layerGroup();

  function say(words) { document.getElementById("map-said").textContent = words; }

  function stand(layer) {
    at = layer;
    ring.clearLayers();
    ring.addLayer(L.polygon(layer.getLatLngs(), { fill: false, color: look.ring, weight: 3, interactive: false }));
    if (!map.getBounds().contains(layer.getBounds().getCenter())) { map.panTo(layer.getBounds().getCenter(), { animate: false }); }
    say(told(layer.place));
  }

  function leave() {
    at = null;
    ring.clearLayers();
    say("");
  }

  function first() {
    var level = levels[by], pin = atlas.pins[0];
    if (atlas.focus && level.row[atlas.focus] !== undefined) { return level.layers[level.row[atlas.focus]]; }
    if (by === "grid" && pin && level.row[pin.grid] !== undefined) { return level.layers[level.row[pin.grid]]; }
    return level.layers[0];
  }

  function beside(dx, dy) {
    var level = levels[by], here = map.latLngToLayerPoint(level.centres[at.place.n]), best = null, least = Infinity;
    level.centres.forEach(function (centre, n) {
      var point = map.latLngToLayerPoint(centre), x = point.x - here.x, y = point.y - here.y;
      var ahead = x * dx + y * dy, aside = Math.abs(x * dy) + Math.abs(y * dx);
      if (ahead > 0.5 && aside <= 2 * ahead && ahead + 2 * aside < least) {
        least = ahead + 2 * aside;
        best = level.layers[n];
      }
    });
    return best;
  }

  var STEPS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], Right: [1, 0], Left: [-1, 0], Up: [0, -1], Down: [0, 1] };

  function key(event) {
    if (event.target !== box || event.ctrlKey || event.metaKey || event.altKey || !levels[by]) { return; }
    var step = STEPS[event.key];
    if (step) {
      var next = at ? beside(step[0], step[1]) : first();
      if (next) { stand(next); }
      event.preventDefault();
    } else if (event.key === "Enter" && at) {
      window.location.href = address(at.place);
    } else if (event.key === "Escape" || event.key === "Esc") {
      leave();
    } else if (event.key === "+" || event.key === "=") {
      map.zoomIn(1);
    } else if (event.key === "-") {
      map.zoomOut(1);
    }
  }

  function listen(group) {
    group.on("mouseover", function (event) { say(told(event.layer.place)); });
    group.on("mouseout", function () { say(at ? told(at.place) : ""); });
    group.on("click", function (event) {
      L.popup().setLatLng(event.latlng).setContent(card(event.layer.place)).openOn(map);
    });
  }

  /* the line under the pointer shows where it lies */
  function light(event) {
    var line = event.target.closest ? event.target.closest(".line[data-grid]") : null;
    var grid = line ? line.getAttribute("data-grid") : "";
    var numbers = pinned(grid).map(function (pin) { return pin.n; });
    pins.forEach(function (marker) {
      var face = marker.getElement();
      var lit = numbers.some(function (n) { return marker.numbers.indexOf(n) >= 0; });
      if (face) { face.classList.toggle("lit", lit); }
    });
  }

  /* -- begin ------------------------------------------------------------------------------------------------------------- */

  function fit() {
    var grids = levels.grid, focus = grids.row[atlas.focus], inside = L.latLngBounds([]);
    if (focus !== undefined && grids.layers.length > 60) { return grids.layers[focus].getBounds().pad(3); }
    grids.layers.forEach(function (layer) { if (sign(layer.place) !== "-") { inside.extend(layer.getBounds()); } });
    return inside.isValid() ? inside : grids.group.getBounds();
  }

  function begin() {
    map = L.map(box, {
      preferCanvas: true, attributionControl: false, zoomControl: false, zoomSnap: 0.25, scrollWheelZoom: false,
      fadeAnimation: false, zoomAnimation: false, keyboard: false, renderer: L.canvas({ padding: 0.4 })
    });
    L.control.zoom({ zoomInTitle: text("zoom-in"), zoomOutTitle: text("zoom-out") }).addTo(map);
    L.control.scale({ imperial: false }).addTo(map);
    map.fitBounds(fit(), { padding: [8, 8] });
    ring.addTo(map);
    show();
    map.on("zoomend", show);
    box.addEventListener("keydown", key);
    document.addEventListener("mouseover", light);
    document.addEventListener("focusin", light);
  }

  look = looks();
  load("grid", begin);
  window.addEventListener("beforeprint", function () { paint(LIGHT); });
  window.addEventListener("afterprint", function () { paint(looks()); });
  if (window.matchMedia) { window.matchMedia("(prefers-color-scheme: dark)").addListener(function () { paint(looks()); }); }

  /* another choice of filters: the same outlines, filled anew */
  window.riskwarnMap = {
    fill: function (results) {
      if (!results.getAttribute("data-atlas") || !map) { return; }
      atlas = read(results);
      Object.keys(levels).forEach(function (kind) { fill(levels[kind]); });
      leave();
      map.closePopup();
      map.fitBounds(fit(), { padding: [8, 8] });
      show();
      keys();
    }
  };
}());
