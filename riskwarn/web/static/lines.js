/* Keys of a list: j and k go to the next and the last line, Enter opens its place, a goes to its button to acknowledge. */
(function () {
  "use strict";

  function chosen() { return document.querySelector(".line.chosen"); }

  /* the lines that are there now: a filter puts others in their place */
  function go(by) {
    var lines = Array.prototype.slice.call(document.querySelectorAll(".line")), old = chosen();
    if (!lines.length) { return; }
    var next = lines[Math.max(0, Math.min(lines.length - 1, old ? lines.indexOf(old) + by : 0))];
    if (old) { old.classList.remove("chosen"); }
    next.classList.add("chosen");
    next.setAttribute("tabindex", "-1");
    next.focus();
  }

  document.addEventListener("keydown", function (event) {
    var typing = /^(INPUT|SELECT|TEXTAREA|BUTTON)$/.test(event.target.tagName);
    if (typing || event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (event.key === "j") { go(1); }
    if (event.key === "k") { go(-1); }
    var line = chosen();
    if (!line) { return; }
    var place = line.querySelector(".head > a");
    var button = line.querySelector("[data-key=a]");
    if (event.key === "Enter" && event.target === line && place) { place.click(); }
    if (event.key === "a" && button) { button.click(); }
  });

  /* one click: the step is sent, and the line of the answer takes the place of this one; whatever else is answered is shown as a page */
  function fresh(line, request) {
    var there = request.status === 200 && new DOMParser().parseFromString(request.responseText, "text/html").getElementById(line.id);
    if (!there) { window.location.href = request.responseURL || window.location.href; return; }
    var mine = document.importNode(there, true), held = line === chosen() || line.contains(document.activeElement);
    line.parentNode.replaceChild(mine, line);
    if (held) {
      mine.classList.add("chosen");
      mine.setAttribute("tabindex", "-1");
      mine.focus();
    }
  }

  document.addEventListener("submit", function (event) {
    var form = event.target, line = form.closest && form.closest(".line");
    if (!line || !line.id || !/(^| )quick( |$)/.test(form.className) || !window.DOMParser) { return; }
    event.preventDefault();
    if (form.getAttribute("data-sent")) { return; }
    form.setAttribute("data-sent", "1");
    var request = new XMLHttpRequest(), body = [];
    Array.prototype.forEach.call(form.elements, function (field) {
      if (field.name) { body.push(encodeURIComponent(field.name) + "=" + encodeURIComponent(field.value)); }
    });
    request.open("POST", form.getAttribute("action"));
    request.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
    request.onload = function () { fresh(line, request); };
    request.onerror = function () { form.submit(); };
    request.send(body.join("&"));
  });
}());
