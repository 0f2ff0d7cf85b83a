/* A bad line: a step that cannot be sent is kept on the phone and sent when the line is back. The same form sent twice is one step.
   Only forms that say so are kept, never one with a password. What is kept is of who is signed in: nobody else on the phone sends it,
   it leaves the phone when the server has answered for good, and signing out clears what that account kept. */
(function () {
  "use strict";
  var box = document.getElementById("queue");
  if (!box || !window.localStorage) { return; }
  var NAME = "riskwarn-queue-" + box.getAttribute("data-holder");
  localStorage.removeItem("riskwarn-queue");  /* of whom nobody knows: it was kept before steps had a holder */
  var read = function () { try { return JSON.parse(localStorage.getItem(NAME) || "[]"); } catch (e) { return []; } };
  var keep = function (all) {
    try { if (all.length) { localStorage.setItem(NAME, JSON.stringify(all)); } else { localStorage.removeItem(NAME); } } catch (e) { return false; }
    return true;
  };
  var drop = function (id) { keep(read().filter(function (step) { return step.id !== id; })); };
  var tell = function (key) {
    box.textContent = box.getAttribute("data-" + key);
    box.className = "banner " + (key === "bad" ? "severe" : "mild");
    box.hidden = false;
  };
  var token = function () { var field = document.querySelector("input[name=csrf]"); return field ? field.value : ""; };
  var final = function (status, url) {
    if (/\/sign-in/.test(url) || status === 401 || status === 403 || status === 408 || status === 429) { return false; }
    return status >= 200 && status < 500;
  };
  var send = function (step, done) {
    var call = new XMLHttpRequest();
    call.open("POST", step.path);
    call.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
    call.onload = function () { done(call.status, call.responseURL || ""); };
    call.onerror = function () { done(0, ""); };
    call.send(step.body + "&csrf=" + encodeURIComponent(token()));
  };
  var busy = false;
  var flush = function () {
    var left = read(), worst = "sent";
    if (!left.length || busy) { return; }
    busy = true;
    var next = function () {
      var step = left.shift();
      if (!step) { busy = false; tell(worst); return; }
      send(step, function (status, url) {
        if (!final(status, url)) {
          if (worst === "sent") { worst = "waits"; }
        } else {
          drop(step.id);
          if (status >= 400 || /said=(conflict|refused)/.test(url)) { worst = "bad"; }
        }
        next();
      });
    };
    next();
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
      var body = fields(form).map(function (field) { return encodeURIComponent(field.name) + "=" + encodeURIComponent(field.value); });
      var step = { id: String(Date.now()) + Math.random(), path: form.getAttribute("action"), body: body.join("&") };
      if (!keep(read().concat([step]))) { return; }
      event.preventDefault();
      tell("queued");
    });
  });
  Array.prototype.forEach.call(document.querySelectorAll('form[action*="/sign-out"]'), function (form) {
    form.addEventListener("submit", function () { keep([]); });
  });
  window.addEventListener("online", flush);
  if (navigator.onLine) { flush(); }
})();
