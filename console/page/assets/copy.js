// copy.js gives the buttons with data-copy their work.

// wireCopyButtons makes each button with data-copy="ID" copy the text of that element.
export function wireCopyButtons() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    const source = document.getElementById(button.dataset.copy);
    button.setAttribute("aria-describedby", button.dataset.copy);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = "Copied";
      } catch {
        // Without a secure context there is no clipboard: select the text instead.
        getSelection().selectAllChildren(source);
        button.textContent = "Selected";
      }
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
  }
}
