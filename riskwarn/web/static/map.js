/* Draws the grids of a night as vectors: no tiles, no WebGL, nothing from outside. Works on browsers of 2012. */
(function () {
  "use strict";
  var box = document.getElementById("map");
  if (!box || !window.L) { return; }
  box.className += " drawn";

  var FILL = { 1: "#54278f", 2: "#807dba", 3: "#b3b0d6", 4: "#dadaeb", 5: "#f7f6fa" };
  var PINS = 40;

  function hatch() {
    var tile = document.createElement("canvas");
    tile.width = 7;
    tile.height = 7;
    var pen = tile.getContext("2d");
    pen.fillStyle = "#e4e4e1";
    pen.fillRect(0, 0, 7, 7);
    pen.strokeStyle = "#8b8b86";
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(-1, 8);
    pen.lineTo(8, -1);
    pen.stroke();
    return pen.createPattern(tile, "repeat");
  }

  function text(name) { return box.getAttribute("data-" + name) || ""; }

  function percent(share) {
    return share < 0.1 ? (share * 100).toFixed(1) + "%" : Math.round(share * 100) + "%";
  }

  function line(tag, words) {
    var element = document.createElement(tag);
    element.appendChild(document.createTextNode(words));
    return element;
  }

  function card(grid) {
    var root = document.createElement("div");
    root.className = "card";
    root.appendChild(line("b", grid.name || grid.grid_id));
    if (grid.level) { root.appendChild(line("p", text("level-" + grid.level))); }
    root.appendChild(line("p", grid.rank === null ? text("band0")
      : text("rank") + " " + grid.rank + " · " + text("probability") + " " + percent(grid.probability) + " · " + text("band" + grid.band)));
    var link = line("a", text("open"));
    link.href = text("grid").replace("GRID", encodeURIComponent(grid.grid_id));
    root.appendChild(link);
    return root;
  }

  function pin(map, layer, grid) {
    var icon = L.divIcon({ className: "pin " + grid.level, html: String(Number(grid.rank)), iconSize: [22, 22] });
    var marker = L.marker(layer.getBounds().getCenter(), { icon: icon, keyboard: false, title: grid.name || grid.grid_id, zIndexOffset: -grid.rank });
    marker.bindPopup(card(grid));
    marker.addTo(map);
  }

  function draw(found) {
    var map = L.map(box, { preferCanvas: true, attributionControl: false, zoomControl: false, zoomSnap: 0.25, scrollWheelZoom: false, fadeAnimation: false, zoomAnimation: false });
    L.control.zoom({ zoomInTitle: text("zoom-in"), zoomOutTitle: text("zoom-out") }).addTo(map);
    var unknown = hatch();
    var focus = text("focus");
    var centre = null;
    var seen = {};
    var listed = [];
    var grids = L.geoJSON(found, {
      style: function (feature) {
        var grid = feature.properties;
        var chosen = grid.grid_id === focus;
        return {
          color: chosen ? "#11151c" : "#8d93a3", weight: chosen ? 2.5 : found.features.length > 1500 ? 0.3 : 0.7,
          fillColor: grid.band ? FILL[grid.band] : unknown, fillOpacity: 1
        };
      },
      onEachFeature: function (feature, layer) {
        layer.bindPopup(function () { return card(feature.properties); });
        if (feature.properties.grid_id === focus) { centre = layer; }
        if (feature.properties.level) { listed.push(layer); }
      }
    });
    map.fitBounds(grids.getBounds(), { padding: [8, 8] });
    grids.addTo(map);
    listed.sort(function (a, b) { return a.feature.properties.rank - b.feature.properties.rank; });
    listed = listed.filter(function (layer) {
      var id = layer.feature.properties.alert_id;
      var first = !seen[id];
      seen[id] = true;
      return first;
    });
    listed.slice(0, PINS).forEach(function (layer) { pin(map, layer, layer.feature.properties); });
    if (centre) {
      centre.bringToFront();
      if (found.features.length > 60) { map.fitBounds(centre.getBounds().pad(3)); }
    }
    L.control.scale({ imperial: false }).addTo(map);
    box.setAttribute("data-drawn", String(found.features.length));
  }

  var request = new XMLHttpRequest();
  request.open("GET", text("source"));
  request.onreadystatechange = function () {
    if (request.readyState !== 4) { return; }
    if (request.status !== 200) {
      box.appendChild(line("p", text("failed")));
      return;
    }
    draw(JSON.parse(request.responseText));
  };
  request.send();
}());
