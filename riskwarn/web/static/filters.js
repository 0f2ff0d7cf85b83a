/* Filters without a reload: the page of the address that is asked for is fetched, and its list, legend and map take the place of these.
   The address is that of the form, so that it can be shared and the back button leads back. Works on browsers of 2012. */
(function () {
  "use strict";
  var form = document.getElementById("filters");
  if (!form || !window.DOMParser || !window.history.pushState) { return; }
  form.className += " live";
  var asked = 0, shown = here(), at = shown;  /* what the list is of, and where the reader is; these differ while an answer is awaited */

  function here() { return window.location.pathname + window.location.search; }

  function address() {
    var pairs = [];
    Array.prototype.forEach.call(form.elements, function (field) {
      var idle = field.name === "target" && field.selectedIndex === 0;
      if (field.name && field.value && !idle) { pairs.push(encodeURIComponent(field.name) + "=" + encodeURIComponent(field.value)); }
    });
    return form.getAttribute("action") + (pairs.length ? "?" + pairs.join("&") : "");
  }

  function swap(from, id) {
    var mine = document.getElementById(id), other = from.getElementById(id);
    if (mine && other) { mine.parentNode.replaceChild(document.importNode(other, true), mine); }
  }

  function follow(from) {
    Array.prototype.forEach.call(from.querySelectorAll("#filters select"), function (field) {
      var mine = document.getElementById(field.id);
      if (mine) { mine.value = field.value; }
    });
  }

  function go(to, keep) {
    var mine = asked += 1, request = new XMLHttpRequest();
    request.open("GET", to);
    request.onreadystatechange = function () {
      if (request.readyState !== 4 || mine !== asked) { return; }
      if (request.status !== 200) { window.location.href = to; return; }
      var page = new DOMParser().parseFromString(request.responseText, "text/html");
      if (!page.getElementById("results")) { window.location.href = to; return; }
      if (keep) { window.history.pushState(null, "", to); at = here(); }
      follow(page);
      swap(page, "results");
      swap(page, "legend");
      swap(page, "tongues");
      swap(page, "themes");
      document.title = page.title;
      if (window.riskwarnMap) { window.riskwarnMap.fill(document.getElementById("results")); }
      shown = here();
      form.setAttribute("data-shown", to);
    };
    request.send();
  }

  form.addEventListener("change", function () { go(address(), true); });
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    go(address(), true);
  });
  document.addEventListener("click", function (event) {
    var link = event.target.closest ? event.target.closest("#results .pager a, #results #fit a") : null;
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) { return; }
    event.preventDefault();
    go(link.getAttribute("href"), true);
  });
  window.addEventListener("popstate", function () {
    if (here() === at) { return; }  /* a mark within the page */
    at = here();
    asked += 1;  /* an answer still under way is for an address that was left */
    if (at !== shown) { go(at, false); }
  });
}());
