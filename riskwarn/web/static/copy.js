/* A button that copies a text; it is shown only where it can. */
(function () {
  "use strict";
  Array.prototype.forEach.call(document.querySelectorAll("button[data-copy]"), function (button) {
    var text = document.getElementById(button.getAttribute("data-copy"));
    button.hidden = false;
    button.addEventListener("click", function () {
      text.select();
      var done = function () { button.textContent = button.getAttribute("data-done"); };
      if (navigator.clipboard) { navigator.clipboard.writeText(text.value).then(done, function () { document.execCommand("copy"); done(); }); }
      else { document.execCommand("copy"); done(); }
    });
  });
})();
