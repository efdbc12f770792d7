// Runs before the first paint, as a classic script: the chosen theme must be there from the start.
(() => {
  try {
    const chosen = localStorage.getItem("weft.theme");
    const dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    document.documentElement.dataset.scheme = dark ? "dark" : "light";
  } catch {
    document.documentElement.dataset.scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"; // storage is forbidden
  }
})();
