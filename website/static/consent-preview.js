// Keeps the preview of the consent page in step with the form of a new client, and fills in this server's own callback.
// Without it, a button and a link do so.

const form = document.querySelector("#new-client");
const preview = document.querySelector("#preview");

function show(selector, isShown) {
  for (const element of preview.querySelectorAll(selector)) element.hidden = !isShown;
}

// The host of the first callback that can be one, as the server writes it.
function hostOf(text) {
  for (const line of text.split("\n")) {
    try {
      const url = new URL(line.trim());
      if (url.protocol === "https:" || url.protocol === "http:") return url.host;
    } catch { /* still being typed */ }
  }
  return "";
}

function update() {
  preview.querySelector("[data-name]").textContent = form.client_name.value.trim() || preview.dataset.unnamed;
  let lines = 0;
  for (const line of preview.querySelectorAll("[data-tick]")) {
    const tick = document.querySelector(`#tick-${line.dataset.tick}`);
    if (tick) line.hidden = !tick.checked;
    if (!line.hidden) lines += 1;
  }
  show("[data-with-lines]", lines > 0);
  show("[data-without-lines]", lines === 0);
  const address = form.elements.redirect_uri ?? form.elements.base_url;
  if (!address) return;
  const host = hostOf(address.value);
  preview.querySelector("[data-return] strong").textContent = host;
  show("[data-return]", host !== "");
}

// Without scripts, this link opens the form again, without what was typed.
document.querySelector("[data-callback]")?.addEventListener("click", (event) => {
  event.preventDefault();
  const field = form.elements.redirect_uri;
  field.value = [field.value.trim(), event.target.dataset.callback].filter(Boolean).join("\n");
  event.target.remove();
  field.focus();
  update();
});

form.addEventListener("input", update);
update();
