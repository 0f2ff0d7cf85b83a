/* A bad line: a step that cannot be sent is kept on the phone and sent when the line is back. The same form sent twice is one step.
   What is kept goes with the session: signing out clears it. */
(function () {
  "use strict";
  var NAME = "riskwarn-queue", box = document.getElementById("queue");
  if (!box || !window.fetch || !window.localStorage) { return; }
  var read = function () { try { return JSON.parse(localStorage.getItem(NAME) || "[]"); } catch (e) { return []; } };
  var keep = function (all) { if (all.length) { localStorage.setItem(NAME, JSON.stringify(all)); } else { localStorage.removeItem(NAME); } };
  var tell = function (key, bad) { box.textContent = box.getAttribute("data-" + key); box.className = "banner " + (bad ? "severe" : "mild"); box.hidden = false; };
  var token = function () { var field = document.querySelector("input[name=csrf]"); return field ? field.value : ""; };
  var send = function (step) {
    var body = step.body + "&csrf=" + encodeURIComponent(token());
    return fetch(step.path, { method: "POST", body: body, credentials: "same-origin", headers: { "Content-Type": "application/x-www-form-urlencoded" } });
  };
  var busy = false;
  var flush = function () {
    var all = read();
    if (!all.length || busy) { return; }
    busy = true;
    send(all[0]).then(function (answer) {
      busy = false;
      keep(read().slice(1));
      var bad = !answer.ok || /said=(conflict|refused)/.test(answer.url) || /\/sign-in/.test(answer.url);
      tell(bad ? "bad" : "sent", bad);
      if (!bad) { flush(); }
    }, function () { busy = false; });
  };
  Array.prototype.forEach.call(document.querySelectorAll("form.take[method=post]"), function (form) {
    form.addEventListener("submit", function (event) {
      if (navigator.onLine) { return; }
      event.preventDefault();
      var fields = [];
      new FormData(form).forEach(function (value, name) {
        if (name !== "csrf") { fields.push(encodeURIComponent(name) + "=" + encodeURIComponent(value)); }
      });
      keep(read().concat([{ path: form.getAttribute("action"), body: fields.join("&") }]));
      tell("queued", false);
    });
  });
  Array.prototype.forEach.call(document.querySelectorAll('form[action*="/sign-out"]'), function (form) {
    form.addEventListener("submit", function () { localStorage.removeItem(NAME); });
  });
  window.addEventListener("online", flush);
  if (navigator.onLine) { flush(); }
})();
