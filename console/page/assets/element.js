// element.js makes elements.

// element makes an element of text only: what a server sends is never taken for markup.
export function element(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}
