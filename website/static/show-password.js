// Adds a button to each password field that shows what is typed. Without it, nothing is missing but the button.

// The words of the button, in the language of the page.
const { show, label } = document.querySelector("script[data-show]").dataset;

for (const field of document.querySelectorAll(".field > input[type=password]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "reveal";
  button.textContent = show;
  button.setAttribute("aria-label", label);
  button.setAttribute("aria-controls", field.id);
  button.setAttribute("aria-pressed", "false");
  const reveal = (shown) => {
    field.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  };
  button.addEventListener("click", () => reveal(field.type === "password"));
  // As text, browsers would remember it among what was typed into forms.
  field.form.addEventListener("submit", () => reveal(false));
  field.after(button);
}
