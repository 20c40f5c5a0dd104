// Prints dark pages as light ones.
const root = document.documentElement;
let wasDark = false;

window.addEventListener("beforeprint", () => {
  wasDark = root.classList.contains("dark");
  if (wasDark) root.classList.replace("dark", "light");
});

window.addEventListener("afterprint", () => {
  if (wasDark) root.classList.replace("light", "dark");
});
