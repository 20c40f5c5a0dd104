// Adds a copy button to whatever is made to be pasted. Without it, nothing is missing but the button.

// The words of the button, in the language of the page.
const { copy, copied, refused } = document.querySelector("script[data-copy]").dataset;

for (const block of document.querySelectorAll(".copyable")) {
  const sources = [...block.querySelectorAll("code")];
  if (!sources.length || !navigator.clipboard) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = copy;
  button.setAttribute("aria-label", block.dataset.label ?? copy);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(sources.map((source) => source.textContent).join("\n"));
      button.textContent = copied;
    } catch {
      button.textContent = refused;
    }
    setTimeout(() => { button.textContent = copy; }, 2000);
  });
  block.append(button);
}
