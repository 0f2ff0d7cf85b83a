/* The key / goes to the search, wherever one is. */
(function () {
  "use strict";
  var field = document.getElementById("q");
  if (!field) { return; }
  document.addEventListener("keydown", function (event) {
    var typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) { return; }
    event.preventDefault();
    field.focus();
    field.select();
  });
}());
