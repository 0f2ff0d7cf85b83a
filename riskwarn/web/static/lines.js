/* Keys of a list: j and k go to the next and the last line, Enter opens its place, a goes to its button to acknowledge. */
(function () {
  "use strict";
  var lines = Array.prototype.slice.call(document.querySelectorAll(".line"));
  var at = -1;

  function go(to) {
    if (!lines.length) { return; }
    if (at >= 0) { lines[at].classList.remove("chosen"); }
    at = Math.max(0, Math.min(lines.length - 1, to));
    lines[at].classList.add("chosen");
    lines[at].setAttribute("tabindex", "-1");
    lines[at].focus();
  }

  document.addEventListener("keydown", function (event) {
    var typing = /^(INPUT|SELECT|TEXTAREA|BUTTON)$/.test(event.target.tagName);
    if (typing || event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (event.key === "j") { go(at + 1); }
    if (event.key === "k") { go(at < 0 ? 0 : at - 1); }
    if (at < 0) { return; }
    var place = lines[at].querySelector(".head > a");
    var button = lines[at].querySelector("[data-key=a]");
    if (event.key === "Enter" && event.target === lines[at] && place) { place.click(); }
    if (event.key === "a" && button) { button.click(); }
  });
}());
