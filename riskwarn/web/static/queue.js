/* A bad line: a step that cannot be sent is kept on the phone and sent when the line is back. The same form sent twice is one step.
   Only forms that say so are kept, never one with a password. What is kept goes with the session: signing out clears it. */
(function () {
  "use strict";
  var NAME = "riskwarn-queue", box = document.getElementById("queue");
  if (!box || !window.localStorage) { return; }
  var read = function () { try { return JSON.parse(localStorage.getItem(NAME) || "[]"); } catch (e) { return []; } };
  var keep = function (all) { if (all.length) { localStorage.setItem(NAME, JSON.stringify(all)); } else { localStorage.removeItem(NAME); } };
  var tell = function (key, bad) { box.textContent = box.getAttribute("data-" + key); box.className = "banner " + (bad ? "severe" : "mild"); box.hidden = false; };
  var token = function () { var field = document.querySelector("input[name=csrf]"); return field ? field.value : ""; };
  var send = function (step, done, failed) {
    var call = new XMLHttpRequest();
    call.open("POST", step.path);
    call.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
    call.onload = function () { done(call.status, call.responseURL || ""); };
    call.onerror = failed;
    call.send(step.body + "&csrf=" + encodeURIComponent(token()));
  };
  var busy = false;
  var flush = function () {
    var all = read();
    if (!all.length || busy) { return; }
    busy = true;
    send(all[0], function (status, url) {
      busy = false;
      keep(read().slice(1));
      var bad = status >= 400 || /said=(conflict|refused)/.test(url) || /\/sign-in/.test(url);
      tell(bad ? "bad" : "sent", bad);
      if (!bad) { flush(); }
    }, function () { busy = false; });
  };
  var fields = function (form) {
    return Array.prototype.filter.call(form.elements, function (field) {
      return field.name && field.name !== "csrf" && !field.disabled && !/^(submit|button|reset|file)$/.test(field.type)
        && (!/^(checkbox|radio)$/.test(field.type) || field.checked);
    });
  };
  Array.prototype.forEach.call(document.querySelectorAll("form[data-queue]"), function (form) {
    form.addEventListener("submit", function (event) {
      if (navigator.onLine) { return; }
      event.preventDefault();
      var body = fields(form).map(function (field) { return encodeURIComponent(field.name) + "=" + encodeURIComponent(field.value); });
      keep(read().concat([{ path: form.getAttribute("action"), body: body.join("&") }]));
      tell("queued", false);
    });
  });
  Array.prototype.forEach.call(document.querySelectorAll('form[action*="/sign-out"]'), function (form) {
    form.addEventListener("submit", function () { localStorage.removeItem(NAME); });
  });
  window.addEventListener("online", flush);
  if (navigator.onLine) { flush(); }
})();
