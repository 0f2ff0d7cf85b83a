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
}());
